"""
Boundary values of a field: those on both sides of each limit in its schemas.

Values are not sorted into valid and invalid ones here; the judge does that.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.media.base import Samples
from contracts.media.files import Sample
from contracts.planning.values.field_values import (
    LONG_TEXT_LENGTH,
    Value,
    all_of_parts,
    minimal_value,
    prompt_of,
    types_of,
)

Values = Iterator[Value]
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class _Field:
    """Facts about a field that no schema states; `valid_values` may be empty."""

    valid_values: Sequence[Any]
    canonical_name: str
    is_form: bool
    samples: Samples

    @property
    def is_file(self) -> bool:
        return self.canonical_name in self.samples.file_fields

    def minimal_value(self, schema: Any, variant: int = 0) -> Any:
        return minimal_value(schema, self.canonical_name, self.samples, variant)


USUAL_EDGE = 1024  # pixels: what most numbers with a step count


def boundary_values(
    schemas: Sequence[Any],
    valid_values: Sequence[Any],
    *,
    is_form: bool,
    canonical_name: str,
    samples: Samples,
) -> list[Value]:
    """
    Values to test a field with, each once, under its first label.

    `schemas` are all schemas of the field, those in rules included. `valid_values` are
    known to be valid. `is_form` is set for a field of a form, which cannot be null.
    `samples` are those of the medium.
    """
    field = _Field(valid_values, canonical_name, is_form, samples)
    values: dict[Hashable, Value] = {}
    for value in _all_values(schemas, field):
        values.setdefault(value.key, value)
    return [each for each in values.values() if each.value is not None or not is_form]


def _all_values(schemas: Sequence[Any], field: _Field) -> Values:
    plain_schemas = [each for each in schemas if isinstance(each, dict)]
    for schema in plain_schemas:
        yield from _enum_values(schema)
        yield from _numeric_bounds(schema)
        yield from _length_bounds(schema)
        yield from _list_lengths(schema, field)
        yield from _bounds_of_medium(schema, field)
        yield from _upload_values(schema, field)
        yield from _typical_values(schema, field)
    yield from _wrong_type_values(plain_schemas, field)
    for schema in plain_schemas:
        yield from _values_of_entries(schema, field)
        yield from _values_of_properties(schema, field)
    yield from _near_misses(plain_schemas, [] if field.is_file else field.valid_values)


def _enum_values(schema: Schema) -> Values:
    constants = [schema["const"]] if "const" in schema else []
    excluded = schema.get("not")
    excluded = excluded.get("enum", []) if isinstance(excluded, dict) else []
    for value in (*schema.get("enum", []), *constants, *excluded):
        yield Value(value, f"value-{'null' if value is None else value}")


def _numeric_bounds(schema: Schema) -> Values:
    if "minimum" in schema:
        least = schema["minimum"]
        yield Value(least, f"at-minimum-{least}")
        yield Value(least - 1, f"below-minimum-{least}")
    if "maximum" in schema:
        most = schema["maximum"]
        yield Value(most, f"at-maximum-{most}")
        yield Value(most + 1, f"above-maximum-{most}")
    if "multipleOf" in schema:
        usual, step = USUAL_EDGE, schema["multipleOf"]
        yield Value(usual // step * step, f"at-multipleOf-{step}")
        yield Value(usual // step * step + step / 2, f"off-multipleOf-{step}")


def _length_bounds(schema: Schema) -> Values:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if least:
        yield Value(prompt_of(least), f"at-minLength-{least}")
        yield Value(prompt_of(least - 1), f"below-minLength-{least}")
    if most is None:
        return
    if most < LONG_TEXT_LENGTH:
        yield Value(prompt_of(most), f"at-maxLength-{most}")
        yield Value(prompt_of(most + 1), f"above-maxLength-{most}")
    else:
        yield Value(Sample(weight=most * 3 // 4).data_uri, "above-maxLength")


def _list_lengths(schema: Schema, field: _Field) -> Values:
    is_list = "array" in types_of(schema)
    items = schema.get("items", {}) if is_list else _item_schema(field.valid_values)

    def entries(count: int) -> list[Any]:
        return [field.minimal_value(items, variant) for variant in range(count)]

    if is_list:
        yield Value(entries(1), "one-entry")
        yield Value(entries(2), "two-entries")
    for keyword, label, step in (
        ("minItems", "below", -1),
        ("maxItems", "at", 0),
        ("maxItems", "above", 1),
    ):
        if keyword in schema:
            yield Value(entries(max(0, schema[keyword] + step)), f"{label}-{keyword}")


def _item_schema(valid_values: Sequence[Any]) -> Any:
    """The schema of entries, for a rule that limits a list without describing it."""
    has_files = any(isinstance(each, Sample) for each in valid_values)
    return {"format": "binary"} if has_files else {}


def _bounds_of_medium(schema: Schema, field: _Field) -> Values:
    for value, label in field.samples.boundary_values(schema):
        yield Value(value, label)


def _upload_values(schema: Schema, field: _Field) -> Values:
    if "x-upload" in schema or schema.get("format") == "binary":
        for value, label in field.samples.file_values(field.canonical_name, schema):
            yield Value(value, label)


def _typical_values(schema: Schema, field: _Field) -> Values:
    types = types_of(schema)
    if "boolean" in types:
        yield Value(True, "true")
        yield Value(False, "false")
    if "null" in types:
        yield Value(None, "null")
    if "integer" in types:
        yield Value(2, "two")
    for value in field.valid_values:
        is_text = isinstance(value, str)
        yield Value(value, f"value-{value[:40]}" if is_text else "plain")
    if field.canonical_name in field.samples.text_fields:
        yield Value("一只猫 🐈 ñandú\nin two lines", "unicode")
    if "properties" in schema:
        yield from _object_values(schema, field)


def _object_values(schema: Schema, field: _Field) -> Values:
    """Objects with one property, with all, and with one that no document lists."""
    properties = {
        name: field.minimal_value(property_schema)
        for name, property_schema in schema["properties"].items()
    }
    for name, value in properties.items():
        yield Value({name: value}, f"only-{name}")
    whole = field.minimal_value(schema)
    if isinstance(whole, dict):
        yield Value({**whole, "imageparity": 1}, "unlisted-member")
        yield Value(properties, "all-members")
        if len(whole) == 1:
            yield Value(next(iter(whole.values())), "unwrapped")
    yield Value({}, "empty-object")


def _values_of_entries(schema: Schema, field: _Field) -> Values:
    """Lists with one entry: a boundary value of the schema of entries."""
    items = schema.get("items")
    if not isinstance(items, dict):
        return
    lists = [each for each in field.valid_values if isinstance(each, list)]
    if lists:
        entry = lists[0][0]
    else:
        is_file = field.is_form and field.is_file
        entry = field.minimal_value({"format": "binary"} if is_file else items)
    for value in _nested_values(items, entry, field, is_form=field.is_form):
        yield Value([value.value], f"entry-{value.label}")


def _values_of_properties(schema: Schema, field: _Field) -> Values:
    """Objects with one boundary value, with and without the other properties."""
    for name, property_schema in schema.get("properties", {}).items():
        whole = field.minimal_value(schema)
        rest = whole if isinstance(whole, dict) else {}
        valid_value = field.minimal_value(property_schema)
        # Inside an object, a field of a form is JSON like any other.
        for value in _nested_values(property_schema, valid_value, field, is_form=False):
            yield Value({**rest, name: value.value}, f"{name}-{value.label}")
            yield Value({name: value.value}, f"only-{name}-{value.label}")


def _nested_values(
    schema: Any, valid_value: Any, field: _Field, *, is_form: bool
) -> Iterable[Value]:
    return boundary_values(
        [*all_of_parts(schema)],
        [valid_value],
        is_form=is_form,
        canonical_name=field.canonical_name,
        samples=field.samples,
    )


# The type of a field, a value of another type, and its label.
_WRONG_TYPES: tuple[tuple[str, Any, str], ...] = (
    ("integer", "3", "number-as-text"),
    ("integer", 1.5, "fraction"),
    ("integer", True, "boolean-as-number"),
    ("boolean", "true", "boolean-as-text"),
    ("string", 7, "number-as-text-member"),
    ("string", ["a"], "list"),
    ("string", {"a": 1}, "object"),
    ("integer", [1], "list"),
    ("number", "3", "number-as-text"),
    ("number", True, "boolean-as-number"),
    ("number", [1], "list"),
    ("array", "a", "text-as-list"),
    ("object", "a", "text-as-object"),
    ("boolean", 1, "number-as-boolean"),
    ("null", None, "null"),
)
_WRONG_TYPES_IN_FORMS: tuple[tuple[str, Any, str], ...] = (
    ("integer", "three", "word-as-number"),
    ("integer", "1.5", "fraction"),
    ("number", "three", "word-as-number"),
    ("boolean", "maybe", "word-as-boolean"),
)


def _wrong_type_values(schemas: Sequence[Schema], field: _Field) -> Values:
    typed = next((each for each in schemas if "type" in each), None)
    if typed is None:
        return
    types = types_of(typed)
    if field.is_form and typed.get("format") == "binary":
        yield Value("a text", "text-as-file")
    for type_name, value, label in (
        _WRONG_TYPES_IN_FORMS if field.is_form else _WRONG_TYPES
    ):
        # null tests a field without that type; other values test a field with theirs.
        if (type_name == "null") != (type_name in types):
            yield Value(value, label)


def _near_misses(schemas: Sequence[Schema], valid_values: Sequence[Any]) -> Values:
    """Texts similar to a listed value: in upper case, with a space, in the plural."""
    listing = [each for each in schemas if {"enum", "pattern", "const"} & set(each)]
    if not listing:
        return
    texts = [value for each in listing for value in each.get("enum", []) if value]
    texts += [each for each in valid_values if isinstance(each, str)]
    for text in texts[:1]:
        yield Value(str(text).upper(), "near-case")
        yield Value(f"{text} ", "near-space")
        yield Value(f"{text}s", "near-plural")
        if "x" in str(text):
            yield Value(str(text).replace("x", "*"), "near-sign")
    yield Value("imageparity", "near-unknown")
    yield Value("", "empty")
