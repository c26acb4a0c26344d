"""The rows, words and sentences that all formats of a server comparison share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.compare.servers.model import (
    Difference,
    Differences,
    DocumentAgreement,
    FeatureRow,
    OutputRow,
    ParameterVerdict,
)
from contracts.compare.servers.translation import NO_OPERATION
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


def serving_labels(lines: Sequence[MergedRow], labels: Sequence[str]) -> list[str]:
    """The servers whose documents have the operation; all if none has it."""
    found = [
        label
        for label in labels
        if any(each.row.cells[label].note != NO_OPERATION for each in lines)
    ]
    return found or list(labels)


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
    outputs = differences.output_alarms
    if not differences.differences and not outputs:
        return f"{cases}: no differences."
    counts = pluralize(len(differences.differences) + len(outputs), "difference")
    alarms = len(differences.alarms) + len(outputs) or "none"
    return f"{cases}: {counts}, {alarms} where the documents agree."


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One output as a line of a table; `note` is a footnote, "" for none."""

    request: str
    server: str
    operation: str
    verdict: FeatureVerdict
    result: str
    delivery: str
    reads: str
    states: str
    note: str
    is_alarm: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells after the request and the server."""
        return (self.operation, self.result, self.delivery, self.reads, self.states)


OUTPUT_COLUMNS = ("request", "server", "operation", "result", "as", "reads", "states")


def output_tables(differences: Differences) -> Iterator[tuple[str, list[OutputLine]]]:
    """A table per medium, with its heading."""
    alarms = differences.output_alarms
    for medium in dict.fromkeys(each.medium for each in differences.outputs):
        article = "an" if medium[0] in "aeiou" else "a"
        rows = [each for each in differences.outputs if each.medium == medium]
        lines = [_output_line(each, is_alarm=each in alarms) for each in rows]
        yield f"{article} {medium}, however long it takes", lines


def _output_line(row: OutputRow, *, is_alarm: bool) -> OutputLine:
    texts = {name: value.strip('"') for name, value in row.asked.items()}
    fields = ", ".join(f"{name} {text}" for name, text in texts.items())
    is_good = row.verdict is FeatureVerdict.HONOURED
    words = [] if is_good else [str(row.verdict)]
    flaky = "not the same when it was repeated" if row.is_flaky else ""
    return OutputLine(
        request=fields or "prompt",
        server=row.label,
        operation=row.operation or NO_VALUE,
        verdict=row.verdict,
        result=" ".join([*words, clip_cell(row.result)]).strip(),
        delivery=row.delivery,
        reads="" if row.reads is None else str(row.reads),
        states=", ".join(row.states),
        note="; ".join(filter(None, [row.note, flaky])),
        is_alarm=is_alarm,
    )


def clip_cell(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= MAX_CELL_LENGTH else f"{line[: MAX_CELL_LENGTH - 1]}…"
