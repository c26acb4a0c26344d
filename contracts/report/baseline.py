"""The baseline: a reviewed file with accepted findings."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.errors import HarnessError
from contracts.report.failure_policy import FailurePolicy
from contracts.report.file import atomic_write
from contracts.report.model import Finding, Report
from contracts.report.records import changed_options, option_text
from contracts.report.summary import FindingSummary, all_findings, provider_summaries
from contracts.text import one_line
from specs import SpecError
from specs.documents.reading.yaml_files import read_yaml, yaml_text
from specs.validation.engine import compile_validator

FORMAT = "imageparity-baseline/1"
REASON_PLACEHOLDER = "to be given"
FILE_HEADER = """\
# Accepted findings: `imageparity gate` does not fail on them.
# Written by `imageparity gate --update`, which keeps `reason` and `until` of each
# entry, but no other comments.
"""


class BadBaseline(HarnessError, ValueError):
    """A file that is not a baseline; the message has the entry and what to do."""


@dataclass(frozen=True, slots=True)
class AcceptedFinding:
    """
    An accepted finding, with the reason; `since` and `until` are ISO dates.

    `members` are the fingerprints of its failed checks; empty for a failed check.
    """

    fingerprint: str
    provider: str
    kind: str
    claim: str
    says: str
    reason: str
    since: str
    until: str | None = None
    members: tuple[str, ...] = ()

    @property
    def is_reason_missing(self) -> bool:
        return self.reason == REASON_PLACEHOLDER

    def is_expired(self, today: date) -> bool:
        return self.until is not None and date.fromisoformat(self.until) < today


@dataclass(frozen=True, slots=True)
class GateResult:
    """
    The findings of a report compared with a baseline, each in one class.

    `new` and `expired` findings fail. `fixed` are entries without a finding, but with a
    tested claim; `stale` are these if they fail. `untested` are entries with an
    untested claim.
    """

    new: tuple[FindingSummary, ...] = ()
    expired: tuple[tuple[FindingSummary, AcceptedFinding], ...] = ()
    accepted: tuple[tuple[FindingSummary, AcceptedFinding], ...] = ()
    fixed: tuple[AcceptedFinding, ...] = ()
    untested: tuple[AcceptedFinding, ...] = ()
    stale: tuple[AcceptedFinding, ...] = ()

    @property
    def passes(self) -> bool:
        return not self.new and not self.expired and not self.stale


@dataclass(frozen=True)
class Baseline:
    """
    Accepted findings, sorted by provider and claim.

    `calls` has, by provider, the options with which the server of the accepted report
    was called, by name.
    """

    accepted: tuple[AcceptedFinding, ...] = field(default=())
    calls: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> "Baseline":
        """The baseline in a file; empty if there is no file. Raises `BadBaseline`."""
        path = Path(path)
        if not path.exists():
            return cls()
        try:
            content = read_yaml(path.parent, path.name)
            invalid = next(iter(_schema().iter_errors(content)), None)
        except SpecError as error:
            raise BadBaseline(f"{path} {error.problem}. {error.remedy}") from None
        except (RecursionError, ValueError):  # of the YAML reader or the validator
            raise BadBaseline(f"{path} is nested too deeply for a baseline") from None
        if invalid is not None:
            place = "/".join(map(str, invalid.instance_path)) or "the file"
            raise BadBaseline(f"{path}: {place}: {invalid.message[:200]}")
        entries = [
            AcceptedFinding(**{**each, "members": tuple(each.get("members", ()))})
            for each in content["accepted"]
        ]
        _validate_entries(path, entries)
        return cls(_sort_entries(entries), content.get("calls", {}))

    def write(self, path: str | Path) -> None:
        """Write the file atomically: as JSON if its name ends in `.json`, or YAML."""
        rows = [dict(_row_items(each)) for each in self.accepted]
        content: dict[str, Any] = {"format": FORMAT, "accepted": rows}
        if self.calls:
            content["calls"] = self.calls
        with atomic_write(path) as out:
            if Path(path).suffix == ".json":
                out.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            else:
                out.write(FILE_HEADER + yaml_text(content))

    def judge(
        self,
        report: Report,
        today: date,
        fail_on: FailurePolicy,
        *,
        strict: bool = False,
    ) -> GateResult:
        """
        Compare the failing findings of a report with the baseline.

        A finding is accepted by an entry of its own, or by entries for all of its
        failed checks that fail. With `strict`, entries without a finding fail.
        """
        found = all_findings(provider_summaries(report))
        checks = {each.fingerprint: each for each in report.failed_checks}
        seen = {*checks, *(name for e in found for name in e.finding.fingerprints)}
        new: list[FindingSummary] = []
        known: list[tuple[FindingSummary, AcceptedFinding]] = []
        for summary in found:
            if fail_on.fails(summary.finding):
                failing = _with_failing_members(summary, checks, fail_on)
                entry = self._entry_for(failing.finding, today)
                if entry is None:
                    new.append(failing)
                else:
                    known.append((failing, entry))
        unseen = [
            each
            for each in self.accepted
            if seen.isdisjoint({each.fingerprint, *each.members})
        ]
        tested = _tested_claims(report)
        fixed = tuple(each for each in unseen if _is_tested(each, tested))
        return GateResult(
            new=tuple(new),
            expired=tuple(pair for pair in known if pair[1].is_expired(today)),
            accepted=tuple(pair for pair in known if not pair[1].is_expired(today)),
            fixed=() if strict else fixed,
            untested=tuple(each for each in unseen if not _is_tested(each, tested)),
            stale=fixed if strict else (),
        )

    def _entry_for(self, finding: Finding, today: date) -> AcceptedFinding | None:
        """The entry that accepts a finding, an expired one first; None if none does."""
        own = self._by_fingerprint.get(finding.fingerprint)
        if own is not None:
            return own
        entries = [self._by_check.get(each) for each in finding.failed_checks]
        found = [each for each in entries if each is not None]
        if not found or len(found) < len(entries):
            return None
        return min(found, key=lambda each: not each.is_expired(today))

    @cached_property
    def _by_fingerprint(self) -> Mapping[str, AcceptedFinding]:
        return {each.fingerprint: each for each in self.accepted}

    @cached_property
    def _by_check(self) -> Mapping[str, AcceptedFinding]:
        """The entry of each fingerprint that the baseline has, also as a member."""
        members = {name: each for each in self.accepted for name in each.members}
        return {**members, **self._by_fingerprint}

    def entry_for_check(self, fingerprint: str) -> AcceptedFinding | None:
        """The entry that accepts a failed check; None if none does."""
        return self._by_check.get(fingerprint)

    def update(
        self,
        result: GateResult,
        today: date,
        *,
        reason: str | None,
        until: date | None,
    ) -> "Baseline":
        """The baseline with new and expired findings accepted, fixed ones removed."""
        last = until.isoformat() if until else None
        fixed = {each.fingerprint for each in (*result.fixed, *result.stale)}
        renewed = {
            name
            for summary, entry in result.expired
            for name in (entry.fingerprint, *summary.finding.members)
        }
        kept = [
            replace(each, reason=reason or each.reason, until=last)
            if each.is_expired(today)
            and not renewed.isdisjoint({each.fingerprint, *each.members})
            else each
            for each in self.accepted
            if each.fingerprint not in fixed
        ]
        added = [
            _accept(each, today, reason or REASON_PLACEHOLDER, last)
            for each in result.new
        ]
        return replace(self, accepted=_sort_entries([*kept, *added]))

    def with_calls(self, report: Report) -> "Baseline":
        """The baseline with the way in which the servers of a report were called."""
        found = {
            each.provider: each.call.options
            for each in report.metadata.targets
            if each.call is not None
        }
        return replace(self, calls={**self.calls, **found})

    def call_differences(self, report: Report) -> Iterator[str]:
        """Yield a sentence per server that was called otherwise than for this file."""
        for target in report.metadata.targets:
            before = self.calls.get(target.provider)
            now = target.call.options if target.call else None
            if before is None or now is None or before == now:
                continue
            names = changed_options(before, now)
            yield (
                f"{target.title}: the accepted findings are of a run with "
                f"{_call_text(before, names)}, this report is of one with "
                f"{_call_text(now, names)}"
            )


def _call_text(options: Mapping[str, str], names: Iterable[str]) -> str:
    return " and ".join(option_text(options, name) for name in names)


def _accept(
    summary: FindingSummary, today: date, reason: str, until: str | None
) -> AcceptedFinding:
    finding = summary.finding
    return AcceptedFinding(
        fingerprint=finding.fingerprint,
        provider=summary.target.provider,
        kind=finding.kind.value,
        claim=finding.claim,
        says=one_line(summary.headline),
        reason=reason,
        since=today.isoformat(),
        until=until,
        members=tuple(sorted(finding.members)),
    )


def _with_failing_members(
    summary: FindingSummary, checks: Mapping[str, Finding], fail_on: FailurePolicy
) -> FindingSummary:
    """The summary without the failed checks that are warnings by themselves."""
    members = tuple(
        each
        for each in summary.finding.members
        if each not in checks or fail_on.fails(checks[each])
    )
    return replace(summary, finding=replace(summary.finding, members=members))


def _row_items(entry: AcceptedFinding) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an entry as the file has them, without empty ones."""
    for column in fields(entry):
        value = getattr(entry, column.name)
        if isinstance(value, tuple):
            value = list(value) or None
        if value is not None:
            yield column.name, value


