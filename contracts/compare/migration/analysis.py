"""Search for all breaking changes of a migration."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from contracts.compare.migration import patch as adapter
from contracts.compare.migration.model import (
    BodyPair,
    BreakingChange,
    Migration,
    Payload,
    called_request_models,
    find_body_pair,
    minimal_requests,
)
from contracts.compare.migration.patch import Patch
from contracts.compare.migration.requests import search
from contracts.compare.migration.requests.defaults import default_findings
from contracts.compare.migration.responses import success
from contracts.compare.migration.responses.errors import error_findings
from contracts.compare.migration.rules import Severity
from contracts.compare.migration.tasks import task_findings
from contracts.compare.migration.transport import transport_findings
from contracts.media.files import Sample
from specs import State

FORMAT = "imageparity-drop-in-1"


@dataclass(frozen=True)
class Examination:
    """
    The breaking changes of a migration, the most severe first.

    `tried` is the number of requests that were checked against both documents.
    `has_requests` is true if the old provider accepts at least one request of the
    code.
    """

    migration: Migration
    findings: tuple[BreakingChange, ...]
    tried: int = 0
    has_requests: bool = True

    @cached_property
    def patches(self) -> dict[str, Patch]:
        return adapter.patches(self.migration, self.findings)

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(each.severity for each in self.findings)
        return {str(each): found[each] for each in Severity}

    def with_severity(self, severity: Severity) -> list[BreakingChange]:
        return [each for each in self.findings if each.severity == severity]

    def as_json(self, version: str) -> dict[str, Any]:
        migration = self.migration
        return {
            "format": FORMAT,
            "imageparity": version,
            "from": migration.old.id,
            "to": migration.new.id,
            "client": migration.client.id if migration.client else None,
            "model": migration.model,
            "features": sorted(migration.features),
            "requests_tried": self.tried,
            "counts": self.counts,
            "findings": [_finding_to_json(each) for each in self.findings],
            "adapter": adapter.as_json(self.patches),
        }


def _finding_to_json(finding: BreakingChange) -> dict[str, Any]:
    record = {"id": finding.id, **asdict(replace(finding, witness=None))}
    record["severity"] = str(finding.severity)
    for name in ("other", "always"):
        del record[name]
    counterexample = finding.witness
    if counterexample is not None:
        record["witness"] = {
            "operation": counterexample.operation,
            "media_type": counterexample.media_type,
            "request": to_json(counterexample.request),
            "curl": counterexample.curl,
            "answer": to_json(counterexample.answer),
        }
    return record


def to_json(value: Any) -> Any:
    """Convert a payload to JSON values; a file becomes its name and a description."""
    if isinstance(value, Sample):
        return {"file": value.filename, "is": str(value)}
    if isinstance(value, Mapping):
        return {name: to_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    return value


def examine(migration: Migration) -> Examination:
    """
    Find what breaks when code for the old provider calls the new one.

    No request is sent. The search takes about a second.
    """
    found = [*transport_findings(migration)]
    has_requests, tried = False, 0
    for old in called_request_models(migration):
        has_requests = has_requests or bool(minimal_requests(migration, old))
        body_pair = find_body_pair(migration, old)
        if body_pair is None:
            found += search.media_type_findings(migration, old)
            continue
        result = search.search(body_pair)
        tried += result.tried
        rejections = list(search.findings(body_pair, result))
        found += rejections
        found += default_findings(body_pair, result)
        if not (body_pair.old.operation.task or body_pair.new.operation.task):
            found += success.findings(
                body_pair, result.accepted or _patched_request(body_pair, rejections)
            )
    for operation in migration.operations:
        found += error_findings(migration, operation)
    found += task_findings(migration)
    order = list(Severity)
    merged = sorted(
        _merge_findings(found), key=lambda each: order.index(Severity(each.severity))
    )
    return Examination(migration, tuple(merged), tried, has_requests)


def _patched_request(
    body_pair: BodyPair, rejections: Iterable[BreakingChange]
) -> list[Payload]:
    """List one minimal request that the new provider accepts after the patch."""
    patch = adapter.patches(body_pair.migration, list(rejections)).get(
        body_pair.operation, Patch()
    )
    for context in body_pair.minimal_requests:
        payload = patch.apply(context)
        if "model" in payload:
            payload["model"] = body_pair.migration.new.dialect.model
        if body_pair.new.state(payload) is State.VALID:
            return [context]
    return []


def _merge_findings(findings: Iterable[BreakingChange]) -> Iterator[BreakingChange]:
    """Merge the equal findings of two media types of an operation."""
    kept: dict[tuple[str, str], BreakingChange] = {}
    order = list(Severity)
    for finding in findings:
        key = (finding.id, finding.sentence if finding.rule == "DOC-SELF" else "")
        first = kept.get(key)
        if first is None:
            kept[key] = finding
            continue
        both = sorted(
            [first, finding], key=lambda one: order.index(Severity(one.severity))
        )
        kept[key] = replace(
            both[0],
            media_types=tuple(dict.fromkeys(first.media_types + finding.media_types)),
            values=tuple(dict.fromkeys(both[0].values + both[1].values)),
            always=first.always and finding.always,
        )
    yield from kept.values()
