"""Sample values for whole schemas, with all members that are required at any depth."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.media.base import Samples
from contracts.planning.values.field_values import (
    PROMPT,
    all_of_parts,
    prompt_of,
    types_of,
)

SAMPLE_URL = "https://example.com/sample.png"
MAX_DEPTH = 12  # of objects and arrays in each other


def sample_value(schema: Any, samples: Samples, depth: int = 0) -> Any:
    """
    A value that a schema probably allows; the caller asks the judge.

    Listed values come first: constants, examples, an `enum`, a default. Of
    alternatives the first is taken, and of an object what is required.
    """
    parts = [each for each in all_of_parts(schema) if isinstance(each, Mapping)]
    listed = next((each for part in parts for each in _listed_values(part)), None)
    if listed is not None or depth == MAX_DEPTH:
        return listed
    parts += [
        part
        for each in parts
        for keyword in ("oneOf", "anyOf")
        for branch in each.get(keyword, ())[:1]
        for part in all_of_parts(branch)
        if isinstance(part, Mapping)
    ]
    whole = {key: value for part in reversed(parts) for key, value in part.items()}
    types = types_of(whole)
    if "object" in types or "properties" in whole:
        return _sample_object(parts, samples, depth)
    listed = next((each for part in parts for each in _listed_values(part)), None)
    return listed if listed is not None else _sample_scalar(whole, samples, depth)


def _listed_values(part: Mapping[str, Any]) -> Iterator[Any]:
    listed = [part.get("const"), *part.get("examples", ()), *part.get("enum", ())]
    yield from (each for each in (*listed, part.get("default")) if each is not None)


def _sample_object(
    parts: list[Mapping[str, Any]], samples: Samples, depth: int
) -> dict[str, Any]:
    properties: dict[str, list[Any]] = {}
    for part in parts:
        for name, schema in part.get("properties", {}).items():
            properties.setdefault(name, []).append(schema)
    required = dict.fromkeys(
        name for part in parts for name in part.get("required", ())
    )
    names = required or dict.fromkeys([*properties][:1])
    return {
        name: sample_value({"allOf": properties.get(name, [])}, samples, depth + 1)
        for name in names
    }


def _sample_scalar(schema: Mapping[str, Any], samples: Samples, depth: int) -> Any:
    """A value of a schema that is no object and lists no values."""
    types = types_of(schema)
    if schema.get("format") == "binary":
        return samples.file("")
    if "array" in types:
        count = max(1, schema.get("minItems", 1))
        return [sample_value(schema.get("items", {}), samples, depth + 1)] * count
    if "boolean" in types:
        return True
    if {"integer", "number"} & set(types):
        return max(1, schema.get("minimum", 1))
    if schema.get("format") in {"uri", "url"}:
        return SAMPLE_URL
    return prompt_of(max(len(PROMPT), schema.get("minLength", 0)))
