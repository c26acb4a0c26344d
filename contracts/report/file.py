"""The file of a report: JSON lines that are validated, and written atomically."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

from contracts.errors import HarnessError
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator
from specs.validation.strict_json import strict_json

FORMAT = "imageparity-report/1"
MAX_VALUES = 5_000_000  # JSON values in one line


class BadReport(HarnessError, ValueError):
    """A file that is not a complete report; the message says why and what to do."""


def format_line(type_: str, row: Mapping[str, Any]) -> str:
    """A line of a report: one JSON object, with its line end."""
    return json.dumps({"type": type_, **row}, ensure_ascii=False) + "\n"


def read_rows(lines: Iterable[str], name: str) -> list[dict[str, Any]]:
    """
    The valid rows of a report: the run, one row per outcome, the footer.

    `name` is the file in messages. Raises `BadReport`.
    """
    rows = [_parse_line(line, f"{name}:{at}") for at, line in enumerate(lines, 1)]
    if not rows or rows[0].get("type") != "run":
        raise BadReport(
            f"{name} is not an imageparity report: its first line is not a run"
        )
    if rows[0].get("format") != FORMAT:
        raise BadReport(
            f"{name} has the format {rows[0].get('format')}; this version reads "
            f"{FORMAT}"
        )
    if rows[-1].get("type") != "footer":
        raise BadReport(f"{name} has no footer, so it was cut short: run again")
    types = ["run", *["outcome"] * (len(rows) - 2), "footer"]
    for at, (row, type_) in enumerate(zip(rows, types, strict=True), 1):
        _validate_row(row, type_, f"{name}:{at}")
    if rows[-1]["outcomes"] != len(rows) - 2:
        raise BadReport(
            f"{name} has {len(rows) - 2} outcomes; its footer counts "
            f"{rows[-1]['outcomes']}"
        )
    return rows


def _parse_line(line: str, place: str) -> dict[str, Any]:
    try:
        row = strict_json(line.encode(), MAX_VALUES)
    except ValueError:
        raise BadReport(f"{place} is not JSON: it was cut short") from None
    if not isinstance(row, dict):
        raise BadReport(f"{place} is not an object")
    return row


@cache
def _line_validator(type_: str) -> Any:
    """The validator for the lines of one type."""
    schema = read_yaml(files("contracts.report"), "report.schema.yaml")
    return compile_validator({"$ref": f"#/$defs/{type_}", "$defs": schema["$defs"]})


def _validate_row(row: dict[str, Any], type_: str, place: str) -> None:
    if _line_validator(type_).is_valid(row):
        return
    for error in _line_validator(type_).iter_errors(row):
        path = "/".join(map(str, error.instance_path)) or type_
        raise BadReport(f"{place} is damaged: {path}: {error.message[:200]}")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[str]]:
    """
    Open a text file that replaces `path` only when it is complete.

    A path that exists and is not a file, such as a pipe or a device, is written to
    directly. Raises `OSError` on entry if the path cannot be written.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as out:
            yield out
        return
    path = path.resolve()  # the target of a symbolic link is replaced, not the link
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            yield out
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
