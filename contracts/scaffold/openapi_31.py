"""Convert schemas of OpenAPI 3.0 and 3.1 to what a definition may contain."""

from collections.abc import Callable, Mapping
from typing import Any

from specs.validation.engine import compile_validator
from specs.validation.vocabulary import (
    SCHEMA_KEYWORDS,
    SCHEMA_LIST_KEYWORDS,
    SCHEMA_MAP_KEYWORDS,
    STANDARD_KEYWORDS,
)

_DROPPED = {"title", "xml", "externalDocs", "discriminator", "$schema", "nullable"}
_LIMITS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
_SHARED = {"type", "title", "description"}
COMPONENT = "#/components/schemas/"

Note = Callable[[str], None]


class SchemaConverter:
    """
    Converts the schemas of a document, and collects the components that they use.

    `left_out` receives a sentence for each part that is not converted.
    """

    def __init__(self, document: Mapping[str, Any], left_out: Note) -> None:
        self._schemas = document.get("components", {}).get("schemas", {})
        self._left_out = left_out
        self.components: dict[str, Any] = {}

    def convert(self, schema: Any, place: str, path: tuple[str, ...] = ()) -> Any:
        """A schema as in OpenAPI 3.1; `path` are the references around it."""
        found = self._convert(schema, place, path)
        if isinstance(found, dict) and "default" in found:
            default = found["default"]
            if not self._is_valid(found, default):
                self._left_out(f"{place}: the default {default}, which is not valid")
                return {key: each for key, each in found.items() if key != "default"}
        return found

    def _is_valid(self, schema: Mapping[str, Any], value: Any) -> bool:
        try:
            return bool(compile_validator(self._resolved(schema)).is_valid(value))
        except ValueError:  # it has references inside
            return True

    def _convert(self, schema: Any, place: str, path: tuple[str, ...]) -> Any:
        if not isinstance(schema, dict):
            return schema if isinstance(schema, bool) else {}
        if isinstance(schema.get("$ref"), str):
            return self._convert_reference(schema, place, path)
        if len(schema.get("allOf", ())) == 1:  # a reference with a default, in 3.0
            rest = {key: each for key, each in schema.items() if key != "allOf"}
            only = schema["allOf"][0]
            if isinstance(only, dict) and not rest.keys() & only.keys() - _SHARED:
                return self.convert({**only, **rest}, place, path)
        return self._convert_keywords(schema, place, path)

    def _convert_reference(
        self, schema: Mapping[str, Any], place: str, path: tuple[str, ...]
    ) -> Any:
        reference = schema["$ref"]
        name = reference.removeprefix(COMPONENT)
        rest = {key: each for key, each in schema.items() if key != "$ref"}
        if name not in self._schemas or name == reference:
            self._left_out(f"{place}: the unresolved reference {reference}")
            return self.convert(rest, place, path) if rest else {}
        if name in path:
            self._left_out(f"{place}: {name}, which contains itself")
            return {}
        if rest.pop("nullable", False):
            whole = {**self._schemas[name], **rest, "nullable": True}
            return self.convert(whole, place, (*path, name))
        if name not in self.components:
            self.components[name] = {}  # keeps the order of first use
            self.components[name] = self.convert(
                self._schemas[name], name, (*path, name)
            )
        own = self.convert(rest, place, path) if rest else {}
        return {"$ref": reference, **own}

    def _convert_keywords(
        self, schema: Mapping[str, Any], place: str, path: tuple[str, ...]
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for word, value in schema.items():
            if word in _DROPPED:
                continue
            if word not in STANDARD_KEYWORDS:
                self._left_out(f"{place}: the keyword `{word}`")
            elif word == "example":
                found.setdefault("examples", [value])
            elif word == "default" and value is None:
                continue  # no default
            elif word == "additionalProperties" and not isinstance(value, bool):
                self._left_out(f"{place}: the schema of further properties")
            elif word in SCHEMA_MAP_KEYWORDS and isinstance(value, dict):
                found[word] = {
                    name: self.convert(each, f"{place}.{name}", path)
                    for name, each in value.items()
                }
            elif word in SCHEMA_LIST_KEYWORDS and isinstance(value, list):
                found[word] = [self.convert(each, place, path) for each in value]
            elif word in SCHEMA_KEYWORDS:
                found[word] = self.convert(value, place, path)
            elif isinstance(value, float) and value.is_integer():
                found[word] = int(value)  # some frameworks write 4.0
            else:
                found[word] = value
        _convert_limits(found)
        if schema.get("nullable") is True:
            found = with_null(found)
        self._check_required(found, place)
        if found.get("contentMediaType") == "application/octet-stream":
            found = {**found, "format": "binary"}
            del found["contentMediaType"]
        return self._merge_alternatives(found)

    def _check_required(self, schema: dict[str, Any], place: str) -> None:
        """Drop names in `required` that no property has."""
        names, properties = schema.get("required"), schema.get("properties")
        if not isinstance(names, list) or not isinstance(properties, dict):
            return
        unknown = [each for each in names if each not in properties]
        if unknown and "allOf" not in schema:
            schema["required"] = [each for each in names if each in properties]
            self._left_out(f"{place}: required {', '.join(unknown)}, not a property")

    def _merge_alternatives(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Write `anyOf` of plain types, or of one and null, as one schema."""
        branches = schema.get("anyOf", schema.get("oneOf"))
        if not isinstance(branches, list):
            return schema
        rest = {key: schema[key] for key in schema if key not in {"anyOf", "oneOf"}}
        parts = [self._resolved(each) for each in branches if not _is_null(each)]
        has_null = len(parts) < len(branches)
        if len(parts) == 1:
            merged = with_null(parts[0]) if has_null else parts[0]
            return {**merged, **rest}
        merged = {}
        for part in parts:
            keys = part.keys() - _SHARED
            if not isinstance(part.get("type"), str) or keys & merged.keys():
                return schema
            if keys & {"enum", "const", "anyOf", "oneOf", "allOf", "format"}:
                return schema
            merged.update({key: part[key] for key in part if key in keys})
        types = [part["type"] for part in parts] + ["null"] * has_null
        if len(set(types)) < len(types):
            return schema
        return {"type": types, **merged, **rest}

    def _resolved(self, schema: Any) -> dict[str, Any]:
        """A converted schema without a reference at its top."""
        name = str(schema.get("$ref", "")).removeprefix(COMPONENT)
        return {**self.components.get(name, {}), **_without_reference(schema)}


def _without_reference(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in schema.items() if key != "$ref"}


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _convert_limits(schema: dict[str, Any]) -> None:
    """Write the exclusive limits of OpenAPI 3.0, which are booleans, as numbers."""
    for exclusive, inclusive in _LIMITS:
        flag = schema.get(exclusive)
        if isinstance(flag, bool):
            del schema[exclusive]
            if flag and inclusive in schema:
                schema[exclusive] = schema.pop(inclusive)


def with_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that allows null as well."""
    wider = dict(schema)
    types = wider.get("type")
    if isinstance(types, str):
        wider["type"] = [types, "null"]
    elif isinstance(types, list) and "null" not in types:
        wider["type"] = [*types, "null"]
    if "const" in wider:
        wider["enum"] = [wider.pop("const")]
    if "enum" in wider and None not in wider["enum"]:
        wider["enum"] = [*wider["enum"], None]
    if not types and "enum" not in wider:
        wider = {"anyOf": [wider, {"type": "null"}]}
    return wider
