"""Claims and features against providers: the two tables of the HTML page."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from contracts.report import ClaimRecord
from contracts.reporters.standings import Sighting, Standing
from contracts.reporters.wording import NOTHING

SUBJECTS = ("request", "default", "answer", "guarantee", "error", "transport")
LETTERS = {
    "K": "kept",
    "B": "broken",
    "D": "differs",
    "·": "not asked",
    NOTHING: "not claimed",
}
TONES = {"K": "K", "B": "B", "D": "D", "·": "O", NOTHING: "N"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One claim at one provider. `firm` is whether the provider's own words say it."""

    letter: str
    title: str
    firm: bool = True
    anchor: str = ""

    @property
    def word(self) -> str:
        return LETTERS[self.letter]


@dataclass(frozen=True, slots=True)
class Row:
    """One claim at every provider; `sentences` pairs each wording with who uses it."""

    name: str
    sentences: tuple[tuple[str, str], ...]
    cells: tuple[Cell, ...]
    differs: bool
    found: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The claims of one operation about one subject."""

    operation: str
    subject: str
    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[str, int]:
        counts = Counter(cell.letter for row in self.rows for cell in row.cells)
        return {letter: counts[letter] for letter in LETTERS if counts[letter]}

    @property
    def found(self) -> bool:
        return any(row.found for row in self.rows)

    def kept(self, column: int) -> str:
        """`kept/asked` of one provider."""
        letters = Counter(row.cells[column].letter for row in self.rows)
        asked = letters["K"] + letters["B"] + letters["D"]
        return f"{letters['K']}/{asked}" if asked else NOTHING


def claim_groups(standings: Sequence[Standing]) -> list[Group]:
    """Every claim once, the providers' documents laid over each other."""
    tables = [{each.id: each for each in one.target.claims} for one in standings]
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for id_ in _merged(tables):
        claims = [table.get(id_) for table in tables]
        first = next(each for each in claims if each is not None)
        groups[first.operation, first.subject].append(_row(first, claims, standings))
    operations = list(dict.fromkeys(operation for operation, _ in groups))

    def place(key: tuple[str, str]) -> tuple[int, int]:
        subject = key[1]
        known = SUBJECTS.index(subject) if subject in SUBJECTS else len(SUBJECTS)
        return operations.index(key[0]), known

    return [Group(*key, tuple(groups[key])) for key in sorted(groups, key=place)]


def _merged(tables: Sequence[Mapping[str, ClaimRecord]]) -> list[str]:
    """All ids; one that an earlier document lacks follows its neighbour."""
    merged: list[str] = []
    seen: set[str] = set()
    for table in tables:
        at = 0
        for id_ in table:
            if id_ in seen:
                at = merged.index(id_) + 1
                continue
            merged.insert(at, id_)
            seen.add(id_)
            at += 1
    return merged


def _row(
    first: ClaimRecord,
    claims: Sequence[ClaimRecord | None],
    standings: Sequence[Standing],
) -> Row:
    cells = tuple(
        _cell(claim, standing)
        for claim, standing in zip(claims, standings, strict=True)
    )
    wordings: dict[str, list[str]] = defaultdict(list)
    for claim, standing in zip(claims, standings, strict=True):
        if claim is not None:
            wordings[claim.sentence].append(standing.target.title)
    letters = {cell.letter for cell in cells}
    return Row(
        first.id.removeprefix(f"{first.operation}/"),
        tuple((text, ", ".join(who)) for text, who in wordings.items()),
        cells,
        len(wordings) > 1 or NOTHING in letters or len(letters - {"·"}) > 1,
        bool(letters & {"B", "D"}),
    )


def _cell(claim: ClaimRecord | None, standing: Standing) -> Cell:
    if claim is None:
        return Cell(NOTHING, f"{standing.target.title} does not claim this")
    found = [each for each in standing.sightings if each.finding.claim == claim.id]
    asked = standing.asked[claim.id]
    letter = _letter(found, asked)
    lines = [
        f"{standing.target.title}: {claim.sentence}",
        f"{claim.source}, {claim.basis}" + (f"; mock: {claim.mock}" * bool(claim.mock)),
        f"{LETTERS[letter]}, {asked} asked" if asked else LETTERS[letter],
    ]
    anchor = quote(found[0].anchor) if found else ""
    return Cell(letter, "\n".join(lines), claim.basis == "documented", anchor)


def _letter(found: Sequence[Sighting], asked: int) -> str:
    if any(each.finding.breaks for each in found):
        return "B"
    if found:
        return "D"
    return "K" if asked else "·"


@dataclass(frozen=True, slots=True)
class FeatureCell:
    """
    What one provider says of a feature.

    Cells of a row that share a `letter` agree; `stands_out` is set on those that are
    not with the majority, where there is one. `note` is the number of a footnote, or 0.
    """

    value: str
    letter: str
    stands_out: bool
    title: str
    firm: bool
    note: int


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature at every provider. `split` is set where no value has a majority."""

    name: str
    group: str
    cells: tuple[FeatureCell, ...]
    differs: bool
    split: bool


@dataclass(frozen=True, slots=True)
class Features:
    """The matrix of features and providers, with the notes under it."""

    columns: tuple[str, ...]
    rows: tuple[Feature, ...]
    notes: tuple[str, ...]

    @property
    def differing(self) -> list[Feature]:
        return [each for each in self.rows if each.differs]

    @property
    def agreed(self) -> list[Feature]:
        return [each for each in self.rows if not each.differs]


def features(
    rows: Sequence[Mapping[str, Any]], providers: Sequence[str] = ()
) -> Features:
    """The matrix of some rows; the providers named come first."""
    columns = tuple(dict.fromkeys([*providers, *(p for r in rows for p in r["cells"])]))
    columns = tuple(p for p in columns if any(p in row["cells"] for row in rows))
    notes: dict[str, int] = {}
    made = tuple(_feature(row, columns, notes) for row in rows)
    return Features(columns, made, tuple(notes))


def _feature(
    row: Mapping[str, Any], columns: Sequence[str], notes: dict[str, int]
) -> Feature:
    cells = [row["cells"].get(column, {}) for column in columns]
    values = [str(cell.get("value") or "") for cell in cells]
    ranked = Counter(values).most_common()
    letters = {value: _nth_letter(at) for at, (value, _) in enumerate(ranked)}
    split = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
    made = tuple(
        FeatureCell(
            value,
            letters[value],
            value != ranked[0][0] and not split,
            ", ".join(filter(None, (cell.get("source"), cell.get("basis")))),
            cell.get("basis", "documented") == "documented",
            _number(cell.get("note") or "", notes),
        )
        for value, cell in zip(values, cells, strict=True)
    )
    return Feature(row["feature"], row.get("group", ""), made, len(ranked) > 1, split)


def _nth_letter(at: int) -> str:
    return chr(ord("A") + at) if at < 26 else f"+{at}"


def _number(note: str, notes: dict[str, int]) -> int:
    return notes.setdefault(note, len(notes) + 1) if note else 0
