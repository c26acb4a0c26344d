"""Uploaded images as the mock draws them: modes that Pillow does not convert well."""

import pytest
from PIL import Image
from support.http import opened, saved
from support.image_files import jpeg_with_scans, png_chunk, png_with_chunks

from mockserver.media.image.decoding import MAX_READS, TooManyParts, decode
from mockserver.media.image.jpeg import MAX_PARTS, MAX_SCANS, without_metadata
from mockserver.media.image.plan import BadImage


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(("value", "grey"), [(0, 0), (0x8000, 128), (0xFFFF, 255)])
def test_16_bits_of_grey_become_8(mode, value, grey):
    data = saved(Image.new("I;16", (4, 4), value))

    assert decode(data, mode).getpixel((1, 1))[:3] == (grey, grey, grey)


def can_be_decoded(data):
    try:
        decode(data)
    except BadImage:
        return False
    return True


def test_a_jpeg_with_more_scans_than_real_ones_is_refused():
    """Each scan of a few bytes costs a pass over all pixels."""
    assert can_be_decoded(jpeg_with_scans(MAX_SCANS // 2))
    assert not can_be_decoded(jpeg_with_scans(MAX_SCANS + 1))


def test_the_metadata_of_a_jpeg_is_left_out_before_it_is_decoded():
    """Pillow would join these segments in quadratic time."""
    exif = b"\xff\xe1\0\x09Exif\0\0a"
    comment, profile = b"\xff\xfe\0\x04ab", b"\xff\xe2\0\x04ab"
    plain = saved(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG")

    found = without_metadata(
        plain[:2] + exif * 500 + comment + profile + plain[2:] + exif
    )

    assert found == plain + exif, "what follows the image is no part of it"
    assert without_metadata(plain[:2] + exif * MAX_PARTS + plain[2:]) is None


@pytest.mark.parametrize("options", [{"progressive": True}, {"comment": b"a" * 300},
                                     {"icc_profile": b"a" * 200_000}])  # fmt: skip
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_the_pixels_of_a_jpeg_do_not_depend_on_its_metadata(mode, options):
    data = saved(Image.effect_noise((70, 50), 90).convert(mode), "JPEG", **options)

    found = decode(data)

    assert found.tobytes() == opened(data).convert("RGBA").tobytes()


@pytest.mark.parametrize("part", [
    pytest.param(png_chunk(b"tEXt", b"a\0"), id="text"),
    pytest.param(png_chunk(b"IDAT"), id="empty-data"),
])  # fmt: skip
def test_an_image_in_very_many_parts_is_refused(part):
    """Pillow reads each of them by itself, which takes seconds for a few megabytes."""
    with pytest.raises(TooManyParts):
        decode(png_with_chunks(part, MAX_READS))
    assert can_be_decoded(png_with_chunks(part, 9000))
