"""All that breaks when code moves: searched, put together, and counted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from contracts.compare.migration import patch as adapter
from contracts.compare.migration import requests
from contracts.compare.migration import responses as answers
from contracts.compare.migration.model import (
    Finding,
    Lane,
    Move,
    Payload,
    desks,
    lane,
    plain_requests,
)
from contracts.compare.migration.patch import Patch
from contracts.compare.migration.rules import Severity
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

    move: Move
    findings: tuple[Finding, ...]
    tried: int = 0
    is_about_something: bool = True

    @cached_property
    def patches(self) -> dict[str, Patch]:
        return adapter.patches(self.move, self.findings)

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(each.severity for each in self.findings)
        return {str(each): found[each] for each in Severity}

    def of(self, severity: Severity) -> list[Finding]:
        return [each for each in self.findings if each.severity == severity]

    def as_json(self, version: str) -> dict[str, Any]:
        move = self.move
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
            "findings": [_record(each) for each in self.findings],
            "adapter": adapter.as_json(self.patches),
        }


def _record(finding: Finding) -> dict[str, Any]:
    record = {"id": finding.id, **asdict(replace(finding, witness=None))}
    record["severity"] = str(finding.severity)
    for name in ("other", "always"):
        del record[name]
    shown_by = finding.witness
    if shown_by is not None:
        record["witness"] = {
            "operation": shown_by.operation,
            "media_type": shown_by.media_type,
            "request": plain(shown_by.request),
            "curl": shown_by.curl,
            "answer": plain(shown_by.answer),
        }
    return record


def plain(value: Any) -> Any:
    """A payload as JSON can hold it: files as what they are."""
    if isinstance(value, Sample):
        return {"file": value.filename, "is": str(value)}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def examine(move: Move) -> Examination:
    """
    What breaks for code written for `move.old` when it calls `move.new`.

    Nothing is sent. Takes about a second.
    """
    found = [*answers.addresses(move)]
    has_requests, tried = False, 0
    for old in desks(move):
        has_requests = has_requests or bool(plain_requests(move, old))
        both = lane(move, old)
        if both is None:
            found += requests.media(move, old)
            continue
        met = requests.searched(both)
        tried += met.tried
        refusals = list(requests.findings(both, met))
        found += refusals
        found += requests.defaults(both, met)
        found += answers.findings(both, met.accepted or _mended(both, refusals))
    for operation in move.operations:
        found += answers.errors(move, operation)
    order = list(Severity)
    merged = sorted(
        _merged(found), key=lambda each: order.index(Severity(each.severity))
    )
    return Examination(move, tuple(merged), tried, has_requests)


def _mended(both: Lane, refusals: Iterable[Finding]) -> list[Payload]:
    """A plain request that the new provider takes once it is patched, if any."""
    patch = adapter.patches(both.move, list(refusals)).get(both.operation, Patch())
    for context in both.contexts:
        payload = patch.applied(context)
        if "model" in payload:
            payload["model"] = both.move.new.dialect.model
        if both.new.state(payload) is State.VALID:
            return [context]
    return []


def _merged(found: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for what two media types of an operation have in common."""
    kept: dict[tuple[str, str], Finding] = {}
    order = list(Severity)
    for each in found:
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
