"""A comparison as text for a terminal: a summary, a table, and sources on request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare import (
    Comparison,
    ComparisonRow,
    Conformance,
    MeasuredBehavior,
    ProviderCell,
)
from contracts.reporters.comparison.cells import cell_lines
from contracts.reporters.comparison.sources import print_contradictions, print_sources
from contracts.reporters.comparison.summary import MARKS, reference_id, summary_lines
from contracts.reporters.comparison.timeline import print_timeline
from contracts.reporters.terminal import safe_text
from contracts.text import one_line, pluralize
from specs import Provider

STYLES = {Conformance.BROKEN: "bold red", Conformance.DIFFERS: "yellow"}
LABELS = {
    Conformance.BROKEN: "failed",
    Conformance.DIFFERS: "warning",
    Conformance.KEPT: "passed",
    Conformance.UNTESTED: "not tested",
}
NOT_DOCUMENTED_MARK = "*"
FEATURE_WIDTH = 24  # of the first column, with its padding
MIN_PROVIDER_WIDTH = 30  # a narrower terminal shows one line per value
MAX_COLUMN_WIDTH = 34  # of the names of columns in such a table
MAX_NAMED = 6  # providers of a value that their documents do not state
MAX_REPEATED = 24  # characters; a longer value is shown in one column of a row


@dataclass(frozen=True, slots=True)
class _Layout:
    """
    A table of a comparison.

    `columns` are the provider ids, the reference first, or the ids of operations or of
    kinds of tasks; `noun` is what they are. With `with_sources`, a cell names the page
    that states its value.
    """

    comparison: Comparison
    columns: tuple[str, ...]
    with_sources: bool
    noun: str = "providers"

    def value_text(self, row: ComparisonRow, cell: ProviderCell) -> Text:
        is_unusual = bool(row.majority) and cell.letter != "A"
        head, *rules = cell_lines(row, cell) or [""]
        text = safe_text(head, "yellow" if is_unusual else "")
        for rule in rules:
            text.append(f"\n{rule}", "yellow" if is_unusual else "")
        return text

    def note(self, cell: ProviderCell) -> str:
        """The page that states a value, and a mark if it is not the provider's own."""
        page = cell.source.partition("#")[0]
        mark = NOT_DOCUMENTED_MARK if page and cell.basis != "documented" else ""
        return f" ({one_line(page)}){mark}" if page and self.with_sources else mark


def print_comparison(
    comparison: Comparison,
    providers: Sequence[Provider],
    console: Console,
    *,
    show_all: bool = False,
    with_sources: bool = False,
) -> None:
    """
    Print a summary, then the rows that differ, or all rows.

    With `with_sources`, print contradictions and sources after them.
    """
    all_rows = show_all or len(comparison.providers) == 1
    shown = list(comparison.rows if all_rows else comparison.differing_rows)
    for line, is_failure in summary_lines(comparison, providers):
        console.print(safe_text(line, "bold red" if is_failure else "bold"))
    reference = reference_id(providers)
    ids = sorted(
        (each.id for each in comparison.providers), key=lambda id_: id_ != reference
    )
    _print_table(shown, _Layout(comparison, tuple(ids), with_sources), console)
    for part, noun in (
        (comparison.operations, "operations"),
        (comparison.tasks, "kinds of tasks"),
    ):
        all_rows = show_all or len(part.columns) == 1
        shown_part = list(part.rows if all_rows else part.differing_rows)
        columns = tuple(each.id for each in part.columns)
        layout = _Layout(comparison, columns, with_sources, noun)
        _print_table(shown_part, layout, console)
        shown += shown_part
    print_timeline(comparison, providers, console)
    if with_sources and comparison.contradictions:
        print_contradictions(comparison, console)
    if with_sources:
        print_sources(comparison, shown, providers, console)
    _print_notes(comparison, shown, console, with_sources=with_sources)


def _print_table(
    rows: Sequence[ComparisonRow], layout: _Layout, console: Console
) -> None:
    """Print rows with a column per provider, or narrower; nothing without rows."""
    if rows:
        needed = FEATURE_WIDTH + len(layout.columns) * MIN_PROVIDER_WIDTH
        is_wide = console.width >= needed
        console.print()
        console.print((_wide_table if is_wide else _narrow_table)(rows, layout))


