"""The first lines of a comparison: how much differs, and which provider the most."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.compare import Comparison, ComparisonRow, DifferenceKind
from contracts.text import pluralize
from specs import Provider

MARKS = {
    DifferenceKind.OWN_DOCUMENT: "!",
    DifferenceKind.PEERS_AGREE: "\N{NOT EQUAL TO}",
    DifferenceKind.PEERS_DIFFER: " ",
}
MAX_FURTHEST = 6  # providers that the first line names
UNMEASURED_TASKS = (
    "Tasks are compared by documents alone; what a run found about them is in its own "
    "report."
)


@dataclass(frozen=True, slots=True)
class Distance:
    """
    The number of features in which a provider differs from the reference.

    `unstated` of them are features that only one of the two documents states.
    """

    id: str
    title: str
    differing: int
    unstated: int

    @property
    def stated(self) -> int:
        """The number of features that both documents state, each in another way."""
        return self.differing - self.unstated

    def __str__(self) -> str:
        only_one = f" ({self.unstated} not documented)" if self.unstated else ""
        return f"{self.title} in {self.differing}{only_one}"


def reference_id(providers: Sequence[Provider]) -> str | None:
    """The provider whose dialect calls it the reference; None if it is not compared."""
    return next((each.id for each in providers if each.dialect.is_reference), None)


def distances(comparison: Comparison, reference: str) -> list[Distance]:
    """The distances of the other providers from the reference, the largest first."""
    found = []
    for provider in comparison.providers:
        if provider.id == reference:
            continue
        pairs = [
            (row.cells[reference], row.cells[provider.id]) for row in comparison.rows
        ]
        differing = [(one, two) for one, two in pairs if one.letter != two.letter]
        unstated = sum(one.stated != two.stated for one, two in differing)
        found.append(Distance(provider.id, provider.title, len(differing), unstated))
    return sorted(found, key=lambda each: (-each.differing, each.title))


def divergent_rows(comparison: Comparison) -> list[ComparisonRow]:
    """
    The rows that differ, those with the most different statements first.

    Each feature is in one operation only. Transport is left out, since every provider
    has its own base URL and keys.
    """
    first: dict[str, ComparisonRow] = {}
    for row in comparison.differing_rows:
        if row.group != "transport":
            first.setdefault(row.feature, row)
    return sorted(first.values(), key=_divergence_key)


def statement_count(row: ComparisonRow) -> int:
    """The number of different statements about a feature."""
    return len({cell.letter for cell in row.cells.values()})


def _divergence_key(row: ComparisonRow) -> tuple[int, int]:
    counts = Counter(cell.letter for cell in row.cells.values())
    return -len(counts), max(counts.values())


def summary_lines(
    comparison: Comparison, providers: Sequence[Provider], *, with_ranking: bool = True
) -> Iterator[tuple[str, bool]]:
    """
    Lines of the summary; the second value is true for a line about a failure.

    The first names the providers that are furthest from the reference, if asked.
    """
    total = len(comparison.rows)
    differing = sum(row.documents_differ for row in comparison.rows)
    if not total:
        pass  # only tasks were selected
    elif len(comparison.providers) == 1:
        yield f"{comparison.providers[0].title}: {pluralize(total, 'feature')}.", False
    elif not differing:
        yield f"No documents differ in {pluralize(total, 'feature')}.", False
    else:
        ranking = _ranking(comparison, providers) if with_ranking else ""
        yield f"{_differing_text(differing, total)}{ranking}.", False
    if comparison.tasks.rows:
        yield _tasks_text(comparison), False
    if comparison.targets and comparison.tasks.rows:
        yield UNMEASURED_TASKS, False
    if comparison.targets and total:
        own = comparison.count(DifferenceKind.OWN_DOCUMENT)
        peers = comparison.count(DifferenceKind.PEERS_AGREE)
        text = f"{pluralize(own, 'feature')} in which a server violates its document."
        yield f"{MARKS[DifferenceKind.OWN_DOCUMENT]} {text}", bool(own)
        text = f"{pluralize(peers, 'feature')} in which servers differ although "
        yield f"{MARKS[DifferenceKind.PEERS_AGREE]} {text}the documents agree.", False


def _tasks_text(comparison: Comparison) -> str:
    """The number of kinds of tasks, and of the features in which they differ."""
    tasks = comparison.tasks
    kinds = pluralize(len(tasks.columns), "kind")
    total = pluralize(len(tasks.rows), "feature")
    if len(tasks.columns) == 1:
        return f"Long-running tasks: {kinds}, {total}."
    differing = sum(row.documents_differ for row in tasks.rows)
    owners = len({each.provider for each in tasks.columns})
    return (
        f"Long-running tasks: {kinds} of {pluralize(owners, 'provider')} differ in "
        f"{differing} of {total}."
    )


def _differing_text(differing: int, total: int) -> str:
    verb = "differs" if differing == 1 else "differ"
    return f"{differing} of {pluralize(total, 'feature')} {verb}"


def _ranking(comparison: Comparison, providers: Sequence[Provider]) -> str:
    reference = reference_id(providers)
    ranked = distances(comparison, reference) if reference else []
    if len(ranked) < 2:
        return ""
    title = next(each.title for each in providers if each.id == reference)
    furthest = ", ".join(map(str, ranked[:MAX_FURTHEST]))
    others = len(ranked) - MAX_FURTHEST
    rest = f", and {others} others" if others > 0 else ""
    return f"; furthest from {title}: {furthest}{rest}"
