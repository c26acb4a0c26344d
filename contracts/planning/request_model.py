"""One request body of one provider, spread out for planning: what may be said in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from contracts.errors import HarnessError
from contracts.media.image.samples import with_file_facts
from contracts.planning.case import FORM
from contracts.planning.values import (
    PROMPT,
    Value,
    all_of_parts,
    boundary_values,
    minimal_value,
)
from specs import Basis, Body, Operation, Provider, State, Verdict, claims, request_name
from specs.validation.engine import compile_validator
from specs.validation.transforms import to_validator_schema


@dataclass(frozen=True)
class ConditionalRule:
    """
    A cross-field rule of a request: when it bites, and whom it then constrains.

    `causes` are the members its condition speaks of, `targets` those it constrains.
    """

    name: str
    causes: tuple[str, ...]
    targets: tuple[str, ...]
    schema: Mapping[str, Any]

    @cached_property
    def members(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.causes, *self.targets]))

    @property
    def is_documented(self) -> bool:
        return bool(self.schema.get("x-basis", "documented") == Basis.DOCUMENTED)

    def applies(self, payload: Any) -> bool:
        return bool(self._condition.is_valid(with_file_facts(payload)))

    @cached_property
    def _condition(self) -> Any:
        return compile_validator(to_validator_schema(self.schema.get("if", True)))


@dataclass(frozen=True)
class RequestModel:
    """One request body of one operation, spread out for planning."""

    provider: Provider
    operation: Operation
    body: Body
    claims: Mapping[str, Basis]
    _values: dict[str, list[Value]] = field(default_factory=dict)

    @cached_property
    def name(self) -> str:
        return request_name(self.operation, self.body)

    @property
    def is_form(self) -> bool:
        return self.body.media_type == FORM

    def judge(self, payload: Mapping[str, Any]) -> Verdict:
        return self.body.judge.judge(with_file_facts(payload))

    def state(self, payload: Mapping[str, Any]) -> State:
        return self.body.judge.state(with_file_facts(payload))

    def is_invalid(self, payload: Mapping[str, Any]) -> bool:
        return self.body.judge.is_invalid(with_file_facts(payload))

    def canonical_name(self, member: str) -> str:
        """The canonical name of a member."""
        fields = self.provider.dialect.fields.get(self.operation.id, {})
        return next((each for each, names in fields.items() if member in names), member)

    def wire_name(self, canonical: str) -> str | None:
        """What a canonical field is called here, by the preferred of its names."""
        names = self.provider.dialect.wire_names(self.operation.id, canonical)
        return next((each for each in names if each in self.body.properties), None)

    @cached_property
    def rules(self) -> tuple[ConditionalRule, ...]:
        schema = self.body.schema
        parts = schema.get("allOf", []) if isinstance(schema, dict) else []
        return tuple(
            ConditionalRule(
                part["x-rule"],
                tuple(dict.fromkeys(_mentioned_members(part.get("if")))),
                tuple(dict.fromkeys(_mentioned_members({**part, "if": None}))),
                part,
            )
            for part in parts
            if "x-rule" in part
        )

    @cached_property
    def claims_by_member(self) -> Mapping[str, tuple[str, ...]]:
        """The claims of this body by the member or the rule that they begin with."""
        found: dict[str, list[str]] = {}
        for claim in self.claims:
            if claim.startswith(f"{self.name}/"):
                word = claim.removeprefix(f"{self.name}/").partition("/")[0]
                found.setdefault(word.removesuffix("[]"), []).append(claim)
        return {word: tuple(each) for word, each in found.items()}

    def schemas(self, member: str) -> list[Any]:
        """All that the body says of a member: its own schema, and each rule's."""
        own = self.body.properties.get(member)
        return [*all_of_parts(own), *_rule_schemas(self.body.schema, member)]

    def valid_values(self, member: str) -> list[Any]:
        """Values that are surely right: from the examples, and what clients send."""
        found = [
            example[member]
            for example in self.body.examples.values()
            if isinstance(example, dict) and member in example
        ]
        role = self.canonical_name(member)
        if role == "model":
            found.insert(0, self.provider.dialect.model)
        elif role == "prompt":
            found = [PROMPT]
        elif role in {"image", "mask"}:
            found = [minimal_value(self.body.properties[member], role)]
        return found or [minimal_value(self.body.properties[member], role)]

    def values(self, member: str) -> list[Value]:
        """Telling values of a member."""
        if member not in self._values:
            self._values[member] = boundary_values(
                self.schemas(member),
                self.valid_values(member),
                is_form=self.is_form,
                canonical_name=self.canonical_name(member),
            )
        return self._values[member]

    @cached_property
    def minimal_request(self) -> dict[str, Any]:
        """The plainest request that the document calls valid."""
        wanted = ["model", "prompt", "image"]
        known = [
            each for each in self.body.properties if self.canonical_name(each) in wanted
        ]
        names = [each for each in known if self._is_preferred(each)]
        payload = {name: self.valid_values(name)[0] for name in names}
        verdict = self.judge(payload)
        if verdict.state is not State.VALID:
            reasons = "; ".join(map(str, verdict.violations))
            raise PlanError(f"{self.name}: no plain valid request: {reasons}")
        return payload

    def _is_preferred(self, member: str) -> bool:
        return self.wire_name(self.canonical_name(member)) in (member, None)

    @cached_property
    def by_model(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """The plain request for each model, and one without a model, where valid."""
        found: list[tuple[str, dict[str, Any]]] = [("", self.minimal_request)]
        if "model" not in self.body.properties:
            return tuple(found)
        for value in self.values("model"):
            for form in self._valid_variants(
                {**self.minimal_request, "model": value.value}
            ):
                if value.value != self.minimal_request.get("model") and isinstance(
                    value.value, str
                ):
                    found.append((value.value, form))
                    break
        bare = {
            name: each for name, each in self.minimal_request.items() if name != "model"
        }
        if self.state(bare) is State.VALID:
            found.append(("default-model", bare))
        return tuple(found)

    def _valid_variants(self, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A payload, or the same with a square picture or a single one, if valid."""
        for name, value in list(payload.items()):
            if self.state(payload) is State.VALID:
                yield payload
                return
            if self.canonical_name(name) == "image":
                payload = {**payload, name: _first_item(value)}
        if self.state(payload) is State.VALID:
            yield payload


class PlanError(HarnessError):
    """A document that leaves nothing to ask."""


@lru_cache(maxsize=16)
def request_models(provider: Provider) -> Mapping[tuple[str, str], RequestModel]:
    """Each request body of a provider, by operation and media type; spread out once."""
    known = {each.id: each.evidence.basis for each in claims(provider)}
    return {
        (operation.id, body.media_type): RequestModel(provider, operation, body, known)
        for operation in provider.operations.values()
        for body in operation.bodies.values()
    }


def _first_item(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _rule_schemas(schema: Any, member: str) -> Iterator[Any]:
    """What the rules of a body say of a member, conditions included."""
    for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
        for branch in (part, part.get("if"), part.get("then"), part.get("else")):
            for each in all_of_parts(branch):
                found = each.get("properties", {}).get(member)
                yield from all_of_parts(found)


def _mentioned_members(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
        yield from node.get("required", [])
        yield from node.get("x-same-dimensions", [])
        for key in ("if", "then", "else"):
            yield from _mentioned_members(node.get(key))
        for part in node.get("allOf", []):
            yield from _mentioned_members(part)
