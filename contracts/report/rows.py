"""Convert the records of a report to rows of JSON, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contracts.report.records import (
    CallRecord,
    ClaimRecord,
    Finding,
    FindingKind,
    Outcome,
    RunMetadata,
    SelectionRecord,
    TargetRecord,
)
from contracts.report.repeats import PassRate, Repeats

_DEFAULTS: dict[str, Any] = {
    "provider": "",
    "field": None,
    "asked": None,
    "came": None,
    "title": "",
    "cases": 1,
    "claims": (),
    "members": (),
    "rate": None,
}
"""The keys of a finding that are left out of its row if they have this value."""
_OPTIONAL = (
    *("fields", "not_tested", "images", "not_fetched", "echoed", "deliveries"),
    *("model", "open_task", "repeats"),
)
"""The keys of an outcome that are left out of its row if they are empty."""


def without_type(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "type"}


def outcome_row(outcome: Outcome) -> dict[str, Any]:
    """An outcome without its optional keys that are empty."""
    row = asdict(outcome)
    row["findings"] = [finding_row(each) for each in outcome.findings]
    if outcome.repeats is not None:
        row["repeats"]["rate"] = rate_row(outcome.repeats.rate)
    for name in _OPTIONAL:
        if not row[name]:
            del row[name]
    return row


def finding_row(finding: Finding) -> dict[str, Any]:
    """A finding without its optional keys that have their default."""
    row = {
        key: value
        for key, value in asdict(finding).items()
        if key not in _DEFAULTS or value != _DEFAULTS[key]
    }
    return row if finding.rate is None else {**row, "rate": rate_row(finding.rate)}


def rate_row(rate: PassRate) -> dict[str, Any]:
    """A pass rate with its interval and verdict, which a reader need not compute."""
    interval = [round(each, 4) for each in rate.interval]
    verdict = str(rate.verdict)
    return {**asdict(rate), "interval": interval, "verdict": verdict}


def _rate_from(row: Mapping[str, Any]) -> PassRate:
    return PassRate(row["passed"], row["requests"])


def metadata_row(metadata: RunMetadata) -> dict[str, Any]:
    """The metadata of a run; its claims without their optional keys that are empty."""
    row = asdict(metadata)
    if metadata.repeat == 1:
        del row["repeat"]
    for target in row["targets"]:
        target["claims"] = [_without_empty_evidence(each) for each in target["claims"]]
        for name in ("call", "document_sha256", "selection"):
            if not target[name]:
                del target[name]
    return row


def claim_row(claim: ClaimRecord) -> dict[str, Any]:
    """A claim without its optional keys that are empty."""
    return _without_empty_evidence(asdict(claim))


def _without_empty_evidence(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "exercised_by" or value}


def metadata_from(row: dict[str, Any]) -> RunMetadata:
    targets = tuple(map(_target_from, row["targets"]))
    return RunMetadata(**{**row, "targets": targets})


def _target_from(row: dict[str, Any]) -> TargetRecord:
    claims = tuple(map(_claim_from, row["claims"]))
    call = _call_from(row["call"]) if "call" in row else None
    selection = _selection_from(row["selection"]) if "selection" in row else None
    made = {"claims": claims, "call": call, "selection": selection}
    return TargetRecord(**{**row, **made})


def _selection_from(row: dict[str, Any]) -> SelectionRecord:
    return SelectionRecord(**{**row, "only": tuple(row["only"])})


def _call_from(row: dict[str, Any]) -> CallRecord:
    lists = {name: tuple(row[name]) for name in ("headers", "operations")}
    return CallRecord(**{**row, **lists})


def _claim_from(row: dict[str, Any]) -> ClaimRecord:
    return ClaimRecord(**{**row, "exercised_by": tuple(row.get("exercised_by", ()))})


def outcome_from(row: dict[str, Any]) -> Outcome:
    findings = tuple(map(finding_from, row["findings"]))
    names = ("claims", "echoed", "deliveries")
    lists = {name: tuple(row.get(name, ())) for name in names}
    repeats = _repeats_from(row["repeats"]) if "repeats" in row else None
    return Outcome(**{**row, **lists, "findings": findings, "repeats": repeats})


def _repeats_from(row: Mapping[str, Any]) -> Repeats:
    times = {name: tuple(row[name]) for name in ("first_byte", "output")}
    return Repeats(_rate_from(row["rate"]), **times)


def finding_from(row: dict[str, Any]) -> Finding:
    lists = {
        name: tuple(row.get(name, ())) for name in ("also_seen_by", "claims", "members")
    }
    rate = _rate_from(row["rate"]) if "rate" in row else None
    kind = FindingKind(row["kind"])
    return Finding(**{**row, "kind": kind, "rate": rate, **lists})
