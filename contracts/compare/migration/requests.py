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
    Finding,
    Lane,
    Move,
    Payload,
    Witness,
    brief,
    is_documented,
    judge,
    plain_requests,
    said,
    state,
)
from contracts.compare.migration.rules import rules
from contracts.judging.findings import curl
from contracts.planning.case import FORM, JSON, Case
from contracts.planning.request_model import Desk
from contracts.planning.values import Value, flat, shown, types_of
from specs import Body, Evidence, State, Violation, cost, effective

MOST_VALUES = 6
MOST_BESIDE = 6
MOST_NAMED = 4
_RULES = {
    **dict.fromkeys(("enum", "const"), "REQ-ENUM"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum"), "REQ-RANGE"),
    **dict.fromkeys(("exclusiveMaximum", "multipleOf", "x-image-size"), "REQ-RANGE"),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), "REQ-RANGE"),
    "pattern": "REQ-PATTERN",
    "type": "REQ-TYPE",
    **dict.fromkeys(("x-upload", "x-same-dimensions"), "REQ-PART"),
}
_PICTURES = {"image", "mask"}
_MODAL = re.compile(r"^(must|may) (be|have) ")


@dataclass(frozen=True)
class _Refusal:
    """A request that is not taken, and the first thing that is wrong with it there."""

    rule: str
    member: str
    payload: Payload
    violation: Violation
    own: str
    other: str = ""

    @property
    def is_said(self) -> bool:
        return is_documented(self.violation.evidence)


@dataclass
class Searched:
    """
    What a search found: refusals by their kind, and requests that both take.

    `welcome` are members that the new provider took with some value, in canonical
    names; `tried` is the number of requests.
    """

    refusals: dict[tuple[str, str], list[_Refusal]] = field(default_factory=dict)
    accepted: list[Payload] = field(default_factory=list)
    welcome: set[str] = field(default_factory=set)
    tried: int = 0


def searched(lane: Lane) -> Searched:
    """All that a lane's requests meet at the new provider."""
    found = Searched()
    usable = [each for each in lane.contexts if lane.is_welcome(each)]
    for context in lane.contexts:
        for each in _refused(lane, context, context, set()):
            found.refusals.setdefault((each.rule, each.member), []).append(each)
    for context in usable or lane.contexts[:1]:
        _search(lane, context, found)
    seen = {member for _, member in found.refusals} | found.welcome
    for context in lane.contexts:  # members that no model has which both know
        if context not in usable:
            _search(lane, context, found, spare=seen)
    return found


def _search(
    lane: Lane,
    context: Payload,
    found: Searched,
    *,
    spare: AbstractSet[str] | None = None,
) -> None:
    """Search around a plain request; with `spare`, for the names of other members."""
    known = _wrong(lane, context)
    for payload, members in _requests(lane, context):
        roles = {lane.old.role(each) for each in members}
        if spare and roles & spare:
            continue
        found.tried += 1
        refused = list(_refused(lane, payload, context, known))
        if not refused:
            found.welcome |= roles
            if not known:
                found.accepted.append(payload)
        for each in refused:
            if spare is None or each.rule in {"REQ-FIELD", "REQ-RENAMED"}:
                found.refusals.setdefault((each.rule, each.member), []).append(each)


def _wrong(lane: Lane, payload: Payload) -> set[tuple[Any, ...]]:
    """What is wrong with a plain request already, which no change to it brought."""
    verdict = judge(lane.new, lane.renamed(payload))
    return {(each.path, each.claim) for each in verdict.violations}


def _requests(lane: Lane, context: Payload) -> Iterator[tuple[Payload, list[str]]]:
    """
    Requests around a plain one that the old provider takes, the smallest first.

    With each, the members that were changed.
    """
    old = lane.old
    needy: list[tuple[str, Value]] = []
    legal: dict[str, list[Value]] = {}
    yield context, []
    for member in filter(lane.uses, old.body.properties):
        for value in lane.values(member):
            payload = lane.sent({**context, member: value.value})
            if lane.may_send(payload):
                legal.setdefault(member, []).append(value)
                yield payload, [member]
            else:
                needy.append((member, value))
    for member, value in needy:
        yield from _with_company(lane, context, member, value, legal)
    for left, right in _together(lane):
        for one in legal.get(left, [])[:MOST_BESIDE]:
            for two in legal.get(right, [])[: 2 * MOST_BESIDE]:
                payload = lane.sent({**context, left: one.value, right: two.value})
                if lane.may_send(payload):
                    yield payload, [left, right]


