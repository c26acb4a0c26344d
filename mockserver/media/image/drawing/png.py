"""
PNG files put together from rows that were packed before, and rows that are new.

To pack a picture takes a hundred times as long as to write the words on it. So all of
it that does not depend on the words is packed once; where that part ends the packing
begins anew, without looking back, so that any rows may follow.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {"P": 3, "RGB": 2, "RGBA": 6}  # a mode's colour type
_ZLIB_HEADER = b"\x78\x01"
_ADLER_BASE = 65521  # of Adler-32


@cache
def _fastest_zlib() -> Any:
    """ISA-L where it is installed: two to seven times as fast; its bytes are others."""
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return zlib


@dataclass(frozen=True, slots=True)
class CompressedRows:
    """Rows, deflated up to the boundary of a byte; `sum` is their Adler-32."""

    data: bytes
    adler32: int
    length: int


def compress_rows(
    rows: bytes, *, last: bool = False, library: Any = None
) -> CompressedRows:
    """
    Rows with their filter bytes, so packed that others may follow, or none.

    `library` is a module that does what zlib does, the fastest at hand by default.
    """
    packing = library or _fastest_zlib()
    deflate = packing.compressobj(1, wbits=-packing.MAX_WBITS)
    data = deflate.compress(rows)
    data += deflate.flush(packing.Z_FINISH if last else packing.Z_FULL_FLUSH)
    return CompressedRows(data, packing.adler32(rows), len(rows))


def zlib_stream(*parts: CompressedRows) -> bytes:
    """The zlib stream of rows packed apart; those at the end must be the `last`."""
    total = 1
    for each in parts:
        total = _combine_adler32(total, each.adler32, each.length)
    return b"".join(
        (_ZLIB_HEADER, *(each.data for each in parts), struct.pack(">I", total))
    )


def _combine_adler32(first: int, second: int, length: int) -> int:
    """The Adler-32 of two texts one after the other; `length` is the second's."""
    low, second_low = first & 0xFFFF, second & 0xFFFF
    high = (first >> 16) + (second >> 16) + (low - 1) * length
    return (high % _ADLER_BASE) << 16 | (low + second_low - 1) % _ADLER_BASE


def assemble_png(
    width: int, height: int, colour_type: int, chunks: Mapping[bytes, bytes]
) -> bytes:
    """A PNG of 8 bits a channel; `colours` is its colour type, as the format has it."""
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
    A picture without words: `band` are the rows in which they are to stand, those
    `above` and `below` are packed. Its first column are the filter bytes, all 0.
    """

    text_rows: Any
    top: int
    above: CompressedRows
    below: CompressedRows

    @property
    def weight(self) -> int:
        """About how many bytes it holds."""
        band: int = self.text_rows.width * self.text_rows.height
        return band + len(self.above.data) + len(self.below.data)


def precompress(image: Any, top: int, bottom: int) -> PrecompressedImage:
    """A picture of one channel, open for words from row `top` to before `bottom`."""
    from PIL import Image

    width, height = image.size[0] + 1, image.size[1]
    wider = Image.new("L", (width, height))
    wider.paste(image, (1, 0))
    rows = wider.tobytes()
    return PrecompressedImage(
        wider.crop((0, top, width, bottom)),
        top,
        compress_rows(rows[: width * top]),
        compress_rows(rows[width * bottom :], last=True),
    )
