"""
The smallest requests that tell obedience to a claim from disobedience.

Found by search: one change, or two, to a plain request, sorted out by the judge.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.media.image.samples import HEAVY, weight
from contracts.planning.case import Case, Fault
from contracts.planning.request_model import Desk, Rule
from contracts.planning.values import Value, key_of
from specs import Basis, State

MOST_PER_CLAIM = 3
OPEN = State.UNSPECIFIED


def probes(desk: Desk) -> list[Case]:
    """
    One change, or two that a rule brings together, to each context.

    A fault that stands alone is preferred to one that breaks a second rule of the
    same member; what no document decides is asked once for each claim of ours.
    """
    found: dict[tuple[Any, ...], Case] = {}
    doubtful: dict[tuple[Any, ...], Case] = {}
    counts: Counter[tuple[str, bool]] = Counter()
    for suffix, context in desk.contexts:
        known: dict[Hashable, tuple[Case | None, bool]] = {}
        for change in _changes(desk, context):
            # Several rules bring the same pair of values.
            if change.key not in known:
                known[change.key] = classified(desk, suffix, change)
            case, is_single = known[change.key]
            if case is None:
                continue
            key = _key(desk, case, change)
            claim = case.fault.claim if case.fault else f"{key[0]} {case.expectation}"
            about = (claim, is_single)
            is_extra = len(change.members) > 1 or suffix or case.expectation is OPEN
            if is_extra and counts[about] >= _most(change):
                continue
            if key not in found and key not in doubtful:
                counts[about] += 1
            (found if is_single else doubtful).setdefault(key, case)
    asked_for = {each.fault.claim for each in found.values() if each.fault}
    rest = [each for each in doubtful.values() if each.fault]
    return [
        *found.values(),
        *(each for each in rest if each.fault and each.fault.claim not in asked_for),
    ]


@dataclass(frozen=True, slots=True)
class Change:
    """A payload, what was changed to get it, and the rule it is about."""

    label: str
    payload: dict[str, Any]
    members: tuple[str, ...]
    rule: str = ""

    @property
    def key(self) -> Hashable:
        """What it comes to in a context, whatever rule it is about."""
        return self.label, *(key_of(self.payload.get(each)) for each in self.members)


def _most(change: Change) -> int:
    """How many cases a claim may have: one where each takes megabytes."""
    return 1 if weight(change.payload) > HEAVY else MOST_PER_CLAIM


def _key(desk: Desk, case: Case, change: Change) -> tuple[Any, ...]:
    """What makes two cases ask the same: the label, and the rules in force."""
    if case.fault is not None:
        return (case.fault.claim, change.label)
    if case.expectation is OPEN:
        return (case.claims[0], change.label)
    if change.rule:
        return (change.rule, change.label)
    biting = frozenset(
        rule.name
        for rule in desk.rules
        if rule.is_documented
        and set(rule.targets) & set(change.members)
        and rule.bites(change.payload)
    )
    return (change.label, biting)


def _changes(desk: Desk, context: Mapping[str, Any]) -> Iterator[Change]:
    for name in context:
        rest = {key: value for key, value in context.items() if key != name}
        yield Change(f"{name}/missing", rest, (name,))
    legal: dict[str, list[Value]] = {}
    for member in desk.body.properties:
        legal[member] = []
        for value in desk.values(member):
            payload = {**context, member: value.value}
            yield Change(f"{member}/{value.label}", payload, (member,))
            if value.label not in {"null", "unicode"} and not desk.is_invalid(payload):
                legal[member].append(value)
    for rule in desk.rules:
        for cause in rule.causes or rule.targets:
            for target in rule.targets:
                if cause != target and "model" not in (cause, target):
                    yield from _together(context, rule, cause, target, legal)
                    yield from _repaired(desk, context, rule, cause, target, legal)
                    yield from _spared(desk, context, rule, cause, target, legal)


def _together(
    context: Mapping[str, Any],
    rule: Rule,
    cause: str,
    target: str,
    legal: Mapping[str, list[Value]],
) -> Iterator[Change]:
    """A value that makes the rule bite, with each value of a member it constrains."""
    biting = [
        each
        for each in legal.get(cause, [])
        if rule.bites({**context, cause: each.value})
        or (not rule.bites(context) and len(rule.causes) > 1)
    ]
    for left in _light(biting)[:6]:
        for right in _light(legal.get(target, []))[:12]:
            yield _pair(context, rule, (cause, left), (target, right))


def _repaired(
    desk: Desk,
    context: Mapping[str, Any],
    rule: Rule,
    cause: str,
    target: str,
    legal: Mapping[str, list[Value]],
) -> Iterator[Change]:
    """
    A value that is wrong by itself, with what the rule wants beside it.

    Alone it would break the rule as well, and so prove nothing about its own claim.
    """
    known = {each.key for each in legal.get(cause, [])}
    for left in _light(desk.values(cause)):
        if left.key not in known and rule.bites({**context, cause: left.value}):
            for right in _light(legal.get(target, []))[:12]:
                yield _pair(context, rule, (cause, left), (target, right))


def _spared(
    desk: Desk,
    context: Mapping[str, Any],
    rule: Rule,
    cause: str,
    target: str,
    legal: Mapping[str, list[Value]],
) -> Iterator[Change]:
    """What the rule forbids, where it does not bite: there it is welcome."""
    biting = [
        each.value
        for each in legal.get(cause, [])
        if rule.bites({**context, cause: each.value})
    ]
    if not biting or rule.bites(context):
        return
    for right in _light(legal.get(target, []))[:12]:
        forbidden = {**context, cause: biting[0], target: right.value}
        if desk.is_invalid(forbidden):
            for left in legal[cause]:
                if left.value not in biting and left.value is not None:
                    pair = _pair(context, rule, (target, right), (cause, left))
                    yield replace(pair, rule=f"{rule.name} spared")


def _light(values: Iterable[Value]) -> list[Value]:
    """Some values to stand beside another; what weighs megabytes is asked alone."""
    return [each for each in values if weight(each.value) <= HEAVY]


def _pair(
    context: Mapping[str, Any],
    rule: Rule,
    one: tuple[str, Value],
    two: tuple[str, Value],
) -> Change:
    (cause, left), (target, right) = one, two
    label = f"{cause}/{left.label}+{target}/{right.label}"
    payload = {**context, cause: left.value, target: right.value}
    return Change(label, payload, (cause, target), rule.name)


def classified(desk: Desk, suffix: str, change: Change) -> tuple[Case | None, bool]:
    """
    A case for a change, and whether it stands for one claim alone.

    None when it has several faults, or leaves too much open to be worth asking.
    """
    verdict = desk.judge(change.payload)
    at = f"@{suffix}" if suffix else ""
    common: dict[str, Any] = {
        "operation": desk.operation.id,
        "origin": "probe",
        "media_type": desk.body.media_type,
        "payload": change.payload,
        "expectation": verdict.state,
    }
    if verdict.state is State.VALID:
        case = Case(
            id=f"{desk.name}/{change.label}{at}",
            claims=about_change(desk, change),
            basis=standing(desk, change.members, change.payload),
            **common,
        )
        return case, True
    promised = [
        each for each in verdict.violations if each.evidence.basis is Basis.DOCUMENTED
    ]
    first = next(iter(promised or verdict.violations))
    claim = f"{desk.name}/{first.claim}"
    # The claim says already which member was changed, where it was only one.
    is_one = len(change.members) == 1
    label = change.label.partition("/")[2] if is_one else change.label
    id_ = f"{claim}/{label}{at}"
    if verdict.state is OPEN:
        if len(verdict.violations) > 1 or claim not in desk.claims:
            return None, False
        return Case(id=id_, claims=(claim,), **common), True
    if len({each.path for each in verdict.violations}) > 1:
        return None, False
    if not promised:
        return None, False
    params = _params(desk, first, change.members)
    fault = Fault(claim, first.evidence.error, params)
    return Case(id=id_, claims=(claim,), fault=fault, **common), len(promised) == 1


def _params(desk: Desk, violation: Any, members: tuple[str, ...]) -> tuple[str, ...]:
    """The members that an error may rightly blame."""
    named = [str(violation.path[0])] if violation.path else []
    for rule in desk.rules:
        if rule.name == violation.evidence.rule:
            named += rule.members
    return tuple(dict.fromkeys([*named, *members]))


_LISTS = {"enum", "pattern", "const"}


def standing(desk: Desk, members: Iterable[str], payload: Mapping[str, Any]) -> Basis:
    """
    Who says that such values are welcome: not the provider, if the list is ours, or if
    its page leaves open whether they are.
    """
    for member in members:
        if not _is_welcome(desk.body.properties.get(member), payload.get(member)):
            return Basis.ASSUMED
        for claim in desk.about.get(member, ()):
            basis = desk.claims[claim]
            if claim.rpartition("/")[2] in _LISTS and basis is not Basis.DOCUMENTED:
                return basis
    return Basis.DOCUMENTED


def _is_welcome(schema: Any, value: Any) -> bool:
    """Whether nothing in a value stands where the page leaves open if it is taken."""
    if not isinstance(schema, dict) or value is None:
        return True
    if "x-welcome" in schema:
        return False
    if isinstance(value, list):
        return all(_is_welcome(schema.get("items"), each) for each in value)
    if isinstance(value, dict):
        members = schema.get("properties", {})
        return all(_is_welcome(members.get(name), each) for name, each in value.items())
    return True


_SPEAKS_FOR = {"value": "enum"}


def about_change(desk: Desk, change: Change) -> tuple[str, ...]:
    """
    The claims of a request that its being answered speaks for.

    First among them the one that the label is about.
    """
    about = change.label.rpartition("/")[2].removeprefix("entry-")
    first, _, last = about.partition("-")
    keyword = _SPEAKS_FOR.get(first, last.partition("-")[0])
    biting = [
        rule.name
        for rule in desk.rules
        if set(rule.members) & set(change.members) and rule.bites(change.payload)
    ]
    found = [
        claim
        for word in (*change.members, *biting)
        for claim in desk.about.get(word, ())
        if not claim.endswith("/default")
    ]
    return tuple(sorted(found, key=lambda claim: not claim.endswith(f"/{keyword}")))