def _with_company(
    lane: Lane,
    context: Payload,
    member: str,
    value: Value,
    legal: Mapping[str, list[Value]],
) -> Iterator[tuple[Payload, list[str]]]:
    """The first request in which a value is taken that is refused alone."""
    company = {
        other
        for rule in lane.old.rules
        if member in rule.members
        for other in rule.members
        if other not in {member, "model"}
    }
    for other in sorted(company):
        for beside in legal.get(other, []):
            payload = {**context, other: beside.value, member: value.value}
            payload = lane.sent(payload)
            if lane.may_send(payload):
                yield payload, [other, member]
                return


def _together(lane: Lane) -> Iterator[tuple[str, str]]:
    """Pairs of the old provider's members of which a rule of the new one speaks."""
    pairs: dict[tuple[str, str], None] = {}
    names = {lane.old.role(each): each for each in lane.old.body.properties}
    for rule in lane.new.rules:
        for cause in rule.causes:
            for target in rule.targets:
                left, right = (names.get(lane.new.role(x)) for x in (cause, target))
                if left and right and left != right and "model" not in (left, right):
                    pairs[left, right] = None
    for left, right in pairs:
        if lane.uses(left) and lane.uses(right):
            yield left, right


def _refused(
    lane: Lane, payload: Payload, context: Payload, known: set[tuple[Any, ...]]
) -> Iterator[_Refusal]:
    """What keeps the new provider from taking a request, one for each member."""
    renamed = lane.renamed(payload)
    for name in payload:
        other = lane.other_name(name, payload)
        if other and (name not in context or payload is context):
            for each in judge(lane.new, payload).violations:
                if each.path[:1] == (name,):
                    role = lane.old.role(name)
                    yield _Refusal("REQ-RENAMED", role, payload, each, name, other)
                    break
    if state(lane.new, renamed) is State.VALID:
        return
    verdict = judge(lane.new, renamed)
    new = [each for each in verdict.violations if (each.path, each.claim) not in known]
    told = [each for each in new if is_documented(each.evidence)] or new
    seen: set[str] = set()
    for violation in told:
        own = str(violation.path[0]) if violation.path else ""
        if own not in seen:
            seen.add(own)
            rule = _rule(lane, violation, own)
            yield _Refusal(rule, lane.new.role(own), payload, violation, own)


def _rule(lane: Lane, violation: Violation, own: str) -> str:
    keyword = violation.keyword
    role = lane.new.role(own)
    if keyword == "required" and len(violation.path) == 1:
        return "REQ-REQUIRED"
    refused = keyword in {"additionalProperties", "not"}
    if refused or _only_null(violation):
        return "REQ-FIELD" if len(violation.path) == 1 else "REQ-TYPE"
    if role == "model":
        return "REQ-MODEL"
    if role in _PICTURES and lane.old.body.media_type == FORM:
        return "REQ-PART"
    return _RULES.get(keyword, "REQ-TYPE")


def _only_null(violation: Violation) -> bool:
    return violation.keyword == "type" and types_of({"type": violation.expected}) == [
        "null"
    ]


def findings(lane: Lane, found: Searched) -> Iterator[Finding]:
    """The refusals of a lane, one finding for each rule and member."""
    for (rule, member), refusals in found.refusals.items():
        told = [each for each in refusals if each.is_said] or refusals
        first = told[0]
        values = dict.fromkeys(
            brief(each.payload[own])
            for each in told
            if (own := _own(lane, member, each.payload)) is not None
        )
        yield _finding(
            lane,
            first,
            tuple(values),
            always=rule == "REQ-FIELD"
            and member not in found.welcome
            and (first.is_said or first.own not in lane.new.body.properties),
        )


def _own(lane: Lane, member: str, payload: Payload) -> str | None:
    """What a member is called in a request for the old provider."""
    return next((each for each in payload if lane.old.role(each) == member), None)


