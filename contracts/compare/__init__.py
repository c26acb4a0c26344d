"""
Where providers differ: paper against paper, and deed against deed.

The documents alone say most of it. With the reports of runs, each feature also has
what the servers did about it.
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
    ParameterOutcome,
    ProviderCell,
    ProviderColumn,
    Section,
    Statement,
)
from contracts.compare.documents.rows import rows
from contracts.compare.measured.merge import collect_measurements, with_measurements
from contracts.compare.measured.read import read
from contracts.compare.servers.model import Differences
from contracts.report.model import Report
from specs import Provider, SpecError, load

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
    "ParameterOutcome",
    "ProviderCell",
    "ProviderColumn",
    "Section",
    "Statement",
    "compare",
    "parameter_outcomes",
    "providers_of",
    "read",
]


def compare(
    providers: Sequence[Provider], reports: Sequence[Report | Differences] = ()
) -> Comparison:
    """
    What the documents of some providers say, side by side.

    With `reports`, also what their targets did, as far as they claim to be one of
    these providers.
    """
    table = tuple(rows(providers))
    known = collect_measurements(reports, providers)
    return Comparison(
        providers=tuple(
            ProviderColumn(each.id, each.title, each.version, tuple(each.operations))
            for each in providers
        ),
        rows=tuple(with_measurements(table, known)),
        contradictions=tuple(contradictions(providers, table)),
        targets=tuple(each.target for each in known),
    )


def providers_of(report: Report, *folders: str | Path) -> Iterator[Provider]:
    """
    The providers that a report is about, by the same documents as it was made with.

    `folders` are those of further providers. One whose document is not at hand, or is
    of another version, is left out: it may say something else.
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
    """What became of each parameter that was asked about, target by target."""
    for each in collect_measurements([report], providers):
        for row, measured in each.measured.items():
            operation, is_member, member = row.partition("/request/")
            verdict = measured.verdict
            if is_member and verdict is not None and measured.asked:
                title, shown = each.target.title, measured.fingerprint
                yield ParameterOutcome(title, operation, member, verdict, shown)
