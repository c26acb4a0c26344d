"""Images in data URIs."""

import base64
import random

import pytest

from mockserver.media.image.plan import BadImage
from mockserver.media.image.references import PART_LENGTH, from_base64

# Its base64 has three parts, of which the last is padded.
DATA = random.Random(1).randbytes(PART_LENGTH * 3 // 2 + 1)
TEXT = base64.b64encode(DATA).decode()


def at(position, character):
    return TEXT[:position] + character + TEXT[position + 1 :]


@pytest.mark.parametrize("length", [1, 2, 3, PART_LENGTH * 3 // 4, len(DATA)])
def test_base64_of_any_length_is_decoded(length):
    assert from_base64(base64.b64encode(DATA[:length]).decode()) == DATA[:length]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(TEXT[:-1], id="cut"),
        pytest.param(at(5, "-"), id="first part"),
        pytest.param(at(PART_LENGTH + 5, "ü"), id="other part"),
        pytest.param(at(PART_LENGTH - 1, "="), id="padding at the end of a part"),
        pytest.param(at(5, "="), id="padding inside"),
        pytest.param(f"{TEXT}AAAA", id="more after the end"),
        pytest.param(f"{TEXT}\n", id="newline"),
    ],
)
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(BadImage, match="no base64"):
        from_base64(text)
