"""
A comparison of providers, as data and as JSON.

A `Comparison` is a table. A column is a provider, a row is a feature, such as the field
`size` of `createImage`. A cell holds what the provider's document states about the
feature. It is made of facts, such as the type and the allowed values of a field, each
with the page that it was read from. With reports of runs, a cell also holds measured
behaviours: what the servers of this provider did, by the label of the target.

The comparison page, the CSV files and the JSON file are all made from this model.
`comparison.schema.yaml` describes the JSON; its keys are the names of the attributes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from contracts.compare.documents.kinds import Conformance, DifferenceKind, Section
from contracts.compare.documents.timeline import DatedChange
from contracts.judging.outcome import FeatureVerdict
from contracts.text import NO_VALUE

__all__ = [
    "FORMAT",
    "NO_VALUE",
    "Comparison",
    "ComparisonRow",
    "Conformance",
    "Contradiction",
    "DifferenceKind",
    "Fact",
    "MeasuredBehavior",
    "MeasuredTarget",
    "OperationColumn",
    "OperationTable",
    "ParameterOutcome",
    "ProviderCell",
    "ProviderColumn",
    "Section",
    "Statement",
    "TargetMeasurements",
    "TaskKindColumn",
    "TaskTable",
]

TIMELINE = "timeline"
FORMAT = "imageparity-comparison/1"


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One statement of a document about a feature, such as the maximum of a field.

    `value` is any JSON value. `source` is the cited page, as `SOURCE-ID#PLACE`. `basis`
    is the kind of evidence: `documented`, `reference` or `assumed`. `pointer` is the
    place in the provider's folder, as `openapi.yaml#/…`; "" if there is none.
    """

    value: Any
    source: str = ""
    basis: str = "documented"
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class MeasuredBehavior:
    """
    The behaviour of one target for one feature, measured in `asked` responses.

    `verdict` is None unless the feature is a request field. `value` is the actual
    value, or the provider's name of a renamed field; "" if unknown. `note`,
    `fingerprint` and `case` are those of the finding that shows the behaviour, or else
    of the most severe finding; "" if there is none.
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
    The statement of one provider's document about one feature.

    `value` is the statement in words, made from `facts`. The page that it was read from
    is `source`, with the title, URL and date of that page. `stated` is false if the
    document says nothing about the feature. `wire` holds the provider's own names of a
    field, separated by commas; "" if it has the canonical name only.

    Cells of a row with the same `letter` state the same; `A` is the most common
    statement. `differs_in` names the facts that differ from cells with the letter `A`.
    `measured` holds the behaviour of this provider's targets, by label of the target.
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
        """
        The values of the facts to compare with other cells, by name.

        These are documented facts, and facts with the same basis as the cell. Empty if
        the document says nothing about the feature.
        """
        if not self.stated:
            return {}
        firm = ("documented", self.basis)
        return {
            name: fact.value for name, fact in self.facts.items() if fact.basis in firm
        }


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """
    One feature at every provider; `cells` are by provider id.

    `id` is a stable path, such as `createImage/request/size`, and `feature` the label
    to show. `group` is an operation, `transport` or `money`. `majority` is the value of
    the most common statement, "" if two statements are equally common. `kinds` are the
    differences in the row, the heaviest first; empty if there is none.
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
        """True if the feature is a request field; then measurements have a verdict."""
        return "/request/" in self.id

    @property
    def differs(self) -> bool:
        return bool(self.kinds)

    @property
    def documents_differ(self) -> bool:
        return DifferenceKind.PEERS_DIFFER in self.kinds


@dataclass(frozen=True, slots=True)
class ProviderColumn:
    """A provider: `document` is the version of its document, not the text."""

    id: str
    title: str
    document: str
    operations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasuredTarget:
    """
    A server that a report has measurements of.

    `label` is unique in the comparison. `provider` is the provider id. `started` is the
    start of the run in ISO 8601, "" if unknown. `is_mock` is None if unknown. `asked`
    is the number of requests.
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
    """
    The measured behaviour of one target, by row id.

    `divergent` are the ids of rows in which a comparison of servers raised an alarm.
    """

    target: MeasuredTarget
    measured: Mapping[str, MeasuredBehavior]
    divergent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ParameterOutcome:
    """
    The verdict on one request field at one target, for a summary line.

    `title` is the target's title. `fingerprint` is that of the finding that shows the
    verdict, "" if there is none.
    """

    title: str
    operation: str
    member: str
    verdict: FeatureVerdict
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One side of a contradiction: the text in `says`, and the page that states it."""

    says: str
    source: str
    source_title: str = ""
    source_url: str = ""
    source_date: str = ""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """
    Two or more statements of a provider's own pages that exclude each other.

    `pointer` is the place of the note in the provider's folder. `place` is the id of
    the row that it is about, "" if there is none. `reading` explains the interpretation
    that the document follows, "" if it follows none.
    """

    id: str
    provider: str
    place: str
    pointer: str
    statements: tuple[Statement, ...]
    reading: str = ""


