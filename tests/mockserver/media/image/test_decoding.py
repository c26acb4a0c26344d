"""Uploaded images as the mock draws them: modes that Pillow does not convert well."""

import io

import pytest
from PIL import Image

from mockserver.media.image.decoding import decode


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(("value", "grey"), [(0, 0), (0x8000, 128), (0xFFFF, 255)])
def test_16_bits_of_grey_become_8(mode, value, grey):
    out = io.BytesIO()
    Image.new("I;16", (4, 4), value).save(out, "PNG")

    assert decode(out.getvalue(), mode).getpixel((1, 1))[:3] == (grey, grey, grey)
