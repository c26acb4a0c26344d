"""Compare an image that a task made with the request for it."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.media.image.observation import DecodedImage
from contracts.media.image.ratios import has_ratio
from specs import Dialect, requested_ratio, requested_size


def result_problems(
    image: DecodedImage, request: Mapping[str, Any], dialect: Dialect
) -> Iterator[str]:
    """Yield what the image has other than the request asks for."""
    size = requested_size(request)
    if size is not None and size != (image.width, image.height):
        yield f"is {image.size} pixels; requested: {size[0]}x{size[1]}"
    ratio = requested_ratio(request) if size is None else None
    if ratio and not has_ratio(image, ratio):
        yield f"is {image.size} pixels; requested: {request.get('aspect_ratio')}"
    format_ = request.get("output_format")
    if isinstance(format_, str) and image.format != format_:
        yield f"is {image.format}; requested: {format_}"
