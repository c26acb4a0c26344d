"""What documents say and targets do, laid side by side: as values and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from contracts.judging.outcome import FeatureVerdict

FORMAT = "imageparity-comparison/1"
NO_VALUE = "\N{EN DASH}"


class DifferenceKind(StrEnum):
    """Whom a difference is with, the heaviest first."""

    OWN_DOCUMENT = "own-document"
    PEERS_AGREE = "peers-agree"
    PEERS_DIFFER = "peers-differ"


class Conformance(StrEnum):
    """How deeds stand to what is promised, the worst first."""

    BROKEN = "broken"
    DIFFERS = "differs"
    KEPT = "kept"
    UNTESTED = "untested"


class Section(StrEnum):
    """What part of the traffic a row is about."""

    TRANSPORT = "transport"
    REQUEST = "request"
    ANSWER = "answer"
    EVENTS = "events"
    DELIVERY = "delivery"
    ERRORS = "errors"
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One thing that a document says of a feature.

    `value` is JSON; `pointer` leads to it as `openapi.yaml#/…`.
    """

    value: Any
    source: str = ""
    basis: str = "documented"
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class MeasuredBehavior:
    """
    What a target did about a feature, in `asked` answered questions.

    `verdict` is of members alone; `value` is what came, where that is known. `note`,
    `fingerprint` and `case` are those of the finding that says so, else of the
    heaviest, if there is one.
    """

    standing: Conformance
    verdict: FeatureVerdict | None = None
    asked: int = 0
    value: str = ""
    note: str = ""
    fingerprint: str = ""
    case: str = ""


@dataclass(frozen=True, slots=True)
class ProviderCell:
    """
    What one provider's document says of a feature, and what its targets did, by label.

    Cells of a row that share a `letter` say the same, `A` the commonest; `differs_in`
    names the facts that set a cell apart from those. `wire` is the member's own name
    where that is not the canonical one. `stated` is False where the document has no
    such thing, or does not speak of it.
    """

    value: str
    wire: str = ""
    source: str = ""
    source_title: str = ""
    source_url: str = ""
    source_date: str = ""
    basis: str = "documented"
    note: str = ""
    pointer: str = ""
    stated: bool = True
    facts: Mapping[str, Fact] = field(default_factory=dict)
    letter: str = "A"
    differs_in: tuple[str, ...] = ()
    measured: Mapping[str, MeasuredBehavior] = field(default_factory=dict)

    @property
    def firm_facts(self) -> dict[str, Any]:
        """The facts that stand as firmly as the cell, by name."""
        if not self.stated:
            return {}
        firm = ("documented", self.basis)
        return {
            name: fact.value for name, fact in self.facts.items() if fact.basis in firm
        }


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """
    A feature at every provider. `id` reads like a path: `createImage/request/size`.

    `majority` is the value that most documents share, empty where none does.
    """

    id: str
    feature: str
    group: str
    section: Section
    cells: Mapping[str, ProviderCell]
    majority: str = ""
    kinds: tuple[DifferenceKind, ...] = ()

    @property
    def is_member(self) -> bool:
        """Whether it is a parameter, of which deeds have one of the seven verdicts."""
        return "/request/" in self.id

    @property
    def differs(self) -> bool:
        return bool(self.kinds)

    @property
    def documents_differ(self) -> bool:
        return DifferenceKind.PEERS_DIFFER in self.kinds


@dataclass(frozen=True, slots=True)
class ProviderColumn:
    """A provider, the version of its document, and what may be asked of it."""

    id: str
    title: str
    document: str
    operations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasuredTarget:
    """
    A server whose deeds are known.

    `started` is ISO 8601, empty where that is unknown, as `is_mock` is None.
    """

    label: str
    provider: str
    title: str
    base_url: str
    is_mock: bool | None
    started: str
    asked: int


@dataclass(frozen=True, slots=True)
class TargetMeasurements:
    """What one target did, by the ids of rows; `apart` are those that alarm."""

    target: MeasuredTarget
    measured: Mapping[str, MeasuredBehavior]
    divergent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ParameterOutcome:
    """What became of a parameter at a target; `fingerprint` is of what shows it."""

    title: str
    operation: str
    member: str
    verdict: FeatureVerdict
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One side of a contradiction, and the page that says it."""

    says: str
    source: str
    source_title: str = ""
    source_url: str = ""
    source_date: str = ""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """
    A place where a provider's own pages say two things.

    `place` is the id of the row that it is about, empty where there is none; `reading`
    is the one that the document takes, empty where it takes none.
    """

    id: str
    provider: str
    place: str
    pointer: str
    statements: tuple[Statement, ...]
    reading: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several providers side by side; with the deeds of `targets`, if any are given."""

    providers: tuple[ProviderColumn, ...]
    rows: tuple[ComparisonRow, ...]
    contradictions: tuple[Contradiction, ...] = ()
    targets: tuple[MeasuredTarget, ...] = ()

    @property
    def differing_rows(self) -> list[ComparisonRow]:
        return [each for each in self.rows if each.differs]

    @property
    def agreeing_rows(self) -> list[ComparisonRow]:
        return [each for each in self.rows if not each.differs]

    def count(self, kind: DifferenceKind) -> int:
        """In how many rows there is a difference of a kind."""
        return sum(kind in each.kinds for each in self.rows)

    def select(self, patterns: Sequence[str]) -> "Comparison":
        """
        The part whose rows a pattern names: by group, section, or a glob over the id.

        A pattern without wildcards names what is below it as well.
        """
        rows = tuple(
            row for row in self.rows if any(_matches(each, row) for each in patterns)
        )
        kept = {row.id for row in rows}
        return replace(
            self,
            rows=rows,
            contradictions=tuple(e for e in self.contradictions if e.place in kept),
        )

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs: see `comparison.schema.yaml`."""
        found = {"format": FORMAT, **asdict(self)}
        for made, row in zip(found["rows"], self.rows, strict=True):
            made["kind"] = row.kinds[0] if row.kinds else None
            made["differs"] = row.differs
            made["is_member"] = row.is_member
        return found


def _matches(pattern: str, row: ComparisonRow) -> bool:
    return (
        pattern in (row.group, row.section, row.feature)
        or fnmatchcase(row.id, pattern)
        or row.id.startswith(f"{pattern.rstrip('/')}/")
    )
