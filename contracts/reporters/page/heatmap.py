"""Heat maps: counts of differences and failures by part and provider."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.reporters.page.claims import (
    LETTERS,
    NOT_TESTED,
    STATUSES,
    TONES,
    ClaimGroup,
    tested_count,
)
from contracts.reporters.page.features import Features
from contracts.text import NO_VALUE, pluralize

MAX_LEVEL = 4
SECTION_LABELS = {"answer": "response"}  # of sections with another name


@dataclass(frozen=True, slots=True)
class HeatCell:
    """
    A cell that shows `count` of `total`; `letter` is the kind of what is counted.

    `level` is the intensity of the color, from 0 to `MAX_LEVEL`. `filter` is the
    fragment of the page's URL that shows only these; empty for no link.
    """

    letter: str
    tone: str
    count: int
    total: int
    title: str
    filter: str = ""

    @property
    def level(self) -> int:
        if not self.count or not self.total or self.tone in {"K", "O", "N"}:
            return 0
        return max(1, round(MAX_LEVEL * self.count / self.total))


@dataclass(frozen=True, slots=True)
class HeatRow:
    """The cells of one part, one per provider."""

    part: str
    name: str
    cells: tuple[HeatCell, ...]


def documents_heatmap(features: Features, columns: Sequence[str]) -> list[HeatRow]:
    """By part and provider, the features that differ from the majority."""
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
    """The name of a part for readers, such as `createImage · request`."""
    label = section_label(section)
    return group if group == section else f"{group} \N{MIDDLE DOT} {label}"


def section_label(section: str) -> str:
    return SECTION_LABELS.get(section, section)


def _documents_cell(features: Features, part: str, at: int, column: str) -> HeatCell:
    rows = [each for each in features.rows if each.part == part]
    outliers = sum(each.cells[at].is_outlier for each in rows)
    title = f"{outliers} of {len(rows)} differ from the majority"
    if not outliers:
        return HeatCell("=", "N", 0, len(rows), title)
    return HeatCell(
        "\N{NOT EQUAL TO}",
        "V",
        outliers,
        len(rows),
        title,
        f"odd={column}&part={part}&tab=differences",
    )


def measurements_heatmap(
    groups: Sequence[ClaimGroup], columns: Sequence[str]
) -> list[HeatRow]:
    """By part and provider, the claims that failed, else warnings, else passed."""
    return [
        HeatRow(
            f"{group.operation}/{group.subject}",
            part_name(group.operation, group.subject),
            tuple(
                _measurements_cell(group, at, column)
                for at, column in enumerate(columns)
            ),
        )
        for group in groups
    ]


def _measurements_cell(group: ClaimGroup, at: int, column: str) -> HeatCell:
    letters = Counter(row.cells[at].letter for row in group.rows)
    tested = tested_count(letters)
    if not tested:
        letter = NOT_TESTED if letters[NOT_TESTED] else NO_VALUE
        return HeatCell(letter, TONES[letter], 0, 0, LETTERS[letter])
    title = (
        f"{tested} claims tested: {letters['P']} passed, {letters['F']} failed, "
        f"{pluralize(letters['W'], 'warning')}"
    )
    part = f"{group.operation}/{group.subject}"
    for letter in "FW":
        if letters[letter]:
            link = f"odd={column}&part={part}&status={STATUSES[letter]}&tab=claims"
            return HeatCell(letter, TONES[letter], letters[letter], tested, title, link)
    return HeatCell("P", TONES["P"], letters["P"], tested, title)
