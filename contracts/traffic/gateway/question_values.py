"""Values that show what a gateway does to a field."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.planning.request_model import RequestModel
from contracts.planning.values.field_values import all_of_parts, types_of
from contracts.planning.values.pointers import placed_at, schemas_at
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
    `value` is that of a field inside another one.
    """

    fields: dict[str, Any]
    model: str = ""
    value: Any = None


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


def nested_field_requests(
    request_model: RequestModel, plain: Mapping[str, Any]
) -> list[tuple[str, FieldRequest]]:
    """
    The same for fields inside others, by canonical name: each with its valid values.

    If none is valid, the first value that the document leaves open.
    """
    dialect, operation = request_model.provider.dialect, request_model.operation.id
    found = []
    for name, places in dialect.places_of(operation).items():
        if name in SEPARATELY_TESTED_FIELDS or request_model.wire_name(name):
            continue
        open_requests = []
        for place, value in _nested_values(request_model, name, places):
            payload = placed_at(dict(plain), place, value)
            state = request_model.state(payload)
            changed = {key: e for key, e in payload.items() if plain.get(key) != e}
            request = FieldRequest(changed, value=value)
            if state is State.VALID:
                found.append((name, request))
            elif state is State.UNSPECIFIED:
                open_requests.append((name, request))
        if not any(name == each for each, _ in found):
            found += open_requests[:1]
    return found


def _nested_values(
    request_model: RequestModel, name: str, places: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    """Values of a field at the first of its places that the body describes."""
    known = ((e, schemas_at(request_model.body.schema, e)) for e in places)
    place, nodes = next(((e, nodes) for e, nodes in known if nodes), ("", []))
    if nodes:
        schemas = list(all_of_parts(nodes[-1]))
        defaults = [each["default"] for each in schemas if "default" in each]
        seen: list[Any] = [None, *defaults]
        for value in _listed_values(schemas, name):
            if value not in seen:
                seen.append(value)
                yield place, value


def _distinguishing_values(request_model: RequestModel, member: str) -> list[Any]:
    schemas = list(all_of_parts(request_model.body.properties[member]))
    defaults = {**request_model.body.assumed_defaults, **request_model.body.defaults}
    listed = _listed_values(schemas, request_model.canonical_name(member))
    is_object = any("object" in types_of(each) for each in schemas)
    if not listed and is_object and not _holds_fields(request_model, member):
        schema = request_model.body.properties[member]
        listed = [sample_value(schema, request_model.samples)]
    return [each for each in listed if each not in (None, defaults.get(member))]


def _holds_fields(request_model: RequestModel, member: str) -> bool:
    """True for a field with others inside that have canonical names."""
    dialect, operation = request_model.provider.dialect, request_model.operation.id
    places = dialect.places_of(operation).values()
    return any(each.startswith(f"/{member}/") for some in places for each in some)


def _listed_values(schemas: Sequence[Mapping[str, Any]], canonical: str) -> list[Any]:
    listed = [value for each in schemas for value in each.get("enum", [])]
    if canonical == "size":
        return [*TEST_SIZES, *listed]
    if not listed and not _is_compound(schemas):
        return [typical_value(schemas)]
    return listed


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


def prompt_text(request_model: RequestModel, payload: Mapping[str, Any] | None) -> str:
    """The prompt of a request, at any depth; empty if there is none."""
    dialect, operation = request_model.provider.dialect, request_model.operation.id
    text = dialect.with_canonical_names(operation, payload or {}).get("prompt")
    return text if isinstance(text, str) else ""


def with_prompt(
    request_model: RequestModel, payload: Mapping[str, Any], text: str
) -> dict[str, Any]:
    return request_model.with_value(payload, "prompt", text) or dict(payload)


SEPARATELY_TESTED_FIELDS = (
    "model",
    "prompt",
    "image",
    "mask",
    "stream",
    "partial_images",
)
