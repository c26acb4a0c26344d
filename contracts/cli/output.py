"""Read reports and write output files."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from contracts.report.file import atomic_write
from contracts.report.model import BadReport, Report
from contracts.reporters import REPORTERS
from mockserver.cli.common import UsageError


@contextmanager
def open_output(path: str) -> Iterator[IO[str]]:
    """A file to be written whole. Raises `Usage`."""
    try:
        with atomic_write(path) as out:
            yield out
    except OSError as error:
        raise UsageError(
            f"{error.filename or path} cannot be written: {error}"
        ) from None


def check_outputs(outputs: dict[str, str | None]) -> None:
    """Raises `Usage` now if a file could not be written in the end."""
    for name, path in outputs.items():
        if not path:
            continue
        place = Path(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--{name} {path} cannot be written: {error}") from None
        if place.is_dir() or not os.access(place.parent, os.W_OK):
            raise UsageError(
                f"--{name} {path} cannot be written: choose a file in a folder of yours"
            )


def _read_reports(paths: Sequence[str]) -> list[Report]:
    """The reports in some files. Raises `Usage`."""
    try:
        return [Report.read(each) for each in paths]
    except BadReport as error:
        raise UsageError(str(error)) from None


def _read_history(paths: Sequence[str], *, is_page: bool) -> list[Report]:
    """The older reports for the page. Raises `Usage`."""
    if paths and not is_page:
        raise UsageError("--history is told on the page: ask for HTML as well")
    return _read_reports(paths)


def _write_outputs(
    report: Report,
    outputs: dict[str, str | None],
    folder: str | None,
    history: Sequence[Report],
) -> None:
    for name, path in outputs.items():
        if not path:
            continue
        with open_output(path) as out:
            if name == "report":
                out.writelines(report.to_lines())
            else:
                out.write(_render(name, report, folder, history))


def _render(
    name: str,
    report: Report,
    folder: str | None,
    history: Sequence[Report] = (),
) -> str:
    if name == "html":
        from contracts.reporters.page.render import render

        return render(report, *([folder] if folder else []), history=history)
    if name == "sarif":
        from contracts.reporters.run import sarif

        return sarif.render(report, *([folder] if folder else []))
    return REPORTERS[name](report)
