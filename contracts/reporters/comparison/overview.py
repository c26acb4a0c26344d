"""
The ranking of many providers for a terminal: which differ most, and in what.

It is shown where no provider is chosen, since no terminal has a column for each.
"""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare import Comparison, ComparisonRow
from contracts.reporters.comparison.summary import (
    Distance,
    distances,
    divergent_rows,
    reference_id,
    statement_count,
    summary_lines,
)
from contracts.reporters.terminal import safe_text
from contracts.text import one_line
from specs import Provider

MAX_PROVIDERS = 6  # that are compared at once without being chosen
MAX_FEATURES = 12  # of the ranking


def is_too_wide(comparison: Comparison) -> bool:
    """True if a ranking says more than all cells of all providers."""
    return len(comparison.providers) > MAX_PROVIDERS


def print_overview(
    comparison: Comparison, providers: Sequence[Provider], console: Console
) -> None:
    """Print both rankings, and the commands that show what is behind them."""
    for line, is_failure in summary_lines(comparison, providers, with_ranking=False):
        console.print(safe_text(line, "bold red" if is_failure else "bold"))
    console.print()
    console.print(_ranked_providers(comparison, providers))
    console.print()
    console.print(_ranked_features(comparison))
    console.print()
    for what, command in _commands(comparison, providers):
        console.print(Text().append(f"{what:<26}", "dim").append(command, "bold"))


def ranked_ids(comparison: Comparison, providers: Sequence[Provider]) -> list[str]:
    """The ids of the providers by their numbers in the ranking, from 0."""
    reference = reference_id(providers)
    if reference is None:
        return [each.id for each in comparison.providers]
    return [reference, *(each.id for each in distances(comparison, reference))]


def _new_table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def _ranked_providers(comparison: Comparison, providers: Sequence[Provider]) -> Table:
    reference = reference_id(providers)
    ranked = distances(comparison, reference) if reference else []
    table = _new_table("", "provider", "id", "features that differ")
    for number, id_ in enumerate(ranked_ids(comparison, providers)):
        provider = next(each for each in comparison.providers if each.id == id_)
        found = next((each for each in ranked if each.id == id_), None)
        words = [str(number), one_line(provider.title), one_line(id_)]
        table.add_row(*words, _distance_text(found, is_reference=id_ == reference))
    return table


def _distance_text(found: Distance | None, *, is_reference: bool) -> str:
    if found is None:
        return "the reference" if is_reference else ""
    return (
        f"{found.differing:>3}: {found.stated} stated differently, "
        f"{found.unstated} in one only"
    )


def _ranked_features(comparison: Comparison) -> Table:
    table = _new_table("feature", "of", "different statements")
    for row in divergent_rows(comparison)[:MAX_FEATURES]:
        words = (row.feature, row.group)
        table.add_row(*map(one_line, words), f"{statement_count(row):>3}")
    return table


def _path(row: ComparisonRow) -> str:
    """The part of a feature's id after its operation, as a glob."""
    return row.id.partition("/")[2].replace("[", "[[]")


def _commands(
    comparison: Comparison, providers: Sequence[Provider]
) -> Iterator[tuple[str, str]]:
    """Pairs of something to show and the command that shows it."""
    one, two, three = ranked_ids(comparison, providers)[:3]
    ranked = divergent_rows(comparison)
    row = next((each for each in ranked if each.is_member), ranked[0])
    yield "two providers", f"imageparity compare {one} {two}"
    yield "a set of providers", f"imageparity compare {one} {two} {three}"
    yield "a feature of all", f"imageparity compare --only '*/{_path(row)}'"
    yield "an operation of all", f"imageparity compare --only {row.group}"
    if comparison.tasks.rows:
        yield "long-running tasks", "imageparity compare --only tasks"
    yield "everything", "imageparity compare --all"
    yield "a page to filter", "imageparity compare --html page.html"
