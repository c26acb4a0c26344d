"""A comparison in a terminal: who says what, on which page, and what was measured."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare import (
    Cell,
    Comparison,
    Contradiction,
    Kind,
    Measured,
    Row,
    Standing,
)
from contracts.text import one_line, plural
from specs import Provider

MARKS = {Kind.OWN: "!", Kind.AGREE: "\N{NOT EQUAL TO}", Kind.DIFFER: " "}
STYLES = {Standing.BROKEN: "bold red", Standing.DIFFERS: "yellow"}
UNFIRM = "*"


def comparison(
    found: Comparison,
    providers: Sequence[Provider],
    console: Console,
    *,
    agreed: bool = False,
) -> None:
    """The rows that differ, or all of them; then what contradicts itself; sources."""
    agreed = agreed or len(found.providers) == 1
    shown = found.rows if agreed else found.differing
    if shown:
        console.print(_table(shown, found))
    _print_closing(found, shown, console)
    if found.contradictions:
        _print_contradictions(found, console)
    _print_sources(found, shown, providers, console)


def _table(rows: Sequence[Row], found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column, share in (("feature", 5), ("what is said", 10), ("by whom", 8)):
        table.add_column(column, overflow="fold", ratio=share)
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            table.add_row(Text(f"\n{one_line(group)}", style="bold"))
        for line in _lines(row, found):
            table.add_row(*line)
    return table


def _lines(row: Row, found: Comparison) -> Iterator[tuple[Text, ...]]:
    """A line for each thing said, the commonest first, with those who say it."""
    mark = MARKS[row.kinds[0]] if row.kinds else " "
    name = Text(f"{mark} {one_line(row.feature)}")
    for letter in sorted({cell.letter for cell in row.cells.values()}):
        who = {id_: each for id_, each in row.cells.items() if each.letter == letter}
        cell = next(iter(who.values()))
        value = _text(cell.value, "yellow" if row.majority and letter != "A" else "")
        value.append(_otherwise(cell, row), "dim")
        yield name, value, _who(who, found)
        name = Text("")


def _otherwise(cell: Cell, row: Row) -> str:
    """In what a cell differs from those that look the same."""
    others = [each.said for each in row.cells.values() if each.value == cell.value]
    names = [
        name.removeprefix("rule/")
        for name in dict.fromkeys(name for said in others for name in said)
        if len({repr(said.get(name)) for said in others}) > 1
    ]
    return f" (differing: {one_line(', '.join(names))})" if names else ""


def _who(cells: dict[str, Cell], found: Comparison) -> Text:
    """Who says it, on which page, and what their targets did."""
    text = Text()
    for id_, cell in cells.items():
        if text:
            text.append("\n" if found.targets else ", ")
        text.append(one_line(id_))
        page = cell.source.partition("#")[0]
        if page:
            firm = UNFIRM * (cell.basis != "documented")
            text.append(f" ({one_line(page)}){firm}", "dim")
        for label, each in cell.measured.items():
            named = "" if label == id_ else f"\n  {one_line(label)}"
            text.append(f"{named}: {_deed(each)}", STYLES.get(each.standing, ""))
    return text


def _deed(each: Measured) -> str:
    word = each.verdict or each.standing
    broken = each.verdict and each.standing is Standing.BROKEN
    value = f" ({one_line(each.value)})" if each.value else ""
    return f"{word}{value}{', broken' if broken else ''}"


def _print_closing(found: Comparison, shown: Sequence[Row], console: Console) -> None:
    if len(found.providers) == 1 and not found.targets:
        return
    features = plural(len(found.rows), "feature")
    if not found.differing:
        console.print(Text(f"No differences in {features}."))
        return
    apart = sum(row.documents_differ for row in found.rows)
    sentence = f"\nThe documents differ in {apart} of {features}."
    if len(shown) < len(found.rows):
        sentence += " --all shows those in which they agree."
    console.print(Text(sentence))
    if found.targets:
        own, peers = found.count(Kind.OWN), found.count(Kind.AGREE)
        text = f"! {plural(own, 'feature')} in which a deed breaks its own document."
        console.print(_text(text, "bold red" if own else ""))
        text = f"{MARKS[Kind.AGREE]} {plural(peers, 'feature')} in which deeds differ "
        console.print(_text(f"{text}though the documents agree.", ""))


def _print_contradictions(found: Comparison, console: Console) -> None:
    number = len(found.contradictions)
    console.print(Text(f"\nPages that contradict themselves: {number}", style="bold"))
    console.print(Text("DOC-SELF; see imageparity explain DOC-SELF", style="dim"))
    titles = {each.id: each.title for each in found.providers}
    for each in found.contradictions:
        console.print()
        place = f", {each.place}" if each.place else ""
        console.print(_text(f"{titles.get(each.provider, each.provider)}{place}", ""))
        for line in _sides(each, console.width):
            console.print(Text(line), soft_wrap=True)


def _sides(each: Contradiction, width: int) -> Iterator[str]:
    """Both statements and the reading taken, wrapped between words."""
    texts = [f"{side.says} ({side.source})" for side in each.statements]
    for at, text in enumerate(texts):
        yield from _wrapped("   but  " if at else "        ", text, width)
    if each.reading:
        yield from _wrapped("   read ", each.reading, width)


def _wrapped(head: str, text: str, width: int) -> list[str]:
    return wrap(
        one_line(text),
        width=width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _print_sources(
    found: Comparison,
    shown: Sequence[Row],
    providers: Sequence[Provider],
    console: Console,
) -> None:
    """The pages behind the ids: title, date and address."""
    ids = {cell.source for row in shown for cell in row.cells.values()}
    ids |= {s.source for each in found.contradictions for s in each.statements}
    known = {
        source.id: source
        for id_ in sorted(ids)
        for each in providers
        if (source := each.source(id_)) is not None
    }
    if not known:
        return
    console.print(Text("\nSources", style="bold"))
    for source in known.values():
        title = f"{source.title}, {source.date}" if source.date else source.title
        for line in _wrapped(f"{source.id:10}", title, console.width):
            console.print(Text(line), soft_wrap=True)
        if source.url:
            console.print(Text(f"{'':10}{one_line(source.url)}"), soft_wrap=True)
    is_open = any(
        cell.source and cell.basis != "documented"
        for row in shown
        for cell in row.cells.values()
    )
    if is_open:
        console.print(Text(f"{UNFIRM} not said by the provider's own pages"))


def _text(text: str, style: str) -> Text:
    """Strangers' text: no markup is read in it, and no control codes are left in it."""
    return Text(one_line(text), style=style)
