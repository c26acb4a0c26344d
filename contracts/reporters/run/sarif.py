"""The report as SARIF 2.1.0, for code scanning, with lines of the documents."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
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
from specs.documents.loading.loader import roots
from specs.documents.reading.dates import split_id

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(
    report: Report,
    *folders: str | Path,
    documents: Mapping[str, Path] = MappingProxyType({}),
) -> str:
    """
    SARIF as JSON: a rule per claim with findings, a result per finding.

    `folders` are those of further providers, as `specs.load` takes them. A result is
    on the line of the document that states the claim. `documents` are copies of
    documents by provider, such as in the repository whose code scanning reads the
    file: results are on their lines instead.
    """
    findings = all_findings(provider_summaries(report))
    located = {
        each.provider: _document(each, folders, documents.get(each.provider))
        for each in report.metadata.targets
    }
    rules = {_rule_id(each): _rule(each) for each in reversed(findings)}
    index = {id_: at for at, id_ in enumerate(rules)}
    driver = {
        "name": "imageparity",
        "version": report.metadata.version,
        "rules": list(rules.values()),
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(report)],
        "columnKind": "utf16CodeUnits",
        "results": [_result(each, index[_rule_id(each)], located) for each in findings],
    }
    sarif = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(sarif, indent=1) + "\n"


@dataclass(frozen=True)
class _Document:
    """The URI of a provider's document, and its lines, empty if not known."""

    uri: str
    lines: SourceLines


def _document(
    target: TargetRecord, folders: tuple[str | Path, ...], copy: Path | None
) -> _Document:
    """
    The copy of the document, or else the document in the package or a folder.

    It has no lines if it is another version of the document.
    """
    if copy is not None:
        return _known_lines(_path_uri(copy), copy, target)
    name = Path(split_id(target.provider)[0], "openapi.yaml")
    shipped, *more = roots(*folders)
    uri = f"specs/{quote(name.as_posix())}"
    file = Path(str(shipped)) / name
    for folder in reversed(more):
        if (Path(str(folder)) / name).is_file():
            file = Path(str(folder)) / name
            uri = _path_uri(file)
            break
    return _known_lines(uri, file, target)


def _known_lines(uri: str, file: Path, target: TargetRecord) -> _Document:
    lines = SourceLines.from_file(file)
    version, _, _ = target.document.partition(" as of ")
    is_same = lines.text("/info/version") == version
    return _Document(uri, lines if is_same else SourceLines(""))


def _path_uri(path: Path) -> str:
    """The path from the working directory if it is there, else a `file:` URI."""
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
    """Provider and claim: each provider words a claim in its own way."""
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
    url = safe_url(finding.source_url)
    return rule | ({"helpUri": quote(url, safe=_URI_SAFE)} if url else {})


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
            "text": one_line(f"{summary.headline}. Expected: {finding.expected}")
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
    """The line that states the claim; line 1 if it is not known."""
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
