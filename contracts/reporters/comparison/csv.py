"""A comparison as CSV: a line for each feature and provider, for spreadsheets."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from contracts.compare import Cell, Comparison, Measured, Row
from contracts.text import one_line

OF_THE_ROW = ("id", "group", "section", "feature", "differs")
OF_THE_CELL = (
    *("provider", "value", "wire", "stated", "letter", "differs_in", "basis"),
    *("source", "source_title", "source_url", "source_date", "note", "pointer"),
)
OF_THE_DEED = ("target", "standing", "verdict", "asked", "measured", "fingerprint")
COLUMNS = (*OF_THE_ROW, *OF_THE_CELL, *OF_THE_DEED)


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
            for deed in _deeds(cell):
                values = [*_of_the_row(row), provider, *_of_the_cell(cell), *deed]
                writer.writerow(map(_harmless, values))
    return out.getvalue()


def _of_the_row(row: Row) -> Iterator[Any]:
    yield from (row.id, row.group, row.section.value, row.feature)
    yield _word(row.differs)


def _of_the_cell(cell: Cell) -> Iterator[Any]:
    yield from (cell.value, cell.wire, _word(cell.stated), cell.letter)
    yield from (" ".join(cell.differs_in), cell.basis if cell.stated else "")
    yield from (cell.source, cell.source_title, cell.source_url, cell.source_date)
    yield from (cell.note, cell.pointer)


def _deeds(cell: Cell) -> Iterator[tuple[Any, ...]]:
    for label, each in cell.measured.items():
        yield (label, *_of_the_deed(each))
    if not cell.measured:
        yield ("",) * len(OF_THE_DEED)


def _of_the_deed(each: Measured) -> Iterator[Any]:
    verdict = each.verdict.value if each.verdict else ""
    yield from (each.standing.value, verdict, each.asked, each.value, each.fingerprint)


def _word(value: bool) -> str:
    return "true" if value else "false"


def _harmless(value: Any) -> str:
    """A text in one line that no spreadsheet takes for a formula."""
    text = one_line(str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
