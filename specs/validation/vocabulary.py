"""
The words that OpenAPI lacks: what a document may say beyond it, and nothing else.

A keyword constrains, an annotation informs. A keyword is one function that yields
what is wrong as `(aspect, path, sentence)`; both validators are built on it, so they
cannot disagree about what a word means.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Breach = tuple[str, tuple[str, ...], str]
Keyword = Callable[[Any, Any], Iterator[Breach]]

SIZE_PATTERN = re.compile(r"([1-9][0-9]{0,8})x([1-9][0-9]{0,8})", re.ASCII)


def size_of(text: Any) -> tuple[int, int] | None:
    """The numbers inside a "WIDTHxHEIGHT" string, in pixels, or None."""
    match = SIZE_PATTERN.fullmatch(text) if isinstance(text, str) else None
    return (int(match[1]), int(match[2])) if match else None


def image_size_breaches(limits: Mapping[str, Any], value: Any) -> Iterator[Breach]:
    """`x-image-size`: bounds on the numbers inside a "WIDTHxHEIGHT" string."""
    numbers = size_of(value)
    if numbers is None:
        return
    width, height = numbers
    longest, shortest, pixels = max(numbers), min(numbers), width * height
    step = limits.get("multipleOf", 1)
    if width % step or height % step:
        yield "multipleOf", (), f"width and height must be multiples of {step}"
    if longest > limits.get("maxEdge", longest):
        yield "maxEdge", (), f"no edge may exceed {limits['maxEdge']} pixels"
    if pixels < limits.get("minPixels", pixels):
        yield "minPixels", (), f"needs at least {limits['minPixels']} pixels"
    if pixels > limits.get("maxPixels", pixels):
        yield "maxPixels", (), f"may have at most {limits['maxPixels']} pixels"
    if longest > shortest * limits.get("maxRatio", longest):
        yield (
            "maxRatio",
            (),
            f"long to short edge may be {limits['maxRatio']}:1 at most",
        )


def upload_breaches(limits: Mapping[str, Any], value: Any) -> Iterator[Breach]:
    """`x-upload`: facts about an uploaded file (see `specs.media.upload.Upload`)."""
    if not isinstance(value, dict):
        return
    formats = limits.get("formats")
    if formats and value.get("format") not in formats:
        yield "formats", (), f"must be a picture in one of: {', '.join(formats)}"
        return
    if value.get("bytes", 0) > limits.get("maxBytes", float("inf")):
        yield "maxBytes", (), f"may have at most {limits['maxBytes']} bytes"
    if limits.get("alpha") and not value.get("alpha"):
        yield "alpha", (), "needs an alpha channel"
    if limits.get("square") and value.get("width") != value.get("height"):
        yield "square", (), "must be square"


def same_dimensions_breaches(fields: list[str], payload: Any) -> Iterator[Breach]:
    """`x-same-dimensions: [a, b]`: picture b is as wide and as high as the first a."""
    if not isinstance(payload, dict):
        return
    first, second = (_first_image(payload.get(name)) for name in fields)
    if first and second and _dimensions(first) != _dimensions(second):
        width, height = _dimensions(first)
        sentence = f"must be {width}x{height} pixels, like '{fields[0]}'"
        yield fields[1], (fields[1],), sentence


def _first_image(value: Any) -> dict[str, Any] | None:
    """The facts of one upload or of the first of several; None without a size."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) and first.get("width") else None


def _dimensions(image: Mapping[str, Any]) -> tuple[int, int]:
    return image["width"], image["height"]


KEYWORDS: dict[str, Keyword] = {
    "x-image-size": image_size_breaches,
    "x-upload": upload_breaches,
    "x-same-dimensions": same_dimensions_breaches,
}

# JSON Schema's own words and OpenAPI's, by what stands under them: a misspelt one
# would constrain nothing.
_VALUE_KEYWORDS = """
    $comment $schema title description default deprecated readOnly writeOnly examples
    example type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum
    maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains
    maxProperties minProperties required dependentRequired format contentEncoding
    contentMediaType discriminator xml externalDocs"""
_SCHEMA_KEYWORDS = """
    items contains not if then else propertyNames additionalProperties unevaluatedItems
    unevaluatedProperties contentSchema"""
