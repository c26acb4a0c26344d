"""Where the deeds of several targets differ: in a terminal, as Markdown, as rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare.servers.model import (
    Difference,
    Differences,
    DocumentAgreement,
    FeatureRow,
    ParameterVerdict,
    Side,
)
from contracts.judging.outcome import FeatureVerdict
from contracts.reporters.run.markdown import escape_markdown, fenced_block
from contracts.reporters.styles import STYLES
from contracts.text import (
    NO_VALUE,
    format_money,
    one_line,
    pluralize,
    printable,
)

MAX_LISTED = 15
MAX_CURL_LENGTH = 1_000
MAX_CELL_LENGTH = 60
GROUPS = {"request": "what is asked", "errors": "what is wrong", "answer": "what comes"}
MEANINGS = {
    DocumentAgreement.AGREE: "the documents promise the same",
    DocumentAgreement.DIFFER: "the documents differ",
    DocumentAgreement.SILENT: "no document promises it",
}
MARKS = {
    DocumentAgreement.AGREE: "!",
    DocumentAgreement.DIFFER: "≠",
    DocumentAgreement.SILENT: "≈",
}
MARK_STYLES = {
    DocumentAgreement.AGREE: "bold red",
    DocumentAgreement.DIFFER: "yellow",
    DocumentAgreement.SILENT: "dim",
}


@dataclass(frozen=True, slots=True)
class MergedRow:
    """Values of a feature of which the same became everywhere, as one line."""

    feature: str
    requested_values: str
    row: FeatureRow


def print_summary(differences: Differences, console: Console) -> None:
    """The table of verdicts, the differences, and a sentence about them last."""
    labels = [each.label for each in differences.targets]
    notes: dict[str, int] = {}
    for heading, lines in _sections(differences.rows):
        console.print()
        console.print(Text(heading, style="bold"))
        console.print(_table(lines, labels, notes))
    console.print()
    for note, number in notes.items():
        console.print(_safe_text(f"{number}) {note}", style="dim"))
    _print_differences(differences.differences, console)
    _print_totals(differences, console)


def _sections(rows: Sequence[FeatureRow]) -> Iterator[tuple[str, list[MergedRow]]]:
    """The rows under their headings: an operation's stand together."""
    operations = list(dict.fromkeys(each.operation for each in rows))
    for operation in operations:
        for group, words in GROUPS.items():
            some = [e for e in rows if (e.operation, e.group) == (operation, group)]
            if some:
                yield f"{operation}: {words}", list(_merge_rows(some))


def _merge_rows(rows: Sequence[FeatureRow]) -> Iterator[MergedRow]:
    def alike(row: FeatureRow) -> tuple[Any, ...]:
        cells = tuple(_format_cell(each, row) for each in row.cells.values())
        return row.feature, row.kind, row.odd, cells

    together: dict[tuple[Any, ...], list[FeatureRow]] = {}
    for row in rows:
        together.setdefault(alike(row), []).append(row)
    first = list(dict.fromkeys(row.feature for row in rows))
    ordered = sorted(together.values(), key=lambda each: first.index(each[0].feature))
    for each in ordered:
        asked = ", ".join(dict.fromkeys(row.asked for row in each if row.asked))
        yield MergedRow(each[0].feature, asked, each[0])


def _format_cell(cell: ParameterVerdict, row: FeatureRow) -> tuple[str, str]:
    """A cell's words, and its footnote."""
    if cell.verdict is None:
        return _clip(cell.value) or NO_VALUE, ""
    if cell.verdict is FeatureVerdict.UNTESTED:
        return cell.verdict, cell.note
    is_told = cell.value and cell.value != row.asked
    if cell.verdict is FeatureVerdict.HONOURED and row.asked not in {"auto", ""}:
        is_told = False
    return f"{cell.verdict} {cell.value}" if is_told else str(cell.verdict), ""


