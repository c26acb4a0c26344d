"""Images that would take minutes to decode, and large ones that do not."""

import pytest
from PIL import Image
from support.http import saved
from support.image_files import jpeg_with_scans, png_chunk, png_with_chunks

from contracts.media.image.observation import decode_image
from mockserver.media.image.decoding import MAX_READS
from mockserver.media.image.jpeg import MAX_SCANS


@pytest.mark.parametrize(("make", "arguments"), [
    pytest.param(jpeg_with_scans, (MAX_SCANS,), id="scans"),
    pytest.param(png_with_chunks, (png_chunk(b"IDAT"), MAX_READS), id="chunks"),
])  # fmt: skip
def test_an_image_in_too_many_parts_is_not_decoded(make, arguments):
    problem = "does not decode: it consists of too many parts"

    assert decode_image(make(*arguments)).problem == problem


def test_a_large_animation_is_decoded():
    """Pillow reads it in blocks of 255 bytes, more than a still image may have."""
    frames = [Image.effect_noise((512, 512), 80 + at) for at in range(30)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])

    image = decode_image(data)

    assert len(data) > 255 * MAX_READS / 4
    assert (image.problem, image.frames) == (None, 30)
