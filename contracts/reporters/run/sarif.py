"""The report as SARIF 2.1.0: for code scanning, on the lines of the documents."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contracts.report.model import Report, TargetRecord
from contracts.report.source_lines import Lines
from contracts.report.summary import (
    Sighting,
    all_sightings,
    standings,
    why_stopped,
)
from contracts.text import one_line, web_address
from specs.documents.loader import roots

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report, *folders: str | Path) -> str:
    """
    One rule a claim that was not kept, one result a finding.

    `folders` are those of further providers, as `specs.load` takes them: a result is
    on the line of the document that it contradicts.
    """
    found = all_sightings(standings(report))
    documents = {
        each.provider: _document(each, folders) for each in report.metadata.targets
    }
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
        "results": [_result(each, places[_rule_id(each)], documents) for each in found],
    }
    sarif = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(sarif, indent=1) + "\n"


@dataclass(frozen=True)
class _Document:
    """A provider's document: its address, and its lines as far as they are known."""

    uri: str
    lines: Lines


def _document(target: TargetRecord, folders: tuple[str | Path, ...]) -> _Document:
    """The document as it is here; without lines if it is not the one that was asked."""
    name = Path(target.provider, "openapi.yaml")
    shipped, *more = roots(*folders)
    uri = f"specs/{quote(name.as_posix())}"
    place = Path(str(shipped)) / name
    for each in reversed(more):
        if (Path(str(each)) / name).is_file():
            place = Path(str(each)) / name
            uri = _uri(place)
            break
    lines = Lines.of(place)
    is_same = lines.text("/info/version") == target.document
    return _Document(uri, lines if is_same else Lines(""))


def _uri(path: Path) -> str:
    """A path from the folder we are in, or the whole of one elsewhere."""
    path, here = path.resolve(), Path.cwd()
    if path.is_relative_to(here):
        return quote(path.relative_to(here).as_posix())
    return path.as_uri()


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


def _result(
    sighting: Sighting, rule: int, documents: Mapping[str, _Document]
) -> dict[str, Any]:
    finding = sighting.finding
    document = documents[sighting.target.provider]
    return {
        "ruleId": _rule_id(sighting),
        "ruleIndex": rule,
        "level": _level(sighting),
        "message": {
            "text": one_line(f"{finding.message}. Expected: {finding.expected}")
        },
        "locations": [_location(sighting, document)],
        "partialFingerprints": {
            "imageparity/v1": finding.fingerprint,
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
        },
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


def _location(sighting: Sighting, document: _Document) -> dict[str, Any]:
    """The line that states the claim; the first, when it is not known."""
    pointer = sighting.claim.pointer if sighting.claim else ""
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": document.uri},
            "region": {"startLine": document.lines.at(pointer)},
        }
    }
    if pointer:
        location["logicalLocations"] = [
            {"fullyQualifiedName": pointer, "kind": "object"}
        ]
    return location


def _level(sighting: Sighting) -> str:
    return "error" if sighting.finding.breaks else "note"


_URI = ":/?#[]@!$&'()*+,;=%-._~"
