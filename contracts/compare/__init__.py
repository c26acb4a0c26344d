"""
Comparison of providers by their documents and by the measured behaviour of servers.

`documents` compares the documents. `servers` sends the same requests to several
servers. `measured` adds the results of reports to a comparison of documents.
`migration` analyses the move of a caller from one provider to another.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from contracts.compare.documents.contradictions import contradictions
from contracts.compare.documents.model import (
    FORMAT,
    NO_VALUE,
    Comparison,
    ComparisonRow,
    Conformance,
    Contradiction,
    DifferenceKind,
    Fact,
    MeasuredBehavior,
    MeasuredTarget,
    OperationColumn,
    OperationTable,
    ParameterOutcome,
    ProviderCell,
    ProviderColumn,
    Section,
    Statement,
    TaskKindColumn,
    TaskTable,
)
from contracts.compare.documents.operations import operation_table
from contracts.compare.documents.rows import rows
from contracts.compare.documents.tasks.rows import task_table
from contracts.compare.documents.timeline import DatedChange, timeline
from contracts.compare.measured.merge import (
    collect_measurements,
    with_field_measurements,
    with_measurements,
)
from contracts.compare.measured.read import read
from contracts.compare.servers.model import Differences
from contracts.media.registry import image_operations
from contracts.report.model import Report
from specs import Provider, SpecError, load

__all__ = [
    "FORMAT",
    "NO_VALUE",
    "Comparison",
    "ComparisonRow",
    "Conformance",
    "Contradiction",
    "DatedChange",
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
    "TaskKindColumn",
    "TaskTable",
    "compare",
    "parameter_outcomes",
    "providers_of",
    "read",
]


def compare(
    providers: Sequence[Provider], reports: Sequence[Report | Differences] = ()
) -> Comparison:
    """
    Compare the documents of providers, feature by feature, and their tasks.

    With `reports`, the cells also have the measured behaviour of the targets of these
    providers; targets of other providers are ignored.
    """
    columns = [each for each in providers if image_operations(each)] or providers
    table = tuple(rows(columns))
    tasks, operations = task_table(providers), operation_table(providers)
    measurements = collect_measurements(reports, providers)
    return Comparison(
        providers=tuple(
            ProviderColumn(each.id, each.title, each.version, tuple(each.operations))
            for each in columns
        ),
        rows=tuple(with_measurements(table, measurements)),
        contradictions=tuple(
            contradictions(providers, (*table, *operations.rows, *tasks.rows))
        ),
        targets=tuple(each.target for each in measurements),
        tasks=with_field_measurements(tasks, measurements),
        timeline=tuple(timeline(providers)),
        operations=with_field_measurements(operations, measurements),
    )


def providers_of(report: Report, *folders: str | Path) -> Iterator[Provider]:
    """
    The providers of a report's targets.

    `folders` are the folders of further providers. A provider is left out if its
    document cannot be loaded or has another version than the one of the report.
    """
    for target in report.metadata.targets:
        try:
            provider = load(target.provider, *folders)
        except SpecError:
            continue
        if provider.version == target.document:
            yield provider


def parameter_outcomes(
    report: Report, providers: Sequence[Provider]
) -> Iterator[ParameterOutcome]:
    """The verdicts on all request fields that were sent, target by target."""
    for measurements in collect_measurements([report], providers):
        title = measurements.target.title
        for row_id, behavior in measurements.measured.items():
            operation, is_field, field = row_id.partition("/request/")
            verdict = behavior.verdict
            if is_field and verdict is not None and behavior.asked:
                yield ParameterOutcome(
                    title, operation, field, verdict, behavior.fingerprint
                )