def _finding(
    lane: Lane, refusal: _Refusal, values: tuple[str, ...], *, always: bool
) -> Finding:
    rule = rules()[refusal.rule]
    own = _own(lane, refusal.member, refusal.payload) or refusal.member
    there = refusal.other or refusal.own
    value = _wanted(lane, refusal)
    here = said(lane.new.provider, describe(lane.new, there), _about(lane.new, there))
    if refusal.rule in {"REQ-FIELD", "REQ-REQUIRED"} or refusal.violation.evidence.rule:
        text = f"{there}: {refusal.violation.message}"
        evidence = refusal.violation.evidence
        if there not in lane.new.body.properties:
            text, evidence = f"{there} is not listed", lane.new.body.evidence
        here = said(lane.new.provider, text, evidence)
    severity = rule.severity(refusal.member, said=refusal.is_said)
    return Finding(
        rule=rule.id,
        severity=severity,
        operation=lane.operation,
        member=own,
        sentence=_sentence(refusal, own, values, is_said=refusal.is_said),
        old=said(
            lane.old.provider,
            f"{describe(lane.old, own)}{_ruled(lane.old, own, refusal.payload)}",
            _about(lane.old, own),
        ),
        new=here,
        fix=rule.fix.format(
            member=own,
            other=refusal.other,
            value=value,
            operation=lane.operation,
            to=lane.new.provider.title,
        ),
        witness=witness(lane.move, lane.old, refusal.payload),
        values=values,
        media_types=(lane.old.body.media_type,),
        other=refusal.other,
        always=always,
    )


def _sentence(
    refusal: _Refusal, own: str, values: tuple[str, ...], *, is_said: bool
) -> str:
    if refusal.rule == "REQ-RENAMED":
        return f"{own} is called {refusal.other}"
    if refusal.rule == "REQ-REQUIRED":
        word = "is required" if is_said else "may be required"
        return f"{own} {word}, and could be left out"
    if refusal.rule == "REQ-FIELD":
        word = "refused" if is_said else "not promised"
        is_unlisted = refusal.violation.keyword == "additionalProperties"
        return f"{own} is {'not listed' if is_unlisted else word}"
    listed = ", ".join(values[:MOST_VALUES])
    more = f" and {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
    word = "is refused" if is_said else "is not promised"
    is_inside = len(refusal.violation.path) > 1
    why = str(refusal.violation) if is_inside else refusal.violation.message
    return f"{own} = {listed}{more} {word}: {why}"


def _wanted(lane: Lane, refusal: _Refusal) -> str:
    """What the new provider takes instead, as a fix names it."""
    violation = refusal.violation
    if refusal.rule == "REQ-REQUIRED":
        return ""
    if refusal.rule == "REQ-MODEL":
        return lane.new.provider.dialect.model
    if violation.keyword in {"enum", "const"}:
        listed = violation.expected
        words = listed if isinstance(listed, list) else [listed]
        named = [str(each) for each in words if each is not None]
        more = ", \N{HORIZONTAL ELLIPSIS}" if len(named) > MOST_NAMED else ""
        return f"{', '.join(named[:MOST_NAMED])}{more}"
    if violation.keyword == "pattern":
        return str(violation.expected)
    if violation.keyword in {"additionalProperties", "not"}:
        return f"something without {violation.param}"
    inside = f" in {violation.param}" if len(violation.path) > 1 else ""
    return f"{_MODAL.sub('', violation.message)}{inside}"


def witness(move: Move, old: Desk, payload: Payload) -> Witness:
    """A request as a curl line to the new provider, changed in nothing else."""
    new = move.new
    operation = new.operations.get(old.operation.id, old.operation)
    media_type = old.body.media_type
    case = Case(
        id="",
        operation=operation.id,
        origin="drop-in",
        expectation=State.VALID,
        media_type=media_type,
        payload=payload,
    )
    url = f"{new.dialect.base_url.rstrip('/')}{operation.path}"
    line = curl(case, url, new.dialect.key_env, operation.method)
    return Witness(operation.id, media_type, payload, line)


def _about(desk: Desk, name: str) -> Evidence:
    member = desk.body.properties.get(name)
    if not isinstance(member, dict):
        return desk.body.evidence
    return desk.body.evidence.within(member)


def describe(desk: Desk, name: str) -> str:
    """What a body says of a member, in a line."""
    member = desk.body.properties.get(name)
    if member is None:
        return f"{name} is not listed"
    words = list(_words(desk, name, member))
    return f"{name}: {'; '.join(words)}"


