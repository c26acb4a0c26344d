"""Errors of a file by its schema, and of a schema in a document, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import yaml
from jsonschema_rs import ValidationErrorKind as Kind

from specs.documents.reading.pointers import escape_pointer
from specs.documents.reading.references import close_words, suggestion
from specs.errors import SpecError
from specs.validation.engine import JsonPath, Schema
from specs.validation.vocabulary import SCHEMA_KEYWORDS

TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_SAME_VALUE_LISTS = ("allOf", "anyOf", "oneOf")
_SAME_VALUE_KEYWORDS = ("if", "then", "else", "not")


@dataclass(frozen=True, slots=True)
class SchemaError:
    """The path to a wrong part, what is wrong there, the remedy, and a line for it."""

    path: JsonPath
    problem: str
    remedy: str
    paste: str = ""

    @property
    def pointer(self) -> str:
        return "".join(f"/{escape_pointer(step)}" for step in self.path)

    def in_file(self, file: str) -> SpecError:
        return SpecError(file, self.pointer, self.problem, self.remedy, self.paste)


def violations(
    validator: Any, schema: Schema, value: Any, remedy: str
) -> Iterator[SchemaError]:
    """
    Yield the violations of a schema by the content of a file.

    Missing keys come after all others: one may be misspelt, and is not yielded then.
    `validator` is compiled from `schema`. `remedy` is for errors without one.
    """
    errors = sorted(
        validator.iter_errors(value), key=lambda e: isinstance(e.kind, Kind.Required)
    )
    meant: set[JsonPath] = set()
    for error in errors:
        path, kind = tuple(error.instance_path), error.kind
        if isinstance(kind, Kind.AdditionalProperties):
            known = _value_at(schema, error.schema_path[:-1]).get("properties", {})
            for word in kind.unexpected:
                meant.update((*path, each) for each in close_words(word, known))
                yield SchemaError(
                    (*path, word), f"unknown key '{word}'", suggestion(word, known)
                )
        elif not (isinstance(kind, Kind.Required) and (*path, kind.property) in meant):
            yield _described(error, schema, remedy)


def first_violation(
    validator: Any, schema: Schema, value: Any, remedy: str
) -> SchemaError | None:
    """The first of the violations; None if the value is valid."""
    return next(violations(validator, schema, value, remedy), None)


def _described(
    error: jsonschema_rs.ValidationError, schema: Schema, remedy: str
) -> SchemaError:
    path, kind = tuple(error.instance_path), error.kind
    if isinstance(kind, Kind.AdditionalProperties):  # of a branch of anyOf
        word = kind.unexpected[0]
        return SchemaError((*path, word), f"unknown key '{word}'", remedy)
    if isinstance(kind, Kind.Required):
        around = _value_at(schema, error.schema_path[:-1])
        examples = around.get("properties", {}).get(kind.property, {}).get("examples")
        paste = flow_yaml({kind.property: examples[0]}) if examples else ""
        return SchemaError(path, f"the key '{kind.property}' is missing", remedy, paste)
    if isinstance(kind, Kind.AnyOf):
        inner = [each for branch in kind.context for each in branch]
        others = [each for each in inner if not isinstance(each.kind, Kind.Type)]
        if others:  # of the branch that has the type of the value
            return _described(others[0], schema, remedy)
        problem = " and ".join(each.message for each in inner)
        return SchemaError(path, problem[:300], remedy)
    return SchemaError(path, error.message[:300], remedy)


def flow_yaml(value: Mapping[str, Any]) -> str:
    """A mapping as one line of YAML, without the braces around it."""
    text: str = yaml.safe_dump(
        value,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
    )
    return text.strip().removeprefix("{").removesuffix("}")


def _value_at(root: Any, path: Sequence[str | int]) -> Any:
    """The part of a schema at a path that may lead through references inside it."""
    value = root
    for step in path:
        value = value[step]
        if step == "$ref":
            value = _value_at(root, value.removeprefix("#/").split("/"))
    return value


def invalid_part(schema: Schema) -> SchemaError | None:
    """The first part of a schema that is not JSON Schema; None if all is."""
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        path = tuple(error.instance_path)
        if list(error.schema_path)[-3:] == ["properties", "type", "anyOf"]:
            return _unknown_type(path, _value_at(schema, path))
        return SchemaError(path, error.message[:300], "Fix the schema")
    return None


def _unknown_type(path: JsonPath, value: Any) -> SchemaError:
    names = enumerate(value) if isinstance(value, list) else [(None, value)]
    for at, name in names:
        if name not in TYPES:
            place = path if at is None else (*path, at)
            problem = f"'{name}' is not a type of JSON Schema"
            return SchemaError(place, problem[:300], suggestion(str(name), TYPES))
    problem = "`type` is an empty list, or names a type twice"
    return SchemaError(path, problem, f"Known are: {', '.join(TYPES)}")


def undeclared_names(schema: Any, path: JsonPath = ()) -> Iterator[SchemaError]:
    """
    Yield each name in `required` that has no property in the same object.

    The object is described by a schema with its `allOf`, `if` and so on. One without
    `properties`, or with `patternProperties`, may have any.
    """
    parts = list(_parts(schema, path))
    known = {name: None for _, part in parts for name in part.get("properties", {})}
    is_open = not known or any("patternProperties" in part for _, part in parts)
    for place, part in parts:
        for at, name in enumerate(() if is_open else part.get("required", ())):
            if name not in known:
                problem = f"`required` names '{name}', which has no property"
                yield SchemaError(
                    (*place, "required", at), problem, suggestion(name, known)
                )
        for step, inner in _inner_schemas(part):
            yield from undeclared_names(inner, (*place, *step))


def _parts(schema: Any, path: JsonPath) -> Iterator[tuple[JsonPath, Mapping[str, Any]]]:
    """Yield a schema and the schemas in it that describe the same value."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for word in _SAME_VALUE_LISTS:
        for at, each in enumerate(schema.get(word, ())):
            yield from _parts(each, (*path, word, at))
    for word in _SAME_VALUE_KEYWORDS:
        yield from _parts(schema.get(word), (*path, word))
    for name, each in schema.get("dependentSchemas", {}).items():
        yield from _parts(each, (*path, "dependentSchemas", name))


def _inner_schemas(schema: Mapping[str, Any]) -> Iterator[tuple[JsonPath, Any]]:
    """Yield the schemas in a schema that describe parts of the value."""
    for word in ("properties", "patternProperties", "$defs"):
        for name, each in schema.get(word, {}).items():
            yield (word, name), each
    for at, each in enumerate(schema.get("prefixItems", ())):
        yield ("prefixItems", at), each
    for word in sorted(SCHEMA_KEYWORDS.difference(_SAME_VALUE_KEYWORDS)):
        if word in schema:
            yield (word,), schema[word]
