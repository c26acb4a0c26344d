"""The rows, words and sentences that all formats of a server comparison share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.compare.servers.model import (
    Difference,
    Differences,
    DocumentAgreement,
    FeatureRow,
    ParameterVerdict,
)
from contracts.judging.outcome import FeatureVerdict
from contracts.text import NO_VALUE, one_line, pluralize

MAX_CELL_LENGTH = 60
GROUPS = {
    "request": "request parameters",
    "errors": "invalid requests",
    "answer": "responses",
}
MEANINGS = {
    DocumentAgreement.AGREE: "the documents agree",
    DocumentAgreement.DIFFER: "the documents differ",
    DocumentAgreement.SILENT: "not documented",
}
MARKS = {
    DocumentAgreement.AGREE: "!",
    DocumentAgreement.DIFFER: "≠",
    DocumentAgreement.SILENT: "≈",
}


@dataclass(frozen=True, slots=True)
class MergedRow:
    """Values of a feature with the same result at every server, as one line."""

    feature: str
    requested_values: str
    row: FeatureRow


def sections(rows: Sequence[FeatureRow]) -> Iterator[tuple[str, list[MergedRow]]]:
    """The rows under their headings, in order of operation and group."""
    operations = list(dict.fromkeys(each.operation for each in rows))
    for operation in operations:
        for group, title in GROUPS.items():
            key = operation, group
            selected = [each for each in rows if (each.operation, each.group) == key]
            if selected:
                yield f"{operation}: {title}", list(_merge_rows(selected))


def _merge_rows(rows: Sequence[FeatureRow]) -> Iterator[MergedRow]:
    def key(row: FeatureRow) -> tuple[Any, ...]:
        cells = tuple(format_cell(each, row) for each in row.cells.values())
        return row.feature, row.kind, row.odd, cells

    groups: dict[tuple[Any, ...], list[FeatureRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    order = list(dict.fromkeys(row.feature for row in rows))
    for group in sorted(groups.values(), key=lambda g: order.index(g[0].feature)):
        values = ", ".join(dict.fromkeys(row.asked for row in group if row.asked))
        yield MergedRow(group[0].feature, values, group[0])


def format_cell(cell: ParameterVerdict, row: FeatureRow) -> tuple[str, str]:
    """The text of a cell, and its footnote or an empty text."""
    if cell.verdict is None:
        return clip_cell(cell.value) or NO_VALUE, ""
    if cell.verdict is FeatureVerdict.UNTESTED:
        return cell.verdict, cell.note
    shows_value = cell.value and cell.value != row.asked
    if cell.verdict is FeatureVerdict.HONOURED and row.asked not in {"auto", ""}:
        shows_value = False
    return f"{cell.verdict} {cell.value}" if shows_value else str(cell.verdict), ""


def disagreement(row: FeatureRow) -> str:
    """`1 of 3: A` for the minority, `split` without one, empty for no difference."""
    if not row.kind:
        return ""
    if not row.odd:
        return "split"
    tested = [e for e in row.cells.values() if e.verdict is not FeatureVerdict.UNTESTED]
    return f"{len(row.odd)} of {len(tested)}: {', '.join(row.odd)}"


def request_summary(difference: Difference) -> str:
    """The fields of the request, or its name if it has none of interest."""
    fields = ", ".join(f"{name}: {value}" for name, value in difference.asked.items())
    return fields or difference.question.rpartition("/")[2]


def summary_sentence(differences: Differences) -> str:
    """The number of cases and of differences, in one sentence."""
    cases = pluralize(differences.questions, "test case")
    if not differences.differences:
        return f"{cases}: no differences."
    counts = pluralize(len(differences.differences), "difference")
    alarms = len(differences.alarms) or "none"
    return f"{cases}: {counts}, {alarms} where the documents agree."


def clip_cell(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= MAX_CELL_LENGTH else f"{line[: MAX_CELL_LENGTH - 1]}…"
