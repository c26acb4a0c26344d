"""
Requests that the old provider accepts and the new one rejects.

The search puts each boundary value of both documents into each minimal request. It
also tries pairs of fields that a rule relates. Each finding comes from a request that
was checked against both documents.
"""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from contracts.compare.migration.counterexamples import build_counterexample
from contracts.compare.migration.model import (
    BodyPair,
    BreakingChange,
    Migration,
    Payload,
    cite,
    minimal_requests,
    shorten,
)
from contracts.compare.migration.requests.field_descriptions import (
    describe_field,
    evidence_for,
    rule_citations,
)
from contracts.compare.migration.requests.rejections import (
    Rejection,
    existing_violations,
    find_rejections,
    must_be_absent,
)
from contracts.compare.migration.rules import rules
from contracts.planning.request_model import RequestModel
from contracts.planning.values.field_values import Value
from specs import FORM, JSON

MAX_VALUES = 6
MAX_COMPANION_VALUES = 6
MAX_NAMED_VALUES = 4
_MODAL_VERB = re.compile(r"^(must|may) (be|have) ")


@dataclass
class SearchResult:
    """
    The result of a search: rejections by rule and field, and accepted requests.

    `accepted` requests are valid at both providers. `accepted_fields` are canonical
    names of fields that the new provider accepts with some value. `tried` is the
    number of requests.
    """

    rejections: dict[tuple[str, str], list[Rejection]] = field(default_factory=dict)
    accepted: list[Payload] = field(default_factory=list)
    accepted_fields: set[str] = field(default_factory=set)
    tried: int = 0

    def add(self, rejection: Rejection) -> None:
        key = (rejection.rule, rejection.field_name)
        self.rejections.setdefault(key, []).append(rejection)


def search(body_pair: BodyPair) -> SearchResult:
    """Search the requests of a body pair that the new provider rejects."""
    found = SearchResult()
    accepted_requests = [
        each for each in body_pair.minimal_requests if body_pair.is_accepted(each)
    ]
    for context in body_pair.minimal_requests:
        for rejection in find_rejections(body_pair, context, context, set()):
            found.add(rejection)
    for context in accepted_requests or body_pair.minimal_requests[:1]:
        _search_around(body_pair, context, found)
    seen = {field_name for _, field_name in found.rejections} | found.accepted_fields
    # Some fields come only with models that the new provider does not know.
    for context in body_pair.minimal_requests:
        if context not in accepted_requests:
            _search_around(body_pair, context, found, skipped_fields=seen)
    return found


def _search_around(
    body_pair: BodyPair,
    context: Payload,
    result: SearchResult,
    *,
    skipped_fields: AbstractSet[str] | None = None,
) -> None:
    """
    Search the requests around a minimal request.

    With `skipped_fields`, the search finds only unknown names of the other fields.
    """
    known = existing_violations(body_pair, context)
    for payload, field_names in _nearby_requests(body_pair, context):
        roles = {body_pair.old.canonical_name(each) for each in field_names}
        if skipped_fields and roles & skipped_fields:
            continue
        result.tried += 1
        rejected = list(find_rejections(body_pair, payload, context, known))
        if not rejected:
            result.accepted_fields |= roles
            if not known:
                result.accepted.append(payload)
        for rejection in rejected:
            if skipped_fields is None or rejection.rule in {"REQ-FIELD", "REQ-RENAMED"}:
                result.add(rejection)


