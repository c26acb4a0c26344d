"""A comparison as text for a terminal: values, sources and measured behavior."""

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
from contracts.reporters.terminal import safe_text
from contracts.text import one_line, pluralize
from specs import Provider

MARKS = {
    DifferenceKind.OWN_DOCUMENT: "!",
    DifferenceKind.PEERS_AGREE: "\N{NOT EQUAL TO}",
    DifferenceKind.PEERS_DIFFER: " ",
}
STYLES = {Conformance.BROKEN: "bold red", Conformance.DIFFERS: "yellow"}
LABELS = {
    Conformance.BROKEN: "failed",
    Conformance.DIFFERS: "warning",
    Conformance.KEPT: "passed",
    Conformance.UNTESTED: "not tested",
}
NOT_DOCUMENTED_MARK = "*"


def print_comparison(
    comparison: Comparison,
    providers: Sequence[Provider],
    console: Console,
    *,
    show_all: bool = False,
) -> None:
    """Print the rows that differ, or all; then contradictions and sources."""
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
    for column, share in (("feature", 5), ("value", 10), ("providers", 8)):
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
    """A line per value, the most common first, with its providers."""
    mark = MARKS[row.kinds[0]] if row.kinds else " "
    name = Text(f"{mark} {one_line(row.feature)}")
    for letter in sorted({cell.letter for cell in row.cells.values()}):
        cells = {id_: each for id_, each in row.cells.items() if each.letter == letter}
        cell = next(iter(cells.values()))
        value = safe_text(
            cell.value, "yellow" if row.majority and letter != "A" else ""
        )
        value.append(_differing_facts(cell, row), "dim")
        yield name, value, _providers_text(cells, comparison)
        name = Text("")


def _differing_facts(cell: ProviderCell, row: ComparisonRow) -> str:
    """The facts in which a cell differs from others with the same value."""
    others = [
        each.firm_facts for each in row.cells.values() if each.value == cell.value
    ]
    names = [
        name.removeprefix("rule/")
        for name in dict.fromkeys(name for facts in others for name in facts)
        if len({repr(facts.get(name)) for facts in others}) > 1
    ]
    return f" (differing: {one_line(', '.join(names))})" if names else ""


def _providers_text(cells: dict[str, ProviderCell], comparison: Comparison) -> Text:
    """The providers, their sources, and the measured behavior of their servers."""
    text = Text()
    for id_, cell in cells.items():
        if text:
            text.append("\n" if comparison.targets else ", ")
        text.append(one_line(id_))
        page = cell.source.partition("#")[0]
        if page:
            mark = NOT_DOCUMENTED_MARK * (cell.basis != "documented")
            text.append(f" ({one_line(page)}){mark}", "dim")
        for label, measured in cell.measured.items():
            server = "" if label == id_ else f"\n  {one_line(label)}"
            style = STYLES.get(measured.standing, "")
            text.append(f"{server}: {_measurement_text(measured)}", style)
    return text


def _measurement_text(measured: MeasuredBehavior) -> str:
    verdict = measured.verdict or LABELS[measured.standing]
    failed = measured.verdict and measured.standing is Conformance.BROKEN
    value = f" ({one_line(measured.value)})" if measured.value else ""
    return f"{verdict}{value}{', failed' if failed else ''}"


def _print_totals(
    comparison: Comparison, shown: Sequence[ComparisonRow], console: Console
) -> None:
    if len(comparison.providers) == 1 and not comparison.targets:
        return
    features = pluralize(len(comparison.rows), "feature")
    if not comparison.differing_rows:
        console.print(Text(f"No differences in {features}."))
        return
    differing = sum(row.documents_differ for row in comparison.rows)
    sentence = f"\nThe documents differ in {differing} of {features}."
    if len(shown) < len(comparison.rows):
        sentence += " --all shows the others, too."
    console.print(Text(sentence))
    if comparison.targets:
        own, peers = (
            comparison.count(DifferenceKind.OWN_DOCUMENT),
            comparison.count(DifferenceKind.PEERS_AGREE),
        )
        text = f"! {pluralize(own, 'feature')} in which a server violates its document."
        console.print(safe_text(text, "bold red" if own else ""))
        mark = MARKS[DifferenceKind.PEERS_AGREE]
        text = f"{mark} {pluralize(peers, 'feature')} in which servers differ "
        console.print(safe_text(f"{text}although the documents agree."))


def _print_contradictions(comparison: Comparison, console: Console) -> None:
    number = len(comparison.contradictions)
    console.print(
        Text(f"\nContradictions within a provider's pages: {number}", style="bold")
    )
    console.print(Text("DOC-SELF; see imageparity explain DOC-SELF", style="dim"))
    titles = {each.id: each.title for each in comparison.providers}
    for contradiction in comparison.contradictions:
        console.print()
        place = f", {contradiction.place}" if contradiction.place else ""
        title = titles.get(contradiction.provider, contradiction.provider)
        console.print(safe_text(f"{title}{place}"))
        for line in _contradiction_lines(contradiction, console.width):
            console.print(Text(line), soft_wrap=True)


def _contradiction_lines(contradiction: Contradiction, width: int) -> Iterator[str]:
    """The statements and the interpretation used, wrapped between words."""
    texts = [f"{side.says} ({side.source})" for side in contradiction.statements]
    for at, text in enumerate(texts):
        yield from _wrap(f"   {'versus' if at else '':15}", text, width)
    if contradiction.reading:
        yield from _wrap(f"   {'interpretation':15}", contradiction.reading, width)


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
    """Print the pages that are the sources: title, date and URL."""
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
    has_undocumented = any(
        cell.source and cell.basis != "documented"
        for row in shown
        for cell in row.cells.values()
    )
    if has_undocumented:
        console.print(
            Text(f"{NOT_DOCUMENTED_MARK} not documented by the provider's own pages")
        )
