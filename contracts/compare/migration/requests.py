"""
Requests that the one provider takes and the other does not.

Found by search: every telling value of either document in every plain request, singly
and in the pairs that a rule brings together. What is found is judged, never inferred.
"""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from contracts.compare.migration.counterexamples import build_counterexample
from contracts.compare.migration.field_descriptions import (
    describe_field,
    evidence_for,
    rule_citations,
)
from contracts.compare.migration.model import (
    BodyPair,
    BreakingChange,
    Migration,
    Payload,
    cite,
    minimal_requests,
    shorten,
)
from contracts.compare.migration.rejections import (
    Rejection,
    existing_violations,
    find_rejections,
)
from contracts.compare.migration.rules import rules
from contracts.planning.case import FORM, JSON
from contracts.planning.request_model import RequestModel
from contracts.planning.values import Value

MAX_VALUES = 6
MAX_COMPANION_VALUES = 6
MAX_NAMED_VALUES = 4
_MODAL_VERB = re.compile(r"^(must|may) (be|have) ")


@dataclass
class SearchResult:
    """
    What a search found: refusals by their kind, and requests that both take.

    `welcome` are members that the new provider took with some value, in canonical
    names; `tried` is the number of requests.
    """

    rejections: dict[tuple[str, str], list[Rejection]] = field(default_factory=dict)
    accepted: list[Payload] = field(default_factory=list)
    accepted_fields: set[str] = field(default_factory=set)
    tried: int = 0


def search(body_pair: BodyPair) -> SearchResult:
    """All that a lane's requests meet at the new provider."""
    found = SearchResult()
    usable = [
        each for each in body_pair.minimal_requests if body_pair.is_accepted(each)
    ]
    for context in body_pair.minimal_requests:
        for each in find_rejections(body_pair, context, context, set()):
            found.rejections.setdefault((each.rule, each.member), []).append(each)
    for context in usable or body_pair.minimal_requests[:1]:
        _search_around(body_pair, context, found)
    seen = {member for _, member in found.rejections} | found.accepted_fields
    for (
        context
    ) in body_pair.minimal_requests:  # members that no model has which both know
        if context not in usable:
            _search_around(body_pair, context, found, skipped_fields=seen)
    return found


def _search_around(
    body_pair: BodyPair,
    context: Payload,
    result: SearchResult,
    *,
    skipped_fields: AbstractSet[str] | None = None,
) -> None:
    """Search around a plain request; with `spare`, for the names of other members."""
    known = existing_violations(body_pair, context)
    for payload, members in _nearby_requests(body_pair, context):
        roles = {body_pair.old.canonical_name(each) for each in members}
        if skipped_fields and roles & skipped_fields:
            continue
        result.tried += 1
        refused = list(find_rejections(body_pair, payload, context, known))
        if not refused:
            result.accepted_fields |= roles
            if not known:
                result.accepted.append(payload)
        for each in refused:
            if skipped_fields is None or each.rule in {"REQ-FIELD", "REQ-RENAMED"}:
                result.rejections.setdefault((each.rule, each.member), []).append(each)


def _nearby_requests(
    body_pair: BodyPair, context: Payload
) -> Iterator[tuple[Payload, list[str]]]:
    """
    Requests around a plain one that the old provider takes, the smallest first.

    With each, the members that were changed.
    """
    old = body_pair.old
    needy: list[tuple[str, Value]] = []
    legal: dict[str, list[Value]] = {}
    yield context, []
    for member in filter(body_pair.uses, old.body.properties):
        for value in body_pair.values(member):
            payload = body_pair.prepare_payload({**context, member: value.value})
            if body_pair.may_send(payload):
                legal.setdefault(member, []).append(value)
                yield payload, [member]
            else:
                needy.append((member, value))
    for member, value in needy:
        yield from _with_companion_field(body_pair, context, member, value, legal)
    for left, right in _related_field_pairs(body_pair):
        for one in legal.get(left, [])[:MAX_COMPANION_VALUES]:
            for two in legal.get(right, [])[: 2 * MAX_COMPANION_VALUES]:
                payload = body_pair.prepare_payload(
                    {**context, left: one.value, right: two.value}
                )
                if body_pair.may_send(payload):
                    yield payload, [left, right]


