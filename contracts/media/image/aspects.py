"""Aspects of decoded images: the part of a request that they show."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.media.aspect import (
    AS_ASKED,
    NOT_AS_ASKED,
    Aspects,
    AspectValue,
    compare_with_request,
    join_distinct,
    plain_aspect,
)
from contracts.media.image.observation import DecodedImage
from contracts.media.image.ratios import has_ratio, substituted_ratio
from specs import ratio_text, requested_ratio, requested_size


def _size_aspect(
    images: Sequence[DecodedImage], fields: Mapping[str, Any]
) -> AspectValue:
    """The size, compared with the one in pixels, or with the ratio, of a request."""
    size = join_distinct(each.size for each in images)
    pixels, ratio = requested_size(fields), requested_ratio(fields)
    asked = str(fields.get("aspect_ratio") or fields.get("size"))
    if pixels is not None:
        ratio, asked = pixels[0] / pixels[1], ratio_text(*pixels)
    if ratio is None:
        return plain_aspect(size)
    other = next((each for each in images if not has_ratio(each, ratio)), None)
    note = substituted_ratio(other, asked) if other else ""
    is_exact = pixels is None or size == f"{pixels[0]}x{pixels[1]}"
    category = AS_ASKED if is_exact and other is None else NOT_AS_ASKED
    return AspectValue(category, size, note)


def image_aspects(images: Sequence[DecodedImage], fields: Mapping[str, Any]) -> Aspects:
    """Aspects of decoded images, compared with the fields that the request sets."""
    if not images:
        return
    yield "size", _size_aspect(images, fields)
    format_ = join_distinct(str(each.format) for each in images)
    yield "format", compare_with_request(format_, fields.get("output_format"))
    words = ("opaque" if each.opaque else "transparent" for each in images)
    yield "transparency", plain_aspect(join_distinct(words))
    if len(images) > 1:
        is_distinct = len({each.data for each in images}) == len(images)
        word = "all different" if is_distinct else "some alike"
        yield "several pictures", plain_aspect(word)
