"""Where the deeds of several targets differ: in a terminal, as Markdown, as rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare.servers.model import Difference, Differences, Kind, Row, Side
from contracts.compare.servers.verdicts import Cell
from contracts.judging.outcome import Verdict
from contracts.reporters.run.markdown import fenced, prose
from contracts.reporters.styles import STYLES
from contracts.text import (
    NOTHING,
    money,
    one_line,
    plural,
    printable,
)

MOST_LISTED = 15
LONGEST_CURL = 1_000
LONGEST = 60
GROUPS = {"request": "what is asked", "errors": "what is wrong", "answer": "what comes"}
MEANINGS = {
    Kind.AGREE: "the documents promise the same",
    Kind.DIFFER: "the documents differ",
    Kind.OPEN: "no document promises it",
}
MARKS = {Kind.AGREE: "!", Kind.DIFFER: "≠", Kind.OPEN: "≈"}
MARK_STYLES = {Kind.AGREE: "bold red", Kind.DIFFER: "yellow", Kind.OPEN: "dim"}


@dataclass(frozen=True, slots=True)
class Line:
    """Values of a feature of which the same became everywhere, as one line."""

    feature: str
    asked: str
    row: Row


def summary(found: Differences, console: Console) -> None:
    """The table of verdicts, the differences, and a sentence about them last."""
    labels = [each.label for each in found.targets]
    notes: dict[str, int] = {}
    for heading, lines in _sections(found.rows):
        console.print()
        console.print(Text(heading, style="bold"))
        console.print(_table(lines, labels, notes))
    console.print()
    for note, number in notes.items():
        console.print(_text(f"{number}) {note}", style="dim"))
    _print_differences(found.differences, console)
    _print_closing(found, console)


def _sections(rows: Sequence[Row]) -> Iterator[tuple[str, list[Line]]]:
    """The rows under their headings: an operation's stand together."""
    operations = list(dict.fromkeys(each.operation for each in rows))
    for operation in operations:
        for group, words in GROUPS.items():
            some = [e for e in rows if (e.operation, e.group) == (operation, group)]
            if some:
                yield f"{operation}: {words}", list(_lines(some))


def _lines(rows: Sequence[Row]) -> Iterator[Line]:
    def alike(row: Row) -> tuple[Any, ...]:
        cells = tuple(_shown(each, row) for each in row.cells.values())
        return row.feature, row.kind, row.odd, cells

    together: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        together.setdefault(alike(row), []).append(row)
    first = list(dict.fromkeys(row.feature for row in rows))
    ordered = sorted(together.values(), key=lambda each: first.index(each[0].feature))
    for each in ordered:
        asked = ", ".join(dict.fromkeys(row.asked for row in each if row.asked))
        yield Line(each[0].feature, asked, each[0])


def _shown(cell: Cell, row: Row) -> tuple[str, str]:
    """A cell's words, and its footnote."""
    if cell.verdict is None:
        return _clip(cell.value) or NOTHING, ""
    if cell.verdict is Verdict.UNTESTED:
        return cell.verdict, cell.note
    is_told = cell.value and cell.value != row.asked
    if cell.verdict is Verdict.HONOURED and row.asked not in {"auto", ""}:
        is_told = False
    return f"{cell.verdict} {cell.value}" if is_told else str(cell.verdict), ""


def _table(
    lines: Iterable[Line], labels: Sequence[str], notes: dict[str, int]
) -> Table:
    several = len(labels) > 2
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", width=1)
    table.add_column("", no_wrap=True)
    table.add_column("", min_width=20, max_width=34, overflow="fold")
    for label in labels:
        table.add_column(_text(label), overflow="fold")
    if several:
        table.add_column("", overflow="fold")
    before = ""
    for line in lines:
        row = line.row
        mark = Text(MARKS[row.kind], MARK_STYLES[row.kind]) if row.kind else Text()
        cells = [_cell(row.cells[label], row, notes) for label in labels]
        more = [_text(disagreement(row), "yellow")] if several else []
        name = "" if line.feature == before else line.feature
        table.add_row(mark, _text(name), _text(line.asked), *cells, *more)
        before = line.feature
    return table


def _cell(cell: Cell, row: Row, notes: dict[str, int]) -> Text:
    words, note = _shown(cell, row)
    if note:
        words += f" {notes.setdefault(note, len(notes) + 1)})"
    style = STYLES[cell.verdict] if cell.verdict else ""
    if row.group == "errors" and cell.verdict is Verdict.REFUSED:
        style = "green"
    return _text(words, style)


def disagreement(row: Row) -> str:
    """`1 of 3: A`, where there is a majority to disagree with."""
    if not row.kind:
        return ""
    if not row.odd:
        return "split"
    tested = [e for e in row.cells.values() if e.verdict is not Verdict.UNTESTED]
    return f"{len(row.odd)} of {len(tested)}: {', '.join(row.odd)}"


def _print_differences(found: Sequence[Difference], console: Console) -> None:
    if not found:
        return
    console.print()
    console.print(Text("Differences", style="bold"))
    for number, each in enumerate((e for e in found if e.alarms), 1):
        _print_alarm(number, each, console)
    others = [each for each in found if not each.alarms]
    if not others:
        return
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=1)
    for share in (3, 2, 5):
        table.add_column(overflow="fold", ratio=share)
    for each in others[:MOST_LISTED]:
        sides = "; ".join(_sides(each))
        flaky = f" ({each.seen} of {each.tries} times)" if each.is_flaky else ""
        mark = Text(MARKS[each.kind], MARK_STYLES[each.kind])
        table.add_row(
            mark, _text(each.question), _text(each.aspect), _text(f"{sides}{flaky}")
        )
    console.print(table)
    if len(others) > MOST_LISTED:
        console.print(Text(f"{len(others) - MOST_LISTED:,} more in the JSON report"))


