"""
Run a mock in a child process, so that it does not share the caller's interpreter lock.

`python -m mockserver.embedded.subprocess` reads the ids of the providers, a folder and
the time of tasks from standard input, as a line of JSON, and writes the base URLs. It
ends when standard input is closed, and thus with the program that started it.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

EXIT_TIMEOUT = 10.0  # seconds


@contextmanager
def running_in_subprocess(
    names: Sequence[str],
    specs_path: str | Path | None = None,
    tasks: str | None = None,
) -> Iterator[Mapping[str, str]]:
    """
    Serve mocks of these providers until the block ends; yields base URLs by id.

    `tasks` is when long-running tasks finish, as in `serve --tasks`.

    Raises `RuntimeError` if they cannot start; the reason is on standard error.
    """
    process = subprocess.Popen(  # noqa: S603 -- this module
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the caller; Windows has no sessions
    )
    with process:
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the process has no pipes")
            folder = specs_path and str(specs_path)
            process.stdin.write(json.dumps([list(names), folder, tasks]) + "\n")
            process.stdin.flush()
            base_urls = process.stdout.readline()
            if not base_urls:
                raise RuntimeError("the mocks could not start; see stderr")
            yield json.loads(base_urls)
            process.stdin.close()
            process.wait(EXIT_TIMEOUT)
        finally:
            process.kill()


def main() -> None:
    from mockserver.embedded.starter import running

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller
    names, specs_path, tasks = json.loads(sys.stdin.readline())
    options = {} if tasks is None else {"tasks": tasks}
    with running(*names, specs_path=specs_path, **options) as mock:
        base_urls = json.dumps(dict(mock.base_urls)) + "\n"
        # The caller may have been killed. A write to `sys.stdout` would fail again
        # when this process ends.
        with suppress(BrokenPipeError):
            os.write(sys.stdout.fileno(), base_urls.encode())
        sys.stdin.read()


if __name__ == "__main__":
    main()
