"""
The smallest requests that tell obedience to a claim from disobedience.

Found by search: one change, or two, to a plain request, sorted out by the judge.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.media.image.samples import LARGE_PAYLOAD_BYTES, estimated_bytes
from contracts.planning.case import Case, ExpectedError, Origin
from contracts.planning.request_model import ConditionalRule, RequestModel
from contracts.planning.values import Value, value_key
from specs import Basis, State

MAX_PER_CLAIM = 3
UNSPECIFIED = State.UNSPECIFIED


def probes(request_model: RequestModel) -> list[Case]:
    """
    One change, or two that a rule brings together, to each context.

    A fault that stands alone is preferred to one that breaks a second rule of the
    same member; what no document decides is asked once for each claim of ours.
    """
    found: dict[tuple[Any, ...], Case] = {}
    doubtful: dict[tuple[Any, ...], Case] = {}
    counts: Counter[tuple[str, bool]] = Counter()
    for suffix, context in request_model.by_model:
        known: dict[Hashable, tuple[Case | None, bool]] = {}
        for change in _mutations(request_model, context):
            # Several rules bring the same pair of values.
            if change.key not in known:
                known[change.key] = classify_probe(request_model, suffix, change)
            case, is_single = known[change.key]
            if case is None:
                continue
            key = _dedup_key(request_model, case, change)
            claim = (
                case.expected_error.claim
                if case.expected_error
                else f"{key[0]} {case.expectation}"
            )
            about = (claim, is_single)
            is_extra = (
                len(change.members) > 1 or suffix or case.expectation is UNSPECIFIED
            )
            if is_extra and counts[about] >= _max_cases(change):
                continue
            if key not in found and key not in doubtful:
                counts[about] += 1
            (found if is_single else doubtful).setdefault(key, case)
    asked_for = {
        each.expected_error.claim for each in found.values() if each.expected_error
    }
    rest = [each for each in doubtful.values() if each.expected_error]
    return [
        *found.values(),
        *(
            each
            for each in rest
            if each.expected_error and each.expected_error.claim not in asked_for
        ),
    ]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A payload, what was changed to get it, and the rule it is about."""

    label: str
    payload: dict[str, Any]
    members: tuple[str, ...]
    rule: str = ""

    @property
    def key(self) -> Hashable:
        """What it comes to in a context, whatever rule it is about."""
        return self.label, *(value_key(self.payload.get(each)) for each in self.members)


def _max_cases(mutation: Mutation) -> int:
    """How many cases a claim may have: one where each takes megabytes."""
    return (
        1 if estimated_bytes(mutation.payload) > LARGE_PAYLOAD_BYTES else MAX_PER_CLAIM
    )


def _dedup_key(
    request_model: RequestModel, case: Case, mutation: Mutation
) -> tuple[Any, ...]:
    """What makes two cases ask the same: the label, and the rules in force."""
    if case.expected_error is not None:
        return (case.expected_error.claim, mutation.label)
    if case.expectation is UNSPECIFIED:
        return (case.claims[0], mutation.label)
    if mutation.rule:
        return (mutation.rule, mutation.label)
    biting = frozenset(
        rule.name
        for rule in request_model.rules
        if rule.is_documented
        and set(rule.targets) & set(mutation.members)
        and rule.applies(mutation.payload)
    )
    return (mutation.label, biting)


def _mutations(
    request_model: RequestModel, context: Mapping[str, Any]
) -> Iterator[Mutation]:
    for name in context:
        rest = {key: value for key, value in context.items() if key != name}
        yield Mutation(f"{name}/missing", rest, (name,))
    legal: dict[str, list[Value]] = {}
    for member in request_model.body.properties:
        legal[member] = []
        for value in request_model.values(member):
            payload = {**context, member: value.value}
            yield Mutation(f"{member}/{value.label}", payload, (member,))
            if value.label not in {"null", "unicode"} and not request_model.is_invalid(
                payload
            ):
                legal[member].append(value)
    for rule in request_model.rules:
        for cause in rule.causes or rule.targets:
            for target in rule.targets:
                if cause != target and "model" not in (cause, target):
                    yield from _trigger_pairs(context, rule, cause, target, legal)
                    yield from _isolated_pairs(
                        request_model, context, rule, cause, target, legal
                    )
                    yield from _exempt_pairs(
                        request_model, context, rule, cause, target, legal
                    )


def _trigger_pairs(
    context: Mapping[str, Any],
    rule: ConditionalRule,
    cause: str,
    target: str,
    legal: Mapping[str, list[Value]],
) -> Iterator[Mutation]:
    """A value that makes the rule bite, with each value of a member it constrains."""
    biting = [
        each
        for each in legal.get(cause, [])
        if rule.applies({**context, cause: each.value})
        or (not rule.applies(context) and len(rule.causes) > 1)
    ]
    for left in _small_values(biting)[:6]:
        for right in _small_values(legal.get(target, []))[:12]:
            yield _pair_mutation(context, rule, (cause, left), (target, right))


def _isolated_pairs(
    request_model: RequestModel,
    context: Mapping[str, Any],
    rule: ConditionalRule,
    cause: str,
    target: str,
    legal: Mapping[str, list[Value]],
) -> Iterator[Mutation]:
    """
    A value that is wrong by itself, with what the rule wants beside it.

    Alone it would break the rule as well, and so prove nothing about its own claim.
    """
    known = {each.key for each in legal.get(cause, [])}
    for left in _small_values(request_model.values(cause)):
        if left.key not in known and rule.applies({**context, cause: left.value}):
            for right in _small_values(legal.get(target, []))[:12]:
                yield _pair_mutation(context, rule, (cause, left), (target, right))