@cache
def _schema() -> Any:
    return compile_validator(
        read_yaml(files("contracts.report"), "baseline.schema.yaml")
    )


def _validate_entries(path: Path, entries: Iterable[AcceptedFinding]) -> None:
    known: set[str] = set()
    for entry in entries:
        if entry.fingerprint in known:
            raise BadBaseline(
                f"{path}: duplicate entry {entry.fingerprint}: remove one of them"
            )
        known.add(entry.fingerprint)
        for name in ("since", "until"):
            value = getattr(entry, name)
            try:
                date.fromisoformat(value or "2000-01-01")
            except ValueError:
                raise BadBaseline(
                    f"{path}: {entry.fingerprint}: {name} is not a date: {value}; "
                    "write YYYY-MM-DD"
                ) from None


def _sort_entries(entries: Iterable[AcceptedFinding]) -> tuple[AcceptedFinding, ...]:
    return tuple(
        sorted(entries, key=lambda each: (each.provider, each.claim, each.fingerprint))
    )


def _tested_claims(report: Report) -> Mapping[str, set[str]]:
    """The tested claims by provider; empty if the run stopped early."""
    if report.stopped is not None:
        return {}
    return {
        target.provider: {each.id for each in target.claims if each.asked}
        for target in report.metadata.targets
    }


def _is_tested(entry: AcceptedFinding, tested_claims: Mapping[str, set[str]]) -> bool:
    return entry.claim in tested_claims.get(entry.provider, set())
