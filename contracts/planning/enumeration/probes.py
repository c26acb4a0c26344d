"""
Probes: the smallest requests that show if a server enforces a claim.

A probe changes one field of a minimal request, or two fields that a rule connects. The
judge decides afterwards which claim a change tests.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from contracts.media.files import LARGE_PAYLOAD_BYTES, estimated_bytes
from contracts.planning.case import Case
from contracts.planning.classification import Mutation, classify_probe
from contracts.planning.request_model import ConditionalRule, RequestModel
from contracts.planning.values.field_values import Value
from specs import State

MAX_PER_CLAIM = 3
MAX_CAUSES = 6  # values of one field that are combined with values of another
MAX_TARGETS = 12
_NEVER_COMBINED = {"null", "unicode"}  # labels


def probes(request_model: RequestModel) -> list[Case]:
    """
    All probes of a request body: for the minimal request, then for each other model.

    Invalid probes that violate one claim come before those that violate two claims of
    the same field; the latter are left out if the former cover the claim.
    """
    selection = _Selection(request_model)
    for suffix, context in request_model.by_model:
        # Several rules lead to the same pair of values.
        known: dict[Hashable, tuple[Case | None, bool]] = {}
        for mutation in _mutations(request_model, context):
            if mutation.key not in known:
                known[mutation.key] = classify_probe(request_model, suffix, mutation)
            case, is_single = known[mutation.key]
            if case is not None:
                is_extra = bool(suffix) or len(mutation.fields) > 1
                selection.add(case, mutation, is_single=is_single, is_extra=is_extra)
    return selection.cases


class _Selection:
    """Probes without repetitions, limited in number per claim."""

    def __init__(self, request_model: RequestModel) -> None:
        self._request_model = request_model
        self._single: dict[tuple[Any, ...], Case] = {}
        self._double: dict[tuple[Any, ...], Case] = {}
        self._counts: Counter[tuple[str, bool]] = Counter()

    def add(
        self, case: Case, mutation: Mutation, *, is_single: bool, is_extra: bool
    ) -> None:
        """
        Add a case unless its like is known already.

        `is_single` is set if it tests one claim only. The number of cases per claim is
        limited if `is_extra` is set, and for unspecified cases.
        """
        key = self._key(case, mutation)
        claim = f"{key[0]} {case.expectation}"
        if case.expected_error:
            claim = case.expected_error.claim
        is_limited = is_extra or case.expectation is State.UNSPECIFIED
        if is_limited and self._counts[claim, is_single] >= _max_cases(mutation):
            return
        if key not in self._single and key not in self._double:
            self._counts[claim, is_single] += 1
        (self._single if is_single else self._double).setdefault(key, case)

    @property
    def cases(self) -> list[Case]:
        covered = {
            case.expected_error.claim
            for case in self._single.values()
            if case.expected_error
        }
        rest = [
            case
            for case in self._double.values()
            if case.expected_error and case.expected_error.claim not in covered
        ]
        return [*self._single.values(), *rest]

    def _key(self, case: Case, mutation: Mutation) -> tuple[Any, ...]:
        """A key that is equal for cases that test the same."""
        if case.expected_error is not None:
            return (case.expected_error.claim, mutation.label)
        if case.expectation is State.UNSPECIFIED:
            return (case.claims[0], mutation.label)
        if mutation.rule:
            return (mutation.rule, mutation.label)
        applying = frozenset(
            rule.name
            for rule in self._request_model.rules
            if rule.is_documented
            and set(rule.targets) & set(mutation.fields)
            and rule.applies(mutation.payload)
        )
        return (mutation.label, applying)


def _max_cases(mutation: Mutation) -> int:
    is_large = estimated_bytes(mutation.payload) > LARGE_PAYLOAD_BYTES
    return 1 if is_large else MAX_PER_CLAIM


def _mutations(
    request_model: RequestModel, context: Mapping[str, Any]
) -> Iterator[Mutation]:
    """Yield all changes of a request: missing fields, other values, then pairs."""
    for name in context:
        rest = {key: value for key, value in context.items() if key != name}
        yield Mutation(f"{name}/missing", rest, (name,))
    allowed: dict[str, list[Value]] = {}
    for name in request_model.body.properties:
        allowed[name] = []
        for value in request_model.values(name):
            payload = {**context, name: value.value}
            yield Mutation(f"{name}/{value.label}", payload, (name,))
            is_combined = value.label not in _NEVER_COMBINED
            if is_combined and not request_model.is_invalid(payload):
                allowed[name].append(value)
    for rule in request_model.rules:
        for cause in rule.causes or rule.targets:
            for target in rule.targets:
                if cause != target and "model" not in (cause, target):
                    pairs = _RulePairs(
                        request_model, context, rule, cause, target, allowed
                    )
                    yield from pairs.mutations()


@dataclass(frozen=True)
class _RulePairs:
    """
    Pairs of values for two fields that a rule connects.

    `cause` is a field of the rule's condition, `target` a field that it constrains.
    `allowed` are the values of each field that are not invalid by themselves.
    """

    request_model: RequestModel
    context: Mapping[str, Any]
    rule: ConditionalRule
    cause: str
    target: str
    allowed: Mapping[str, list[Value]]

    def mutations(self) -> Iterator[Mutation]:
        yield from self._triggering_pairs()
        yield from self._isolated_pairs()
        yield from self._exempt_pairs()

    def _triggering_pairs(self) -> Iterator[Mutation]:
        """A value to which the rule applies, with each value of the target."""
        needs_more = not self._applies_to_context and len(self.rule.causes) > 1
        triggers = [
            value
            for value in self.allowed.get(self.cause, [])
            if needs_more or self._is_trigger(value)
        ]
        for trigger in _without_large(triggers)[:MAX_CAUSES]:
            for value in self._target_values:
                yield self._pair((self.cause, trigger), (self.target, value))

    def _isolated_pairs(self) -> Iterator[Mutation]:
        """
        A value that is invalid by itself, with a value that the rule requires.

        Alone, the value would violate the rule as well as its own claim.
        """
        allowed = {value.key for value in self.allowed.get(self.cause, [])}
        for trigger in _without_large(self.request_model.values(self.cause)):
            if trigger.key not in allowed and self._is_trigger(trigger):
                for value in self._target_values:
                    yield self._pair((self.cause, trigger), (self.target, value))

    def _exempt_pairs(self) -> Iterator[Mutation]:
        """A value that the rule forbids, in requests to which it does not apply."""
        triggers = [
            value.value
            for value in self.allowed.get(self.cause, [])
            if self._is_trigger(value)
        ]
        if not triggers or self._applies_to_context:
            return
        for value in self._target_values:
            pair = {self.cause: triggers[0], self.target: value.value}
            if not self.request_model.is_invalid({**self.context, **pair}):
                continue
            for other in self.allowed[self.cause]:
                if other.value not in triggers and other.value is not None:
                    mutation = self._pair((self.target, value), (self.cause, other))
                    yield replace(mutation, rule=f"{self.rule.name} exempt")

    @cached_property
    def _applies_to_context(self) -> bool:
        return self.rule.applies(self.context)

    @cached_property
    def _target_values(self) -> list[Value]:
        return _without_large(self.allowed.get(self.target, []))[:MAX_TARGETS]

    def _is_trigger(self, value: Value) -> bool:
        return self.rule.applies({**self.context, self.cause: value.value})

    def _pair(self, first: tuple[str, Value], second: tuple[str, Value]) -> Mutation:
        (name, value), (other_name, other_value) = first, second
        label = f"{name}/{value.label}+{other_name}/{other_value.label}"
        pair = {name: value.value, other_name: other_value.value}
        fields = (name, other_name)
        return Mutation(label, {**self.context, **pair}, fields, self.rule.name)


def _without_large(values: Iterable[Value]) -> list[Value]:
    """The values of less than a megabyte; larger ones are not combined."""
    return [
        each for each in values if estimated_bytes(each.value) <= LARGE_PAYLOAD_BYTES
    ]
