"""
Encode JPEG files in parts that are joined.

Each row of blocks is a restart interval: it refers to no other row, so rows that were
encoded before and new rows can follow each other.

A scene is encoded without its colours. Luminance is the level of a scene. Both chroma
components are the same plane, how colourful a level is, multiplied by a factor each,
and the ratio of the factors is the hue. The factors are the quantization tables of the
file, so that the same encoded rows serve each palette. For that, each component has a
scan of its own; a negative factor needs the rows of the inverted plane.
"""

import io
import re
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from mockserver.media.image.drawing.scene import interpolate, strips

BLOCK = 8  # pixels
ROW_ALIGNMENT = 2 * BLOCK  # rows of luminance to a row of blocks of chroma
_CHROMA_STEP = 32  # the coarsest quantization whose errors cannot be seen
_START, _END = b"\xff\xd8", b"\xff\xd9"
_COMMENT, _QUANTIZATION, _HUFFMAN, _RESTART = 0xFE, 0xDB, 0xC4, 0xDD
_FRAME, _SCAN = 0xC0, 0xDA
_RESTART_MARKERS = [bytes((0xFF, 0xD0 + each)) for each in range(8)]
_RESTARTS = re.compile(rb"\xff[\xd0-\xd7]")
COLOURFUL_LEVEL = 180
# Level and colourfulness, of 127: dark and light levels have less.
_COLOURFULNESS = ((0, 25), (90, 108), (COLOURFUL_LEVEL, 127), (226, 70), (255, 13))


@dataclass(frozen=True, slots=True)
class Components:
    """Encoded rows of a scene: of its luminance, and of its chroma by sign."""

    luminance: bytes
    chroma: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class PreencodedImage:
    """
    An image without its text.

    `text_rows` is an image of the rows that will hold the text, from row `top` on.
    """

    text_rows: Any
    top: int
    above: Components
    below: Components

    @property
    def weight(self) -> int:
        """Approximate size in bytes."""
        text_bytes: int = self.text_rows.width * self.text_rows.height
        parts = (self.above, self.below)
        encoded = [each.luminance for each in parts]
        encoded += (scan for each in parts for scan in each.chroma.values())
        return text_bytes + sum(map(len, encoded))


