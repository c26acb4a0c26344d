"""The file of `serve --url-file`: how other programs find a running server."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mockserver.cli.common import UsageError


@contextmanager
def url_file(path: Path | None, url: str) -> Iterator[Callable[[], object]]:
    """
    Yield a function that writes `url` to a file, which is removed at the end.

    The file is never half written. `path` None is for no file. Raises `UsageError` at
    once if the file cannot be written.
    """
    if path is None:
        yield lambda: None
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(f"{url}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--url-file {path} cannot be written: {error.strerror}"
        ) from None
    try:
        yield partial(temporary.replace, path)
    finally:
        temporary.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
