"""Deed against paper and deed against deed: the rows with what targets did."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from contracts.compare.documents.model import (
    ComparisonRow,
    Conformance,
    DifferenceKind,
    MeasuredBehavior,
    ProviderCell,
    TargetMeasurements,
)
from contracts.compare.measured.from_run import measurements_of_run
from contracts.compare.measured.from_servers import measurements_of_differences
from contracts.compare.servers.model import Differences
from contracts.judging.outcome import FeatureVerdict
from contracts.report.model import Report
from specs import Provider


def collect_measurements(
    reports: Sequence[Report | Differences], providers: Sequence[Provider]
) -> list[TargetMeasurements]:
    """The deeds in some reports of the targets that claim to be these providers."""
    known = {each.id: each for each in providers}
    found: list[TargetMeasurements] = []
    taken: dict[str, int] = {}
    for report in reports:
        for each in _measurements_of(report, known):
            label = each.target.label
            taken[label] = taken.get(label, 0) + 1
            own = label if taken[label] == 1 else f"{label} {taken[label]}"
            found.append(replace(each, target=replace(each.target, label=own)))
    return found


def _measurements_of(
    report: Report | Differences, known: Mapping[str, Provider]
) -> Iterator[TargetMeasurements]:
    if isinstance(report, Report):
        return measurements_of_run(report, known)
    return measurements_of_differences(report, known)


def with_measurements(
    rows: Sequence[ComparisonRow], measurements: Sequence[TargetMeasurements]
) -> Iterator[ComparisonRow]:
    """The rows with what the targets did, and the kinds of difference that shows."""
    for row in rows:
        cells = {
            provider: replace(
                cell,
                measured={
                    each.target.label: each.measured[row.id]
                    for each in measurements
                    if each.target.provider == provider and row.id in each.measured
                },
            )
            for provider, cell in row.cells.items()
        }
        is_apart = any(row.id in each.divergent for each in measurements)
        kinds = tuple(_kinds(row, list(cells.values()), is_divergent=is_apart))
        yield replace(row, cells=cells, kinds=kinds)


def _kinds(
    row: ComparisonRow, cells: Sequence[ProviderCell], *, is_divergent: bool
) -> Iterator[DifferenceKind]:
    pairs = [(cell, each) for cell in cells for each in cell.measured.values()]
    if any(each.standing is Conformance.BROKEN for _, each in pairs):
        yield DifferenceKind.OWN_DOCUMENT
    if is_divergent or any(
        one.letter == two.letter and one.stated and _differ(mine, theirs)
        for (one, mine), (two, theirs) in combinations(pairs, 2)
    ):
        yield DifferenceKind.PEERS_AGREE
    if row.documents_differ:
        yield DifferenceKind.PEERS_DIFFER


def _differ(one: MeasuredBehavior, two: MeasuredBehavior) -> bool:
    """Whether two deeds are not the same, as far as both are known."""
    if Conformance.UNTESTED in (one.standing, two.standing):
        return False
    words = {_verdict_key(one), _verdict_key(two)} - {""}
    breaks = [each.standing is Conformance.BROKEN for each in (one, two)]
    return len(words) > 1 or breaks[0] is not breaks[1]


def _verdict_key(each: MeasuredBehavior) -> str:
    if each.verdict in (None, FeatureVerdict.UNTESTED):
        return ""
    is_heeded = each.verdict in (FeatureVerdict.HONOURED, FeatureVerdict.RENAMED)
    return FeatureVerdict.HONOURED if is_heeded else str(each.verdict)
