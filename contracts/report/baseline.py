"""The baseline: a reviewed file with accepted findings."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.errors import HarnessError
from contracts.report.failure_policy import FailurePolicy
from contracts.report.file import atomic_write
from contracts.report.model import Report
from contracts.report.summary import FindingSummary, all_findings, provider_summaries
from contracts.text import one_line
from specs import SpecError
from specs.documents.yaml_files import read_yaml, yaml_text
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
    """An accepted finding, with the reason; `since` and `until` are ISO dates."""

    fingerprint: str
    provider: str
    kind: str
    claim: str
    says: str
    reason: str
    since: str
    until: str | None = None

    def is_expired(self, today: date) -> bool:
        return self.until is not None and date.fromisoformat(self.until) < today


@dataclass(frozen=True, slots=True)
class GateResult:
    """
    The findings of a report compared with a baseline, each in one class.

    `new` and `expired` findings fail. `fixed` are entries without a finding, but with a
    tested claim; `untested` are entries with an untested claim.
    """

    new: tuple[FindingSummary, ...] = ()
    expired: tuple[tuple[FindingSummary, AcceptedFinding], ...] = ()
    accepted: tuple[tuple[FindingSummary, AcceptedFinding], ...] = ()
    fixed: tuple[AcceptedFinding, ...] = ()
    untested: tuple[AcceptedFinding, ...] = ()

    @property
    def passes(self) -> bool:
        return not self.new and not self.expired


@dataclass(frozen=True, slots=True)
class Baseline:
    """Accepted findings, sorted by provider and claim."""

    accepted: tuple[AcceptedFinding, ...] = field(default=())

    @classmethod
    def read(cls, path: str | Path) -> "Baseline":
        """The baseline in a file; empty if there is no file. Raises `BadBaseline`."""
        path = Path(path)
        if not path.exists():
            return cls()
        try:
            content = _dates_to_text(read_yaml(path.parent, path.name))
            invalid = next(iter(_schema().iter_errors(content)), None)
        except SpecError as error:
            raise BadBaseline(f"{path} {error.problem}. {error.remedy}") from None
        except (RecursionError, ValueError):  # of the YAML reader or the validator
            raise BadBaseline(f"{path} is nested too deeply for a baseline") from None
        if invalid is not None:
            place = "/".join(map(str, invalid.instance_path)) or "the file"
            raise BadBaseline(f"{path}: {place}: {invalid.message[:200]}")
        entries = [AcceptedFinding(**each) for each in content["accepted"]]
        _validate_entries(path, entries)
        return cls(_sort_entries(entries))

    def write(self, path: str | Path) -> None:
        """Write the file atomically: as JSON if its name ends in `.json`, or YAML."""
        rows = [
            {name: each for name, each in asdict(row).items() if each is not None}
            for row in self.accepted
        ]
        content = {"format": FORMAT, "accepted": rows}
        with atomic_write(path) as out:
            if Path(path).suffix == ".json":
                out.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            else:
                out.write(FILE_HEADER + yaml_text(content))

    def judge(self, report: Report, today: date, fail_on: FailurePolicy) -> GateResult:
        """Compare the failing findings of a report with the baseline."""
        entries = {each.fingerprint: each for each in self.accepted}
        seen = {
            each.finding.fingerprint
            for each in all_findings(provider_summaries(report))
        }
        failing = [
            each
            for each in all_findings(provider_summaries(report))
            if fail_on.fails(each.finding)
        ]
        known = [
            (each, entries[each.finding.fingerprint])
            for each in failing
            if each.finding.fingerprint in entries
        ]
        unseen = [each for each in self.accepted if each.fingerprint not in seen]
        tested = _tested_claims(report)
        return GateResult(
            new=tuple(e for e in failing if e.finding.fingerprint not in entries),
            expired=tuple(pair for pair in known if pair[1].is_expired(today)),
            accepted=tuple(pair for pair in known if not pair[1].is_expired(today)),
            fixed=tuple(each for each in unseen if _is_tested(each, tested)),
            untested=tuple(each for each in unseen if not _is_tested(each, tested)),
        )

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
        fixed = {each.fingerprint for each in result.fixed}
        renewed = {each.fingerprint for _, each in result.expired}
        kept = [
            replace(each, reason=reason or each.reason, until=last)
            if each.fingerprint in renewed
            else each
            for each in self.accepted
            if each.fingerprint not in fixed
        ]
        added = [
            _accept(each, today, reason or REASON_PLACEHOLDER, last)
            for each in result.new
        ]
        return Baseline(_sort_entries([*kept, *added]))


def _accept(
    summary: FindingSummary, today: date, reason: str, until: str | None
) -> AcceptedFinding:
    finding = summary.finding
    return AcceptedFinding(
        fingerprint=finding.fingerprint,
        provider=summary.target.provider,
        kind=finding.kind.value,
        claim=finding.claim,
        says=one_line(finding.message),
        reason=reason,
        since=today.isoformat(),
        until=until,
    )


@cache
def _schema() -> Any:
    return compile_validator(
        read_yaml(files("contracts.report"), "baseline.schema.yaml")
    )


def _dates_to_text(value: Any) -> Any:
    """Turn dates into text: YAML reads an unquoted date as a date."""
    if isinstance(value, dict):
        return {name: _dates_to_text(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_dates_to_text(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


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