def _exempt_pairs(
    request_model: RequestModel,
    context: Mapping[str, Any],
    rule: ConditionalRule,
    cause: str,
    target: str,
    legal: Mapping[str, list[Value]],
) -> Iterator[Mutation]:
    """What the rule forbids, where it does not bite: there it is welcome."""
    biting = [
        each.value
        for each in legal.get(cause, [])
        if rule.applies({**context, cause: each.value})
    ]
    if not biting or rule.applies(context):
        return
    for right in _small_values(legal.get(target, []))[:12]:
        forbidden = {**context, cause: biting[0], target: right.value}
        if request_model.is_invalid(forbidden):
            for left in legal[cause]:
                if left.value not in biting and left.value is not None:
                    pair = _pair_mutation(context, rule, (target, right), (cause, left))
                    yield replace(pair, rule=f"{rule.name} spared")


def _small_values(values: Iterable[Value]) -> list[Value]:
    """Some values to stand beside another; what weighs megabytes is asked alone."""
    return [
        each for each in values if estimated_bytes(each.value) <= LARGE_PAYLOAD_BYTES
    ]


def _pair_mutation(
    context: Mapping[str, Any],
    rule: ConditionalRule,
    one: tuple[str, Value],
    two: tuple[str, Value],
) -> Mutation:
    (cause, left), (target, right) = one, two
    label = f"{cause}/{left.label}+{target}/{right.label}"
    payload = {**context, cause: left.value, target: right.value}
    return Mutation(label, payload, (cause, target), rule.name)


def classify_probe(
    request_model: RequestModel, suffix: str, mutation: Mutation
) -> tuple[Case | None, bool]:
    """
    A case for a change, and whether it stands for one claim alone.

    None when it has several faults, or leaves too much open to be worth asking.
    """
    verdict = request_model.judge(mutation.payload)
    at = f"@{suffix}" if suffix else ""
    common: dict[str, Any] = {
        "operation": request_model.operation.id,
        "origin": Origin.PROBE,
        "media_type": request_model.body.media_type,
        "payload": mutation.payload,
        "expectation": verdict.state,
    }
    if verdict.state is State.VALID:
        case = Case(
            id=f"{request_model.name}/{mutation.label}{at}",
            claims=claims_tested_by(request_model, mutation),
            basis=basis_of(request_model, mutation.members, mutation.payload),
            **common,
        )
        return case, True
    promised = [
        each for each in verdict.violations if each.evidence.basis is Basis.DOCUMENTED
    ]
    first = next(iter(promised or verdict.violations))
    claim = f"{request_model.name}/{first.claim}"
    # The claim says already which member was changed, where it was only one.
    is_one = len(mutation.members) == 1
    label = mutation.label.partition("/")[2] if is_one else mutation.label
    id_ = f"{claim}/{label}{at}"
    if verdict.state is UNSPECIFIED:
        if len(verdict.violations) > 1 or claim not in request_model.claims:
            return None, False
        return Case(id=id_, claims=(claim,), **common), True
    if len({each.path for each in verdict.violations}) > 1:
        return None, False
    if not promised:
        return None, False
    params = _allowed_params(request_model, first, mutation.members)
    fault = ExpectedError(claim, first.evidence.error, params)
    return Case(id=id_, claims=(claim,), expected_error=fault, **common), len(
        promised
    ) == 1


def _allowed_params(
    request_model: RequestModel, violation: Any, members: tuple[str, ...]
) -> tuple[str, ...]:
    """The members that an error may rightly blame."""
    named = [str(violation.path[0])] if violation.path else []
    for rule in request_model.rules:
        if rule.name == violation.evidence.rule:
            named += rule.members
    return tuple(dict.fromkeys([*named, *members]))


_LISTING_KEYWORDS = {"enum", "pattern", "const"}


def basis_of(
    request_model: RequestModel, members: Iterable[str], payload: Mapping[str, Any]
) -> Basis:
    """
    Who says that such values are welcome: not the provider, if the list is ours, or if
    its page leaves open whether they are.
    """
    for member in members:
        if not _is_acceptance_documented(
            request_model.body.properties.get(member), payload.get(member)
        ):
            return Basis.ASSUMED
        for claim in request_model.claims_by_member.get(member, ()):
            basis = request_model.claims[claim]
            if (
                claim.rpartition("/")[2] in _LISTING_KEYWORDS
                and basis is not Basis.DOCUMENTED
            ):
                return basis
    return Basis.DOCUMENTED


def _is_acceptance_documented(schema: Any, value: Any) -> bool:
    """Whether nothing in a value stands where the page leaves open if it is taken."""
    if not isinstance(schema, dict) or value is None:
        return True
    if "x-welcome" in schema:
        return False
    if isinstance(value, list):
        return all(
            _is_acceptance_documented(schema.get("items"), each) for each in value
        )
    if isinstance(value, dict):
        members = schema.get("properties", {})
        return all(
            _is_acceptance_documented(members.get(name), each)
            for name, each in value.items()
        )
    return True


_LABEL_KEYWORDS = {"value": "enum"}


def claims_tested_by(
    request_model: RequestModel, mutation: Mutation
) -> tuple[str, ...]:
    """
    The claims of a request that its being answered speaks for.

    First among them the one that the label is about.
    """
    about = mutation.label.rpartition("/")[2].removeprefix("entry-")
    first, _, last = about.partition("-")
    keyword = _LABEL_KEYWORDS.get(first, last.partition("-")[0])
    biting = [
        rule.name
        for rule in request_model.rules
        if set(rule.members) & set(mutation.members) and rule.applies(mutation.payload)
    ]
    found = [
        claim
        for word in (*mutation.members, *biting)
        for claim in request_model.claims_by_member.get(word, ())
        if not claim.endswith("/default")
    ]
    return tuple(sorted(found, key=lambda claim: not claim.endswith(f"/{keyword}")))
