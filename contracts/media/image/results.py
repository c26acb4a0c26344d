"""Compare an image that a task made with the request for it."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.media.image.observation import DecodedImage
from specs import Dialect, size_of


def result_problems(
    image: DecodedImage, request: Mapping[str, Any], dialect: Dialect
) -> Iterator[str]:
    """Yield what the image has other than the request asks for."""
    size = request.get("size")
    if size_of(size) is not None and image.size != size:
        yield f"is {image.size} pixels; requested: {size}"
    format_ = request.get("output_format")
    if isinstance(format_, str) and image.format != format_:
        yield f"is {image.format}; requested: {format_}"
