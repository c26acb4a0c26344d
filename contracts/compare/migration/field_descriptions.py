"""Descriptions of the fields of a request, from the documents."""

from collections.abc import Iterator
from typing import Any

from contracts.compare.migration.model import (
    Payload,
)
from contracts.planning.request_model import RequestModel
from contracts.planning.values import all_of_parts, format_value, types_of
from specs import Evidence


def evidence_for(request_model: RequestModel, name: str) -> Evidence:
    member = request_model.body.properties.get(name)
    if not isinstance(member, dict):
        return request_model.body.evidence
    return request_model.body.evidence.within(member)


def describe_field(request_model: RequestModel, name: str) -> str:
    """What a body says of a member, in a line."""
    member = request_model.body.properties.get(name)
    if member is None:
        return f"{name} is not listed"
    words = list(_description_parts(request_model, name, member))
    return f"{name}: {'; '.join(words)}"


def rule_citations(request_model: RequestModel, name: str, payload: Payload) -> str:
    """The rules that say more of a member in a request, as an end to a sentence."""
    names = (
        f"{rule.name} ({rule.schema.get('x-source', 'no source')})"
        for rule in request_model.rules
        if name in rule.targets and rule.is_documented and rule.applies(payload)
    )
    return "".join(f"; by rule {each}" for each in names)


def _description_parts(
    request_model: RequestModel, name: str, member: Any
) -> Iterator[str]:
    schema = member if isinstance(member, dict) else {}
    lists = (each["enum"] for each in all_of_parts(member) if "enum" in each)
    listed = next(lists, None)
    types = [each for each in types_of(schema) if each != "null"]
    if listed:
        yield ", ".join(str(each) for each in listed if each is not None)
    elif schema.get("format") == "binary":
        yield "a file or several" if "array" in types else "a file"
    else:
        yield " or ".join(types) or "anything"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None or most is not None:
        yield f"{'' if least is None else least}…{'' if most is None else most}"
    if "maxItems" in schema:
        yield f"at most {schema['maxItems']}"
    whole = (
        request_model.body.schema if isinstance(request_model.body.schema, dict) else {}
    )
    yield "required" if name in whole.get("required", []) else "optional"
    if "default" in schema:
        yield f"default {format_value(schema['default'])}"
