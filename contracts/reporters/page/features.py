"""The table of features and providers: documented values and measured behavior."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.reporters.page.claims import agreement_letters
from contracts.reporters.page.clients import affected_clients
from contracts.reporters.page.rules import RuleText, rule_texts, without_rule_counts

# By verdict: letter, CSS class of the color, label.
VERDICT_MARKS = {
    "honoured": ("H", "K", "honoured"),
    "renamed": ("R", "R", "renamed"),
    "ignored": ("I", "B", "ignored"),
    "altered": ("A", "B", "altered"),
    "refused": ("X", "D", "refused"),
    "refused-badly": ("!", "B", "refused-badly"),
    "kept": ("P", "K", "passed"),
    "broken": ("F", "B", "failed"),
    "differs": ("W", "D", "warning"),
    "untested": ("\N{MIDDLE DOT}", "O", "not tested"),
}

STATUSES_BY_TONE = {
    "B": "failed",
    "D": "warning",
    "K": "passed",
    "R": "passed",
    "O": "untested",
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """
    The measured behavior of a server for a feature.

    `server` is its label, empty if it is the only one of the provider.
    """

    verdict: str
    server: str = ""
    fingerprint: str = ""

    @property
    def letter(self) -> str:
        return VERDICT_MARKS[self.verdict][0]

    @property
    def tone(self) -> str:
        return VERDICT_MARKS[self.verdict][1]

    @property
    def label(self) -> str:
        return VERDICT_MARKS[self.verdict][2]


@dataclass(frozen=True, slots=True)
class FeatureCell:
    """
    The documented value of a feature at one provider, and its measurements.

    `rules` are its conditional rules in words; `value` does not count them.
    Cells of a row with the same `letter` agree; `a` is the most common. `is_outlier`
    is true if the cell differs from the majority. `note` is the number of a footnote,
    or 0.
    """

    value: str
    letter: str
    is_outlier: bool
    is_documented: bool
    note: int
    stated: bool = True
    measurements: tuple[Measurement, ...] = ()
    rules: tuple[RuleText, ...] = ()

    @property
    def problems(self) -> list[Measurement]:
        """The measurements that show a failure or a warning."""
        return [each for each in self.measurements if each.tone in "BD"]


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature at every provider; `split` is true if no value has a majority."""

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
        """True if no two of at least three providers agree."""
        return len(set(self.agreement)) == len(self.cells) > 2

    def letters(self, reference: int | None) -> str:
        """The letters of the cells; those that agree with the reference have `a`."""
        if reference is None:
            return self.agreement
        first = self.agreement[reference]
        swapped = {first: "a", "a": first}
        return "".join(swapped.get(each, each) for each in self.agreement)

    def dissent(self, reference: int | None) -> str:
        """The number of providers that differ, as text; empty for two providers."""
        if not self.differs or len(self.cells) == 2:
            return ""
        if self.split and reference is None:
            return "no majority"
        others = len(self.cells) - (reference is not None)
        count = sum(each != "a" for each in self.letters(reference))
        return f"{count} of {others} differ" if count else "servers differ"

    @property
    def statuses(self) -> tuple[str, ...]:
        """The results of its measurements, each once, worst first."""
        found = {STATUSES_BY_TONE[each.tone] for each in self.measurements}
        return tuple(each for each in ("failed", "warning", "passed") if each in found)

    @property
    def rank(self) -> int:
        """0 if a server fails, 1 with a warning, else 2."""
        worst = next(iter(self.statuses), "")
        return {"failed": 0, "warning": 1}.get(worst, 2)

    @property
    def measurements(self) -> list[Measurement]:
        return [each for cell in self.cells for each in cell.measurements]

    @property
    def ignored(self) -> bool:
        return any(each.verdict == "ignored" for each in self.measurements)

    @property
    def has_findings(self) -> bool:
        return any(each.fingerprint for each in self.measurements)


@dataclass(frozen=True, slots=True)
class Features:
    """The matrix of features and providers, with its footnotes."""

    rows: tuple[Feature, ...]
    notes: tuple[str, ...]

    @property
    def differing(self) -> list[Feature]:
        return [each for each in self.rows if each.differs]

    @property
    def failures_first(self) -> list[Feature]:
        return sorted(self.rows, key=lambda each: each.rank)

    @property
    def agreed(self) -> list[Feature]:
        return [each for each in self.rows if not each.differs]

    @property
    def parts(self) -> list[tuple[str, str]]:
        """The pairs of group and section, each once."""
        return list(dict.fromkeys((each.group, each.section) for each in self.rows))

    @property
    def measured(self) -> bool:
        return any(each.measurements for each in self.rows)


def features(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Features:
    """The matrix of the rows of a comparison's JSON, with columns in this order."""
    notes: dict[str, int] = {}
    table = tuple(_feature(row, columns, notes) for row in rows)
    return Features(table, tuple(notes))


def _feature(
    row: Mapping[str, Any], columns: Sequence[str], notes: dict[str, int]
) -> Feature:
    cells = [row["cells"].get(column, {}) for column in columns]
    letters = agreement_letters([cell.get("letter", "") for cell in cells])
    counts = Counter(letters).most_common(2)
    split = len(counts) == 2 and counts[0][1] == counts[1][1]
    section = row["section"]
    feature_cells = tuple(
        FeatureCell(
            without_rule_counts(cell.get("value", "")),
            letter,
            letter != "a" and not split,
            cell.get("basis", "documented") == "documented",
            _note_number(cell.get("note") or "", notes),
            cell.get("stated", True),
            tuple(_measurements(column, cell.get("measured", {}))),
            tuple(rule_texts(row["feature"], cell.get("facts", {}))),
        )
        for column, cell, letter in zip(columns, cells, letters, strict=True)
    )
    return Feature(
        row["id"],
        row["feature"],
        row["group"],
        section,
        feature_cells,
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
