"""An interrupt before there is anything to tell: told all the same."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from contracts.cli.options import STOPPED
from contracts.report.model import Report, RunMetadata


def report_on_interrupt(command: Callable[..., None]) -> Callable[..., None]:
    """
    A command that ends with `STOPPED` when it is interrupted, whenever that is.

    Its options are `seed`, and `report_path`: a report is left there, without outcomes
    if it has not come to any. Of the `same_questions` there is none but a whole one.
    """

    @functools.wraps(command)
    def run(**options: Any) -> None:
        path = options["report_path"]
        before = _file_identity(path)
        try:
            command(**options)
        except KeyboardInterrupt:
            if (
                path
                and _file_identity(path) == before
                and not options["same_questions"]
            ):
                _empty_report(options["seed"]).write(path)
            raise SystemExit(STOPPED) from None

    return run


def _empty_report(seed: int) -> Report:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    metadata = RunMetadata(version("imageparity"), started, seed, ())
    return Report(metadata, (), "interrupt")


def _file_identity(path: str | None) -> tuple[int, int] | None:
    """What tells a file from the one that takes its place; None without one."""
    if path is None or not Path(path).exists():
        return None
    found = Path(path).stat()
    return found.st_ino, found.st_mtime_ns