def _table(
    lines: Iterable[MergedRow], labels: Sequence[str], notes: dict[str, int]
) -> Table:
    several = len(labels) > 2
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", width=1)
    table.add_column("", no_wrap=True)
    table.add_column("", min_width=20, max_width=34, overflow="fold")
    for label in labels:
        table.add_column(_safe_text(label), overflow="fold")
    if several:
        table.add_column("", overflow="fold")
    before = ""
    for line in lines:
        row = line.row
        mark = Text(MARKS[row.kind], MARK_STYLES[row.kind]) if row.kind else Text()
        cells = [_styled_cell(row.cells[label], row, notes) for label in labels]
        more = [_safe_text(disagreement(row), "yellow")] if several else []
        name = "" if line.feature == before else line.feature
        table.add_row(
            mark, _safe_text(name), _safe_text(line.requested_values), *cells, *more
        )
        before = line.feature
    return table


def _styled_cell(
    cell: ParameterVerdict, row: FeatureRow, notes: dict[str, int]
) -> Text:
    words, note = _format_cell(cell, row)
    if note:
        words += f" {notes.setdefault(note, len(notes) + 1)})"
    style = STYLES[cell.verdict] if cell.verdict else ""
    if row.group == "errors" and cell.verdict is FeatureVerdict.REFUSED:
        style = "green"
    return _safe_text(words, style)


def disagreement(row: FeatureRow) -> str:
    """`1 of 3: A`, where there is a majority to disagree with."""
    if not row.kind:
        return ""
    if not row.odd:
        return "split"
    tested = [e for e in row.cells.values() if e.verdict is not FeatureVerdict.UNTESTED]
    return f"{len(row.odd)} of {len(tested)}: {', '.join(row.odd)}"


def _print_differences(differences: Sequence[Difference], console: Console) -> None:
    if not differences:
        return
    console.print()
    console.print(Text("Differences", style="bold"))
    for number, each in enumerate((e for e in differences if e.alarms), 1):
        _print_alarm(number, each, console)
    others = [each for each in differences if not each.alarms]
    if not others:
        return
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=1)
    for share in (3, 2, 5):
        table.add_column(overflow="fold", ratio=share)
    for each in others[:MAX_LISTED]:
        sides = "; ".join(_sides(each))
        flaky = f" ({each.seen} of {each.tries} times)" if each.is_flaky else ""
        mark = Text(MARKS[each.kind], MARK_STYLES[each.kind])
        table.add_row(
            mark,
            _safe_text(each.question),
            _safe_text(each.aspect),
            _safe_text(f"{sides}{flaky}"),
        )
    console.print(table)
    if len(others) > MAX_LISTED:
        console.print(Text(f"{len(others) - MAX_LISTED:,} more in the JSON report"))


def _sides(difference: Difference) -> Iterator[str]:
    for labels, side in _group_sides(difference):
        yield f"{labels}: {_clip(side.value)}"


def _group_sides(difference: Difference) -> Iterator[tuple[str, Side]]:
    """Those who agree, with the side of the first of them."""
    who: dict[str, list[str]] = {}
    for label, side in difference.sides.items():
        who.setdefault(side.value, []).append(label)
    for labels in who.values():
        yield ", ".join(labels), difference.sides[labels[0]]


def _print_alarm(number: int, difference: Difference, console: Console) -> None:
    console.print()
    head = f"{number}. {difference.operation}: {difference.aspect} ({_request_summary(difference)})"
    console.print(_safe_text(head, style="bold red"))
    for labels, side in _group_sides(difference):
        said = f": {side.note}" if side.note else ""
        line = f"{labels:12} {side.value}{said}"
        for text in wrap(one_line(line), console.width - 6, subsequent_indent=" " * 13):
            console.print(_safe_text(f"   {text}"), soft_wrap=True)
        curl = printable(side.curl)
        if len(curl) <= MAX_CURL_LENGTH:
            indented = "\n".join(f"     {each}" for each in curl.splitlines())
            console.print(Text(indented, style="dim"), soft_wrap=True)
    if difference.also:
        more = pluralize(len(difference.also), "other question")
        console.print(_safe_text(f"   seen by {more} as well", style="dim"))


def _request_summary(difference: Difference) -> str:
    members = ", ".join(f"{name}: {value}" for name, value in difference.asked.items())
    return members or difference.question.rpartition("/")[2]


