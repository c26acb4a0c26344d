"""Decode uploaded images with Pillow, with limits and clear errors."""

import io
from functools import cache
from typing import Any

from mockserver.media.image.headers import read_image_header
from mockserver.media.image.jpeg import without_metadata
from mockserver.media.image.plan import MAX_PIXELS, BadImage

MAX_READS = 100_000  # a PNG of 64 MB in the usual chunks of 8 kB takes 33,000
READABLE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
# Files that people upload instead, by a part of their first bytes.
_OTHER_FORMATS = (
    (b"ftypheic", "HEIC"),
    (b"ftypheix", "HEIC"),
    (b"ftypmif1", "HEIC"),
    (b"ftypavif", "AVIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"%PDF-", "PDF"),
    (b"<svg", "SVG"),
    (b"<html", "HTML"),
    (b"<!doctype html", "HTML"),
)


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
        raise BadImage(f"it has more than {MAX_PIXELS} pixels")
    try:
        return _first_frame(data, mode)
    except BadImage:
        raise
    except decode_errors():
        raise BadImage(_problem(data)) from None


def _first_frame(data: bytes, mode: str) -> Any:
    from PIL import Image

    with Image.open(LimitedFile(data), formats=READABLE_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise BadImage(f"it has more than {MAX_PIXELS} pixels")
        return _with_8_bits(image).convert(mode)


class TooManyParts(BadImage):
    """An image in so many parts that reading them takes long."""

    def __init__(self) -> None:
        super().__init__("it consists of too many parts")


class LimitedFile(io.BytesIO):
    """
    A file that Pillow can read in a short time: a JPEG is without its metadata.

    Raises `TooManyParts` for a JPEG that has too many, and with a read after
    `max_reads`, since Pillow reads each part by itself.
    """

    def __init__(self, data: bytes, max_reads: int = MAX_READS) -> None:
        plain = without_metadata(data) if data.startswith(b"\xff\xd8") else data
        if plain is None:
            raise TooManyParts
        super().__init__(plain)
        self._reads_left = max_reads

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise TooManyParts
        return super().read(size)


def _with_8_bits(image: Any) -> Any:
    """An image with 16 bits of grey scaled to 8, where `convert` would clip it."""
    if not image.mode.startswith("I"):
        return image
    return image.point(lambda value: value * (1 / 256))


def _problem(data: bytes) -> str:
    """
    The reason why bytes cannot be decoded, in words.

    The messages of Pillow name Python objects and their addresses.
    """
    if read_image_header(data) is not None:
        return "its data is damaged or incomplete"
    start = data[:512].lower()
    names = [name for mark, name in _OTHER_FORMATS if mark.lower() in start]
    if start.startswith(b"bm"):
        names.append("BMP")
    known = f"{', '.join(READABLE_FORMATS[:-1])} or {READABLE_FORMATS[-1]} file"
    return f"it is no {known}, but {names[0]}" if names else f"it is no {known}"


@cache
def decode_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that Pillow raises for invalid and for too large images."""
    from PIL import Image

    # An embedding program may have turned warnings into exceptions.
    return (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning)