VALUE_KEYWORDS = frozenset(_VALUE_KEYWORDS.split())
SCHEMA_KEYWORDS = frozenset(_SCHEMA_KEYWORDS.split())
SCHEMA_LIST_KEYWORDS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SCHEMA_MAP_KEYWORDS = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "$defs"}
)
STANDARD_KEYWORDS = (
    VALUE_KEYWORDS | SCHEMA_KEYWORDS | SCHEMA_LIST_KEYWORDS | SCHEMA_MAP_KEYWORDS
)


def subschemas(schema: Mapping[str, Any]) -> Iterator[Any]:
    """The schemas that stand directly inside a schema."""
    for word, value in schema.items():
        if word in SCHEMA_MAP_KEYWORDS:
            yield from value.values()
        elif word in SCHEMA_LIST_KEYWORDS:
            yield from value
        elif word in SCHEMA_KEYWORDS:
            yield value


# What each keyword's value may hold; a misspelt limit would constrain nothing.
ASPECTS: dict[str, frozenset[str]] = {
    "x-image-size": frozenset(
        {"multipleOf", "maxEdge", "minPixels", "maxPixels", "maxRatio"}
    ),
    "x-upload": frozenset({"formats", "maxBytes", "alpha", "square"}),
}

ANNOTATIONS: dict[str, str] = {
    "x-source": "where the claim stands: a source id, '#', a place in it",
    "x-basis": "documented | reference | assumed",
    "x-note": "a contradiction or a reading, in our words",
    "x-contradicts": "what the provider's own pages say against one another here",
    "x-rule": "the name of a cross-field rule",
    "x-error": "the error example that a violation gets",
    "x-guarantees": "what an answer keeps beyond its schema",
    "x-when": "the requests whose answers carry this member",
    "x-null": "unspecified: the page does not say what becomes of a null member",
    "x-welcome": "unspecified: the page lists it, but not that any value is taken",
    "x-mentions": "operations that a page names without saying where they are",
}

_TEXT = {"type": "string", "minLength": 1}
_NAMES = {"type": "array", "items": _TEXT, "minItems": 1}

# What may stand behind each word, as a schema.
VALUE_SCHEMAS: dict[str, dict[str, Any]] = {
    "x-image-size": {"additionalProperties": {"type": "number", "minimum": 1}},
    "x-upload": {
        "properties": {
            "formats": _NAMES,
            "maxBytes": {"type": "integer", "minimum": 1},
            "alpha": {"type": "boolean"},
            "square": {"type": "boolean"},
        }
    },
    "x-same-dimensions": {**_NAMES, "minItems": 2, "maxItems": 2},
    "x-source": _TEXT,
    "x-note": _TEXT,
    "x-contradicts": {
        "type": "array",
        "minItems": 2,
        "items": {
            "type": "object",
            "required": ["says", "source"],
            "additionalProperties": False,
            "properties": {"says": _TEXT, "source": _TEXT},
        },
    },
    "x-rule": _TEXT,
    "x-error": _TEXT,
    "x-when": {"type": "object"},
    "x-null": {"const": "unspecified"},
    "x-welcome": {"const": "unspecified"},
    "x-mentions": _NAMES,
    "x-guarantees": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": _TEXT, "if": {"type": "object"}},
        },
    },
}

GUARANTEES: dict[str, str] = {
    "count-equals-n": "as many pictures come as were asked for",
    "decodes": "every picture decodes to its last byte",
    "size-as-asked": "every picture has exactly the size asked for",
    "format-as-asked": "every picture is in the format asked for",
    "alpha-as-asked": "a transparent background gives pictures with an alpha channel",
    "opaque-as-asked": "an opaque background gives pictures without transparency",
    "compression-as-asked": "stronger compression does not give a larger file",
    "delivery-as-documented": "pictures come as url, b64_json or data URI, as said",
    "usage-adds-up": "token counts are whole, not negative, and add up",
    "created-is-now-in-seconds": "`created` is the present, in seconds since 1970",
    "echoes-agree": "size, format, quality and background agree with the request",
    "mask-matters": "a mask changes the picture",
    "every-image-matters": "a further input picture changes the picture",
    "pictures-differ": "different prompts give different pictures",
    "streams-when-asked": "a stream of events comes exactly if one was asked for",
    "partials-at-most-asked": "not more partial pictures than asked, numbered from 0",
    "one-completed-event": "one completed event a picture, and nothing after the last",
    "event-name-is-type": "the name of an event is the type in its data",
    "retry-after-on-429": "a 429 says when to come back, in whole seconds",
    "is-json": "the body is one strict JSON value, labelled as JSON",
    "keeps-secrets": "no answer repeats the key or shows a trace",
    "request-id": "every answer carries a request id",
}
