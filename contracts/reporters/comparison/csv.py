"""A comparison as CSV: a line for each feature and provider, for spreadsheets."""

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
COLUMNS = (*ROW_COLUMNS, *CELL_COLUMNS, *MEASUREMENT_COLUMNS)


def render(comparison: Comparison) -> str:
    """
    RFC 4180, with a head; `letter` is shared by those who say the same.

    A provider whose deeds are known has a line for each server that was asked.
    """
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in comparison.rows:
        for provider, cell in row.cells.items():
            for deed in _measurement_rows(cell):
                values = [*_row_values(row), provider, *_cell_values(cell), *deed]
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
    for label, each in cell.measured.items():
        yield (label, *_measurement_values(each))
    if not cell.measured:
        yield ("",) * len(MEASUREMENT_COLUMNS)


def _measurement_values(each: MeasuredBehavior) -> Iterator[Any]:
    verdict = each.verdict.value if each.verdict else ""
    yield from (each.standing.value, verdict, each.asked, each.value, each.fingerprint)


def _format_bool(value: bool) -> str:
    return "true" if value else "false"


def _escape_formula(value: Any) -> str:
    """A text in one line that no spreadsheet takes for a formula."""
    text = one_line(str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