def _new_table() -> Table:
    """A table as wide as the terminal, with its first column."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("feature", overflow="fold", width=FEATURE_WIDTH - 2)
    return table


def _group_text(group: str) -> Text:
    return Text(f"\n{one_line(group)}", style="bold")


def _name_text(row: ComparisonRow) -> Text:
    mark = MARKS[row.kinds[0]] if row.kinds else " "
    return Text(f"{mark} {one_line(row.feature)}")


def _wide_table(rows: Sequence[ComparisonRow], layout: _Layout) -> Table:
    """A line per feature, with a column per provider."""
    table = _new_table()
    for id_ in layout.columns:
        table.add_column(one_line(id_), overflow="fold", ratio=1)
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            table.add_row(_group_text(group))
        cells = [_wide_cell(row, id_, layout) for id_ in layout.columns]
        table.add_row(_name_text(row), *cells)
    return table


def _wide_cell(row: ComparisonRow, id_: str, layout: _Layout) -> Text:
    """A value; a long one that is in a column before is not repeated."""
    cell = row.cells.get(id_)
    if cell is None:
        return Text("")
    before = layout.columns[: layout.columns.index(id_)]
    first = next(
        (
            other
            for other in before
            if other in row.cells and row.cells[other].letter == cell.letter
        ),
        None,
    )
    text = layout.value_text(row, cell)
    if first is not None and len(text) > MAX_REPEATED:
        text = Text(f"as {one_line(first)}", "dim")
    text.append(layout.note(cell), "dim")
    for label, measured in cell.measured.items():
        server = "" if label == id_ else f"{one_line(label)}: "
        style = STYLES.get(measured.standing, "")
        text.append(f"\n{server}{_measurement_text(measured)}", style)
    return text


def _narrow_table(rows: Sequence[ComparisonRow], layout: _Layout) -> Table:
    """A line per value, with the providers that state it."""
    table = _new_table()
    is_plain = not layout.with_sources and not layout.comparison.targets
    table.add_column("value", overflow="fold", ratio=2 if is_plain else 1)
    longest = max(map(len, layout.columns), default=0)
    width = min(longest + 1, MAX_COLUMN_WIDTH)  # with a comma
    table.add_column(layout.noun, overflow="fold", ratio=1, min_width=width)
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            table.add_row(_group_text(group))
        for line in _value_lines(row, layout):
            table.add_row(*line)
    return table


def _value_lines(row: ComparisonRow, layout: _Layout) -> Iterator[tuple[Text, ...]]:
    """
    A line per value, the most common first, with its providers.

    A value that a document does not state comes last, if many providers have it.
    """
    name = _name_text(row)
    groups = []
    for letter in sorted({cell.letter for cell in row.cells.values()}):
        cells = {id_: each for id_, each in row.cells.items() if each.letter == letter}
        are_others = len(cells) > MAX_NAMED and not any(
            cell.stated for cell in cells.values()
        )
        groups.append((are_others, cells))
    for are_others, cells in sorted(groups, key=lambda each: each[0]):
        value = layout.value_text(row, next(iter(cells.values())))
        named = Text("all others") if are_others else _providers_text(cells, layout)
        yield name, value, named
        name = Text("")


def _providers_text(cells: dict[str, ProviderCell], layout: _Layout) -> Text:
    """The providers, their sources, and the measured behavior of their servers."""
    text = Text()
    for id_, cell in cells.items():
        if text:
            text.append("\n" if layout.comparison.targets else ", ")
        text.append(one_line(id_))
        text.append(layout.note(cell), "dim")
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


def _print_notes(
    comparison: Comparison,
    shown: Sequence[ComparisonRow],
    console: Console,
    *,
    with_sources: bool,
) -> None:
    """Print what a mark means, and the options that show what was left out."""
    console.print()
    cells = [cell for row in shown for cell in row.cells.values()]
    if any(cell.source and cell.basis != "documented" for cell in cells):
        meaning = "not documented by the provider's own pages"
        console.print(Text(f"{NOT_DOCUMENTED_MARK} {meaning}"))
    hidden = len(comparison.all_rows) - len(shown)
    if hidden:
        agreed = f"{pluralize(hidden, 'feature')} on which all agree"
        console.print(Text(f"--all also shows {agreed}."))
    if not with_sources:
        number = len(comparison.contradictions)
        found = f" and {pluralize(number, 'contradiction')} in them" if number else ""
        console.print(Text(f"--sources also shows the page of each value{found}."))
