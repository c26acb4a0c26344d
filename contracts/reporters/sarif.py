"""The report as SARIF 2.1.0: for code scanning, on the documents we wrote."""

import json
from typing import Any
from urllib.parse import quote

from contracts.report import Report
from contracts.reporters.standings import (
    Sighting,
    all_sightings,
    standings,
    why_stopped,
)
from contracts.reporters.wording import one_line, web_address

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report) -> str:
    """One rule a claim that was not kept, one result a finding."""
    found = all_sightings(standings(report))
    rules = {_rule_id(each): _rule(each) for each in reversed(found)}
    places = {id_: at for at, id_ in enumerate(rules)}
    driver = {
        "name": "imageparity",
        "version": report.metadata.version,
        "rules": list(rules.values()),
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(report)],
        "columnKind": "utf16CodeUnits",
        "results": [_result(each, places[_rule_id(each)]) for each in found],
    }
    sarif = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(sarif, indent=1) + "\n"


def _invocation(report: Report) -> dict[str, Any]:
    stopped = why_stopped(report)
    invocation: dict[str, Any] = {
        "executionSuccessful": stopped is None,
        "properties": {
            "started": report.metadata.started,
            "seed": report.metadata.seed,
        },
    }
    if stopped:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": stopped}}
        ]
    return invocation


def _rule_id(sighting: Sighting) -> str:
    """The same claim reads differently at each provider, so the provider is in it."""
    claim = sighting.finding.claim or sighting.finding.check
    return f"{sighting.target.provider}/{claim}"


def _rule(sighting: Sighting) -> dict[str, Any]:
    finding = sighting.finding
    sentence = one_line(sighting.sentence) or finding.check
    source = one_line(f"{sighting.title} ({sighting.place})")
    rule: dict[str, Any] = {
        "id": _rule_id(sighting),
        "shortDescription": {"text": f"{sighting.target.title}: {sentence}"},
        "fullDescription": {"text": f"{sentence}. Source: {source}"},
        "defaultConfiguration": {"level": _level(sighting)},
    }
    address = web_address(finding.source_url)
    return rule | ({"helpUri": quote(address, safe=_URI)} if address else {})


def _result(sighting: Sighting, rule: int) -> dict[str, Any]:
    finding = sighting.finding
    return {
        "ruleId": _rule_id(sighting),
        "ruleIndex": rule,
        "level": _level(sighting),
        "message": {
            "text": one_line(f"{finding.message}. Expected: {finding.expected}")
        },
        "locations": [_location(sighting)],
        "partialFingerprints": {"imageparity/v1": finding.fingerprint},
        "occurrenceCount": sighting.times,
        "properties": {
            "kind": finding.kind.value,
            "check": finding.check,
            "basis": finding.basis,
            "source": finding.source,
            "case": finding.case,
            "status": finding.answer.get("status"),
            "curl": finding.request.get("curl", ""),
        },
    }


def _location(sighting: Sighting) -> dict[str, Any]:
    """The document; its line is unknown here, and code scanning insists on one."""
    document = f"specs/{quote(sighting.target.provider, safe='')}/openapi.yaml"
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": document},
            "region": {"startLine": 1},
        }
    }
    if sighting.claim and sighting.claim.pointer:
        pointer = sighting.claim.pointer
        location["logicalLocations"] = [
            {"fullyQualifiedName": pointer, "kind": "object"}
        ]
    return location


def _level(sighting: Sighting) -> str:
    return "error" if sighting.finding.breaks else "note"


_URI = ":/?#[]@!$&'()*+,;=%-._~"