def _ruled(desk: Desk, name: str, payload: Payload) -> str:
    """The rules that say more of a member in a request, as an end to a sentence."""
    names = (
        f"{rule.name} ({rule.part.get('x-source', 'no source')})"
        for rule in desk.rules
        if name in rule.targets and rule.is_documented and rule.bites(payload)
    )
    return "".join(f"; by rule {each}" for each in names)


def _words(desk: Desk, name: str, member: Any) -> Iterator[str]:
    schema = member if isinstance(member, dict) else {}
    lists = (each["enum"] for each in flat(member) if "enum" in each)
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
    whole = desk.body.schema if isinstance(desk.body.schema, dict) else {}
    yield "required" if name in whole.get("required", []) else "optional"
    if "default" in schema:
        yield f"default {shown(schema['default'])}"


def defaults(lane: Lane, found: Searched) -> Iterator[Finding]:
    """Members that mean something else when they are left out."""
    if not found.accepted:
        return
    rule = rules()["REQ-DEFAULT"]
    plain = found.accepted[0]
    new, old = lane.new, lane.old
    there = {new.role(name): (name, each) for name, each in _told(new.body).items()}
    for name, value in _told(old.body).items():
        role = old.role(name)
        payload = next((each for each in found.accepted if name not in each), plain)
        other = new.named(role)
        if name in payload or other is None or not lane.uses(name):
            continue
        if new.body.properties[other] is False:
            continue
        own, default = there.get(role, (other, None))
        if default == value or (default is None and name not in old.body.defaults):
            continue
        evidence = _about(new, own)
        is_said = default is not None and is_documented(evidence)
        is_said = is_said and own in new.body.defaults
        text = f"means {shown(value)} at {lane.move.old.title}"
        rest = "is not said" if default is None else f"means {shown(default)}"
        yield Finding(
            rule=rule.id,
            severity=rule.severity(role, said=is_said),
            operation=lane.operation,
            member=name,
            sentence=f"no {name} {text}; at {lane.move.new.title} it {rest}"
            f"{_bill(lane, payload)}",
            old=said(
                old.provider, f"{name}: default {shown(value)}", _about(old, name)
            ),
            new=said(
                new.provider,
                f"{own}: no default is said"
                if default is None
                else f"{own}: default {shown(default)}",
                evidence,
            ),
            fix=rule.fix.format(
                member=own, value=shown(value), other=own, operation="", to=""
            ),
            witness=witness(lane.move, lane.old, payload),
            media_types=(old.body.media_type,),
        )


def _told(body: Body) -> dict[str, Any]:
    """Defaults, those included that are only told."""
    merged = {**body.assumed_defaults, **body.defaults}
    return {name: each for name, each in merged.items() if each is not None}


def _bill(lane: Lane, payload: Payload) -> str:
    """What the request costs at each, where both document it and they differ."""
    bills = []
    for desk, body in ((lane.old, payload), (lane.new, lane.renamed(payload))):
        asked = effective(desk.provider.dialect, desk.operation, desk.body, body)
        count = asked.get("n") or 1
        bills.append(cost(desk.provider.dialect, lane.operation, asked, count=count))
    before, after = bills
    if None in (before.amount, after.amount) or before == after:
        return ""
    return (
        f" ({before.amount} {before.currency} before, "
        f"{after.amount} {after.currency} after)"
    )


def media(move: Move, old: Desk) -> Iterator[Finding]:
    """A body that the new provider does not take in this form at all."""
    operation = move.new.operations.get(old.operation.id)
    plain = plain_requests(move, old)
    if operation is None or not plain:
        return
    rule = rules()["REQ-MEDIA"]
    media_type = old.body.media_type
    short = {JSON: "JSON", FORM: "a form"}
    taken = " or ".join(short.get(each, each) for each in operation.bodies)
    yield Finding(
        rule=rule.id,
        severity=rule.severity("", said=True),
        operation=operation.id,
        member=media_type,
        sentence=f"{short.get(media_type, media_type)} is not taken, but {taken}",
        old=said(move.old, f"takes {media_type}", old.body.evidence),
        new=said(move.new, f"takes {', '.join(operation.bodies)}", operation.evidence),
        fix=rule.fix.format(operation=operation.id, value=taken),
        witness=witness(move, old, plain[0]),
        media_types=(media_type,),
    )
