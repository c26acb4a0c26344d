"""Decode uploaded images with Pillow, with limits and clear errors."""

import io
from functools import cache
from typing import Any

from mockserver.media.image.headers import read_image_header
from mockserver.media.image.plan import MAX_PIXELS, BadImage

READABLE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def decode(data: bytes, mode: str = "RGBA") -> Any:
    """
    Decode an image to its last byte; empty bytes become a small grey image.

    Raises `BadImage` if it cannot be decoded or has more than `MAX_PIXELS` pixels.
    """
    from PIL import Image

    if not data:
        return Image.new(mode, (8, 8), (128, 128, 128, 255)[: len(mode)])
    header = read_image_header(data)
    if header is not None and header.width * header.height > MAX_PIXELS:
        raise BadImage(f"has more than {MAX_PIXELS} pixels")
    try:
        with Image.open(io.BytesIO(data), formats=READABLE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadImage(f"has more than {MAX_PIXELS} pixels")
            return image.convert(mode)
    except decode_errors() as error:
        raise BadImage(str(error)) from None


@cache
def decode_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that Pillow raises for invalid and for too large images."""
    from PIL import Image

    # An embedding program may have turned warnings into exceptions.
    return (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning)
