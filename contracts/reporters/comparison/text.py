"""A comparison in a terminal: who says what, on which page, and what was measured."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare import (
    Comparison,
    ComparisonRow,
    Conformance,
    Contradiction,
    DifferenceKind,
    MeasuredBehavior,
    ProviderCell,
)
from contracts.text import one_line, pluralize
from specs import Provider

MARKS = {
    DifferenceKind.OWN_DOCUMENT: "!",
    DifferenceKind.PEERS_AGREE: "\N{NOT EQUAL TO}",
    DifferenceKind.PEERS_DIFFER: " ",
}
STYLES = {Conformance.BROKEN: "bold red", Conformance.DIFFERS: "yellow"}
NOT_DOCUMENTED_MARK = "*"


def print_comparison(
    comparison: Comparison,
    providers: Sequence[Provider],
    console: Console,
    *,
    show_all: bool = False,
) -> None:
    """The rows that differ, or all of them; then what contradicts itself; sources."""
    show_all = show_all or len(comparison.providers) == 1
    shown = comparison.rows if show_all else comparison.differing_rows
    if shown:
        console.print(_table(shown, comparison))
    _print_totals(comparison, shown, console)
    if comparison.contradictions:
        _print_contradictions(comparison, console)
    _print_sources(comparison, shown, providers, console)


def _table(rows: Sequence[ComparisonRow], comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column, share in (("feature", 5), ("what is said", 10), ("by whom", 8)):
        table.add_column(column, overflow="fold", ratio=share)
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            table.add_row(Text(f"\n{one_line(group)}", style="bold"))
        for line in _row_lines(row, comparison):
            table.add_row(*line)
    return table


def _row_lines(
    row: ComparisonRow, comparison: Comparison
) -> Iterator[tuple[Text, ...]]:
    """A line for each thing said, the commonest first, with those who say it."""
    mark = MARKS[row.kinds[0]] if row.kinds else " "
    name = Text(f"{mark} {one_line(row.feature)}")
    for letter in sorted({cell.letter for cell in row.cells.values()}):
        who = {id_: each for id_, each in row.cells.items() if each.letter == letter}
        cell = next(iter(who.values()))
        value = _safe_text(
            cell.value, "yellow" if row.majority and letter != "A" else ""
        )
        value.append(_differing_facts(cell, row), "dim")
        yield name, value, _providers_text(who, comparison)
        name = Text("")


def _differing_facts(cell: ProviderCell, row: ComparisonRow) -> str:
    """In what a cell differs from those that look the same."""
    others = [
        each.firm_facts for each in row.cells.values() if each.value == cell.value
    ]
    names = [
        name.removeprefix("rule/")
        for name in dict.fromkeys(name for said in others for name in said)
        if len({repr(said.get(name)) for said in others}) > 1
    ]
    return f" (differing: {one_line(', '.join(names))})" if names else ""


def _providers_text(cells: dict[str, ProviderCell], comparison: Comparison) -> Text:
    """Who says it, on which page, and what their targets did."""
    text = Text()
    for id_, cell in cells.items():
        if text:
            text.append("\n" if comparison.targets else ", ")
        text.append(one_line(id_))
        page = cell.source.partition("#")[0]
        if page:
            firm = NOT_DOCUMENTED_MARK * (cell.basis != "documented")
            text.append(f" ({one_line(page)}){firm}", "dim")
        for label, each in cell.measured.items():
            named = "" if label == id_ else f"\n  {one_line(label)}"
            text.append(
                f"{named}: {_measurement_text(each)}", STYLES.get(each.standing, "")
            )
    return text


def _measurement_text(each: MeasuredBehavior) -> str:
    word = each.verdict or each.standing
    broken = each.verdict and each.standing is Conformance.BROKEN
    value = f" ({one_line(each.value)})" if each.value else ""
    return f"{word}{value}{', broken' if broken else ''}"


def _print_totals(
    comparison: Comparison, shown: Sequence[ComparisonRow], console: Console
) -> None:
    if len(comparison.providers) == 1 and not comparison.targets:
        return
    features = pluralize(len(comparison.rows), "feature")
    if not comparison.differing_rows:
        console.print(Text(f"No differences in {features}."))
        return
    apart = sum(row.documents_differ for row in comparison.rows)
    sentence = f"\nThe documents differ in {apart} of {features}."
    if len(shown) < len(comparison.rows):
        sentence += " --all shows those in which they agree."
    console.print(Text(sentence))
    if comparison.targets:
        own, peers = (
            comparison.count(DifferenceKind.OWN_DOCUMENT),
            comparison.count(DifferenceKind.PEERS_AGREE),
        )
        text = f"! {pluralize(own, 'feature')} in which a deed breaks its own document."
        console.print(_safe_text(text, "bold red" if own else ""))
        text = f"{MARKS[DifferenceKind.PEERS_AGREE]} {pluralize(peers, 'feature')} in which deeds differ "
        console.print(_safe_text(f"{text}though the documents agree.", ""))


def _print_contradictions(comparison: Comparison, console: Console) -> None:
    number = len(comparison.contradictions)
    console.print(Text(f"\nPages that contradict themselves: {number}", style="bold"))
    console.print(Text("DOC-SELF; see imageparity explain DOC-SELF", style="dim"))
    titles = {each.id: each.title for each in comparison.providers}
    for each in comparison.contradictions:
        console.print()
        place = f", {each.place}" if each.place else ""
        console.print(
            _safe_text(f"{titles.get(each.provider, each.provider)}{place}", "")
        )
        for line in _contradiction_lines(each, console.width):
            console.print(Text(line), soft_wrap=True)


def _contradiction_lines(each: Contradiction, width: int) -> Iterator[str]:
    """Both statements and the reading taken, wrapped between words."""
    texts = [f"{side.says} ({side.source})" for side in each.statements]
    for at, text in enumerate(texts):
        yield from _wrap("   but  " if at else "        ", text, width)
    if each.reading:
        yield from _wrap("   read ", each.reading, width)


def _wrap(head: str, text: str, width: int) -> list[str]:
    return wrap(
        one_line(text),
        width=width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _print_sources(
    comparison: Comparison,
    shown: Sequence[ComparisonRow],
    providers: Sequence[Provider],
    console: Console,
) -> None:
    """The pages behind the ids: title, date and address."""
    ids = {cell.source for row in shown for cell in row.cells.values()}
    ids |= {s.source for each in comparison.contradictions for s in each.statements}
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
        for line in _wrap(f"{source.id:10}", title, console.width):
            console.print(Text(line), soft_wrap=True)
        if source.url:
            console.print(Text(f"{'':10}{one_line(source.url)}"), soft_wrap=True)
    is_open = any(
        cell.source and cell.basis != "documented"
        for row in shown
        for cell in row.cells.values()
    )
    if is_open:
        console.print(
            Text(f"{NOT_DOCUMENTED_MARK} not said by the provider's own pages")
        )


def _safe_text(text: str, style: str) -> Text:
    """Strangers' text: no markup is read in it, and no control codes are left in it."""
    return Text(one_line(text), style=style)