@dataclass(frozen=True, slots=True)
class TaskKindColumn:
    """
    A kind of long-running task of a provider; `id` is such as `gateway/videoTask`.

    `document` is the version of the provider's document, `medium` that of the result.
    `operation` is the first operation that creates such a task.
    """

    id: str
    provider: str
    kind: str
    title: str
    medium: str
    document: str
    operation: str


@dataclass(frozen=True, slots=True)
class TaskTable:
    """The long-running tasks: a column per kind; `cells` of rows are by column id."""

    columns: tuple[TaskKindColumn, ...] = ()
    rows: tuple[ComparisonRow, ...] = ()

    @property
    def differing_rows(self) -> list[ComparisonRow]:
        return [each for each in self.rows if each.differs]


@dataclass(frozen=True, slots=True)
class OperationColumn:
    """An operation whose response has images; `id` is such as `gateway/createImage`."""

    id: str
    provider: str
    operation: str
    title: str
    document: str


@dataclass(frozen=True, slots=True)
class OperationTable:
    """The operations that make images; `cells` of rows are by column id."""

    columns: tuple[OperationColumn, ...] = ()
    rows: tuple[ComparisonRow, ...] = ()

    @property
    def differing_rows(self) -> list[ComparisonRow]:
        return [each for each in self.rows if each.differs]


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    The whole table: a column per provider and a row per feature.

    Where a provider responds with images, the columns are the providers that do, and
    `rows` are about images. `tasks` are the long-running tasks of all providers.
    `operations` are the operations that make images, where there are unusual ones.
    `targets` are the servers with measurements in the cells; empty if the documents
    alone were compared. `timeline` has the changes between states of one document.
    """

    providers: tuple[ProviderColumn, ...]
    rows: tuple[ComparisonRow, ...]
    contradictions: tuple[Contradiction, ...] = ()
    targets: tuple[MeasuredTarget, ...] = ()
    tasks: TaskTable = TaskTable()
    timeline: tuple[DatedChange, ...] = ()
    operations: OperationTable = OperationTable()

    @property
    def all_rows(self) -> list[ComparisonRow]:
        """The rows of all tables: about images, operations and tasks."""
        return [*self.rows, *self.operations.rows, *self.tasks.rows]

    @property
    def differing_rows(self) -> list[ComparisonRow]:
        return [each for each in self.rows if each.differs]

    @property
    def agreeing_rows(self) -> list[ComparisonRow]:
        return [each for each in self.rows if not each.differs]

    def count(self, kind: DifferenceKind) -> int:
        """The number of rows with a difference of this kind."""
        return sum(kind in each.kinds for each in self.rows)

    def select(self, patterns: Sequence[str]) -> "Comparison":
        """
        The rows that match a pattern, with their contradictions.

        A pattern is a group, a section, a feature or a glob of row ids. An id without
        wildcards also matches all ids below it; `timeline` is the time line.
        """
        rows, task_rows, operation_rows = (
            tuple(row for row in table if any(_matches(e, row) for e in patterns))
            for table in (self.rows, self.tasks.rows, self.operations.rows)
        )
        kept = {row.id for row in (*rows, *task_rows, *operation_rows)}
        return replace(
            self,
            rows=rows,
            tasks=replace(self.tasks, rows=task_rows),
            operations=replace(self.operations, rows=operation_rows),
            contradictions=tuple(e for e in self.contradictions if e.place in kept),
            timeline=self.timeline if TIMELINE in patterns else (),
        )

    def as_json(self) -> dict[str, Any]:
        """The JSON object that `comparison.schema.yaml` describes."""
        value = {"format": FORMAT, **asdict(self)}
        tables = (value, value["operations"], value["tasks"])
        records = [record for table in tables for record in table["rows"]]
        for record, row in zip(records, self.all_rows, strict=True):
            record["kind"] = row.kinds[0] if row.kinds else None
            record["differs"] = row.differs
            record["is_member"] = row.is_member
        return value


def _matches(pattern: str, row: ComparisonRow) -> bool:
    return (
        pattern in (row.group, row.section, row.feature)
        or fnmatchcase(row.id, pattern)
        or row.id.startswith(f"{pattern.rstrip('/')}/")
    )
