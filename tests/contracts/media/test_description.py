"""Values of responses in messages: the value, its type, and no long data."""

import base64

import pytest

from contracts.media.description import (
    describe_bytes,
    describe_output,
    describe_outputs,
    describe_value,
    shorten_base64,
)
from contracts.media.image.observation import DecodedImage

ENCODED = base64.b64encode(bytes(range(256)) * 20).decode()
PNG = DecodedImage(b"", format="png", width=1024, height=1024)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true (boolean)"),
        (7, "7 (integer)"),
        (0.5, "0.5 (number)"),
        ("", '"" (an empty string)'),
        ("url", '"url" (string)'),
        ("x y " * 300, f'"{"x y " * 20}…" (string of 1,200 characters)'),
        (ENCODED, f"a string of {len(ENCODED):,} characters of base64"),
        (
            f"data:image/png;base64,{ENCODED}",
            f"a data URI labelled image/png of {len(ENCODED) + 22:,} characters",
        ),
        ([], "an empty list"),
        ([{}], "a list of 1 object"),
        ([1, 2], "a list of 2 integers"),
        ([1, "2", None], "a list of 3 values"),
        ([None, None], "a list of 2 null"),
        ({}, "an empty object"),
        ({"url": "a", "index": 1}, "an object with url, index"),
        (
            dict.fromkeys("abcdefgh"),
            "an object with a, b, c, d, e, f and 2 more fields",
        ),
    ],
)
def test_a_value_is_shown_with_its_type(value, expected):
    assert describe_value(value) == expected


def test_base64_inside_a_text_is_shown_by_its_length():
    shown = describe_value(f'{{"b64_json": "{ENCODED}"}}')

    assert ENCODED[:30] not in shown
    assert f"{len(ENCODED):,} characters of base64" in shorten_base64(f"x: {ENCODED}")


def test_images_are_shown_by_format_and_size():
    broken = DecodedImage(b"<html>", problem="does not decode")

    assert describe_output(PNG) == "PNG 1024x1024"
    assert describe_output(None) == "not fetched"
    assert describe_output(broken) == "an image that does not decode"
    assert describe_outputs([PNG], "image") == "1 image (PNG 1024x1024)"
    assert describe_outputs([PNG, PNG, None], "image") == (
        "3 images (2 times PNG 1024x1024, 1 times not fetched)"
    )
    assert describe_bytes(b"<html>") == "6 bytes that begin with b'<html>'"