def preencode(image: Any, top: int, bottom: int, quality: int) -> PreencodedImage:
    """Encode a scene except the blocks that have pixels from `top` to `bottom` - 1."""
    width, height = image.size
    top = top // ROW_ALIGNMENT * ROW_ALIGNMENT
    bottom = min(-(-bottom // ROW_ALIGNMENT) * ROW_ALIGNMENT, height)
    above = image.crop((0, 0, width, top))
    below = image.crop((0, bottom, width, height))
    return PreencodedImage(
        image.crop((0, top, width, bottom)),
        top,
        encode_scene(above, quality, (-1, 1)),
        encode_scene(below, quality, (-1, 1), bottom),
    )


def encode_scene(
    image: Any, quality: int, signs: Collection[int], top: int = 0
) -> Components:
    """
    Encode the part of a scene that begins at row `top`, a multiple of `ROW_ALIGNMENT`.

    Its height is such a multiple too, unless the scene ends there.
    """
    if not image.height:
        return Components(b"", dict.fromkeys(signs, b""))
    half = image.reduce(2)
    tables = [[_CHROMA_STEP] * 64]
    chroma = {
        sign: _join_rows(
            _encode_rows(half.point(_chroma_levels(sign)), qtables=tables),
            top // ROW_ALIGNMENT,
        )
        for sign in signs
    }
    luminance = _encode_rows(image, quality=quality)
    return Components(_join_rows(luminance, top // BLOCK), chroma)


@cache
def _chroma_levels(sign: int) -> list[int]:
    """Return the level of chroma of each level of a scene."""
    return interpolate([(at, 128 + sign * share) for at, share in _COLOURFULNESS])


@cache
def chroma_factors(colour: bytes) -> tuple[int, int]:
    """
    Return the factors of both chroma components, in `_CHROMA_STEP`s and never 0.

    `colour` is the red, green and blue of the most colourful level.
    """
    red, green, blue = colour
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    found = (0.564 * (blue - luminance), 0.713 * (red - luminance))
    first, second = (round(each * _CHROMA_STEP / 127) or 1 for each in found)
    return first, second


def assemble_scene(
    size: tuple[int, int],
    quality: int,
    factors: tuple[int, int],
    comment: bytes,
    parts: Sequence[Components],
) -> bytes:
    """Return the file of a scene from the parts of it, from top to bottom."""
    width, height = size
    head = _head(quality)
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x22\0\2\x11\1\3\x11\2"
    file = [_START, head.start, _segment(_COMMENT, comment), head.tables]
    file += [
        _segment(_QUANTIZATION, bytes([at, *[abs(each)] * 64]))
        for at, each in enumerate(factors, 1)
    ]
    file += [_segment(_FRAME, frame), head.codes]
    file += [_scan(1, width), *(each.luminance for each in parts)]
    for component, factor in enumerate(factors, 2):
        sign = 1 if factor > 0 else -1
        file += [_scan(component, -(-width // 2))]
        file += [each.chroma[sign] for each in parts]
    return b"".join([*file, _END])


def _scan(component: int, width: int) -> bytes:
    """Return the head of the scan of one component, with a restart after each row."""
    restart = struct.pack(">H", -(-width // BLOCK))
    scan = bytes((1, component, 0, 0, 63, 0))
    return _segment(_RESTART, restart) + _segment(_SCAN, scan)


def _join_rows(rows: Iterable[bytes], number: int = 0) -> bytes:
    """Join rows of which the first has this number; a marker is before all but 0."""
    joined = b"".join(
        part
        for at, row in enumerate(rows, number)
        for part in (_RESTART_MARKERS[(at - 1) % 8], row)
    )
    return joined if number else joined[2:]


@dataclass(frozen=True, slots=True)
class _Head:
    """The segments that all scenes of a quality share."""

    start: bytes
    tables: bytes
    codes: bytes


@lru_cache(maxsize=128)
def _head(quality: int) -> _Head:
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (BLOCK, BLOCK)).save(out, "JPEG", quality=quality)
    segments, _ = _split(out.getvalue())
    found = {
        marker: b"".join(data for each, data in segments if each == marker)
        for marker in (0xE0, _QUANTIZATION, _HUFFMAN)
    }
    return _Head(found[0xE0], found[_QUANTIZATION], found[_HUFFMAN])


def encode_in_strips(image: Any, quality: int, comment: bytes) -> bytes:
    """
    Convert an image to RGB and encode it, strip by strip.

    Pillow holds the global interpreter lock while it works on one.
    """
    files = list(_encode_strips(image, quality=quality, comment=comment))
    if len(files) == 1:
        return files[0]
    segments, _ = _split(files[0])
    rows = (row for each in files for row in _RESTARTS.split(_split(each)[1]))
    height = struct.pack(">H", image.height)
    head = [
        data[:5] + height + data[7:] if marker == _FRAME else data
        for marker, data in segments
    ]
    return b"".join([_START, *head, _join_rows(rows), _END])


def _encode_rows(image: Any, **options: Any) -> Iterator[bytes]:
    for file in _encode_strips(image, **options):
        yield from _RESTARTS.split(_split(file)[1])


def _encode_strips(image: Any, **options: Any) -> Iterator[bytes]:
    for box in strips(image.size, ROW_ALIGNMENT):
        out, strip = io.BytesIO(), image.crop(box)
        if strip.mode not in {"L", "RGB"}:
            strip = strip.convert("RGB")
        strip.save(out, "JPEG", restart_marker_rows=1, **options)
        yield out.getvalue()


def _split(file: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the segments of a file by marker, and the data of its one scan."""
    segments: list[tuple[int, bytes]] = []
    at = len(_START)
    while not segments or segments[-1][0] != _SCAN:
        marker = file[at + 1]
        end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        segments.append((marker, file[at:end]))
        at = end
    return segments, file[at : -len(_END)]


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
