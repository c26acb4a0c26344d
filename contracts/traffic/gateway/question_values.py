"""Values that show what a gateway does to a field."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.planning.request_model import RequestModel
from contracts.planning.values import all_of_parts, types_of
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


def distinguishing_values(request_model: RequestModel, member: str) -> list[Any]:
    """Documented values of a field that differ from its default."""
    schemas = list(all_of_parts(request_model.body.properties[member]))
    defaults = {**request_model.body.assumed_defaults, **request_model.body.defaults}
    listed = [value for each in schemas for value in each.get("enum", [])]
    if request_model.canonical_name(member) == "size":
        listed = [*TEST_SIZES, *listed]
    elif not listed:
        listed = [typical_value(schemas)]
    usable = [each for each in listed if each not in (None, defaults.get(member))]
    for state in (State.VALID, State.UNSPECIFIED):
        found = [
            each for each in usable if state_with(request_model, member, each) is state
        ]
        if found:
            most = (
                len(TEST_SIZES)
                if request_model.canonical_name(member) == "size"
                else len(found)
            )
            return found[:most]
    return usable[:1]


def typical_value(schemas: Sequence[Mapping[str, Any]]) -> Any:
    types = [name for each in schemas for name in types_of(each)]
    if "boolean" in types:
        return True
    if "integer" in types or "number" in types:
        most = max((each.get("maximum", 0) for each in schemas), default=0)
        return 50 if most > 50 else 2
    return "imageparity"


def state_with(request_model: RequestModel, member: str, value: Any) -> State:
    return request_model.state(
        {
            **request_model.minimal_request,
            **valid_combination(request_model, member, value),
        }
    )


def valid_combination(
    request_model: RequestModel, member: str, value: Any
) -> dict[str, Any]:
    """A value, with one other field if the document allows it only then."""
    alone = {member: value}
    if request_model.state({**request_model.minimal_request, **alone}) is State.VALID:
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
                if (
                    choice
                    and request_model.state({**request_model.minimal_request, **both})
                    is State.VALID
                ):
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
