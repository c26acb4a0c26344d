"""Values of request fields: their identity, their cost, and minimal valid ones."""

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contracts.media.base import Samples
from contracts.media.files import Sample

PROMPT = "A red cube on a white table"
LONG_TEXT_LENGTH = 1_000_000  # characters


@dataclass(frozen=True)
class Value:
    """A value of a field, and the label that names it in ids of cases."""

    value: Any
    label: str

    @cached_property
    def key(self) -> Hashable:
        return value_key(self.value)


def value_key(value: Any) -> Hashable:
    """Convert a value to a key by which 1, 1.0 and true differ."""
    # A text is its own key: Python caches its hash, and some texts have megabytes.
    if isinstance(value, list):
        return ("list", *map(value_key, value))
    if isinstance(value, dict):
        return ("dict", *((name, value_key(each)) for name, each in value.items()))
    return value if isinstance(value, str) else (repr(value),)


def prompt_of(length: int) -> str:
    """A prompt of exactly `length` characters."""
    return (f"{PROMPT}. " * (length // (len(PROMPT) + 2) + 1))[:length]


def minimal_value(
    schema: Any, canonical_name: str, samples: Samples, variant: int = 0
) -> Any:
    """
    A minimal valid value for a field with a schema.

    `canonical_name` decides whether a string is a file; `variant` selects one of
    several sample files.
    """
    if not isinstance(schema, dict):
        return PROMPT  # for `true`, any value is valid, and for `false` none is
    if schema.get("format") == "binary":
        return samples.file(canonical_name, variant)
    listed_values = (*schema.get("examples", []), *schema.get("enum", []))
    for listed in (*listed_values, schema.get("const")):
        if listed is not None:
            return listed
    types = types_of(schema)
    if "object" in types:
        properties = schema.get("properties", {})
        names = schema.get("required") or list(properties)[:1]
        return {
            name: minimal_value(
                properties.get(name, True), canonical_name, samples, variant
            )
            for name in names
        }
    if "string" in types or not types:
        is_file = canonical_name in samples.file_fields
        return samples.file(canonical_name, variant).data_uri if is_file else PROMPT
    if "array" in types:
        items = schema.get("items", {})
        return [minimal_value(items, canonical_name, samples, variant)]
    if "boolean" in types:
        return True
    return max(1, schema.get("minimum", 1))


def all_of_parts(schema: Any) -> Iterator[Any]:
    """Yield a schema and, recursively, the parts of its `allOf`."""
    if isinstance(schema, dict):
        yield schema
        for part in schema.get("allOf", []):
            yield from all_of_parts(part)


def types_of(schema: Any) -> list[str]:
    """The types that a schema lists; empty if it has no `type`."""
    if not isinstance(schema, dict):
        return []
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def format_value(value: Any) -> str:
    """Format a value for reports, in at most 120 characters."""
    if isinstance(value, Sample):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:117]}…"
