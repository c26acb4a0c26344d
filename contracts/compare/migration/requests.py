"""
Requests that the one provider takes and the other does not.

Found by search: every telling value of either document in every plain request, singly
and in the pairs that a rule brings together. What is found is judged, never inferred.
"""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from contracts.compare.migration.model import (
    BodyPair,
    BreakingChange,
    Counterexample,
    Migration,
    Payload,
    cite,
    is_documented,
    judge,
    minimal_requests,
    shorten,
    state,
)
from contracts.compare.migration.rules import rules
from contracts.planning.case import FORM, JSON, Case, Origin
from contracts.planning.code_samples import curl_command
from contracts.planning.request_model import RequestModel
from contracts.planning.values import Value, all_of_parts, format_value, types_of
from specs import Body, Evidence, State, Violation, cost

MAX_VALUES = 6
MAX_COMPANION_VALUES = 6
MAX_NAMED_VALUES = 4
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
_MODAL_VERB = re.compile(r"^(must|may) (be|have) ")


@dataclass(frozen=True)
class _Rejection:
    """A request that is not taken, and the first thing that is wrong with it there."""

    rule: str
    member: str
    payload: Payload
    violation: Violation
    wire_name: str
    other: str = ""

    @property
    def is_documented(self) -> bool:
        return is_documented(self.violation.evidence)


@dataclass
class SearchResult:
    """
    What a search found: refusals by their kind, and requests that both take.

    `welcome` are members that the new provider took with some value, in canonical
    names; `tried` is the number of requests.
    """

    rejections: dict[tuple[str, str], list[_Rejection]] = field(default_factory=dict)
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
        for each in _rejections(body_pair, context, context, set()):
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
    known = _existing_violations(body_pair, context)
    for payload, members in _nearby_requests(body_pair, context):
        roles = {body_pair.old.canonical_name(each) for each in members}
        if skipped_fields and roles & skipped_fields:
            continue
        result.tried += 1
        refused = list(_rejections(body_pair, payload, context, known))
        if not refused:
            result.accepted_fields |= roles
            if not known:
                result.accepted.append(payload)
        for each in refused:
            if skipped_fields is None or each.rule in {"REQ-FIELD", "REQ-RENAMED"}:
                result.rejections.setdefault((each.rule, each.member), []).append(each)


def _existing_violations(body_pair: BodyPair, payload: Payload) -> set[tuple[Any, ...]]:
    """What is wrong with a plain request already, which no change to it brought."""
    verdict = judge(body_pair.new, body_pair.with_new_names(payload))
    return {(each.path, each.claim) for each in verdict.violations}


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


def _rejections(
    body_pair: BodyPair,
    payload: Payload,
    context: Payload,
    known_violations: set[tuple[Any, ...]],
) -> Iterator[_Rejection]:
    """What keeps the new provider from taking a request, one for each member."""
    renamed = body_pair.with_new_names(payload)
    for name in payload:
        other = body_pair.new_name(name, payload)
        if other and (name not in context or payload is context):
            for each in judge(body_pair.new, payload).violations:
                if each.path[:1] == (name,):
                    role = body_pair.old.canonical_name(name)
                    yield _Rejection("REQ-RENAMED", role, payload, each, name, other)
                    break
    if state(body_pair.new, renamed) is State.VALID:
        return
    verdict = judge(body_pair.new, renamed)
    new = [
        each
        for each in verdict.violations
        if (each.path, each.claim) not in known_violations
    ]
    told = [each for each in new if is_documented(each.evidence)] or new
    seen: set[str] = set()
    for violation in told:
        own = str(violation.path[0]) if violation.path else ""
        if own not in seen:
            seen.add(own)
            rule = _rule_for(body_pair, violation, own)
            yield _Rejection(
                rule, body_pair.new.canonical_name(own), payload, violation, own
            )


def _rule_for(body_pair: BodyPair, violation: Violation, wire_name: str) -> str:
    keyword = violation.keyword
    role = body_pair.new.canonical_name(wire_name)
    if keyword == "required" and len(violation.path) == 1:
        return "REQ-REQUIRED"
    refused = keyword in {"additionalProperties", "not"}
    if refused or _accepts_only_null(violation):
        return "REQ-FIELD" if len(violation.path) == 1 else "REQ-TYPE"
    if role == "model":
        return "REQ-MODEL"
    if role in _IMAGE_FIELDS and body_pair.old.body.media_type == FORM:
        return "REQ-PART"
    return _RULE_BY_KEYWORD.get(keyword, "REQ-TYPE")


