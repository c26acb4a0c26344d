"""Aspects of decoded images: the part of a request that they show."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.media.aspect import (
    Aspects,
    compare_with_request,
    join_distinct,
    plain_aspect,
)
from contracts.media.image.observation import DecodedImage
from specs import requested_size


def image_aspects(images: Sequence[DecodedImage], fields: Mapping[str, Any]) -> Aspects:
    """Aspects of decoded images, compared with the fields that the request sets."""
    if not images:
        return
    size = join_distinct(each.size for each in images)
    requested = requested_size(fields)
    text = f"{requested[0]}x{requested[1]}" if requested else None
    yield "size", compare_with_request(size, text)
    format_ = join_distinct(str(each.format) for each in images)
    yield "format", compare_with_request(format_, fields.get("output_format"))
    words = ("opaque" if each.opaque else "transparent" for each in images)
    yield "transparency", plain_aspect(join_distinct(words))
    if len(images) > 1:
        is_distinct = len({each.data for each in images}) == len(images)
        word = "all different" if is_distinct else "some alike"
        yield "several pictures", plain_aspect(word)
