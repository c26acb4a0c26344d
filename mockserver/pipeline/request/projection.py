"""Reduce a response body to the fields that the document declares."""

from collections.abc import Callable, Mapping
from typing import Any

from specs.validation.engine import compile_validator

CanonicalRequest = Mapping[str, Any]
Projection = Callable[[Any, CanonicalRequest], Any]


def compile_projection(schema: Any) -> Projection:
    """
    A function that removes the fields which a schema does not declare from a value.

    A field with `x-when` is kept only for requests that match the `x-when` schema.
    """
    if not isinstance(schema, dict):
        return _unchanged
    if "properties" in schema:
        return _object_projection(schema["properties"])
    if "items" in schema:
        return _list_projection(compile_projection(schema["items"]))
    return _unchanged


def _unchanged(value: Any, request: CanonicalRequest) -> Any:
    return value


def _list_projection(projection: Projection) -> Projection:
    def project(value: Any, request: CanonicalRequest) -> Any:
        if not isinstance(value, list):
            return value
        return [projection(each, request) for each in value]

    return project


def _object_projection(properties: Mapping[str, Any]) -> Projection:
    fields = [
        (
            name,
            compile_projection(schema),
            compile_validator(schema["x-when"])
            if isinstance(schema, dict) and "x-when" in schema
            else None,
        )
        for name, schema in properties.items()
    ]

    def project(value: Any, request: CanonicalRequest) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: value[name]
            if projection is _unchanged
            else projection(value[name], request)
            for name, projection, condition in fields
            if name in value and (condition is None or condition.is_valid(request))
        }

    return project
