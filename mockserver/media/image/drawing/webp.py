"""
Encode scenes as lossless WebP files.

Pillow encodes a WebP in one piece, takes up to fifty times as long, and holds the
global interpreter lock while it copies the pixels. Here, the rows without text are
coded once, and the rows of a letter once for each font size.
"""

import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mockserver.media.image.drawing.scene import (
    PANEL_LEVEL,
    TEXT_LEVEL,
    Layout,
    posterize,
)
from mockserver.media.image.drawing.text import draw_line, letter_width, line_height
from mockserver.media.image.drawing.vp8l import (
    Bits,
    assemble_stream,
    code_row,
    code_rows,
    code_run,
    join_codes,
)

_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10


@dataclass(frozen=True, slots=True)
class PrecodedImage:
    """
    An image without its text.

    `above` and `below` are the coded rows above and below the text; `left` and `right`
    the codes of the rows beside it.
    """

    above: Bits
    below: Bits
    left: list[str]
    right: list[str]

    @property
    def weight(self) -> int:
        """Approximate size in bytes."""
        beside = sum(map(sys.getsizeof, (*self.left, *self.right)))
        return beside + (self.above.length + self.below.length) // 8


def is_precodable(layout: Layout, height: int) -> bool:
    """Return True if the text lies on the panel, above the caption."""
    end = layout.caption[2][1] if layout.caption else height
    fits = layout.rows[1] <= min(end, height, layout.panel[3])
    return fits and all(_room_after(each, layout) >= 0 for each in layout.lines)


def precode(image: Any, layout: Layout) -> PrecodedImage:
    """Code a scene with its panel except the rows of the text."""
    (width, height), (top, bottom) = image.size, layout.rows
    text = image.crop((0, top, width, bottom))
    return PrecodedImage(
        code_image(image.crop((0, 0, width, top))),
        code_image(image.crop((0, bottom, width, height))),
        [code_row(each[: layout.origin[0]]) for each in _rows(text)],
        [code_row(each[layout.panel[2] :]) for each in _rows(text)],
    )


def code_image(image: Any) -> Bits:
    """Code an image of one channel."""
    return code_rows(_rows(image))


def _rows(image: Any) -> Iterator[bytes]:
    data, width = image.tobytes(), image.width
    for at in range(0, len(data), width):
        yield data[at : at + width]


def has_letters(layout: Layout, compression: int) -> bool:
    """Return True if all letters of the text are coded; one takes up to 0.2 ms."""
    glyphs = _coded_glyphs(layout.font_size, compression)
    return glyphs.keys() >= {letter for line in layout.lines for letter in line}


def code_text(image: PrecodedImage, layout: Layout, compression: int) -> Bits:
    """Code the rows of the text; `compression` is that of the plan."""
    glyphs = _coded_glyphs(layout.font_size, compression)
    height, codes = line_height(layout.font_size), []
    for number, line in enumerate(layout.lines):
        rest = code_run(PANEL_LEVEL, _room_after(line, layout))
        rows = slice(number * height, (number + 1) * height)
        letters = zip(*map(glyphs.__getitem__, line), strict=True)
        for left, row, right in zip(
            image.left[rows], letters, image.right[rows], strict=True
        ):
            codes += [left, *row, rest, right]
    return join_codes(codes)


def _room_after(line: str, layout: Layout) -> int:
    """Return the pixels between the end of a line and the end of the panel."""
    used = sum(letter_width(each, layout.font_size) for each in line)
    return layout.panel[2] - layout.origin[0] - used


class _CodedGlyphs(dict[str, list[str]]):
    """The letters of one size on the panel, each as the codes of its rows."""

    def __init__(self, size: int, compression: int) -> None:
        super().__init__()
        self._size, self._compression = size, compression

    def __missing__(self, letter: str) -> list[str]:
        from PIL import Image

        size = (letter_width(letter, self._size), line_height(self._size))
        image = Image.new("L", size, PANEL_LEVEL)
        draw_line(image, (0, 0), letter, TEXT_LEVEL, self._size)
        rows = _rows(posterize(image, self._compression))
        self[letter] = [code_row(each) for each in rows]
        return self[letter]


_coded_glyphs = lru_cache(maxsize=16)(_CodedGlyphs)


def assemble_webp(
    size: tuple[int, int],
    palette: bytes,
    xmp: bytes,
    rows: Iterable[Bits],
    *,
    transparent: bool,
) -> bytes:
    """Return a file with coded rows; level 0 of a transparent one is clear."""
    flags = _XMP_FLAG | (_ALPHA_FLAG if transparent else 0)
    width, height = ((each - 1).to_bytes(3, "little") for each in size)
    stream = assemble_stream(size, palette, rows, transparent=transparent)
    chunks = [
        _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + width + height),
        _chunk(b"VP8L", stream),
        _chunk(b"XMP ", xmp),
    ]
    return _chunk(b"RIFF", b"".join((b"WEBP", *chunks)))


def _chunk(name: bytes, data: bytes) -> bytes:
    padding = b"\0" * (len(data) % 2)
    return b"".join((name, struct.pack("<I", len(data)), data, padding))
