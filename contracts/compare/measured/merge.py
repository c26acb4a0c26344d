"""Deed against paper and deed against deed: the rows with what targets did."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from contracts.compare.documents.model import Cell, Deeds, Kind, Measured, Row, Standing
from contracts.compare.measured.from_run import of_run
from contracts.compare.measured.from_servers import of_differences
from contracts.compare.servers.model import Differences
from contracts.judging.outcome import Verdict
from contracts.report.model import Report
from specs import Provider


def deeds(
    reports: Sequence[Report | Differences], providers: Sequence[Provider]
) -> list[Deeds]:
    """The deeds in some reports of the targets that claim to be these providers."""
    known = {each.id: each for each in providers}
    found: list[Deeds] = []
    taken: dict[str, int] = {}
    for report in reports:
        for each in _of(report, known):
            label = each.target.label
            taken[label] = taken.get(label, 0) + 1
            own = label if taken[label] == 1 else f"{label} {taken[label]}"
            found.append(replace(each, target=replace(each.target, label=own)))
    return found


def _of(report: Report | Differences, known: Mapping[str, Provider]) -> Iterator[Deeds]:
    if isinstance(report, Report):
        return of_run(report, known)
    return of_differences(report, known)


def with_deeds(rows: Sequence[Row], known: Sequence[Deeds]) -> Iterator[Row]:
    """The rows with what the targets did, and the kinds of difference that shows."""
    for row in rows:
        cells = {
            provider: replace(
                cell,
                measured={
                    each.target.label: each.measured[row.id]
                    for each in known
                    if each.target.provider == provider and row.id in each.measured
                },
            )
            for provider, cell in row.cells.items()
        }
        is_apart = any(row.id in each.apart for each in known)
        kinds = tuple(_kinds(row, list(cells.values()), is_apart=is_apart))
        yield replace(row, cells=cells, kinds=kinds)


def _kinds(row: Row, cells: Sequence[Cell], *, is_apart: bool) -> Iterator[Kind]:
    pairs = [(cell, each) for cell in cells for each in cell.measured.values()]
    if any(each.standing is Standing.BROKEN for _, each in pairs):
        yield Kind.OWN
    if is_apart or any(
        one.letter == two.letter and one.stated and _differ(mine, theirs)
        for (one, mine), (two, theirs) in combinations(pairs, 2)
    ):
        yield Kind.AGREE
    if row.documents_differ:
        yield Kind.DIFFER


def _differ(one: Measured, two: Measured) -> bool:
    """Whether two deeds are not the same, as far as both are known."""
    if Standing.UNTESTED in (one.standing, two.standing):
        return False
    words = {_word(one), _word(two)} - {""}
    breaks = [each.standing is Standing.BROKEN for each in (one, two)]
    return len(words) > 1 or breaks[0] is not breaks[1]


def _word(each: Measured) -> str:
    if each.verdict in (None, Verdict.UNTESTED):
        return ""
    is_heeded = each.verdict in (Verdict.HONOURED, Verdict.RENAMED)
    return Verdict.HONOURED if is_heeded else str(each.verdict)
