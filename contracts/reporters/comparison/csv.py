"""A comparison as CSV for spreadsheets, one line per feature and provider."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from contracts.compare import Comparison, ComparisonRow, MeasuredBehavior, ProviderCell
from contracts.text import one_line

ROW_COLUMNS = ("id", "group", "section", "feature", "differs")
CELL_COLUMNS = (
    *("provider", "value", "wire", "stated", "letter", "differs_in", "basis"),
    *("source", "source_title", "source_url", "source_date", "note", "pointer"),
)
MEASUREMENT_COLUMNS = (
    "target",
    "standing",
    "verdict",
    "asked",
    "measured",
    "fingerprint",
)
COLUMNS = (*ROW_COLUMNS, *CELL_COLUMNS, *MEASUREMENT_COLUMNS, "task")


def render(comparison: Comparison) -> str:
    """
    CSV by RFC 4180 with a header line.

    Providers with the same value share a `letter`. A provider with measured servers
    has a line per server. `task` is the kind of task of rows about tasks, and the
    operation of rows about operations.
    """
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in comparison.all_rows:
        for column, cell in row.cells.items():
            provider, _, kind = column.partition("/")
            for measured in _measurement_rows(cell):
                cells = [provider, *_cell_values(cell), *measured, kind]
                values = [*_row_values(row), *cells]
                writer.writerow(map(_escape_formula, values))
    return out.getvalue()


def _row_values(row: ComparisonRow) -> Iterator[Any]:
    yield from (row.id, row.group, row.section.value, row.feature)
    yield _format_bool(row.differs)


def _cell_values(cell: ProviderCell) -> Iterator[Any]:
    yield from (cell.value, cell.wire, _format_bool(cell.stated), cell.letter)
    yield from (" ".join(cell.differs_in), cell.basis if cell.stated else "")
    yield from (cell.source, cell.source_title, cell.source_url, cell.source_date)
    yield from (cell.note, cell.pointer)


def _measurement_rows(cell: ProviderCell) -> Iterator[tuple[Any, ...]]:
    for label, behavior in cell.measured.items():
        yield (label, *_measurement_values(behavior))
    if not cell.measured:
        yield ("",) * len(MEASUREMENT_COLUMNS)


def _measurement_values(measured: MeasuredBehavior) -> Iterator[Any]:
    verdict = measured.verdict.value if measured.verdict else ""
    yield from (measured.standing.value, verdict, measured.asked)
    yield from (measured.value, measured.fingerprint)


def _format_bool(value: bool) -> str:
    return "true" if value else "false"


def _escape_formula(value: Any) -> str:
    """A text in one line that spreadsheets do not read as a formula."""
    text = one_line(str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
