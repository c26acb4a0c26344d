"""The request body of an operation, prepared for planning: fields, rules and claims."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from contracts.errors import HarnessError
from contracts.media.base import Samples
from contracts.media.files import with_file_facts
from contracts.media.registry import medium_of
from contracts.planning.values.boundary_values import boundary_values
from contracts.planning.values.field_values import (
    PROMPT,
    Value,
    all_of_parts,
    minimal_value,
)
from contracts.planning.values.pointers import replaced_at
from contracts.planning.values.sample_values import sample_value
from specs import (
    FORM,
    Basis,
    Body,
    Operation,
    Provider,
    State,
    Verdict,
    claims,
    request_name,
)
from specs.media.image import OPERATIONS
from specs.validation.engine import compile_validator
from specs.validation.transforms import to_validator_schema

GENERATION = OPERATIONS[0]


class PlanError(HarnessError):
    """A document from which no valid request can be made."""


@dataclass(frozen=True)
class ConditionalRule:
    """
    A rule between the fields of a request.

    `causes` are the fields in its condition, `targets` the fields that it constrains.
    """

    name: str
    causes: tuple[str, ...]
    targets: tuple[str, ...]
    schema: Mapping[str, Any]

    @cached_property
    def members(self) -> tuple[str, ...]:
        """All fields of the rule, causes first."""
        return tuple(dict.fromkeys([*self.causes, *self.targets]))

    @property
    def is_documented(self) -> bool:
        return bool(self.schema.get("x-basis", "documented") == Basis.DOCUMENTED)

    def applies(self, payload: Any) -> bool:
        """True if a payload meets the condition of the rule."""
        return bool(self._condition.is_valid(with_file_facts(payload)))

    @cached_property
    def _condition(self) -> Any:
        return compile_validator(to_validator_schema(self.schema.get("if", True)))


@dataclass(frozen=True)
class RequestModel:
    """
    One request body of one operation.

    `claims` are all claims of the provider, with the basis of each. Payloads hold
    a `Sample` for each file.
    """

    provider: Provider
    operation: Operation
    body: Body
    claims: Mapping[str, Basis]
    _values: dict[str, list[Value]] = field(default_factory=dict)

    @cached_property
    def name(self) -> str:
        """The prefix of the claims of this body, such as `createImage/request`."""
        return request_name(self.operation, self.body)

    @property
    def is_form(self) -> bool:
        return self.body.media_type == FORM

    @property
    def samples(self) -> Samples:
        """Values of the fields, by the medium of the operation."""
        return medium_of(self.operation).samples

    def judge(self, payload: Mapping[str, Any]) -> Verdict:
        return self.body.judge.judge(with_file_facts(payload))

    def state(self, payload: Mapping[str, Any]) -> State:
        return self.body.judge.state(with_file_facts(payload))

    def is_invalid(self, payload: Mapping[str, Any]) -> bool:
        return self.body.judge.is_invalid(with_file_facts(payload))

    def canonical_name(self, name: str) -> str:
        """The canonical name of a field; its own name if the dialect lists none."""
        return self.provider.dialect.canonical_name(self.operation.id, name)

    def wire_name(self, canonical: str) -> str | None:
        """The provider's preferred name of a canonical field; None if it has none."""
        names = self.provider.dialect.wire_names(self.operation.id, canonical)
        return next((each for each in names if each in self.body.properties), None)

    def with_value(
        self, payload: Mapping[str, Any], canonical: str, value: Any
    ) -> dict[str, Any] | None:
        """
        A payload with another value of a canonical field, at any depth.

        None if the body has no such field, or the payload no place for it.
        """
        name = self.wire_name(canonical)
        if name is not None:
            return {**payload, name: value}
        nested = self.provider.dialect.places_of(self.operation.id)
        for place in nested.get(canonical, ()):
            changed: dict[str, Any] = replaced_at(dict(payload), place, value)
            if changed != payload:
                return changed
        return None

    @cached_property
    def rules(self) -> tuple[ConditionalRule, ...]:
        """The rules of the body, in the order of the document."""
        schema = self.body.schema
        parts = schema.get("allOf", []) if isinstance(schema, dict) else []
        return tuple(
            ConditionalRule(
                part["x-rule"],
                tuple(dict.fromkeys(_mentioned_fields(part.get("if")))),
                tuple(dict.fromkeys(_mentioned_fields({**part, "if": None}))),
                part,
            )
            for part in parts
            if "x-rule" in part
        )

    @cached_property
    def claims_by_field(self) -> Mapping[str, tuple[str, ...]]:
        """The claims of this body, by the name of the field or rule."""
        by_name: dict[str, list[str]] = {}
        for claim in self.claims:
            if claim.startswith(f"{self.name}/"):
                name = claim.removeprefix(f"{self.name}/").partition("/")[0]
                by_name.setdefault(name.removesuffix("[]"), []).append(claim)
        return {name: tuple(each) for name, each in by_name.items()}

    @cached_property
    def unique_fields(self) -> frozenset[str]:
        """Fields whose values no two requests may share: ids of the client."""
        task = self.operation.task
        kind = self.provider.tasks[task.kind] if task else None
        alias = kind.id.alias if kind else None
        return frozenset(filter(None, [alias]))

    def schemas(self, name: str) -> list[Any]:
        """All schemas of a field: its own, and those in the rules of the body."""
        own = self.body.properties.get(name)
        return [*all_of_parts(own), *_rule_schemas(self.body.schema, name)]

    def valid_values(self, name: str) -> list[Any]:
        """Valid values of a field, from examples and from its schema; never empty."""
        examples = [
            example[name]
            for example in self.body.examples.values()
            if isinstance(example, dict) and name in example
        ]
        field_schema = self.body.properties[name]
        if isinstance(field_schema, dict):
            examples += field_schema.get("examples", ())
        canonical_name = self.canonical_name(name)
        if canonical_name == "model":
            return self._models(field_schema, examples)
        if canonical_name in self.samples.text_fields:
            return [PROMPT]
        if examples and canonical_name not in self.samples.file_fields:
            return examples
        return [minimal_value(field_schema, canonical_name, self.samples)]

    def _models(self, schema: Any, examples: list[Any]) -> list[Any]:
        """The default model of the dialect, and those of the examples."""
        default = self.provider.dialect.model
        listed = [
            each for part in all_of_parts(schema) for each in part.get("enum", ())
        ]
        # The default may be a model for another medium.
        is_known = not examples or default in (*examples, *listed)
        return [default, *examples] if is_known else examples

    def values(self, name: str) -> list[Value]:
        """Values to test a field with, valid and invalid; cached."""
        if name not in self._values:
            self._values[name] = boundary_values(
                self.schemas(name),
                self.valid_values(name),
                is_form=self.is_form,
                canonical_name=self.canonical_name(name),
                samples=self.samples,
            )
        return self._values[name]

    @property
    def minimal_request(self) -> dict[str, Any]:
        """
        The minimal valid request: the plain fields of its medium, and what is required.

        Where these are invalid together, it is the smallest documented example that is
        valid, or a request made from the schema alone. Raises `PlanError` if none of
        them is valid.
        """
        if self._minimal is None:
            raise PlanError(self.problem)
        return self._minimal

    @cached_property
    def problem(self) -> str:
        """The reason why there is no minimal request; empty if there is one."""
        if self._minimal is not None:
            return ""
        violations = self.judge(self._plain_payload).violations
        reasons = "; ".join(map(str, violations))
        return f"{self.name}: the minimal request is invalid: {reasons}"

    @cached_property
    def _minimal(self) -> dict[str, Any] | None:
        candidates = (each for each in self._candidates() if self._is_valid(each))
        return next(candidates, None)

    def _is_valid(self, payload: Any) -> bool:
        return isinstance(payload, dict) and self.state(payload) is State.VALID

    def _candidates(self) -> Iterator[Any]:
        """Yield requests, the first valid one of which is the minimal request."""
        plain = self._plain_payload
        yield plain
        model = self.wire_name("model")
        for name in self.valid_values(model)[1:] if model else ():
            yield {**plain, model: name}
        examples = [
            {
                key: each
                for key, each in example.items()
                if key not in self.unique_fields
            }
            for example in self.body.examples.values()
            if isinstance(example, dict)
        ]
        yield from sorted(examples, key=lambda each: len(repr(each)))
        yield sample_value(self.body.schema, self.samples)

    @cached_property
    def _plain_payload(self) -> dict[str, Any]:
        schema = self.body.schema
        required = schema.get("required", ()) if isinstance(schema, dict) else ()
        return {
            name: self.valid_values(name)[0]
            for name in self.body.properties
            if name in required or (self._is_plain(name) and self._is_preferred(name))
        }

    def _is_plain(self, name: str) -> bool:
        """True for a field of the plainest request; a generation needs no file."""
        canonical = self.canonical_name(name)
        is_optional_file = (
            self.operation.id == GENERATION and canonical in self.samples.file_fields
        )
        return canonical in self.samples.plain_fields and not is_optional_file

    def _is_preferred(self, name: str) -> bool:
        return self.wire_name(self.canonical_name(name)) in (name, None)

    @cached_property
    def by_model(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """
        A minimal request for each model, with a suffix for the ids of its cases.

        The first has an empty suffix and the default model of the dialect. The last has
        no model; it is left out if the document requires one.
        """
        requests: list[tuple[str, dict[str, Any]]] = [("", self.minimal_request)]
        field_name = self.wire_name("model")
        if field_name is None:
            return tuple(requests)
        for value in self.values(field_name):
            model = value.value
            plain = self.minimal_request.get(field_name)
            if not isinstance(model, str) or model == plain:
                continue
            request = self._valid_variant({**self.minimal_request, field_name: model})
            request = request or self._example_with(field_name, model)
            if request is not None:
                requests.append((model, request))
        bare = {
            name: value
            for name, value in self.minimal_request.items()
            if name != field_name
        }
        if self.state(bare) is State.VALID:
            requests.append(("default-model", bare))
        return tuple(requests)

    def _example_with(self, name: str, value: Any) -> dict[str, Any] | None:
        """The smallest valid example with a value of a field."""
        examples = [
            each
            for each in self.body.examples.values()
            if isinstance(each, dict) and each.get(name) == value
        ]
        valid = (each for each in sorted(examples, key=repr) if self._is_valid(each))
        return next(valid, None)

    def _valid_variant(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """The payload, with one image for a list of images if only that is valid."""
        for name, value in list(payload.items()):
            if self.state(payload) is State.VALID:
                return payload
            if self.canonical_name(name) == "image":
                payload = {**payload, name: _first_item(value)}
        return payload if self.state(payload) is State.VALID else None


# More than the providers that ship: `common` asks for those of all in turn.
@lru_cache(maxsize=64)
def request_models(provider: Provider) -> Mapping[tuple[str, str], RequestModel]:
    """Each request body of a provider, by operation and media type; cached."""
    bases = {claim.id: claim.evidence.basis for claim in claims(provider)}
    return {
        (operation.id, body.media_type): RequestModel(provider, operation, body, bases)
        for operation in provider.operations.values()
        for body in operation.bodies.values()
    }


def testable_models(
    provider: Provider,
) -> Mapping[tuple[str, str], RequestModel]:
    """
    The request bodies of which a valid request can be made, as in `request_models`.

    Raises `PlanError` if there are request bodies, and none of them is among these.
    """
    models = request_models(provider)
    found = {key: each for key, each in models.items() if not each.problem}
    if models and not found:
        raise PlanError(next(iter(models.values())).problem)
    return found


def _first_item(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _rule_schemas(schema: Any, name: str) -> Iterator[Any]:
    """Yield the schemas of a field in the rules of a body, conditions included."""
    for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
        for branch in (part, part.get("if"), part.get("then"), part.get("else")):
            for branch_part in all_of_parts(branch):
                yield from all_of_parts(branch_part.get("properties", {}).get(name))


def _mentioned_fields(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from schema.get("required", [])
        yield from schema.get("x-same-dimensions", [])
        for key in ("if", "then", "else"):
            yield from _mentioned_fields(schema.get(key))
        for part in schema.get("allOf", []):
            yield from _mentioned_fields(part)
