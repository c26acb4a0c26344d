"""How warm it is where: parts of the traffic against providers, in counts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.reporters.page.claims import TONES, ClaimGroup
from contracts.reporters.page.features import Features
from contracts.text import NO_VALUE

MAX_LEVEL = 4


@dataclass(frozen=True, slots=True)
class HeatCell:
    """
    `count` of `total`, in words `title`; the `letter` says of what.

    `level` runs from 0, nothing, to `LEVELS`, everything; `filter` is what the page's
    address says to show just these.
    """

    letter: str
    tone: str
    count: int
    total: int
    title: str
    filter: str = ""

    @property
    def level(self) -> int:
        if not self.count or not self.total or self.tone in {"K", "O"}:
            return 0
        return max(1, round(MAX_LEVEL * self.count / self.total))


@dataclass(frozen=True, slots=True)
class HeatRow:
    part: str
    name: str
    cells: tuple[HeatCell, ...]


def documents_heatmap(features: Features, columns: Sequence[str]) -> list[HeatRow]:
    """By part and provider, features that are not with the majority."""
    return [
        HeatRow(
            part,
            part_name(group, section),
            tuple(
                _documents_cell(features, part, at, column)
                for at, column in enumerate(columns)
            ),
        )
        for group, section in features.parts
        for part in [f"{group}/{section}"]
    ]


def part_name(group: str, section: str) -> str:
    return group if group == section else f"{group} \N{MIDDLE DOT} {section}"


def _documents_cell(features: Features, part: str, at: int, column: str) -> HeatCell:
    rows = [each for each in features.rows if each.part == part]
    odd = sum(each.cells[at].is_outlier for each in rows)
    title = f"{odd} of {len(rows)} not with the majority"
    if not odd:
        return HeatCell("=", "K", 0, len(rows), title)
    return HeatCell(
        "\N{NOT EQUAL TO}", "D", odd, len(rows), title, f"part={part}&odd={column}"
    )


def measurements_heatmap(
    groups: Sequence[ClaimGroup], columns: Sequence[str]
) -> list[HeatRow]:
    """By part and provider, claims that are broken; else that differ; else kept."""
    return [
        HeatRow(
            f"{group.operation}/{group.subject}",
            group.name,
            tuple(
                _measurements_cell(group, at, column)
                for at, column in enumerate(columns)
            ),
        )
        for group in groups
    ]


def _measurements_cell(group: ClaimGroup, at: int, column: str) -> HeatCell:
    letters = Counter(row.cells[at].letter for row in group.rows)
    asked = letters["K"] + letters["B"] + letters["D"]
    if not asked:
        letter = "\N{MIDDLE DOT}" if letters["\N{MIDDLE DOT}"] else NO_VALUE
        title = "not asked" if letters["\N{MIDDLE DOT}"] else "claims nothing"
        return HeatCell(letter, TONES[letter], 0, 0, title)
    title = (
        f"of {asked} claims asked {letters['K']} kept, {letters['B']} broken, "
        f"{letters['D']} differ"
    )
    for letter in "BD":
        if letters[letter]:
            where = f"part={group.operation}/{group.subject}&findings&odd={column}"
            return HeatCell(letter, TONES[letter], letters[letter], asked, title, where)
    return HeatCell("K", "K", letters["K"], asked, title)