def _accepts_only_null(violation: Violation) -> bool:
    return violation.keyword == "type" and types_of({"type": violation.expected}) == [
        "null"
    ]


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
    body_pair: BodyPair, rejection: _Rejection, values: tuple[str, ...], *, always: bool
) -> BreakingChange:
    rule = rules()[rejection.rule]
    own = _old_name(body_pair, rejection.member, rejection.payload) or rejection.member
    there = rejection.other or rejection.wire_name
    value = _accepted_alternative(body_pair, rejection)
    here = cite(
        body_pair.new.provider,
        describe_field(body_pair.new, there),
        _evidence_for(body_pair.new, there),
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
            f"{describe_field(body_pair.old, own)}{_rule_citations(body_pair.old, own, rejection.payload)}",
            _evidence_for(body_pair.old, own),
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
    rejection: _Rejection, field_name: str, values: tuple[str, ...], *, documented: bool
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


def _accepted_alternative(body_pair: BodyPair, rejection: _Rejection) -> str:
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


def build_counterexample(
    migration: Migration, old: RequestModel, payload: Payload
) -> Counterexample:
    """A request as a curl line to the new provider, changed in nothing else."""
    new = migration.new
    operation = new.operations.get(old.operation.id, old.operation)
    media_type = old.body.media_type
    case = Case(
        id="",
        operation=operation.id,
        origin=Origin.MIGRATION,
        expectation=State.VALID,
        media_type=media_type,
        payload=payload,
    )
    url = f"{new.dialect.base_url.rstrip('/')}{operation.path}"
    line = curl_command(case, url, new.dialect.key_env, operation.method)
    return Counterexample(operation.id, media_type, payload, line)


def _evidence_for(request_model: RequestModel, name: str) -> Evidence:
    member = request_model.body.properties.get(name)
    if not isinstance(member, dict):
        return request_model.body.evidence
    return request_model.body.evidence.within(member)


def describe_field(request_model: RequestModel, name: str) -> str:
    """What a body says of a member, in a line."""
    member = request_model.body.properties.get(name)
    if member is None:
        return f"{name} is not listed"
    words = list(_description_parts(request_model, name, member))
    return f"{name}: {'; '.join(words)}"


def _rule_citations(request_model: RequestModel, name: str, payload: Payload) -> str:
    """The rules that say more of a member in a request, as an end to a sentence."""
    names = (
        f"{rule.name} ({rule.schema.get('x-source', 'no source')})"
        for rule in request_model.rules
        if name in rule.targets and rule.is_documented and rule.applies(payload)
    )
    return "".join(f"; by rule {each}" for each in names)


def _description_parts(
    request_model: RequestModel, name: str, member: Any
) -> Iterator[str]:
    schema = member if isinstance(member, dict) else {}
    lists = (each["enum"] for each in all_of_parts(member) if "enum" in each)
    listed = next(lists, None)
    types = [each for each in types_of(schema) if each != "null"]
    if listed:
        yield ", ".join(str(each) for each in listed if each is not None)
    elif schema.get("format") == "binary":
        yield "a file or several" if "array" in types else "a file"
    else:
        yield " or ".join(types) or "anything"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None or most is not None:
        yield f"{'' if least is None else least}…{'' if most is None else most}"
    if "maxItems" in schema:
        yield f"at most {schema['maxItems']}"
    whole = (
        request_model.body.schema if isinstance(request_model.body.schema, dict) else {}
    )
    yield "required" if name in whole.get("required", []) else "optional"
    if "default" in schema:
        yield f"default {format_value(schema['default'])}"


def default_findings(
    body_pair: BodyPair, result: SearchResult
) -> Iterator[BreakingChange]:
    """Members that mean something else when they are left out."""
    if not result.accepted:
        return
    rule = rules()["REQ-DEFAULT"]
    plain = result.accepted[0]
    new, old = body_pair.new, body_pair.old
    there = {
        new.canonical_name(name): (name, each)
        for name, each in _all_defaults(new.body).items()
    }
    for name, value in _all_defaults(old.body).items():
        role = old.canonical_name(name)
        payload = next((each for each in result.accepted if name not in each), plain)
        other = new.wire_name(role)
        if name in payload or other is None or not body_pair.uses(name):
            continue
        if new.body.properties[other] is False:
            continue
        own, default = there.get(role, (other, None))
        if default == value or (default is None and name not in old.body.defaults):
            continue
        evidence = _evidence_for(new, own)
        is_said = default is not None and is_documented(evidence)
        is_said = is_said and own in new.body.defaults
        text = f"means {format_value(value)} at {body_pair.migration.old.title}"
        rest = "is not said" if default is None else f"means {format_value(default)}"
        yield BreakingChange(
            rule=rule.id,
            severity=rule.severity(role, documented=is_said),
            operation=body_pair.operation,
            member=name,
            sentence=f"no {name} {text}; at {body_pair.migration.new.title} it {rest}"
            f"{_cost_difference(body_pair, payload)}",
            old=cite(
                old.provider,
                f"{name}: default {format_value(value)}",
                _evidence_for(old, name),
            ),
            new=cite(
                new.provider,
                f"{own}: no default is said"
                if default is None
                else f"{own}: default {format_value(default)}",
                evidence,
            ),
            fix=rule.fix.format(
                member=own, value=format_value(value), other=own, operation="", to=""
            ),
            witness=build_counterexample(body_pair.migration, body_pair.old, payload),
            media_types=(old.body.media_type,),
        )


def _all_defaults(body: Body) -> dict[str, Any]:
    """Defaults, those included that are only told."""
    merged = {**body.assumed_defaults, **body.defaults}
    return {name: each for name, each in merged.items() if each is not None}


def _cost_difference(body_pair: BodyPair, payload: Payload) -> str:
    """What the request costs at each, where both document it and they differ."""
    bills = []
    for desk, body in (
        (body_pair.old, payload),
        (body_pair.new, body_pair.with_new_names(payload)),
    ):
        asked = desk.provider.canonical_request(
            desk.operation.id, desk.body.media_type, body
        )
        count = asked.get("n") or 1
        bills.append(
            cost(desk.provider.dialect, body_pair.operation, asked, count=count)
        )
    before, after = bills
    if None in (before.amount, after.amount) or before == after:
        return ""
    return (
        f" ({before.amount} {before.currency} before, "
        f"{after.amount} {after.currency} after)"
    )


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
