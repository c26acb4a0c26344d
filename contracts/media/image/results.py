"""Compare an image that a task made with the request for it."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.media.image.observation import DecodedImage
from specs import Dialect, requested_size


def result_problems(
    image: DecodedImage, request: Mapping[str, Any], dialect: Dialect
) -> Iterator[str]:
    """Yield what the image has other than the request asks for."""
    size = requested_size(request)
    if size is not None and size != (image.width, image.height):
        yield f"is {image.size} pixels; requested: {size[0]}x{size[1]}"
    format_ = request.get("output_format")
    if isinstance(format_, str) and image.format != format_:
        yield f"is {image.format}; requested: {format_}"
