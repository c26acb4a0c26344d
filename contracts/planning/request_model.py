"""One request body of one provider, spread out for planning: what may be said in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from contracts.media.image.samples import judged
from contracts.planning.case import FORM
from contracts.planning.values import PROMPT, Value, flat, simplest, telling
from specs import Basis, Body, Operation, Provider, State, Verdict, claims, request_name
from specs.validation.judge import compiled, lowered


@dataclass(frozen=True)
class Rule:
    """
    A cross-field rule of a request: when it bites, and whom it then constrains.

    `causes` are the members its condition speaks of, `targets` those it constrains.
    """

    name: str
    causes: tuple[str, ...]
    targets: tuple[str, ...]
    part: Mapping[str, Any]

    @cached_property
    def members(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.causes, *self.targets]))

    @property
    def is_documented(self) -> bool:
        return bool(self.part.get("x-basis", "documented") == Basis.DOCUMENTED)

    def bites(self, payload: Any) -> bool:
        return bool(self._condition.is_valid(judged(payload)))

    @cached_property
    def _condition(self) -> Any:
        return compiled(lowered(self.part.get("if", True)))


@dataclass(frozen=True)
class Desk:
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
        return self.body.judge.judge(judged(payload))

    def state(self, payload: Mapping[str, Any]) -> State:
        return self.body.judge.state(judged(payload))

    def is_invalid(self, payload: Mapping[str, Any]) -> bool:
        return self.body.judge.is_invalid(judged(payload))

    def role(self, member: str) -> str:
        """The canonical name of a member."""
        fields = self.provider.dialect.fields.get(self.operation.id, {})
        return next((each for each, names in fields.items() if member in names), member)

    def named(self, canonical: str) -> str | None:
        """What a canonical field is called here, by the preferred of its names."""
        names = self.provider.dialect.names(self.operation.id, canonical)
        return next((each for each in names if each in self.body.properties), None)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        schema = self.body.schema
        parts = schema.get("allOf", []) if isinstance(schema, dict) else []
        return tuple(
            Rule(
                part["x-rule"],
                tuple(dict.fromkeys(_mentioned(part.get("if")))),
                tuple(dict.fromkeys(_mentioned({**part, "if": None}))),
                part,
            )
            for part in parts
            if "x-rule" in part
        )

    @cached_property
    def about(self) -> Mapping[str, tuple[str, ...]]:
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
        return [*flat(own), *_in_rules(self.body.schema, member)]

    def good(self, member: str) -> list[Any]:
        """Values that are surely right: from the examples, and what clients send."""
        found = [
            example[member]
            for example in self.body.examples.values()
            if isinstance(example, dict) and member in example
        ]
        role = self.role(member)
        if role == "model":
            found.insert(0, self.provider.dialect.model)
        elif role == "prompt":
            found = [PROMPT]
        elif role in {"image", "mask"}:
            found = [simplest(self.body.properties[member], role)]
        return found or [simplest(self.body.properties[member], role)]

    def values(self, member: str) -> list[Value]:
        """Telling values of a member."""
        if member not in self._values:
            self._values[member] = telling(
                self.schemas(member),
                self.good(member),
                is_form=self.is_form,
                role=self.role(member),
            )
        return self._values[member]

    @cached_property
    def base(self) -> dict[str, Any]:
        """The plainest request that the document calls valid."""
        wanted = ["model", "prompt", "image"]
        known = [each for each in self.body.properties if self.role(each) in wanted]
        names = [each for each in known if self._is_preferred(each)]
        payload = {name: self.good(name)[0] for name in names}
        verdict = self.judge(payload)
        if verdict.state is not State.VALID:
            reasons = "; ".join(map(str, verdict.violations))
            raise PlanError(f"{self.name}: no plain valid request: {reasons}")
        return payload

    def _is_preferred(self, member: str) -> bool:
        return self.named(self.role(member)) in (member, None)

    @cached_property
    def contexts(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """The plain request for each model, and one without a model, where valid."""
        found: list[tuple[str, dict[str, Any]]] = [("", self.base)]
        if "model" not in self.body.properties:
            return tuple(found)
        for value in self.values("model"):
            for form in self._forms({**self.base, "model": value.value}):
                if value.value != self.base.get("model") and isinstance(
                    value.value, str
                ):
                    found.append((value.value, form))
                    break
        bare = {name: each for name, each in self.base.items() if name != "model"}
        if self.state(bare) is State.VALID:
            found.append(("default-model", bare))
        return tuple(found)

    def _forms(self, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A payload, or the same with a square picture or a single one, if valid."""
        for name, value in list(payload.items()):
            if self.state(payload) is State.VALID:
                yield payload
                return
            if self.role(name) == "image":
                payload = {**payload, name: _unlisted(value)}
        if self.state(payload) is State.VALID:
            yield payload


class PlanError(Exception):
    """A document that leaves nothing to ask."""


@lru_cache(maxsize=16)
def desks_of(provider: Provider) -> Mapping[tuple[str, str], Desk]:
    """Each request body of a provider, by operation and media type; spread out once."""
    known = {each.id: each.evidence.basis for each in claims(provider)}
    return {
        (operation.id, body.media_type): Desk(provider, operation, body, known)
        for operation in provider.operations.values()
        for body in operation.bodies.values()
    }


def _unlisted(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _in_rules(schema: Any, member: str) -> Iterator[Any]:
    """What the rules of a body say of a member, conditions included."""
    for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
        for branch in (part, part.get("if"), part.get("then"), part.get("else")):
            for each in flat(branch):
                found = each.get("properties", {}).get(member)
                yield from flat(found)


def _mentioned(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
        yield from node.get("required", [])
        yield from node.get("x-same-dimensions", [])
        for key in ("if", "then", "else"):
            yield from _mentioned(node.get(key))
        for part in node.get("allOf", []):
            yield from _mentioned(part)
