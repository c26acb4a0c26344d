"""
Merge the reports of several processes into the one that a single process writes.

A report holds one server per provider. The targets of the merged report are in the
order of their ids, as `run` without PROVIDER has them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from contracts.errors import HarnessError
from contracts.report.model import (
    CallRecord,
    Finding,
    Outcome,
    Report,
    RunMetadata,
    TargetRecord,
)
from contracts.report.records import SelectionRecord, changed_options, option_text


class CannotMerge(HarnessError, ValueError):
    """Reports of different runs; the message names the files and the difference."""


@dataclass(frozen=True, slots=True)
class MergedTarget:
    """A target with its outcomes in the order of its cases, and their causes."""

    record: TargetRecord
    outcomes: Sequence[Outcome]
    causes: tuple[Finding, ...]


Rebuild = Callable[[RunMetadata, TargetRecord, Sequence[Outcome]], MergedTarget]
"""Orders the outcomes of a target that several reports share, and groups them."""


@dataclass(frozen=True)
class _Part:
    """One target of one report."""

    path: str
    report: Report
    target: TargetRecord

    @cached_property
    def outcomes(self) -> dict[str, Outcome]:
        provider = self.target.provider
        rows = self.report.outcomes
        return {each.case: each for each in rows if each.provider == provider}

    @property
    def causes(self) -> tuple[Finding, ...]:
        provider, causes = self.target.provider, self.report.causes or ()
        return tuple(each for each in causes if each.provider == provider)

    @property
    def is_complete(self) -> bool:
        return len(self.outcomes) >= self.target.planned


def merge_reports(paths: Sequence[Path], rebuild: Rebuild | None = None) -> Report:
    """
    The report of one process for all targets and cases in some report files.

    The order of the files does not matter. `rebuild` is needed where several files have
    a part of the cases of one target; None refuses these. Raises `BadReport` for a file
    that is no complete report, and `CannotMerge`.
    """
    if not paths:
        raise CannotMerge("no report is given: name at least one file")
    return merge([(str(path), Report.read(path)) for path in paths], rebuild)


def merge(named: Sequence[tuple[str, Report]], rebuild: Rebuild | None) -> Report:
    """As `merge_reports`, of reports with their names. Raises `CannotMerge`."""
    first = named[0]
    for other in named[1:]:
        _check_run(first, other)
    parts = [
        _Part(path, report, target)
        for path, report in named
        for target in report.metadata.targets
    ]
    _check_selections(parts)
    metadata = min((report.metadata for _, report in named), key=_by_start)
    merged = [
        _merged_target(list(group), metadata, rebuild)
        for _, group in groupby(sorted(parts, key=_by_provider), key=_by_provider)
    ]
    return Report(
        metadata=replace(metadata, targets=tuple(each.record for each in merged)),
        outcomes=tuple(row for each in merged for row in each.outcomes),
        stopped=_stopped([report for _, report in named], merged),
        causes=None
        if any(report.causes is None for _, report in named)
        else tuple(cause for each in merged for cause in each.causes),
    )


def _by_start(metadata: RunMetadata) -> str:
    return metadata.started


def _by_provider(part: _Part) -> str:
    return part.target.provider


def _check_run(one: tuple[str, Report], other: tuple[str, Report]) -> None:
    """Raise `CannotMerge` for another version or seed."""
    for name in ("version", "seed"):
        values = [getattr(report.metadata, name) for _, report in (one, other)]
        _check_equal(f"the {name}", one[0], values[0], other[0], values[1])


def _check_equal(name: str, path: str, value: Any, other_path: str, other: Any) -> None:
    if value != other:
        raise CannotMerge(
            f"{path} and {other_path} are of different runs: {name} is {value} in the "
            f"first and {other} in the second"
        )


def _check_selections(parts: Sequence[_Part]) -> None:
    """Raise `CannotMerge` for other options that select cases."""
    known = [each for each in parts if each.target.selection is not None]
    for part in known[1:]:
        first = known[0].target.selection or SelectionRecord()
        own = part.target.selection or SelectionRecord()
        for name, value in asdict(first).items():
            other = asdict(own)[name]
            _check_equal(
                f"the selection '{name}'", known[0].path, value, part.path, other
            )


def _check_target(one: _Part, other: _Part) -> None:
    """Raise `CannotMerge` if a provider was another document, or another server."""
    target, own = one.target, other.target
    # The port of a mock is another one in each process.
    names = ("document", "document_sha256", "is_mock", "currency")
    for name in names if target.is_mock else (*names, "base_url"):
        values = getattr(target, name), getattr(own, name)
        label = f"{name} of {target.provider}"
        _check_equal(label, one.path, values[0], other.path, values[1])
    options, own_options = (
        (each.call or CallRecord()).options for each in (target, own)
    )
    for name in changed_options(options, own_options)[:1]:
        texts = option_text(options, name), option_text(own_options, name)
        label = f"the call of {target.provider}"
        _check_equal(label, one.path, texts[0], other.path, texts[1])


def _merged_target(
    parts: Sequence[_Part], metadata: RunMetadata, rebuild: Rebuild | None
) -> MergedTarget:
    for part in parts[1:]:
        _check_target(parts[0], part)
    outcomes = _union(parts)
    whole = [each for each in parts if each.outcomes == outcomes]
    if whole:
        part = min(whole, key=lambda each: _by_start(each.report.metadata))
        return MergedTarget(part.target, list(part.outcomes.values()), part.causes)
    if rebuild is None:
        names = " and ".join(each.path for each in parts[:2])
        raise CannotMerge(
            f"{names} each have a part of the cases of {parts[0].target.provider}: "
            "merge them with `imageparity merge`"
        )
    target = min(
        (each.target for each in parts),
        key=lambda each: (-each.planned, each.base_url),
    )
    return rebuild(metadata, target, list(outcomes.values()))


def _union(parts: Iterable[_Part]) -> dict[str, Outcome]:
    """The outcome of each case. Raises `CannotMerge` for two different ones."""
    found: dict[str, tuple[str, Outcome]] = {}
    for part in parts:
        for case, outcome in part.outcomes.items():
            path, known = found.setdefault(case, (part.path, outcome))
            if known == outcome or _gives_way(outcome, known):
                continue
            if not _gives_way(known, outcome):
                raise CannotMerge(_conflict(path, known, part.path, outcome))
            found[case] = part.path, outcome
    return {case: outcome for case, (_, outcome) in found.items()}


def _gives_way(outcome: Outcome, other: Outcome) -> bool:
    """True if a case was not tested in one run, and tested in the other."""
    return outcome.reason_not_tested is not None and other.reason_not_tested is None


def _conflict(path: str, known: Outcome, other_path: str, outcome: Outcome) -> str:
    before, now = asdict(known), asdict(outcome)
    name = next(key for key in before if before[key] != now[key])
    values = (
        f": {before[name]} in the first and {now[name]} in the second"
        if name not in {"findings", "fields"}
        else ""
    )
    return (
        f"{path} and {other_path} have different outcomes of the case {known.case} of "
        f"{known.provider}: they differ in '{name}'{values}"
    )


def _stopped(reports: Sequence[Report], merged: Sequence[MergedTarget]) -> str | None:
    """The reason why the whole is incomplete; None if every case has an outcome."""
    complete = {
        each.record.provider
        for each in merged
        if len(each.outcomes) >= each.record.planned
    }
    return min(_reasons(reports, complete), key=_STOPS.index, default=None)


_STOPS = ("errors", "interrupt", "budget")  # the most severe first


def _reasons(reports: Iterable[Report], complete: set[str]) -> Iterator[str]:
    for report in reports:
        providers = {each.provider for each in report.metadata.targets}
        if report.stopped and not (providers and providers <= complete):
            yield report.stopped
