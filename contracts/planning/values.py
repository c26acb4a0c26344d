"""
Telling values: those on either side of what a schema says of a member.

Nothing here decides which side a value is on; the judge does.
"""

import json
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contracts.media.image.samples import Sample

PROMPT = "A red cube on a white table"
LONG_TEXT_LENGTH = 1_000_000


@dataclass(frozen=True)
class Value:
    """A value and its name among the values of a member."""

    value: Any
    label: str

    @cached_property
    def key(self) -> Hashable:
        return value_key(self.value)


def value_key(value: Any) -> Hashable:
    """What tells a value from others: of 1, 1.0 and true each is another."""
    # Texts stand for themselves: there are some of megabytes, whose hash is kept.
    if isinstance(value, list):
        return ("list", *map(value_key, value))
    if isinstance(value, dict):
        return ("dict", *((name, value_key(each)) for name, each in value.items()))
    return value if isinstance(value, str) else (repr(value),)


def prompt_of(length: int) -> str:
    """A prompt of exactly so many characters."""
    return (f"{PROMPT}. " * (length // (len(PROMPT) + 2) + 1))[:length]


def boundary_values(
    schemas: Sequence[Any],
    valid_values: Sequence[Any],
    *,
    is_form: bool,
    canonical_name: str,
) -> list[Value]:
    """
    Values worth asking about a member.

    `schemas` are all that its document says of it, in every rule; `good` are values
    known to be right; `role` is its canonical name.
    """
    # By value: the first label that comes for it stays.
    found: dict[Hashable, Value] = {}
    makers = (
        _enum_values,
        _numeric_bounds,
        _length_bounds,
        _list_lengths,
        _size_bounds,
        _upload_values,
        _typical_values,
    )
    for schema in schemas:
        if isinstance(schema, dict):
            for make in makers:
                for each in make(schema, valid_values, canonical_name):
                    found.setdefault(each.key, each)
    for each in (
        *_wrong_type_values(schemas, is_form=is_form),
        *_nested_values(
            schemas, valid_values, is_form=is_form, canonical_name=canonical_name
        ),
    ):
        found.setdefault(each.key, each)
    is_picture = canonical_name in {"image", "mask"}
    for each in _near_misses(schemas, [] if is_picture else valid_values):
        found.setdefault(each.key, each)
    return [each for each in found.values() if each.value is not None or not is_form]


Values = Iterator[Value]
Schema = Mapping[str, Any]


def _enum_values(
    schema: Schema, valid_values: Sequence[Any], canonical_name: str
) -> Values:
    for each in (
        *schema.get("enum", []),
        *([schema["const"]] if "const" in schema else []),
    ):
        yield Value(each, f"value-{'null' if each is None else each}")


def _numeric_bounds(
    schema: Schema, valid_values: Sequence[Any], canonical_name: str
) -> Values:
    if "minimum" in schema:
        least = schema["minimum"]
        yield Value(least, f"at-minimum-{least}")
        yield Value(least - 1, f"below-minimum-{least}")
    if "maximum" in schema:
        most = schema["maximum"]
        yield Value(most, f"at-maximum-{most}")
        yield Value(most + 1, f"above-maximum-{most}")


def _length_bounds(
    schema: Schema, valid_values: Sequence[Any], canonical_name: str
) -> Values:
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


def all_of_parts(schema: Any) -> Iterator[Any]:
    """A schema and the parts of its `allOf`."""
    if isinstance(schema, dict):
        yield schema
        for part in schema.get("allOf", []):
            yield from all_of_parts(part)


def _nested_values(
    schemas: Sequence[Any],
    valid_values: Sequence[Any],
    *,
    is_form: bool,
    canonical_name: str,
) -> Values:
    """Lists of one telling entry, and objects with one telling member."""
    for schema in schemas:
        if not isinstance(schema, dict):
            continue
        if isinstance(schema.get("items"), dict):
            entry = next(
                (each[0] for each in valid_values if isinstance(each, list)), None
            )
            entries = [*all_of_parts(schema["items"])]
            if entry is None:
                is_file = is_form and canonical_name in {"image", "mask"}
                binary = {"format": "binary"}
                entry = minimal_value(
                    binary if is_file else schema["items"], canonical_name
                )
            plain = [entry]
            for each in boundary_values(
                entries, plain, is_form=is_form, canonical_name=canonical_name
            ):
                yield Value([each.value], f"entry-{each.label}")
        for name, member in schema.get("properties", {}).items():
            whole = minimal_value(schema, canonical_name)
            rest = whole if isinstance(whole, dict) else {}
            plain = [minimal_value(member, canonical_name)]
            for each in boundary_values(
                [*all_of_parts(member)],
                plain,
                is_form=False,
                canonical_name=canonical_name,
            ):
                yield Value({**rest, name: each.value}, f"{name}-{each.label}")
                yield Value({name: each.value}, f"only-{name}-{each.label}")


def _list_lengths(
    schema: Schema, valid_values: Sequence[Any], canonical_name: str
) -> Values:
    if "array" not in types_of(schema):
        entries = None
    else:
        entries = schema.get("items", {})
        yield Value([_minimal_entry(entries, canonical_name, 0)], "one-entry")
        yield Value(
            [_minimal_entry(entries, canonical_name, at) for at in range(2)],
            "two-entries",
        )
    for keyword, label, step in (
        ("minItems", "below", -1),
        ("maxItems", "at", 0),
        ("maxItems", "above", 1),
    ):
        if keyword in schema:
            count = max(0, schema[keyword] + step)
            items = entries if entries is not None else _item_schema(valid_values)
            entry = [_minimal_entry(items, canonical_name, at) for at in range(count)]
            yield Value(entry, f"{label}-{keyword}")


def _item_schema(valid_values: Sequence[Any]) -> Any:
    sample = next((each for each in valid_values if isinstance(each, Sample)), None)
    return {"format": "binary"} if sample else {}


def _minimal_entry(schema: Any, canonical_name: str, variant: int) -> Any:
    """The simplest entry of a list of pictures."""
    return minimal_value(schema, canonical_name, variant)


def minimal_value(schema: Any, canonical_name: str, variant: int = 0) -> Any:
    """A plain value for a member by its schema; `role` is its canonical name."""
    if not isinstance(schema, dict):
        return PROMPT  # anything will do, also where nothing may stand
    picture = Sample(alpha=canonical_name == "mask", variant=variant)
    if schema.get("format") == "binary":
        return picture
    for each in (*schema.get("enum", []), schema.get("const")):
        if each is not None:
            return each
    types = types_of(schema)
    if "object" in types:
        members = schema.get("required") or list(schema.get("properties", {}))[:1]
        return {
            name: minimal_value(schema["properties"][name], canonical_name, variant)
            for name in members
        }
    if "string" in types or not types:
        return picture.data_uri if canonical_name in {"image", "mask"} else PROMPT
    if "array" in types:
        return [minimal_value(schema.get("items", {}), canonical_name, variant)]
    if "boolean" in types:
        return True
    return max(1, schema.get("minimum", 1))


def _size_bounds(
    schema: Schema, valid_values: Sequence[Any], canonical_name: str
) -> Values:
    limits = schema.get("x-image-size")
    if limits is None:
        return
    step = limits.get("multipleOf", 1)
    for width, height, label in _boundary_sizes(limits, step):
        yield Value(f"{width}x{height}", label)


def _boundary_sizes(limits: Schema, step: int) -> Iterator[tuple[int, int, str]]:
    """Sizes at, and just beyond, every bound, as far as the other bounds allow."""
    edge = limits.get("maxEdge", 4096)
    ratio = limits.get("maxRatio", 3)
    usual = 1024
    if step > 1:
        yield usual + step // 2, usual, "edge-off-the-grid"
        yield usual, usual + 1, "height-off-the-grid"
    yield usual + step, usual, "edge-on-the-grid"
    if "maxEdge" in limits:
        low = -(-edge // ratio // step) * step
        yield edge, max(low, usual + 256), "at-maxEdge"
        yield edge + step, max(low + step, usual + 256), "above-maxEdge"
    if "maxRatio" in limits:
        yield usual * ratio, usual, "at-maxRatio"
        yield usual * ratio + step, usual, "above-maxRatio"
        yield usual, usual * ratio, "at-maxRatio-tall"
        yield usual, usual * ratio + step, "above-maxRatio-tall"
    if "minPixels" in limits:
        yield from _sizes_near_pixels(limits["minPixels"], step, edge, "minPixels", -1)
    if "maxPixels" in limits:
        yield from _sizes_near_pixels(limits["maxPixels"], step, edge, "maxPixels", 1)


def _sizes_near_pixels(
    pixels: int, step: int, edge: int, label: str, beyond: int
) -> Iterator[tuple[int, int, str]]:
    """The size nearest to a number of pixels, and the nearest beyond it."""
    root = math.isqrt(pixels) // step * step
    grid = range(
        max(step, root * 2 // 3 // step * step), min(edge, root * 3 // 2) + 1, step
    )
    pairs = [(w, h) for w in grid for h in grid if w >= h]
    if not pairs:
        return

    def distance(size: tuple[int, int]) -> int:
        return (size[0] * size[1] - pixels) * beyond

    kept = [each for each in pairs if distance(each) <= 0]
    past = [each for each in pairs if distance(each) > 0]
    if kept:
        yield *max(kept, key=distance), f"at-{label}"
    if past:
        side = "above" if beyond > 0 else "below"
        yield *min(past, key=distance), f"{side}-{label}"


def _upload_values(
    schema: Schema, valid_values: Sequence[Any], canonical_name: str
) -> Values:
    limits = schema.get("x-upload")
    if limits is None and schema.get("format") != "binary":
        return
    alpha = canonical_name == "mask"
    for format_ in ("png", "jpeg", "webp", "gif"):
        can = alpha and format_ in {"png", "webp"}
        yield Value(Sample(format=format_, alpha=can), f"file-{format_}")
    yield Value(Sample(format=None), "file-no-picture")
    yield Value(Sample(alpha=not alpha), f"file-{'opaque' if alpha else 'alpha'}")
    yield Value(Sample(width=96, alpha=alpha), "file-wide")
    if limits and "maxBytes" in limits:
        most = limits["maxBytes"]
        yield Value(Sample(weight=most, alpha=alpha), f"at-maxBytes-{most}")
        yield Value(Sample(weight=most + 1, alpha=alpha), f"above-maxBytes-{most}")


def _typical_values(
    schema: Schema, valid_values: Sequence[Any], canonical_name: str
) -> Values:
    types = types_of(schema)
    if "boolean" in types:
        yield Value(True, "true")
        yield Value(False, "false")
    if "null" in types:
        yield Value(None, "null")
    if "integer" in types:
        yield Value(2, "two")
    for each in valid_values:
        yield Value(
            each, "plain" if not isinstance(each, str) else f"value-{each[:40]}"
        )
    if canonical_name == "prompt":
        yield Value("一只猫 🐈 ñandú\nin two lines", "unicode")
    if "properties" in schema:
        yield from _object_values(schema, canonical_name)


def _object_values(schema: Schema, canonical_name: str) -> Values:
    """Objects with one member each, and with one that no document lists."""
    for name, member in schema["properties"].items():
        yield Value({name: minimal_value(member, canonical_name)}, f"only-{name}")
    whole = minimal_value(schema, canonical_name)
    if isinstance(whole, dict):
        yield Value({**whole, "imageparity": 1}, "unlisted-member")
        both = {
            name: minimal_value(member, canonical_name)
            for name, member in schema["properties"].items()
        }
        yield Value(both, "all-members")
        if len(whole) == 1:
            yield Value(next(iter(whole.values())), "unwrapped")
    yield Value({}, "empty-object")


_WRONG_TYPES: tuple[tuple[str, Any, str], ...] = (
    ("integer", "3", "number-as-text"),
    ("integer", 1.5, "fraction"),
    ("integer", True, "boolean-as-number"),
    ("boolean", "true", "boolean-as-text"),
    ("string", 7, "number-as-text-member"),
    ("string", ["a"], "list"),
    ("string", {"a": 1}, "object"),
    ("integer", [1], "list"),
    ("array", "a", "text-as-list"),
    ("object", "a", "text-as-object"),
    ("boolean", 1, "number-as-boolean"),
    ("null", None, "null"),
)
_WRONG_TYPES_IN_FORMS: tuple[tuple[str, Any, str], ...] = (
    ("integer", "three", "word-as-number"),
    ("integer", "1.5", "fraction"),
    ("boolean", "maybe", "word-as-boolean"),
)


def _wrong_type_values(schemas: Sequence[Any], *, is_form: bool) -> Values:
    stated = [each for each in schemas if isinstance(each, dict) and "type" in each]
    if not stated:
        return
    types = types_of(stated[0])
    if is_form and stated[0].get("format") == "binary":
        yield Value("a text", "text-as-file")
    for type_, value, label in _WRONG_TYPES_IN_FORMS if is_form else _WRONG_TYPES:
        if (type_ == "null") != (type_ in types):
            yield Value(value, label)


def _near_misses(schemas: Sequence[Any], valid_values: Sequence[Any]) -> Values:
    """Near misses of what is right: case, space, plural, another sign."""
    named = {"enum", "pattern", "const"}
    listed = [each for each in schemas if isinstance(each, dict) and named & set(each)]
    if not listed:
        return
    texts = [value for each in listed for value in each.get("enum", []) if value]
    texts += [each for each in valid_values if isinstance(each, str)]
    for text in texts[:1]:
        yield Value(str(text).upper(), "near-case")
        yield Value(f"{text} ", "near-space")
        yield Value(f"{text}s", "near-plural")
        if "x" in str(text):
            yield Value(str(text).replace("x", "*"), "near-sign")
    yield Value("imageparity", "near-unknown")
    yield Value("", "empty")


def types_of(schema: Any) -> list[str]:
    """The types that a schema names; none when it names none."""
    if not isinstance(schema, dict):
        return []
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def format_value(value: Any) -> str:
    """A value as a report shows it."""
    if isinstance(value, Sample):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:117]}…"
