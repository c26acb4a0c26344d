"""Values made from schemas alone, and fields inside others."""

import pytest

from contracts.media.image.samples import ImageSamples
from contracts.planning.values.pointers import replaced_at
from contracts.planning.values.sample_values import SAMPLE_URL, sample_value
from specs.validation.judge import Judge

SCHEMAS = {
    "constants": {"properties": {"type": {"const": "text"}}, "required": ["type"]},
    "an object in lists": {
        "type": "array",
        "minItems": 2,
        "items": {"type": "object", "properties": {"a": {"enum": ["x"]}}},
    },
    "the first alternative": {
        "oneOf": [
            {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}},
            {"type": "string"},
        ]
    },
    "parts of one object": {
        "allOf": [
            {"type": "object", "required": ["a"], "properties": {"a": {"minimum": 7}}},
            {"required": ["b"], "properties": {"b": {"type": "boolean"}}},
            {"properties": {"a": {"type": "integer"}}},
        ]
    },
    "a long text": {"type": "string", "minLength": 200},
    "an example": {"type": "string", "pattern": "^x+$", "examples": ["xx"]},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_a_sample_is_valid(schema):
    value = sample_value(schema, ImageSamples())

    assert Judge(schema).judge(value).violations == ()


def test_a_url_is_a_url():
    assert sample_value({"type": "string", "format": "uri"}, ImageSamples()) == (
        SAMPLE_URL
    )


def test_a_schema_without_an_end_has_a_sample():
    endless = {"type": "object", "required": ["a"], "properties": {}}
    endless["properties"] = {"a": endless}

    assert sample_value(endless, ImageSamples())


BODY = {"a": [{"role": "first", "url": "1"}, {"role": "last", "url": "2"}], "b": 1}


@pytest.mark.parametrize(
    ("place", "urls"),
    [
        ("/a/*/url", ["new", "new"]),
        ("/a/*[role=last]/url", ["1", "new"]),
        ("/a/0/url", ["new", "2"]),
        ("/a/7/url", ["1", "2"]),
        ("/a/*[role=other]/url", ["1", "2"]),
        ("/c/d", ["1", "2"]),
    ],
)
def test_a_value_is_replaced_at_its_places(place, urls):
    changed = replaced_at(BODY, place, "new")

    assert [each["url"] for each in changed["a"]] == urls
    assert BODY["a"][0]["url"] == "1"
    assert (changed == BODY) == ("new" not in urls)
