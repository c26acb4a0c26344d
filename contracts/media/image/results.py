"""Compare an image that a task made with the request for it."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.media.image.observation import DecodedImage
from contracts.media.image.sizes import RATIO_TOLERANCE
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


def has_ratio(image: DecodedImage, ratio: float) -> bool:
    """True if the width by the height is a ratio, within 5 percent."""
    actual = image.width / image.height if image.width and image.height else 0.0
    return ratio / RATIO_TOLERANCE <= actual <= ratio * RATIO_TOLERANCE
