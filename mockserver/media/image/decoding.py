"""Decode uploaded images with Pillow, with limits and clear errors."""

import io
from functools import cache
from typing import Any

from mockserver.media.image.headers import read_image_header
from mockserver.media.image.plan import MAX_PIXELS, BadImage

# --- Looking ------------------------------------------------------------------


def decode(data: bytes, mode: str = "RGBA") -> Any:
    """A decoded picture; grey for one unknown. Raises `BadPicture`."""
    from PIL import Image

    if not data:
        return Image.new(mode, (8, 8), (128, 128, 128, 255)[: len(mode)])
    found = read_image_header(data)
    if found is not None and found.width * found.height > MAX_PIXELS:
        raise BadImage(f"has more than {MAX_PIXELS} pixels")
    try:
        with Image.open(io.BytesIO(data), formats=READABLE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadImage(f"has more than {MAX_PIXELS} pixels")
            return image.convert(mode)
    except decode_errors() as error:
        raise BadImage(str(error)) from None


READABLE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


@cache
def decode_errors() -> tuple[type[Exception], ...]:
    """What Pillow raises for bytes that are no picture, or too large a one."""
    from PIL import Image

    # Warnings are raised where the program that embeds us wants them to be.
    return (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning)
