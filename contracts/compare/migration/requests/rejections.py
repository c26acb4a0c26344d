"""Reasons why the new provider rejects a request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts.compare.migration.model import (
    BodyPair,
    Payload,
    is_documented,
    judge,
    state,
)
from contracts.planning.values.field_values import types_of
from specs import FORM, State, Violation

_RULE_BY_KEYWORD = {
    **dict.fromkeys(("enum", "const"), "REQ-ENUM"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum"), "REQ-RANGE"),
    **dict.fromkeys(("exclusiveMaximum", "multipleOf", "x-image-size"), "REQ-RANGE"),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), "REQ-RANGE"),
    "pattern": "REQ-PATTERN",
    "type": "REQ-TYPE",
    **dict.fromkeys(("x-upload", "x-same-dimensions"), "REQ-PART"),
}
_IMAGE_FIELDS = {"image", "mask"}


@dataclass(frozen=True)
class Rejection:
    """A request that the new provider rejects, with one of the violations."""

    rule: str
    field_name: str
    payload: Payload
    violation: Violation
    wire_name: str
    other: str = ""

    @property
    def is_documented(self) -> bool:
        return is_documented(self.violation.evidence)


def existing_violations(body_pair: BodyPair, payload: Payload) -> set[tuple[Any, ...]]:
    """List the violations that a minimal request already has, without a change."""
    verdict = judge(body_pair.new, body_pair.with_new_names(payload))
    return {(each.path, each.claim) for each in verdict.violations}


def find_rejections(
    body_pair: BodyPair,
    payload: Payload,
    context: Payload,
    known_violations: set[tuple[Any, ...]],
) -> Iterator[Rejection]:
    """Find why the new provider rejects a request, once for each field."""
    renamed = body_pair.with_new_names(payload)
    for name in payload:
        other = body_pair.new_name(name, payload)
        if other and (name not in context or payload is context):
            for violation in judge(body_pair.new, payload).violations:
                if violation.path[:1] == (name,):
                    role = body_pair.old.canonical_name(name)
                    yield Rejection(
                        "REQ-RENAMED", role, payload, violation, name, other
                    )
                    break
    if state(body_pair.new, renamed) is State.VALID:
        return
    verdict = judge(body_pair.new, renamed)
    new = [
        each
        for each in verdict.violations
        if (each.path, each.claim) not in known_violations
    ]
    chosen = [each for each in new if is_documented(each.evidence)] or new
    seen: set[str] = set()
    for violation in chosen:
        own = str(violation.path[0]) if violation.path else ""
        if own not in seen:
            seen.add(own)
            rule = _rule_for(body_pair, violation, own)
            yield Rejection(
                rule, body_pair.new.canonical_name(own), payload, violation, own
            )


def _rule_for(body_pair: BodyPair, violation: Violation, wire_name: str) -> str:
    keyword = violation.keyword
    role = body_pair.new.canonical_name(wire_name)
    if keyword == "required" and len(violation.path) == 1:
        return "REQ-REQUIRED"
    is_rejected = keyword == "additionalProperties" or must_be_absent(violation)
    if is_rejected or _accepts_only_null(violation):
        return "REQ-FIELD" if len(violation.path) == 1 else "REQ-TYPE"
    if role == "model":
        return "REQ-MODEL"
    if role in _IMAGE_FIELDS and body_pair.old.body.media_type == FORM:
        return "REQ-PART"
    return _RULE_BY_KEYWORD.get(keyword, "REQ-TYPE")


def must_be_absent(violation: Violation) -> bool:
    """True if each value is rejected, and not only some that a schema excludes."""
    return violation.keyword == "not" and not violation.expected


def _accepts_only_null(violation: Violation) -> bool:
    return violation.keyword == "type" and types_of({"type": violation.expected}) == [
        "null"
    ]