def _with_companion_field(
    body_pair: BodyPair,
    context: Payload,
    member: str,
    value: Value,
    valid_values: Mapping[str, list[Value]],
) -> Iterator[tuple[Payload, list[str]]]:
    """The first request in which a value is taken that is refused alone."""
    company = {
        other
        for rule in body_pair.old.rules
        if member in rule.members
        for other in rule.members
        if other not in {member, "model"}
    }
    for other in sorted(company):
        for beside in valid_values.get(other, []):
            payload = {**context, other: beside.value, member: value.value}
            payload = body_pair.prepare_payload(payload)
            if body_pair.may_send(payload):
                yield payload, [other, member]
                return


def _related_field_pairs(body_pair: BodyPair) -> Iterator[tuple[str, str]]:
    """Pairs of the old provider's members of which a rule of the new one speaks."""
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
    """The refusals of a lane, one finding for each rule and member."""
    for (rule, member), refusals in result.rejections.items():
        told = [each for each in refusals if each.is_documented] or refusals
        first = told[0]
        values = dict.fromkeys(
            shorten(each.payload[own])
            for each in told
            if (own := _old_name(body_pair, member, each.payload)) is not None
        )
        yield _finding(
            body_pair,
            first,
            tuple(values),
            always=rule == "REQ-FIELD"
            and member not in result.accepted_fields
            and (
                first.is_documented
                or first.wire_name not in body_pair.new.body.properties
            ),
        )


def _old_name(body_pair: BodyPair, member: str, payload: Payload) -> str | None:
    """What a member is called in a request for the old provider."""
    return next(
        (each for each in payload if body_pair.old.canonical_name(each) == member), None
    )


def _finding(
    body_pair: BodyPair, rejection: Rejection, values: tuple[str, ...], *, always: bool
) -> BreakingChange:
    rule = rules()[rejection.rule]
    own = _old_name(body_pair, rejection.member, rejection.payload) or rejection.member
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
    severity = rule.severity(rejection.member, documented=rejection.is_documented)
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
            member=own,
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
        return f"{field_name} is called {rejection.other}"
    if rejection.rule == "REQ-REQUIRED":
        word = "is required" if documented else "may be required"
        return f"{field_name} {word}, and could be left out"
    if rejection.rule == "REQ-FIELD":
        word = "refused" if documented else "not promised"
        is_unlisted = rejection.violation.keyword == "additionalProperties"
        return f"{field_name} is {'not listed' if is_unlisted else word}"
    listed = ", ".join(values[:MAX_VALUES])
    more = f" and {len(values) - MAX_VALUES} more" if len(values) > MAX_VALUES else ""
    word = "is refused" if documented else "is not promised"
    is_inside = len(rejection.violation.path) > 1
    why = str(rejection.violation) if is_inside else rejection.violation.message
    return f"{field_name} = {listed}{more} {word}: {why}"


def _accepted_alternative(body_pair: BodyPair, rejection: Rejection) -> str:
    """What the new provider takes instead, as a fix names it."""
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
    if violation.keyword in {"additionalProperties", "not"}:
        return f"something without {violation.param}"
    inside = f" in {violation.param}" if len(violation.path) > 1 else ""
    return f"{_MODAL_VERB.sub('', violation.message)}{inside}"


def media_type_findings(
    migration: Migration, old: RequestModel
) -> Iterator[BreakingChange]:
    """A body that the new provider does not take in this form at all."""
    operation = migration.new.operations.get(old.operation.id)
    plain = minimal_requests(migration, old)
    if operation is None or not plain:
        return
    rule = rules()["REQ-MEDIA"]
    media_type = old.body.media_type
    short = {JSON: "JSON", FORM: "a form"}
    taken = " or ".join(short.get(each, each) for each in operation.bodies)
    yield BreakingChange(
        rule=rule.id,
        severity=rule.severity("", documented=True),
        operation=operation.id,
        member=media_type,
        sentence=f"{short.get(media_type, media_type)} is not taken, but {taken}",
        old=cite(migration.old, f"takes {media_type}", old.body.evidence),
        new=cite(
            migration.new, f"takes {', '.join(operation.bodies)}", operation.evidence
        ),
        fix=rule.fix.format(operation=operation.id, value=taken),
        witness=build_counterexample(migration, old, plain[0]),
        media_types=(media_type,),
    )
