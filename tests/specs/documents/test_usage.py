"""Token counts where a document has them, and the facts of images in tables."""

import pytest

import specs
from specs.documents.usage import usage_places

GEMINI = specs.load("gemini")
BLUE = {"model": "gemini-3-pro-image"}


def test_counts_are_read_at_the_places_of_the_placeholders():
    example = {
        "meta": {
            "in": "{usage.input_tokens}",
            "out": "{usage.output_tokens}",
            "all": "{usage.total_tokens}",
            "parts": [
                {"kind": "TEXT", "n": "{usage.input_tokens_details.text_tokens}"},
                {"kind": "IMAGE", "n": "{usage.input_tokens_details.image_tokens}"},
            ],
        }
    }
    places = usage_places({"other": 1}, example)
    text, image = {"kind": "TEXT", "n": 3}, {"kind": "IMAGE", "n": 4}

    whole = places.read({"meta": {"in": 7, "all": 9, "parts": [image, text]}})
    part = places.read({"meta": {"in": 7, "parts": [text]}})

    assert whole == {
        "input_tokens": 7,
        "total_tokens": 9,
        "input_tokens_details": {"text_tokens": 3, "image_tokens": 4},
    }
    assert part == {"input_tokens": 7}, "one count of several says nothing of their sum"
    assert (places.name, places.read({"other": 1})) == ("meta", None)


def test_the_usual_object_is_read_as_it_is():
    places = usage_places({"usage": {"total_tokens": "{usage.total_tokens}"}})

    assert places.read({"usage": {"total_tokens": 2, "more": 1}}) == {
        "total_tokens": 2,
        "more": 1,
    }
    assert places.read({"usage": None}) is None


@pytest.mark.parametrize(
    ("request_", "size", "tokens"),
    [
        (BLUE, (1024, 1024), 1120),
        ({**BLUE, "aspect_ratio": "9:16", "resolution": "4K"}, (3072, 5504), 2000),
        ({**BLUE, "resolution": "8K"}, None, 1120),
        ({**BLUE, "image": "…"}, None, 1120),
        ({**BLUE, "image": "…", "aspect_ratio": "4:3"}, (1200, 896), 1120),
        ({"model": "gemini-2.5-flash-image-latest"}, (1024, 1024), 1290),
        ({"model": "another"}, None, None),
        ({**BLUE, "size": "100x100"}, None, 1120),
    ],
)
def test_a_table_has_the_size_and_the_tokens(request_, size, tokens):
    image = GEMINI.dialect.image

    assert image.listed_size(request_) == size
    assert image.tokens_of(request_) == tokens


def test_a_refusal_is_an_error_with_the_status_of_a_success():
    errors = GEMINI.operations["generateContent"].errors

    refusals = [name for name, each in errors.items() if each.status == 200]
    assert refusals == ["prompt_blocked", "filtered", "model_refused"]
