"""The features of a request, by which failing cases are told from passing ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from contracts.media.files import Sample
from contracts.planning.case import Case, Origin
from contracts.planning.request_model import RequestModel
from contracts.planning.values.field_values import format_value, types_of, value_key
from specs import State

MAX_VALUE_LENGTH = 40  # characters; longer values are no feature
MAX_LISTED_VALUES = 8


class Scope(IntEnum):
    """The kinds of features, the most general first; the order breaks ties."""

    ANY = 0
    OPERATION = 1
    FAULT = 2
    MEDIA_TYPE = 3
    VIOLATED_FIELD = 4
    FIELD = 5
    VIOLATED_CLAIM = 6
    VIOLATED_KEYWORD = 7
    FIELD_TYPE = 8
    ANY_FIELD_TYPE = 9
    RANGE = 10
    VALUE = 11
    ABSENT = 12
    OTHER_VALUE = 13


@dataclass(frozen=True, slots=True, order=True)
class Feature:
    """
    Something that a request has.

    `subject` is the field, operation or media type, `value` what it has or is.
    """

    scope: Scope
    subject: str = ""
    value: str = ""


ANY_REQUEST = Feature(Scope.ANY)


def features_of(case: Case, model: RequestModel | None) -> frozenset[Feature]:
    """
    All features of a case; `model` is its request body, None if it has none.

    Fields are described by the names of the request, for cases with a payload only.
    """
    found = {ANY_REQUEST, Feature(Scope.OPERATION, case.operation)}
    if case.media_type:
        found.add(Feature(Scope.MEDIA_TYPE, case.media_type))
    found.update(_fault_features(case))
    if model is not None and case.is_payload_only:
        found.update(_payload_features(case.payload, model))
    return frozenset(found)


def _fault_features(case: Case) -> Iterator[Feature]:
    """Yield what is wrong with the request by the document."""
    if case.origin in {Origin.AUTH, Origin.MALFORMED, Origin.TRANSPORT}:
        yield Feature(Scope.FAULT, case.origin)
        label = case.id.rpartition("/")[2]
        yield Feature(Scope.VIOLATED_CLAIM, case.origin, label)
    error = case.expected_error
    if case.expectation is not State.INVALID or error is None:
        return
    if case.origin is not Origin.AUTH and error.error != "unauthenticated":
        yield Feature(Scope.FAULT, "body" if case.media_type else "address")
    part, *names = error.claim.split("/")[1:]
    if case.origin is Origin.MALFORMED or part == "errors" or not names:
        return  # the claim is not about a field
    yield Feature(Scope.FAULT, "field")
    field = names[0].partition("[")[0]
    yield Feature(Scope.VIOLATED_FIELD, field)
    yield Feature(Scope.VIOLATED_CLAIM, field, "/".join(names[1:]))
    yield Feature(Scope.VIOLATED_KEYWORD, names[-1])


def _payload_features(
    payload: Mapping[str, Any], model: RequestModel
) -> Iterator[Feature]:
    for name, value in payload.items():
        if name not in model.minimal_request:
            yield Feature(Scope.FIELD, name)
        yield Feature(Scope.FIELD_TYPE, name, type_name(value))
        if value is None:
            yield Feature(Scope.ANY_FIELD_TYPE, value="null")
        yield from _value_features(name, value, model)
    for name, schema in model.body.properties.items():
        if name not in payload:
            yield Feature(Scope.ABSENT, name)
        for value in _listed_values(schema):
            if value_key(payload.get(name)) != value_key(value):
                yield Feature(Scope.OTHER_VALUE, name, format_value(value))


def _listed_values(schema: Any) -> Iterator[Any]:
    """Yield the values that a schema lists, if they are few."""
    values = schema.get("enum", []) if isinstance(schema, dict) else []
    if "boolean" in types_of(schema):
        values = [True, False]
    if len(values) <= MAX_LISTED_VALUES:
        yield from (each for each in values if each is not None)


def _value_features(name: str, value: Any, model: RequestModel) -> Iterator[Feature]:
    values = value if isinstance(value, list) else [value]
    for file in values:
        if isinstance(file, Sample):
            yield Feature(Scope.VALUE, name, f"format {file.format or 'none'}")
            yield Feature(Scope.VALUE, name, f"{file.width}x{file.height} pixels")
            yield Feature(Scope.VALUE, name, f"alpha channel: {file.alpha}")
    if isinstance(value, list):
        yield Feature(Scope.VALUE, name, f"list of {len(value)}")
        return
    text = format_value(value)
    if not isinstance(value, Sample) and len(text) <= MAX_VALUE_LENGTH:
        yield Feature(Scope.VALUE, name, text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from _range_features(name, value, model.body.properties.get(name))


def _range_features(name: str, value: float, schema: Any) -> Iterator[Feature]:
    """The bounds between which a number is: those of its default, and of 1."""
    default = schema.get("default") if isinstance(schema, dict) else None
    limits = {1, default} if isinstance(default, int) else {1}
    for limit in limits:
        if value > limit:
            yield Feature(Scope.RANGE, name, f"above {limit}")
        if value < limit:
            yield Feature(Scope.RANGE, name, f"below {limit}")


def type_name(value: Any) -> str:
    """`a file`, `text`, `null`, `a list` …"""
    if isinstance(value, Sample):
        return "a file"
    for type_, name in (
        (bool, "a boolean"),
        (int | float, "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "an object"),
    ):
        if isinstance(value, type_):
            return name
    return "null"
