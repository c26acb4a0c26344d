"""All that breaks when code moves: searched, put together, and counted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from contracts.compare.migration import patch as adapter
from contracts.compare.migration import requests, responses
from contracts.compare.migration.defaults import default_findings
from contracts.compare.migration.error_responses import error_findings
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
from contracts.compare.migration.rules import Severity
from contracts.compare.migration.transport import transport_findings
from contracts.media.image.samples import Sample
from specs import State

FORMAT = "imageparity-drop-in-1"


@dataclass(frozen=True)
class Examination:
    """
    What breaks for code that moves, the heaviest first.

    `tried` requests were held against both documents. It `is_about_something` where
    the old provider takes any request such as the code's.
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
        move = self.migration
        return {
            "format": FORMAT,
            "imageparity": version,
            "from": move.old.id,
            "to": move.new.id,
            "client": move.client.id if move.client else None,
            "model": move.model,
            "features": sorted(move.features),
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
    shown_by = finding.witness
    if shown_by is not None:
        record["witness"] = {
            "operation": shown_by.operation,
            "media_type": shown_by.media_type,
            "request": to_json(shown_by.request),
            "curl": shown_by.curl,
            "answer": to_json(shown_by.answer),
        }
    return record


def to_json(value: Any) -> Any:
    """A payload as JSON can hold it: files as what they are."""
    if isinstance(value, Sample):
        return {"file": value.filename, "is": str(value)}
    if isinstance(value, Mapping):
        return {name: to_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    return value


def examine(migration: Migration) -> Examination:
    """
    What breaks for code written for `move.old` when it calls `move.new`.

    Nothing is sent. Takes about a second.
    """
    found = [*transport_findings(migration)]
    has_requests, tried = False, 0
    for old in called_request_models(migration):
        has_requests = has_requests or bool(minimal_requests(migration, old))
        both = find_body_pair(migration, old)
        if both is None:
            found += requests.media_type_findings(migration, old)
            continue
        met = requests.search(both)
        tried += met.tried
        refusals = list(requests.findings(both, met))
        found += refusals
        found += default_findings(both, met)
        found += responses.findings(
            both, met.accepted or _patched_request(both, refusals)
        )
    for operation in migration.operations:
        found += error_findings(migration, operation)
    order = list(Severity)
    merged = sorted(
        _merge_findings(found), key=lambda each: order.index(Severity(each.severity))
    )
    return Examination(migration, tuple(merged), tried, has_requests)


def _patched_request(
    body_pair: BodyPair, rejections: Iterable[BreakingChange]
) -> list[Payload]:
    """A plain request that the new provider takes once it is patched, if any."""
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
    """One finding for what two media types of an operation have in common."""
    kept: dict[tuple[str, str], BreakingChange] = {}
    order = list(Severity)
    for each in findings:
        key = (each.id, each.sentence if each.rule == "DOC-SELF" else "")
        first = kept.get(key)
        if first is None:
            kept[key] = each
            continue
        both = sorted(
            [first, each], key=lambda one: order.index(Severity(one.severity))
        )
        kept[key] = replace(
            both[0],
            media_types=tuple(dict.fromkeys(first.media_types + each.media_types)),
            values=tuple(dict.fromkeys(both[0].values + both[1].values)),
            always=first.always and each.always,
        )
    yield from kept.values()
