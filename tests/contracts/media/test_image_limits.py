"""Images that would take minutes to decode, and large ones that do not."""

import io

import pytest
from PIL import Image

from contracts.media.image.observation import decode_image
from mockserver.media.image.decoding import MAX_READS
from mockserver.media.image.jpeg import MAX_SCANS


def encoded(image, file_format, **options):
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


NOISE = Image.effect_noise((64, 64), 50)


def with_many_scans():
    data = encoded(NOISE.convert("RGB"), "JPEG", progressive=True)
    at, end = data.rfind(b"\xff\xda"), len(data) - 2
    return data[:end] + data[at:end] * MAX_SCANS + data[end:]


def with_many_chunks():
    data = encoded(NOISE, "PNG")
    chunk = b"\0\0\0\0IDAT\x35\xaf\x06\x1e"
    at = data.find(b"IDAT") - 4
    return data[:at] + chunk * MAX_READS + data[at:]


@pytest.mark.parametrize("data", [with_many_scans(), with_many_chunks()],
                         ids=["scans", "chunks"])  # fmt: skip
def test_an_image_in_too_many_parts_is_not_decoded(data):
    problem = "does not decode: it consists of too many parts"

    assert decode_image(data).problem == problem


def test_a_large_animation_is_decoded():
    """Pillow reads it in blocks of 255 bytes, more than a still image may have."""
    frames = [Image.effect_noise((512, 512), 80 + at) for at in range(30)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    image = decode_image(data)

    assert len(data) > 255 * MAX_READS / 4
    assert (image.problem, image.frames) == (None, 30)
