"""Measured behaviour in the rows of a comparison, and the differences it shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

from contracts.compare.documents.model import (
    ComparisonRow,
    Conformance,
    DifferenceKind,
    MeasuredBehavior,
    OperationTable,
    ProviderCell,
    TargetMeasurements,
    TaskTable,
)
from contracts.compare.measured.from_run import measurements_of_run
from contracts.compare.measured.from_servers import measurements_of_differences
from contracts.compare.servers.model import Differences
from contracts.judging.outcome import FeatureVerdict
from contracts.report.model import Report
from specs import Provider

Table = TypeVar("Table", TaskTable, OperationTable)


def collect_measurements(
    reports: Sequence[Report | Differences], providers: Sequence[Provider]
) -> list[TargetMeasurements]:
    """
    The measurements of all targets of these providers, in the order of the reports.

    A label that occurs again gets a number, such as `label 2`.
    """
    known = {each.id: each for each in providers}
    found: list[TargetMeasurements] = []
    counts: dict[str, int] = {}
    for report in reports:
        for measurements in _measurements_of(report, known):
            label = measurements.target.label
            counts[label] = counts.get(label, 0) + 1
            unique = label if counts[label] == 1 else f"{label} {counts[label]}"
            target = replace(measurements.target, label=unique)
            found.append(replace(measurements, target=target))
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
    """The rows with measured behaviour in their cells and the resulting kinds."""
    for row in rows:
        origins = {provider: (provider, row.id) for provider in row.cells}
        yield _with_measured_cells(row, origins, measurements)


def with_field_measurements(
    table: Table, measurements: Sequence[TargetMeasurements]
) -> Table:
    """The table with the measured behaviour of the fields of its operations."""
    rows = []
    for row in table.rows:
        field = row.id.partition("/request/")[2]
        origins = {
            each.id: (each.provider, f"{each.operation}/request/{field}")
            for each in table.columns
            if field
        }
        rows.append(_with_measured_cells(row, origins, measurements))
    return replace(table, rows=tuple(rows))


def _with_measured_cells(
    row: ComparisonRow,
    origins: Mapping[str, tuple[str, str]],
    measurements: Sequence[TargetMeasurements],
) -> ComparisonRow:
    """The row; `origins` are the provider and the measured id of each column."""
    cells = {}
    for column, cell in row.cells.items():
        provider, id_ = origins.get(column, ("", ""))
        measured = {
            each.target.label: each.measured[id_]
            for each in measurements
            if each.target.provider == provider and id_ in each.measured
        }
        cells[column] = replace(cell, measured=measured)
    is_divergent = any(
        id_ in each.divergent for each in measurements for _, id_ in origins.values()
    )
    kinds = tuple(_kinds(row, list(cells.values()), is_divergent=is_divergent))
    return replace(row, cells=cells, kinds=kinds)


def _kinds(
    row: ComparisonRow, cells: Sequence[ProviderCell], *, is_divergent: bool
) -> Iterator[DifferenceKind]:
    pairs = [(cell, each) for cell in cells for each in cell.measured.values()]
    if any(each.standing is Conformance.BROKEN for _, each in pairs):
        yield DifferenceKind.OWN_DOCUMENT
    if is_divergent or any(
        one.letter == two.letter and one.stated and _differ(first, second)
        for (one, first), (two, second) in combinations(pairs, 2)
    ):
        yield DifferenceKind.PEERS_AGREE
    if row.documents_differ:
        yield DifferenceKind.PEERS_DIFFER


def _differ(one: MeasuredBehavior, two: MeasuredBehavior) -> bool:
    """True if two behaviours are known and not the same."""
    if Conformance.UNTESTED in (one.standing, two.standing):
        return False
    verdicts = {_verdict_key(one), _verdict_key(two)} - {""}
    is_broken = [each.standing is Conformance.BROKEN for each in (one, two)]
    return len(verdicts) > 1 or is_broken[0] is not is_broken[1]


def _verdict_key(behavior: MeasuredBehavior) -> str:
    """A text that is equal for verdicts that agree; "" if there is no verdict."""
    if behavior.verdict in (None, FeatureVerdict.UNTESTED):
        return ""
    is_renamed = behavior.verdict is FeatureVerdict.RENAMED
    return FeatureVerdict.HONOURED if is_renamed else str(behavior.verdict)
