"""
The `x-` keywords of documents beyond OpenAPI, and the known keywords of JSON Schema.

A keyword constrains, an annotation informs. A keyword is one function that yields its
breaches as `(limit, path, sentence)`; both validators use it, so they cannot disagree.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from specs.media import image
from specs.media.image import Keyword

MEDIA = (image,)
KEYWORDS: dict[str, Keyword] = {
    name: keyword for medium in MEDIA for name, keyword in medium.KEYWORDS.items()
}
LIMITS: dict[str, dict[str, str]] = {
    name: limits for medium in MEDIA for name, limits in medium.LIMITS.items()
}
MEANINGS: dict[str, str] = {
    name: meaning for medium in MEDIA for name, meaning in medium.MEANINGS.items()
}

# Keywords of JSON Schema and OpenAPI by the kind of their value: a misspelt one would
# constrain nothing.
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
    """Yield the schemas directly inside a schema."""
    for word, value in schema.items():
        if word in SCHEMA_MAP_KEYWORDS:
            yield from value.values()
        elif word in SCHEMA_LIST_KEYWORDS:
            yield from value
        elif word in SCHEMA_KEYWORDS:
            yield value


ANNOTATIONS: dict[str, str] = {
    "x-source": "the page of a claim: a source id, '#', a place in it",
    "x-basis": "documented | reference | assumed",
    "x-enforced": "true: the mock rejects violations, though no page states the rule",
    "x-note": "a contradiction or an interpretation, in our words",
    "x-contradicts": "contradictory statements of the provider's own pages",
    "x-rule": "the name of a cross-field rule",
    "x-error": "the error example that a violation gets",
    "x-guarantees": "properties of a response beyond its schema",
    "x-when": "the requests whose responses have this field",
    "x-null": "unspecified: the page does not say how null is treated, here and below",
    "x-welcome": "unspecified: the page lists it, but not which values are valid; in a "
    "`then`, that some accounts only may use the values of its `if`",
    "x-mentions": "operations that a page names without a path",
    "x-medium": "the medium of an operation's results: image, video",
    "x-task": "what an operation does with long-running tasks: its kind and role",
    "x-tasks": "the kinds of long-running tasks: states, moves, times and results",
    "x-model": "what an operation does with models: it lists them, or reads one",
    "x-models": "models by id, and what responses say of each; those that requests "
    "name need no entry",
    "x-event": "how an event without a constant `type` is recognised: its name, and a "
    "schema of such events in `if`; without `if`, those that no branch before takes",
    "x-refusal": "a schema of a success without an image, or of an event in it, after "
    "the model refused a request; examples that it describes are triggered like errors",
    "x-as-of": "the day that the id of the provider means; until then its pages were "
    "read",
    "x-since": "the day on which a part begins; in `info` that of the document",
    "x-until": "the day on which a part ends: it is in force until the day before",
    "x-dated": "parts with dates; those in force are merged into the mapping around",
}

# For each keyword and annotation: where it is written, and an example.
USES: dict[str, tuple[str, str]] = {
    "x-image-size": ("a schema", "x-image-size: {multipleOf: 16, maxEdge: 3840}"),
    "x-upload": ("a schema of a file", "x-upload: {formats: [png], maxBytes: 4194304}"),
    "x-same-dimensions": ("an `allOf` of a body", "x-same-dimensions: [image, mask]"),
    "x-source": ("any part", "x-source: M1#size"),
    "x-basis": ("any part", "x-basis: assumed"),
    "x-enforced": ("any part that is assumed", "x-enforced: true"),
    "x-note": ("any part", "x-note: The page names no format; png is meant."),
    "x-contradicts": (
        "any part",
        "x-contradicts: [{says: at most 4, source: M1}, {says: up to 10, source: M2}]",
    ),
    "x-rule": ("an `allOf` or a `then`", "x-rule: compression-needs-jpeg"),
    "x-error": ("a schema", "x-error: prompt_too_long"),
    "x-guarantees": ("a response", "x-guarantees: [{name: size-as-asked}]"),
    "x-when": (
        "a field of a response",
        "x-when: {properties: {output_format: {const: png}}}",
    ),
    "x-null": ("a body or a field", "x-null: unspecified"),
    "x-welcome": ("a field", "x-welcome: unspecified"),
    "x-mentions": ("an operation", "x-mentions: [createImageEdit]"),
    "x-medium": ("an operation", "x-medium: image"),
    "x-task": ("an operation", "x-task: {kind: imageTask, role: create}"),
    "x-tasks": (
        "the document",
        "x-tasks: {imageTask: {medium: image, id: {at: /id}, state: {at: /status}, …}}",
    ),
    "x-model": ("an operation", "x-model: {role: list, items: /data}"),
    "x-models": (
        "the document",
        'x-models: {picture-2: {owner: mine}, picture-1: {x-until: "2026-12-01"}}',
    ),
    "x-event": (
        "a branch of the schema of a stream",
        "x-event: {name: text, if: {required: [text]}}",
    ),
    "x-refusal": (
        "the content of a success",
        "x-refusal: {required: [blocked]}",
    ),
    "x-as-of": ("info", 'x-as-of: "2026-12-01"'),
    "x-since": ("any part", 'x-since: "2026-11-05"'),
    "x-until": ("any part", 'x-until: "2026-12-01"'),
    "x-dated": (
        "any part",
        'x-dated: [{x-until: "2026-11-05", maximum: 3}, {x-since: "2026-11-05", …}]',
    ),
}

_TEXT = {"type": "string", "minLength": 1}
_DAY = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
_COUNT = {"type": "integer", "minimum": 1}
_NAMES = {"type": "array", "items": _TEXT, "minItems": 1}

# The values of each keyword, as a schema.
VALUE_SCHEMAS: dict[str, dict[str, Any]] = {
    "x-image-size": {"additionalProperties": {"type": "number", "minimum": 1}},
    "x-upload": {
        "properties": {
            "formats": _NAMES,
            "mediaTypes": _NAMES,
            "maxBytes": _COUNT,
            "alpha": {"type": "boolean"},
            "transparent": {"type": "boolean"},
            "square": {"type": "boolean"},
            "minEdge": _COUNT,
            "maxEdge": _COUNT,
            "maxPixels": _COUNT,
            "maxRatio": {"type": "number", "minimum": 1},
        }
    },
    "x-same-dimensions": {**_NAMES, "minItems": 2, "maxItems": 2},
    "x-source": _TEXT,
    "x-enforced": {"const": True},
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
    "x-medium": _TEXT,
    "x-task": {"type": "object"},
    "x-tasks": {"type": "object"},
    "x-model": {"type": "object"},
    "x-models": {"type": "object"},
    "x-event": {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {"name": _TEXT, "if": {"type": "object"}},
    },
    "x-refusal": {"type": "object"},
    "x-as-of": _DAY,
    "x-since": _DAY,
    "x-until": _DAY,
    "x-dated": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "anyOf": [{"required": ["x-since"]}, {"required": ["x-until"]}],
        },
    },
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
    "count-equals-n": "there are as many images as requested",
    "count-at-most-n": "there are at most as many images as requested, and one or more",
    "has-image": "a success has an image, or says that the model refused",
    "no-image-twice": "the images of one response differ from each other",
    "decodes": "every image decodes to its last byte",
    "size-as-asked": "every image has exactly the requested size",
    "ratio-as-asked": "every image has the requested aspect ratio, within 5 percent",
    "size-as-listed": "every image has the size that a table of the pages has for it",
    "format-as-asked": "every image is in the requested format",
    "frames-as-asked": "an animation has the requested frames, each for its time",
    "svg-stands-alone": "an SVG image needs no other file",
    "alpha-as-asked": "a transparent background gives images with an alpha channel",
    "opaque-as-asked": "an opaque background gives images without transparency",
    "compression-as-asked": "stronger compression does not give a larger file",
    "delivery-as-documented": "images come as documented: url, b64_json or data URI",
    "usage-present": "a response has the field `usage`",
    "usage-grows-with-n": "the number of output tokens depends on the number of images",
    "usage-consistent": "`usage` is in all responses of a model, or in none",
    "usage-adds-up": "token counts are whole, not negative, and add up",
    "created-is-now-in-seconds": "`created` is the present, in seconds since 1970",
    "echoes-agree": "size, format, quality and background agree with the request",
    "mask-matters": "a mask changes the image",
    "every-image-matters": "a further input image changes the result",
    "pictures-differ": "different prompts give different images",
    "streams-when-asked": "a stream of events comes exactly if one was asked for",
    "partials-at-most-asked": "not more partial images than requested, numbered from 0",
    "one-completed-event": "one completed event per image, and nothing after the last",
    "event-name-is-type": "the name of an event is the type in its data",
    "stream-ends-once": "one event of a stream says that it ends, and it is the last",
    "stream-ends": "a stream ends after its last event",
    "retry-after-on-429": "a 429 response says when to send the request again",
    "retry-after-is-valid": "Retry-After is a number of seconds or an HTTP date",
    "is-json": "the body is one strict JSON value, labelled as JSON",
    "keeps-secrets": "no response contains the API key or a stack trace",
    "request-id": "each response has a request id",
}