def _print_totals(differences: Differences, console: Console) -> None:
    console.print()
    for each in differences.targets:
        spent = (
            f", {format_money(each.cost, each.currency)}"
            if each.cost is not None
            else ""
        )
        answers = pluralize(each.asked, "request")
        text = f"{each.label}: {each.title} at {each.base_url}, {answers}{spent}"
        console.print(_safe_text(text))
        if each.stopped:
            text = f"{each.label} was not asked everything: {each.stopped}"
            console.print(_safe_text(text, style="bold red"))
    marks = ", ".join(f"{MARKS[each]} {words}" for each, words in MEANINGS.items())
    if differences.differences:
        console.print(Text(marks, style="dim"))
    quiet = not differences.alarms and not differences.stopped
    style = "bold red" if differences.alarms else "bold green" if quiet else "bold"
    console.print(Text(summary_sentence(differences), style=style))


def summary_sentence(differences: Differences) -> str:
    """What came of it, in one sentence."""
    asked = pluralize(differences.questions, "question")
    if not differences.differences:
        return f"{asked}: no differences."
    counts = pluralize(len(differences.differences), "difference")
    alarms = len(differences.alarms)
    if not alarms:
        return f"{asked}: {counts}, none where the documents promise the same."
    return f"{asked}: {counts}, {alarms} where the documents promise the same."


def markdown(differences: Differences) -> str:
    """The sentence, the alarms, the table; each difference folded."""
    return "\n".join(_markdown_lines(differences)) + "\n"


def _markdown_lines(differences: Differences) -> Iterator[str]:
    labels = [each.label for each in differences.targets]
    yield f"## {escape_markdown(' against '.join(labels))}"
    yield ""
    yield f"{summary_sentence(differences)} (imageparity {escape_markdown(differences.version)}, seed {differences.seed})"
    yield ""
    for each in differences.targets:
        text = f"{each.label}: {each.title} at {each.base_url}, "
        yield f"- {escape_markdown(text + pluralize(each.asked, 'request'))}"
        if each.stopped:
            yield (
                f"- **{escape_markdown(f'{each.label} was not asked everything')}**: "
                + escape_markdown(each.stopped)
            )
    for difference in differences.differences:
        yield from _difference_details(difference)
    for heading, lines in _sections(differences.rows):
        yield ""
        yield f"### {escape_markdown(heading)}"
        yield ""
        yield f"| | feature | asked | {' | '.join(map(escape_markdown, labels))} | |"
        yield f"| :-- | :-- | :-- |{' :-- |' * (len(labels) + 1)}"
        for line in lines:
            yield _markdown_row(line, labels)


def _markdown_row(line: MergedRow, labels: Sequence[str]) -> str:
    row = line.row
    words = [_format_cell(row.cells[label], row) for label in labels]
    cells = [f"{word} ({note})" if note else word for word, note in words]
    texts = (line.feature, line.requested_values, *cells, disagreement(row))
    mark = MARKS[row.kind] if row.kind else ""
    return f"| {mark} | {' | '.join(map(escape_markdown, texts))} |"


def _difference_details(difference: Difference) -> Iterator[str]:
    mark = f"{MARKS[difference.kind]} {MEANINGS[difference.kind]}"
    flaky = (
        f", {difference.seen} of {difference.tries} times"
        if difference.is_flaky
        else ""
    )
    head = f"{difference.operation}: {difference.aspect} ({_request_summary(difference)}); {mark}{flaky}"
    yield ""
    yield f"<details><summary>{escape_markdown(head)}</summary>"
    for label, side in difference.sides.items():
        said = f": {side.note}" if side.note else ""
        promised = f" (its document: {side.promise})" if side.promise else ""
        yield ""
        yield f"- **{escape_markdown(label)}** {escape_markdown(side.value + said + promised)}"
        yield ""
        yield fenced_block(side.curl, "sh")
    yield ""
    yield "</details>"


def _clip(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= MAX_CELL_LENGTH else f"{line[: MAX_CELL_LENGTH - 1]}…"


def _safe_text(text: str, style: str = "") -> Text:
    """Strangers' text: no markup is read in it, and no control codes are left in it."""
    shown = " " * (len(text) - len(text.lstrip(" "))) + one_line(text)
    return Text(shown, style=style)
