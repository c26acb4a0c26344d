"""Reading SVG images without loading anything, and animations frame by frame."""

import io

import pytest
from PIL import Image

from contracts.media.image.observation import decode_image
from contracts.media.image.thumbnails import preview

HEAD = b'<svg xmlns="http://www.w3.org/2000/svg" '


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b'width="30" height="20px"', "30x20"),
        (b'viewBox="0 0 30.4 20"', "30x20"),
        (b'width="100%" height="5" viewBox="0,0,30,20"', "30x5"),
        (b'width="12cm"', "0x0"),
    ],
)
def test_the_size_of_an_svg_is_that_of_its_root(head, size):
    image = decode_image(b'<?xml version="1.0"?>\n' + HEAD + head + b"/>")

    assert (image.problem, image.format, image.size) == (None, "svg", size)
    assert preview(image)["thumbnail"] == ""


@pytest.mark.parametrize(
    ("inside", "references"),
    [
        (b'<image href="https://a.example/x.png"/>', ("https://a.example/x.png",)),
        (
            b'<use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="b.svg#c"/>',
            ("b.svg#c",),
        ),
        (b'<rect fill="url(#sky)"/><use href="#c"/>', ()),
        (b"<rect style=\"fill: url( 'c.svg#d' )\"/>", ("c.svg#d",)),
        (b'<style>@import "e.css"; a {b: url(data:x)}</style>', ("e.css",)),
    ],
)
def test_references_to_other_files_are_found(inside, references):
    assert (
        decode_image(HEAD + b'width="1">' + inside + b"</svg>").references == references
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"<html></html>", "its root is <html>"),
        (HEAD, "is not XML"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + HEAD + b"/>", "with a document type"),
        (b'<?xml version="1.0" encoding="none"?>' + HEAD + b"/>", "does not decode"),
    ],
)
def test_what_is_no_svg_is_told(data, problem):
    image = decode_image(data)

    assert problem in image.problem


def animation(*shades, **options):
    frames = [Image.new("L", (8, 8), shade) for shade in shades]
    out = io.BytesIO()
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=40, **options)
    return out.getvalue()


def test_all_frames_of_a_gif_are_decoded():
    one, other = (
        decode_image(animation(0, 90, last, format="GIF")) for last in (200, 201)
    )

    assert (one.summary, one.durations) == ("GIF 8x8 with 3 frames", (40, 40, 40))
    assert one.pixels != other.pixels


def test_a_gif_that_is_cut_off_or_another_animation_is_a_problem():
    assert decode_image(animation(0, 90, 200, format="GIF")[:-20]).problem
    assert "is animated" in decode_image(animation(0, 90, format="WEBP")).problem
