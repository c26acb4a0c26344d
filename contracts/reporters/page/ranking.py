"""Rankings of a comparison: distances from the reference, and divergent features."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.reporters.page.features import Feature, Features

MAX_DIVERGENT = 12  # features in the ranking


@dataclass(frozen=True, slots=True)
class Distance:
    """
    The number of features in which a provider differs from the reference.

    `unstated` of them are features that its document or the reference's does not
    state. `rank` is 1 for the largest distance, and 0 for the reference itself.
    """

    id: str
    rank: int
    differing: int
    unstated: int
    total: int

    @property
    def stated(self) -> int:
        """The number of features that both documents state, each in another way."""
        return self.differing - self.unstated


@dataclass(frozen=True, slots=True)
class DivergentFeature:
    """A feature, and the number of different statements about it."""

    feature: Feature
    statements: int


def reference_provider(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """
    The provider whose own pages the documents of others cite as a reference.

    None if no document cites pages of another provider.
    """
    own: dict[str, set[str]] = {}
    cited: dict[str, Counter[str]] = {}
    for row in rows:
        for provider, cell in row["cells"].items():
            for citation in (cell, *cell["facts"].values()):
                page = citation["source"].partition("#")[0]
                if page and citation["basis"] == "documented":
                    own.setdefault(provider, set()).add(page)
                elif page and citation["basis"] == "reference":
                    cited.setdefault(provider, Counter())[page] += 1
    counts = {
        name: sum(
            count
            for other, pages in cited.items()
            if other != name
            for page, count in pages.items()
            if page in own[name]
        )
        for name in own
    }
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] else None


def distances(
    features: Features, columns: Sequence[str], reference: str
) -> list[Distance]:
    """The distance of each provider, the largest first and the reference last."""
    at = columns.index(reference)
    found = []
    for column, name in enumerate(columns):
        pairs = [(row.cells[at], row.cells[column]) for row in features.rows]
        differing = [pair for pair in pairs if pair[0].letter != pair[1].letter]
        unstated = sum(not (one.stated and two.stated) for one, two in differing)
        found.append((name, len(differing), unstated))
    found.sort(key=lambda each: (each[0] == reference, -each[1], each[0]))
    return [
        Distance(name, 0 if name == reference else rank, count, unstated, len(pairs))
        for rank, (name, count, unstated) in enumerate(found, 1)
    ]


def divergent_features(features: Features) -> list[DivergentFeature]:
    """
    The features with the most different statements, each name once.

    Transport is left out, since every provider has its own base URL and keys.
    """
    first: dict[str, Feature] = {}
    for row in features.differing:
        if row.section != "transport":
            first.setdefault(row.name, row)
    ranked = [
        DivergentFeature(row, len(set(row.agreement)))
        for row in first.values()
        if len(set(row.agreement)) > 1
    ]

    def order(each: DivergentFeature) -> tuple[int, int]:
        return -each.statements, max(Counter(each.feature.agreement).values())

    return sorted(ranked, key=order)[:MAX_DIVERGENT]
