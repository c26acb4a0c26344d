"""The report as SARIF 2.1.0: for code scanning, on the lines of the documents."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contracts.report.model import Report, TargetRecord
from contracts.report.source_lines import SourceLines
from contracts.report.summary import (
    FindingSummary,
    all_findings,
    provider_summaries,
    stop_reason,
)
from contracts.text import one_line, safe_url
from specs.documents.loader import roots

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report, *folders: str | Path) -> str:
    """
    One rule a claim that was not kept, one result a finding.

    `folders` are those of further providers, as `specs.load` takes them: a result is
    on the line of the document that it contradicts.
    """
    found = all_findings(provider_summaries(report))
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
    lines: SourceLines


def _document(target: TargetRecord, folders: tuple[str | Path, ...]) -> _Document:
    """The document as it is here; without lines if it is not the one that was asked."""
    name = Path(target.provider, "openapi.yaml")
    shipped, *more = roots(*folders)
    uri = f"specs/{quote(name.as_posix())}"
    place = Path(str(shipped)) / name
    for each in reversed(more):
        if (Path(str(each)) / name).is_file():
            place = Path(str(each)) / name
            uri = _path_uri(place)
            break
    lines = SourceLines.from_file(place)
    is_same = lines.text("/info/version") == target.document
    return _Document(uri, lines if is_same else SourceLines(""))


def _path_uri(path: Path) -> str:
    """A path from the folder we are in, or the whole of one elsewhere."""
    path, here = path.resolve(), Path.cwd()
    if path.is_relative_to(here):
        return quote(path.relative_to(here).as_posix())
    return path.as_uri()


def _invocation(report: Report) -> dict[str, Any]:
    stopped = stop_reason(report)
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


def _rule_id(summary: FindingSummary) -> str:
    """The same claim reads differently at each provider, so the provider is in it."""
    claim = summary.finding.claim or summary.finding.check
    return f"{summary.target.provider}/{claim}"


def _rule(summary: FindingSummary) -> dict[str, Any]:
    finding = summary.finding
    sentence = one_line(summary.sentence) or finding.check
    source = one_line(f"{summary.title} ({summary.place})")
    rule: dict[str, Any] = {
        "id": _rule_id(summary),
        "shortDescription": {"text": f"{summary.target.title}: {sentence}"},
        "fullDescription": {"text": f"{sentence}. Source: {source}"},
        "defaultConfiguration": {"level": _level(summary)},
    }
    address = safe_url(finding.source_url)
    return rule | ({"helpUri": quote(address, safe=_URI_SAFE)} if address else {})


def _result(
    summary: FindingSummary, rule: int, documents: Mapping[str, _Document]
) -> dict[str, Any]:
    finding = summary.finding
    document = documents[summary.target.provider]
    return {
        "ruleId": _rule_id(summary),
        "ruleIndex": rule,
        "level": _level(summary),
        "message": {
            "text": one_line(f"{finding.message}. Expected: {finding.expected}")
        },
        "locations": [_location(summary, document)],
        "partialFingerprints": {
            "imageparity/v1": finding.fingerprint,
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
        },
        "occurrenceCount": summary.times,
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


def _location(summary: FindingSummary, document: _Document) -> dict[str, Any]:
    """The line that states the claim; the first, when it is not known."""
    pointer = summary.claim.pointer if summary.claim else ""
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": document.uri},
            "region": {"startLine": document.lines.line_of(pointer)},
        }
    }
    if pointer:
        location["logicalLocations"] = [
            {"fullyQualifiedName": pointer, "kind": "object"}
        ]
    return location


def _level(summary: FindingSummary) -> str:
    return "error" if summary.finding.breaks else "note"


_URI_SAFE = ":/?#[]@!$&'()*+,;=%-._~"
