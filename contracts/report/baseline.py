"""Findings that are known and accepted, as a file that people review."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.report.failure_policy import Failing
from contracts.report.model import Report, replacing
from contracts.report.summary import Sighting, all_sightings, standings
from contracts.text import one_line
from specs import SpecError
from specs.documents.references import read_yaml, yaml_text
from specs.validation.judge import compiled

FORMAT = "imageparity-baseline/1"
TO_BE_GIVEN = "to be given"
HEAD = """\
# Findings that are known and accepted: `imageparity gate` lets them pass.
# Written by `imageparity gate --update`, which keeps `reason` and `until` of each
# entry, and no comments but these.
"""


class BadBaseline(ValueError):
    """A file that is no baseline; names the entry and what to do."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that may stay: why, and, as ISO dates, since when and until when."""

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
class Judgement:
    """
    The findings of a report against a baseline, each in one class.

    `new` and `expired` fail; `fixed` are entries whose claim was asked and kept,
    `unasked` those of which the report says nothing.
    """

    new: tuple[Sighting, ...] = ()
    expired: tuple[tuple[Sighting, Accepted], ...] = ()
    known: tuple[tuple[Sighting, Accepted], ...] = ()
    fixed: tuple[Accepted, ...] = ()
    unasked: tuple[Accepted, ...] = ()

    @property
    def passes(self) -> bool:
        return not self.new and not self.expired


@dataclass(frozen=True, slots=True)
class Baseline:
    """Accepted findings, in the order of provider and claim."""

    accepted: tuple[Accepted, ...] = field(default=())

    @classmethod
    def read(cls, path: str | Path) -> "Baseline":
        """The baseline in a file; empty when there is none. Raises `BadBaseline`."""
        path = Path(path)
        if not path.exists():
            return cls()
        try:
            content = _dates_as_text(read_yaml(path.parent, path.name))
            wrong = next(iter(_schema().iter_errors(content)), None)
        except SpecError as error:
            raise BadBaseline(f"{path} {error.problem}. {error.remedy}") from None
        except (RecursionError, ValueError):  # the reader's limit, or the judge's
            raise BadBaseline(f"{path} is nested too deeply: that is none") from None
        if wrong is not None:
            place = "/".join(map(str, wrong.instance_path))
            raise BadBaseline(f"{path}: {place or 'the file'}: {wrong.message[:200]}")
        found = [Accepted(**each) for each in content["accepted"]]
        _check(path, found)
        return cls(_sorted(found))

    def write(self, path: str | Path) -> None:
        """Write it whole, or not at all; as JSON when the name ends so."""
        rows = [
            {name: each for name, each in asdict(row).items() if each is not None}
            for row in self.accepted
        ]
        content = {"format": FORMAT, "accepted": rows}
        with replacing(path) as out:
            if Path(path).suffix == ".json":
                out.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            else:
                out.write(HEAD + yaml_text(content))

    def judge(self, report: Report, today: date, fail_on: Failing) -> Judgement:
        """What of a report's findings that fail is new, known, expired, fixed."""
        entries = {each.fingerprint: each for each in self.accepted}
        seen = {each.finding.fingerprint for each in all_sightings(standings(report))}
        counted = [
            each
            for each in all_sightings(standings(report))
            if fail_on.fails(each.finding)
        ]
        known = [
            (each, entries[each.finding.fingerprint])
            for each in counted
            if each.finding.fingerprint in entries
        ]
        unseen = [each for each in self.accepted if each.fingerprint not in seen]
        asked = _asked(report)
        return Judgement(
            new=tuple(e for e in counted if e.finding.fingerprint not in entries),
            expired=tuple(pair for pair in known if pair[1].is_expired(today)),
            known=tuple(pair for pair in known if not pair[1].is_expired(today)),
            fixed=tuple(each for each in unseen if _was_asked(each, asked)),
            unasked=tuple(each for each in unseen if not _was_asked(each, asked)),
        )

    def updated(
        self,
        judgement: Judgement,
        today: date,
        *,
        reason: str | None,
        until: date | None,
    ) -> "Baseline":
        """The same with what is new or expired accepted, and without what is fixed."""
        last = until.isoformat() if until else None
        fixed = {each.fingerprint for each in judgement.fixed}
        renewed = {each.fingerprint for _, each in judgement.expired}
        kept = [
            replace(each, reason=reason or each.reason, until=last)
            if each.fingerprint in renewed
            else each
            for each in self.accepted
            if each.fingerprint not in fixed
        ]
        added = [
            _accepted(each, today, reason or TO_BE_GIVEN, last)
            for each in judgement.new
        ]
        return Baseline(_sorted([*kept, *added]))


def _accepted(
    sighting: Sighting, today: date, reason: str, until: str | None
) -> Accepted:
    finding = sighting.finding
    return Accepted(
        fingerprint=finding.fingerprint,
        provider=sighting.target.provider,
        kind=finding.kind.value,
        claim=finding.claim,
        says=one_line(finding.message),
        reason=reason,
        since=today.isoformat(),
        until=until,
    )


@cache
def _schema() -> Any:
    return compiled(read_yaml(files("contracts.report"), "baseline.schema.yaml"))


def _dates_as_text(value: Any) -> Any:
    """YAML takes an unquoted date for a date, where people mean its text."""
    if isinstance(value, dict):
        return {name: _dates_as_text(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _check(path: Path, found: Iterable[Accepted]) -> None:
    known: set[str] = set()
    for each in found:
        if each.fingerprint in known:
            raise BadBaseline(
                f"{path}: {each.fingerprint} stands twice: remove one of the entries"
            )
        known.add(each.fingerprint)
        for name in ("since", "until"):
            value = getattr(each, name)
            try:
                date.fromisoformat(value or "2000-01-01")
            except ValueError:
                raise BadBaseline(
                    f"{path}: {each.fingerprint}: {name} is no date: {value}; "
                    "write YYYY-MM-DD"
                ) from None


def _sorted(found: Iterable[Accepted]) -> tuple[Accepted, ...]:
    return tuple(
        sorted(found, key=lambda each: (each.provider, each.claim, each.fingerprint))
    )


def _asked(report: Report) -> Mapping[str, set[str]]:
    """Per provider the claims that a whole run asked; nothing of one that stopped."""
    if report.stopped is not None:
        return {}
    return {
        target.provider: {each.id for each in target.claims if each.asked}
        for target in report.metadata.targets
    }


def _was_asked(entry: Accepted, asked: Mapping[str, set[str]]) -> bool:
    return entry.claim in asked.get(entry.provider, set())
