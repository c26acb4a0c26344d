"""Read reports and write output files."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from contracts.report.file import atomic_write
from contracts.report.model import BadReport, Report
from contracts.reporters import REPORTERS
from mockserver.cli.common import UsageError

Outputs = Mapping[str, str | None]
"""The path of each output file by the name of its option; None if not wanted."""


@contextmanager
def open_output(path: str) -> Iterator[IO[str]]:
    """A file that takes its name once it is complete. Raises `UsageError`."""
    with file_errors(path), atomic_write(path) as out:
        yield out


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Turn an `OSError` while a file is written into a `UsageError`."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{error.filename or path} cannot be written: {error}"
        ) from None


def write_outputs(
    outputs: Outputs, render: Callable[[str], str | Iterable[str]]
) -> list[str]:
    """
    Write each wanted file; `render` gives its text, or its lines, by option name.

    Returns a line `NAME: PATH` for each file. Raises `UsageError`.
    """
    lines = []
    for name, path in outputs.items():
        if not path:
            continue
        with open_output(path) as out:
            content = render(name)
            out.writelines([content] if isinstance(content, str) else content)
        lines.append(f"{name}: {path}")
    return lines


def check_outputs(outputs: Outputs) -> None:
    """Create the folders of files. Raises `UsageError` if one cannot be written."""
    for name, path in outputs.items():
        if not path:
            continue
        file = Path(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--{name} {path} cannot be written: {error}") from None
        if file.is_dir() or not os.access(file.parent, os.W_OK):
            raise UsageError(
                f"--{name} {path} cannot be written: choose a file in a folder that "
                "you can write to"
            )


def read_reports(paths: Sequence[str]) -> list[Report]:
    """The reports in some files. Raises `UsageError`."""
    try:
        return [Report.read(each) for each in paths]
    except BadReport as error:
        raise UsageError(str(error)) from None


def read_history(paths: Sequence[str], *, is_page: bool) -> list[Report]:
    """The older reports for the HTML page. Raises `UsageError`."""
    if paths and not is_page:
        raise UsageError("--history is shown on the HTML page: add HTML output")
    return read_reports(paths)


def render_report(
    name: str,
    report: Report,
    folder: str | None,
    history: Sequence[Report],
    documents: Mapping[str, Path],
) -> str | Iterable[str]:
    """A report as the option of this name writes it; `report` is its JSON lines."""
    if name == "report":
        return report.to_lines()
    folders = [folder] if folder else []
    return REPORTERS[name].render(report, folders, history, documents)
