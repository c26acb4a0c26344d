"""Features against providers: what documents say, and beside it what servers did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.reporters.page.claims import agreement_letters
from contracts.reporters.page.clients import affected_clients

# What became of a feature: a letter, and the tone in which it is shown.
VERDICT_MARKS = {
    "honoured": ("H", "K"),
    "renamed": ("R", "R"),
    "ignored": ("I", "B"),
    "altered": ("A", "B"),
    "refused": ("X", "D"),
    "refused-badly": ("!", "B"),
    "kept": ("K", "K"),
    "broken": ("B", "B"),
    "differs": ("D", "D"),
    "untested": ("\N{MIDDLE DOT}", "O"),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a server did about a feature; `label` is set where it is one of several."""

    word: str
    label: str = ""
    fingerprint: str = ""

    @property
    def letter(self) -> str:
        return VERDICT_MARKS[self.word][0]

    @property
    def tone(self) -> str:
        return VERDICT_MARKS[self.word][1]


@dataclass(frozen=True, slots=True)
class FeatureCell:
    """
    What one provider says of a feature, and what its servers did.

    Cells of a row that share a `letter` agree, `a` is the commonest; `stands_out` is
    set on those that are not with the majority, where there is one. `note` is the
    number of a footnote, or 0.
    """

    value: str
    letter: str
    is_outlier: bool
    is_documented: bool
    note: int
    stated: bool = True
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature at every provider. `split` is set where no value has a majority."""

    id: str
    name: str
    group: str
    section: str
    cells: tuple[FeatureCell, ...]
    differs: bool
    split: bool
    clients: tuple[str, ...]

    @property
    def part(self) -> str:
        return f"{self.group}/{self.section}"

    @property
    def agreement(self) -> str:
        return "".join(cell.letter for cell in self.cells)

    @property
    def all_differ(self) -> bool:
        """Whether no two of several providers say the same."""
        return len(set(self.agreement)) == len(self.cells) > 2

    @property
    def dissent(self) -> str:
        """How many are not with the others; of two, that goes without saying."""
        if not self.differs or len(self.cells) == 2:
            return ""
        if self.split:
            return "no majority"
        count = sum(cell.letter != "a" for cell in self.cells)
        return f"{count} of {len(self.cells)} disagree" if count else "deeds disagree"

    @property
    def measurements(self) -> list[Measurement]:
        return [deed for cell in self.cells for deed in cell.measurements]

    @property
    def ignored(self) -> bool:
        return any(deed.word == "ignored" for deed in self.measurements)

    @property
    def has_findings(self) -> bool:
        return any(deed.fingerprint for deed in self.measurements)


@dataclass(frozen=True, slots=True)
class Features:
    """The matrix of features and providers, with the notes under it."""

    rows: tuple[Feature, ...]
    notes: tuple[str, ...]

    @property
    def differing(self) -> list[Feature]:
        return [each for each in self.rows if each.differs]

    @property
    def agreed(self) -> list[Feature]:
        return [each for each in self.rows if not each.differs]

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Groups and sections, each once."""
        return list(dict.fromkeys((each.group, each.section) for each in self.rows))

    @property
    def measured(self) -> bool:
        return any(each.measurements for each in self.rows)


def features(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Features:
    """The matrix of a comparison's rows, as its JSON has them, in this order."""
    notes: dict[str, int] = {}
    made = tuple(_feature(row, columns, notes) for row in rows)
    return Features(made, tuple(notes))


def _feature(
    row: Mapping[str, Any], columns: Sequence[str], notes: dict[str, int]
) -> Feature:
    cells = [row["cells"].get(column, {}) for column in columns]
    letters = agreement_letters([cell.get("letter", "") for cell in cells])
    counts = Counter(letters).most_common(2)
    split = len(counts) == 2 and counts[0][1] == counts[1][1]
    section = row["section"]
    made = tuple(
        FeatureCell(
            cell.get("value", ""),
            letter,
            letter != "a" and not split,
            cell.get("basis", "documented") == "documented",
            _note_number(cell.get("note") or "", notes),
            cell.get("stated", True),
            tuple(_measurements(column, cell.get("measured", {}))),
        )
        for column, cell, letter in zip(columns, cells, letters, strict=True)
    )
    return Feature(
        row["id"],
        row["feature"],
        row["group"],
        section,
        made,
        bool(row["differs"]),
        split,
        affected_clients(row["group"], section, row["id"].rpartition("/")[2]),
    )


def _measurements(
    column: str, measured: Mapping[str, Mapping[str, Any]]
) -> list[Measurement]:
    return [
        Measurement(
            each["verdict"] or each["standing"],
            "" if label == column else label,
            each["fingerprint"],
        )
        for label, each in measured.items()
    ]


def _note_number(note: str, notes: dict[str, int]) -> int:
    return notes.setdefault(note, len(notes) + 1) if note else 0