def _sides(found: Difference) -> Iterator[str]:
    for labels, side in _together(found):
        yield f"{labels}: {_clip(side.value)}"


def _together(found: Difference) -> Iterator[tuple[str, Side]]:
    """Those who agree, with the side of the first of them."""
    who: dict[str, list[str]] = {}
    for label, side in found.sides.items():
        who.setdefault(side.value, []).append(label)
    for labels in who.values():
        yield ", ".join(labels), found.sides[labels[0]]


def _print_alarm(number: int, found: Difference, console: Console) -> None:
    console.print()
    head = f"{number}. {found.operation}: {found.aspect} ({_asked(found)})"
    console.print(_text(head, style="bold red"))
    for labels, side in _together(found):
        said = f": {side.note}" if side.note else ""
        line = f"{labels:12} {side.value}{said}"
        for text in wrap(one_line(line), console.width - 6, subsequent_indent=" " * 13):
            console.print(_text(f"   {text}"), soft_wrap=True)
        curl = printable(side.curl)
        if len(curl) <= LONGEST_CURL:
            indented = "\n".join(f"     {each}" for each in curl.splitlines())
            console.print(Text(indented, style="dim"), soft_wrap=True)
    if found.also:
        more = plural(len(found.also), "other question")
        console.print(_text(f"   seen by {more} as well", style="dim"))


def _asked(found: Difference) -> str:
    members = ", ".join(f"{name}: {value}" for name, value in found.asked.items())
    return members or found.question.rpartition("/")[2]


def _print_closing(found: Differences, console: Console) -> None:
    console.print()
    for each in found.targets:
        spent = f", {money(each.cost, each.currency)}" if each.cost is not None else ""
        answers = plural(each.asked, "request")
        text = f"{each.label}: {each.title} at {each.base_url}, {answers}{spent}"
        console.print(_text(text))
        if each.stopped:
            text = f"{each.label} was not asked everything: {each.stopped}"
            console.print(_text(text, style="bold red"))
    marks = ", ".join(f"{MARKS[each]} {words}" for each, words in MEANINGS.items())
    if found.differences:
        console.print(Text(marks, style="dim"))
    quiet = not found.alarms and not found.stopped
    style = "bold red" if found.alarms else "bold green" if quiet else "bold"
    console.print(Text(sentence(found), style=style))


def sentence(found: Differences) -> str:
    """What came of it, in one sentence."""
    asked = plural(found.questions, "question")
    if not found.differences:
        return f"{asked}: no differences."
    counts = plural(len(found.differences), "difference")
    alarms = len(found.alarms)
    if not alarms:
        return f"{asked}: {counts}, none where the documents promise the same."
    return f"{asked}: {counts}, {alarms} where the documents promise the same."


def markdown(found: Differences) -> str:
    """The sentence, the alarms, the table; each difference folded."""
    return "\n".join(_markdown(found)) + "\n"


def _markdown(found: Differences) -> Iterator[str]:
    labels = [each.label for each in found.targets]
    yield f"## {prose(' against '.join(labels))}"
    yield ""
    yield f"{sentence(found)} (imageparity {prose(found.version)}, seed {found.seed})"
    yield ""
    for each in found.targets:
        text = f"{each.label}: {each.title} at {each.base_url}, "
        yield f"- {prose(text + plural(each.asked, 'request'))}"
        if each.stopped:
            yield f"- **{prose(f'{each.label} was not asked everything')}**: " + prose(
                each.stopped
            )
    for difference in found.differences:
        yield from _fold(difference)
    for heading, lines in _sections(found.rows):
        yield ""
        yield f"### {prose(heading)}"
        yield ""
        yield f"| | feature | asked | {' | '.join(map(prose, labels))} | |"
        yield f"| :-- | :-- | :-- |{' :-- |' * (len(labels) + 1)}"
        for line in lines:
            yield _markdown_row(line, labels)


def _markdown_row(line: Line, labels: Sequence[str]) -> str:
    row = line.row
    words = [_shown(row.cells[label], row) for label in labels]
    cells = [f"{word} ({note})" if note else word for word, note in words]
    texts = (line.feature, line.asked, *cells, disagreement(row))
    mark = MARKS[row.kind] if row.kind else ""
    return f"| {mark} | {' | '.join(map(prose, texts))} |"


def _fold(found: Difference) -> Iterator[str]:
    mark = f"{MARKS[found.kind]} {MEANINGS[found.kind]}"
    flaky = f", {found.seen} of {found.tries} times" if found.is_flaky else ""
    head = f"{found.operation}: {found.aspect} ({_asked(found)}); {mark}{flaky}"
    yield ""
    yield f"<details><summary>{prose(head)}</summary>"
    for label, side in found.sides.items():
        said = f": {side.note}" if side.note else ""
        promised = f" (its document: {side.promise})" if side.promise else ""
        yield ""
        yield f"- **{prose(label)}** {prose(side.value + said + promised)}"
        yield ""
        yield fenced(side.curl, "sh")
    yield ""
    yield "</details>"


def _clip(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _text(text: str, style: str = "") -> Text:
    """Strangers' text: no markup is read in it, and no control codes are left in it."""
    shown = " " * (len(text) - len(text.lstrip(" "))) + one_line(text)
    return Text(shown, style=style)
