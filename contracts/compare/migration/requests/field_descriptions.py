"""Descriptions of the fields of a request, from the documents."""

from collections.abc import Iterator
from typing import Any

from contracts.compare.migration.model import (
    Payload,
)
from contracts.planning.request_model import RequestModel
from contracts.planning.values.field_values import all_of_parts, format_value, types_of
from specs import Evidence


def evidence_for(request_model: RequestModel, name: str) -> Evidence:
    field_schema = request_model.body.properties.get(name)
    if not isinstance(field_schema, dict):
        return request_model.body.evidence
    return request_model.body.evidence.within(field_schema)


def describe_field(request_model: RequestModel, name: str) -> str:
    """Describe a field of a request body in one line."""
    field_schema = request_model.body.properties.get(name)
    if field_schema is None:
        return f"{name} is not listed"
    parts = list(_description_parts(request_model, name, field_schema))
    return f"{name}: {'; '.join(parts)}"


def rule_citations(request_model: RequestModel, name: str, payload: Payload) -> str:
    """List the rules that apply to a field of a request, as the end of a sentence."""
    names = (
        f"{rule.name} ({rule.schema.get('x-source', 'no source')})"
        for rule in request_model.rules
        if name in rule.targets and rule.is_documented and rule.applies(payload)
    )
    return "".join(f"; by rule {each}" for each in names)


def _description_parts(
    request_model: RequestModel, name: str, field_schema: Any
) -> Iterator[str]:
    schema = field_schema if isinstance(field_schema, dict) else {}
    enums = (each["enum"] for each in all_of_parts(field_schema) if "enum" in each)
    enum = next(enums, None)
    types = [each for each in types_of(schema) if each != "null"]
    if enum:
        yield ", ".join(str(each) for each in enum if each is not None)
    elif schema.get("format") == "binary":
        yield "one or more files" if "array" in types else "a file"
    else:
        yield " or ".join(types) or "any value"
    minimum, maximum = schema.get("minimum"), schema.get("maximum")
    if minimum is not None or maximum is not None:
        bounds = ("" if each is None else str(each) for each in (minimum, maximum))
        yield "…".join(bounds)
    if "maxItems" in schema:
        yield f"at most {schema['maxItems']}"
    body_schema = (
        request_model.body.schema if isinstance(request_model.body.schema, dict) else {}
    )
    yield "required" if name in body_schema.get("required", []) else "optional"
    if "default" in schema:
        yield f"default {format_value(schema['default'])}"
