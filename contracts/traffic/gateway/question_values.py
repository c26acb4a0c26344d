"""Values that show what a gateway does to a field."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.planning.request_model import RequestModel
from contracts.planning.values.field_values import all_of_parts, types_of
from contracts.planning.values.sample_values import sample_value
from specs import FORM, JSON, Operation, State

# Different from every default, and from each other.
TEST_SIZES = ("1536x1024", "1280x768")


def request_bodies(operation: Operation) -> list[Any]:
    """The request bodies, a form first: every edit takes one."""
    return sorted(operation.bodies.values(), key=lambda each: each.media_type != FORM)


def body_label(request_model: RequestModel) -> str:
    return (
        "JSON"
        if request_model.body.media_type == JSON
        else request_model.body.media_type
    )


@dataclass(frozen=True, slots=True)
class FieldRequest:
    """
    The fields of a request that shows what a gateway does to a value.

    `model` is the model that the value needs; empty if the plain request has it.
    """

    fields: dict[str, Any]
    model: str = ""


def field_requests(
    request_model: RequestModel,
    member: str,
    plain: Mapping[str, Any],
    preferred: Collection[str] = (),
) -> list[FieldRequest]:
    """
    Requests with documented values of a field that differ from its default.

    A value that the document rejects with the model of the `plain` request, or does not
    specify, is sent with the first model with which it is valid, of the `preferred`
    ones if possible.
    """
    values = _distinguishing_values(request_model, member)
    states = [_state_with(request_model, plain, member, each) for each in values]
    valid = [
        FieldRequest(valid_combination(request_model, plain, member, value))
        for value, state in zip(values, states, strict=True)
        if state is State.VALID
    ]
    if request_model.canonical_name(member) == "size" and valid:
        return valid[: len(TEST_SIZES)]
    found = [
        *valid,
        *(
            request
            for value, state in zip(values, states, strict=True)
            if state is State.UNSPECIFIED or not valid
            for request in _with_another_model(request_model, member, value, preferred)
        ),
    ]
    if found:
        return found
    unspecified = [
        value
        for value, state in zip(values, states, strict=True)
        if state is State.UNSPECIFIED
    ]
    return [
        FieldRequest(valid_combination(request_model, plain, member, each))
        for each in unspecified or values[:1]
    ]


def _distinguishing_values(request_model: RequestModel, member: str) -> list[Any]:
    schemas = list(all_of_parts(request_model.body.properties[member]))
    defaults = {**request_model.body.assumed_defaults, **request_model.body.defaults}
    listed = [value for each in schemas for value in each.get("enum", [])]
    if request_model.canonical_name(member) == "size":
        listed = [*TEST_SIZES, *listed]
    elif not listed and not _is_compound(schemas):
        listed = [typical_value(schemas)]
    elif not listed and any("object" in types_of(each) for each in schemas):
        schema = request_model.body.properties[member]
        listed = [sample_value(schema, request_model.samples)]
    return [each for each in listed if each not in (None, defaults.get(member))]


def _with_another_model(
    request_model: RequestModel, member: str, value: Any, preferred: Collection[str]
) -> Iterator[FieldRequest]:
    """Yield a request with the first other model that has a value, if there is one."""
    name = request_model.wire_name("model") or "model"
    for _, base in sorted(
        request_model.by_model, key=lambda each: each[1].get(name) not in preferred
    ):
        model = base.get(name)
        if model and _state_with(request_model, base, member, value) is State.VALID:
            fields = valid_combination(request_model, base, member, value)
            yield FieldRequest({**base, **fields}, model)
            return


def _is_compound(schemas: Sequence[Mapping[str, Any]]) -> bool:
    """True for a field that holds others, or a file: no typical value is known."""
    types = {name for each in schemas for name in types_of(each)}
    is_file = any(each.get("format") == "binary" for each in schemas)
    return is_file or (bool(types) and types <= {"array", "object", "null"})


def typical_value(schemas: Sequence[Mapping[str, Any]]) -> Any:
    types = [name for each in schemas for name in types_of(each)]
    if "boolean" in types:
        return True
    if "integer" in types or "number" in types:
        most = max((each.get("maximum", 0) for each in schemas), default=0)
        return 50 if most > 50 else 2
    return "imageparity"


def _state_with(
    request_model: RequestModel, base: Mapping[str, Any], member: str, value: Any
) -> State:
    fields = valid_combination(request_model, base, member, value)
    return request_model.state({**base, **fields})


def valid_combination(
    request_model: RequestModel, base: Mapping[str, Any], member: str, value: Any
) -> dict[str, Any]:
    """A value, with one other field if the document allows it only then."""
    alone = {member: value}
    if request_model.state({**base, **alone}) is State.VALID:
        return alone
    for other, schema in request_model.body.properties.items():
        if (
            other == member
            or request_model.canonical_name(other) in SEPARATELY_TESTED_FIELDS
        ):
            continue
        for part in all_of_parts(schema):
            for choice in part.get("enum", []):
                both = {**alone, other: choice}
                if choice and request_model.state({**base, **both}) is State.VALID:
                    return both
    return alone


SEPARATELY_TESTED_FIELDS = (
    "model",
    "prompt",
    "image",
    "mask",
    "stream",
    "partial_images",
)
