"""
Assemble PNG files from rows that were compressed before and new rows.

Compressing an image takes a hundred times as long as drawing its text. So the rows
without text are compressed once. Each part ends with a full flush, after which deflate
refers to no earlier data, so that any rows may follow.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from mockserver.media.image.drawing.scene import strips, to_rgba

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {"P": 3, "RGB": 2, "RGBA": 6}  # by Pillow's mode
_ZLIB_HEADER = b"\x78\x01"
_ADLER_BASE = 65521  # of Adler-32


@cache
def _fastest_zlib() -> Any:
    """
    Return ISA-L if it is installed, else zlib.

    ISA-L is two to seven times as fast and gives other bytes.
    """
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return zlib


@dataclass(frozen=True, slots=True)
class CompressedRows:
    """
    Rows, deflated and padded to a whole byte.

    `adler32` and `length` are those of the uncompressed rows.
    """

    data: bytes
    adler32: int
    length: int


def compress_rows(
    parts: Iterable[bytes], *, last: bool = False, library: Any = None
) -> CompressedRows:
    """
    Compress rows with their filter bytes; `last` ends the stream.

    `library` is a module with the interface of zlib, by default the fastest installed.
    """
    library = library or _fastest_zlib()
    deflate = library.compressobj(1, wbits=-library.MAX_WBITS)
    data, adler32, length = b"", 1, 0
    for part in parts:
        data += deflate.compress(part)
        adler32 = library.adler32(part, adler32)
        length += len(part)
    data += deflate.flush(library.Z_FINISH if last else library.Z_FULL_FLUSH)
    return CompressedRows(data, adler32, length)


def zlib_stream(*parts: CompressedRows) -> bytes:
    """Join compressed rows into a zlib stream; the final part must be the `last`."""
    total = 1
    for part in parts:
        total = _combine_adler32(total, part.adler32, part.length)
    return b"".join(
        (_ZLIB_HEADER, *(each.data for each in parts), struct.pack(">I", total))
    )


def _combine_adler32(first: int, second: int, length: int) -> int:
    """Return the Adler-32 of two joined byte strings; `length` is the second's."""
    low, second_low = first & 0xFFFF, second & 0xFFFF
    high = (first >> 16) + (second >> 16) + (low - 1) * length
    return (high % _ADLER_BASE) << 16 | (low + second_low - 1) % _ADLER_BASE


def assemble_png(
    width: int, height: int, colour_type: int, chunks: Mapping[bytes, bytes]
) -> bytes:
    """Return a PNG of 8 bits per channel; `colour_type` is one of `COLOUR_TYPES`."""
    head = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    parts = [SIGNATURE, chunk(b"IHDR", head)]
    parts += [chunk(name, data) for name, data in chunks.items()]
    return b"".join([*parts, chunk(b"IEND", b"")])


def chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return b"".join(
        (struct.pack(">I", len(data)), name, data, struct.pack(">I", check))
    )


@dataclass(frozen=True, slots=True)
class PrecompressedImage:
    """
    An image without its text.

    `text_rows` is an uncompressed image of the rows that will hold the text, from row
    `top` on, in one channel; its first column holds the filter bytes, all 0. The rows
    `above` and `below` are compressed.
    """

    text_rows: Any
    top: int
    above: CompressedRows
    below: CompressedRows

    @property
    def weight(self) -> int:
        """Approximate size in bytes."""
        text_bytes: int = self.text_rows.width * self.text_rows.height
        return text_bytes + len(self.above.data) + len(self.below.data)


def precompress(
    image: Any, top: int, bottom: int, palette: bytes | None
) -> PrecompressedImage:
    """
    Compress an image of one channel except the rows from `top` to `bottom` - 1.

    The file is to have the mode RGBA if there is a palette, else the mode P.
    """
    wider = _with_filters(image)
    above, text, below = (
        wider.crop((0, first, wider.width, end))
        for first, end in ((0, top), (top, bottom), (bottom, wider.height))
    )
    return PrecompressedImage(
        text,
        top,
        compress_rows(rows_in_parts(above, palette)),
        compress_rows(rows_in_parts(below, palette), last=True),
    )


def compress_image(image: Any, palette: bytes | None) -> CompressedRows:
    """Compress an image of one channel as a whole; `palette` as in `precompress`."""
    return compress_rows(rows_in_parts(_with_filters(image), palette), last=True)


def _with_filters(image: Any) -> Any:
    """Return an image with the filter byte of each row, 0, before it."""
    from PIL import Image

    wider = Image.new("L", (image.width + 1, image.height))
    wider.paste(image, (1, 0))
    return wider


def rows_in_parts(image: Any, palette: bytes | None) -> Iterator[bytes]:
    """
    Yield the rows of an image whose first column holds the filter bytes.

    With a palette, they have four bytes per pixel, of which those of level 0 are clear.
    """
    if palette is None:
        yield image.tobytes()
        return
    step = 4 * image.width
    for box in strips(image.size):
        pixels = to_rgba(image.crop(box), palette).tobytes()
        # The filter byte is the alpha value of the first pixel, which is clear.
        rows = (pixels[at + 3 : at + step] for at in range(0, len(pixels), step))
        yield b"".join(rows)