def _nearby_requests(
    body_pair: BodyPair, context: Payload
) -> Iterator[tuple[Payload, list[str]]]:
    """
    Generate valid requests around a minimal request, the smallest first.

    Each request comes with the fields that were changed.
    """
    old = body_pair.old
    invalid_alone: list[tuple[str, Value]] = []
    valid_values: dict[str, list[Value]] = {}
    yield context, []
    for field_name in filter(body_pair.uses, old.body.properties):
        for value in body_pair.values(field_name):
            payload = body_pair.prepare_payload({**context, field_name: value.value})
            if body_pair.may_send(payload):
                valid_values.setdefault(field_name, []).append(value)
                yield payload, [field_name]
            else:
                invalid_alone.append((field_name, value))
    for field_name, value in invalid_alone:
        yield from _with_companion_field(
            body_pair, context, field_name, value, valid_values
        )
    for left, right in _related_field_pairs(body_pair):
        for one in valid_values.get(left, [])[:MAX_COMPANION_VALUES]:
            for two in valid_values.get(right, [])[: 2 * MAX_COMPANION_VALUES]:
                payload = body_pair.prepare_payload(
                    {**context, left: one.value, right: two.value}
                )
                if body_pair.may_send(payload):
                    yield payload, [left, right]


def _with_companion_field(
    body_pair: BodyPair,
    context: Payload,
    field_name: str,
    value: Value,
    valid_values: Mapping[str, list[Value]],
) -> Iterator[tuple[Payload, list[str]]]:
    """Find the first request that makes a value valid with a second field."""
    companions = {
        other
        for rule in body_pair.old.rules
        if field_name in rule.members
        for other in rule.members
        if other not in {field_name, "model"}
    }
    for other in sorted(companions):
        for beside in valid_values.get(other, []):
            payload = {**context, other: beside.value, field_name: value.value}
            payload = body_pair.prepare_payload(payload)
            if body_pair.may_send(payload):
                yield payload, [other, field_name]
                return


def _related_field_pairs(body_pair: BodyPair) -> Iterator[tuple[str, str]]:
    """Pairs of the old provider's fields that a rule of the new one relates."""
    pairs: dict[tuple[str, str], None] = {}
    names = {
        body_pair.old.canonical_name(each): each
        for each in body_pair.old.body.properties
    }
    for rule in body_pair.new.rules:
        for cause in rule.causes:
            for target in rule.targets:
                left, right = (
                    names.get(body_pair.new.canonical_name(x)) for x in (cause, target)
                )
                if left and right and left != right and "model" not in (left, right):
                    pairs[left, right] = None
    for left, right in pairs:
        if body_pair.uses(left) and body_pair.uses(right):
            yield left, right


def findings(body_pair: BodyPair, result: SearchResult) -> Iterator[BreakingChange]:
    """Build one finding for each rule and field from the rejections."""
    for (rule, field_name), rejections in result.rejections.items():
        chosen = [each for each in rejections if each.is_documented] or rejections
        first = chosen[0]
        values = dict.fromkeys(
            shorten(each.payload[own])
            for each in chosen
            if (own := _old_name(body_pair, field_name, each.payload)) is not None
        )
        yield _finding(
            body_pair,
            first,
            tuple(values),
            always=rule == "REQ-FIELD"
            and field_name not in result.accepted_fields
            and (
                first.is_documented
                or first.wire_name not in body_pair.new.body.properties
            ),
        )


def _old_name(body_pair: BodyPair, field_name: str, payload: Payload) -> str | None:
    """Find the name of a field in a request for the old provider."""
    return next(
        (each for each in payload if body_pair.old.canonical_name(each) == field_name),
        None,
    )


def _finding(
    body_pair: BodyPair, rejection: Rejection, values: tuple[str, ...], *, always: bool
) -> BreakingChange:
    rule = rules()[rejection.rule]
    own = (
        _old_name(body_pair, rejection.field_name, rejection.payload)
        or rejection.field_name
    )
    there = rejection.other or rejection.wire_name
    value = _accepted_alternative(body_pair, rejection)
    here = cite(
        body_pair.new.provider,
        describe_field(body_pair.new, there),
        evidence_for(body_pair.new, there),
    )
    if (
        rejection.rule in {"REQ-FIELD", "REQ-REQUIRED"}
        or rejection.violation.evidence.rule
    ):
        text = f"{there}: {rejection.violation.message}"
        evidence = rejection.violation.evidence
        if there not in body_pair.new.body.properties:
            text, evidence = f"{there} is not listed", body_pair.new.body.evidence
        here = cite(body_pair.new.provider, text, evidence)
    severity = rule.severity(rejection.field_name, documented=rejection.is_documented)
    return BreakingChange(
        rule=rule.id,
        severity=severity,
        operation=body_pair.operation,
        member=own,
        sentence=_sentence(rejection, own, values, documented=rejection.is_documented),
        old=cite(
            body_pair.old.provider,
            describe_field(body_pair.old, own)
            + rule_citations(body_pair.old, own, rejection.payload),
            evidence_for(body_pair.old, own),
        ),
        new=here,
        fix=rule.fix.format(
            field=own,
            other=rejection.other,
            value=value,
            operation=body_pair.operation,
            to=body_pair.new.provider.title,
        ),
        witness=build_counterexample(
            body_pair.migration, body_pair.old, rejection.payload
        ),
        values=values,
        media_types=(body_pair.old.body.media_type,),
        other=rejection.other,
        always=always,
    )


def _sentence(
    rejection: Rejection, field_name: str, values: tuple[str, ...], *, documented: bool
) -> str:
    if rejection.rule == "REQ-RENAMED":
        return f"{field_name} has the new name {rejection.other}"
    if rejection.rule == "REQ-REQUIRED":
        word = "is required" if documented else "may be required"
        return f"{field_name} {word}; it was optional before"
    if rejection.rule == "REQ-FIELD":
        word = "is rejected" if documented else "may be rejected"
        is_unlisted = rejection.violation.keyword == "additionalProperties"
        return f"{field_name} {'is not listed' if is_unlisted else word}"
    listed = ", ".join(values[:MAX_VALUES])
    more = f" and {len(values) - MAX_VALUES} more" if len(values) > MAX_VALUES else ""
    word = "is rejected" if documented else "may be rejected"
    is_inside = len(rejection.violation.path) > 1
    why = str(rejection.violation) if is_inside else rejection.violation.message
    return f"{field_name} = {listed}{more} {word}: {why}"


def _accepted_alternative(body_pair: BodyPair, rejection: Rejection) -> str:
    """Describe what the new provider accepts instead, for the fix."""
    violation = rejection.violation
    if rejection.rule == "REQ-REQUIRED":
        return ""
    if rejection.rule == "REQ-MODEL":
        return body_pair.new.provider.dialect.model
    if violation.keyword in {"enum", "const"}:
        listed = violation.expected
        words = listed if isinstance(listed, list) else [listed]
        named = [str(each) for each in words if each is not None]
        more = ", \N{HORIZONTAL ELLIPSIS}" if len(named) > MAX_NAMED_VALUES else ""
        return f"{', '.join(named[:MAX_NAMED_VALUES])}{more}"
    if violation.keyword == "pattern":
        return str(violation.expected)
    if violation.keyword == "additionalProperties" or must_be_absent(violation):
        return f"a value without {violation.param}"
    inside = f" in {violation.param}" if len(violation.path) > 1 else ""
    return f"{_MODAL_VERB.sub('', violation.message)}{inside}"


def media_type_findings(
    migration: Migration, old: RequestModel
) -> Iterator[BreakingChange]:
    """Find a content type of a request body that the new provider rejects."""
    operation = migration.new_operations.get(old.operation.id)
    minimal = minimal_requests(migration, old)
    if operation is None or not minimal:
        return
    rule = rules()["REQ-MEDIA"]
    media_type = old.body.media_type
    short = {JSON: "JSON", FORM: "a form"}
    accepted = " or ".join(short.get(each, each) for each in operation.bodies)
    yield BreakingChange(
        rule=rule.id,
        severity=rule.severity("", documented=True),
        operation=operation.id,
        member=media_type,
        sentence=f"{short.get(media_type, media_type)} is not accepted; use {accepted}",
        old=cite(migration.old, f"accepts {media_type}", old.body.evidence),
        new=cite(
            migration.new, f"accepts {', '.join(operation.bodies)}", operation.evidence
        ),
        fix=rule.fix.format(operation=operation.id, value=accepted),
        witness=build_counterexample(migration, old, minimal[0]),
        media_types=(media_type,),
    )
