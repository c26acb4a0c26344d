"""Words on pictures: in which letters, how large, and in which lines."""

import math
import string
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

FONT_SIZES = [
    7,
    8,
    9,
    10,
    11,
    12,
    14,
    16,
    18,
    21,
    24,
    28,
    32,
    37,
    43,
    50,
    58,
    67,
    77,
    89,
]
FONT_SIZES += [
    103,
    119,
    138,
    160,
    185,
    214,
]  # of letters, in pixels; each a seventh more
ELLIPSIS = "..."


def line_height(size: int) -> int:
    return size + size // 4


def fit_text(text: str, width: int, height: int, scale: int) -> tuple[int, list[str]]:
    """
    The largest letters in which a text fits, and its lines.

    Rather smaller letters than more than half the height, or a word broken; rather
    that than letters too small to read at a glance; and an end left out only when
    there is no room even for the smallest. `scale` is the edge of a square as large
    as the picture.
    """
    words = text.split()
    largest, pleasant = max(9, scale // 26), max(9, scale // 36)
    for share, least, most, breaks in (
        (0.5, pleasant, largest, False),
        (0.9, pleasant, largest, False),
        (0.9, FONT_SIZES[0], pleasant, True),
    ):
        for size in reversed(FONT_SIZES):
            if least <= size <= most:
                lines = _wrap(words, width, _letter_widths(size), break_words=breaks)
                if (
                    lines is not None
                    and len(lines) * line_height(size) <= height * share
                ):
                    return size, lines
    size = FONT_SIZES[0]
    lines = _wrap(words, width, _letter_widths(size), break_words=True) or []
    room = max(1, (height + size // 4) // line_height(size))
    if len(lines) > room:
        last = _ellipsize(lines[room - 1] + ELLIPSIS, width, _letter_widths(size))
        lines = [*lines[: room - 1], last]
    return size, lines


def _wrap(
    words: list[str], width: int, widths: Mapping[str, int], *, break_words: bool
) -> list[str] | None:
    """Lines of no more than a width; None if a word is too long, unless it `breaks`."""
    lines: list[str] = []
    room = 0
    for word in words:
        needed = sum(map(widths.__getitem__, word))
        if lines and widths[" "] + needed <= room:
            lines[-1] += f" {word}"
            room -= widths[" "] + needed
        elif needed <= width:
            lines.append(word)
            room = width - needed
        elif break_words:
            lines.append("")
            room = width
            for letter in word:
                if widths[letter] > room:
                    lines.append("")
                    room = width
                lines[-1] += letter
                room -= widths[letter]
        else:
            return None
    return lines


def _ellipsize(line: str, width: int, widths: Mapping[str, int]) -> str:
    """A line that ends in an ellipsis, shortened before it until it fits."""
    kept = line.removesuffix(ELLIPSIS)
    while kept and sum(map(widths.__getitem__, kept + ELLIPSIS)) > width:
        kept = kept[:-1]
    return kept + ELLIPSIS if len(kept) > 1 else line[:3]


@lru_cache(maxsize=256)
def fit_caption(
    text: str, width: int, height: int, size: int
) -> tuple[int, str] | None:
    """Size and words of the line below; None where there is no room, or no word."""
    for small in reversed(FONT_SIZES):
        if small > max(FONT_SIZES[0], size * 2 // 3) or 2 * small > height:
            continue
        if text and sum(map(_letter_widths(small).__getitem__, text)) <= width:
            return small, text
    return None


@cache
def font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@cache
def _letter_widths(size: int) -> Mapping[str, int]:
    """How wide each letter is, in pixels."""
    return {each: _letter_extent(each, size)[1] for each in _DRAWABLE}


def _letter_extent(letter: str, size: int) -> tuple[int, int]:
    """How far a letter reaches to the left of its place, and how wide it is in all."""
    left, _, right, _ = font(size).getbbox(letter)
    before = max(0, math.ceil(-left))
    return before, before + max(
        math.ceil(right), math.ceil(font(size).getlength(letter))
    )


# Eight shades are enough for a smooth edge, and pack in half the time.
_EIGHT_SHADES = bytes(round(each * 7 / 255) * 255 // 7 for each in range(256))


class _GlyphCache(dict[str, bytes]):
    """
    The letters of one size, each as its columns from left to right.

    So the letters of a line need only follow each other; to have it drawn by the font
    takes ten times as long.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __missing__(self, letter: str) -> bytes:
        from PIL import Image, ImageDraw

        before, width = _letter_extent(letter, self._size)
        image = Image.new("L", (width, line_height(self._size)))
        place = (before, 0)
        ImageDraw.Draw(image).text(place, letter, fill=255, font=font(self._size))
        columns = (
            image.transpose(Image.Transpose.TRANSPOSE)
            .tobytes()
            .translate(_EIGHT_SHADES)
        )
        self[letter] = columns
        return columns


_glyphs = cache(_GlyphCache)


def draw_line(
    image: Any, position: tuple[int, int], line: str, level: int, size: int
) -> None:
    """A line in letters of a size and a level, on an image of one channel."""
    from PIL import Image

    if line:
        columns = b"".join(map(_glyphs(size).__getitem__, line))
        height = line_height(size)
        lying = Image.frombytes("L", (height, len(columns) // height), columns)
        image.paste(level, position, lying.transpose(Image.Transpose.TRANSPOSE))


_DRAWABLE = frozenset(string.printable.strip() + " ")
_TO_SPACES = {code: " " for code in range(128) if chr(code) not in _DRAWABLE}


def transliterate(text: str) -> str:
    """
    A text in the letters that Pillow's own font has, which are those of ASCII.

    Other scripts are transliterated, a symbol is called by its name. Fonts of the
    machine would show more, and other pictures on another machine.
    """
    if not text.isascii():
        from anyascii import anyascii

        text = "".join(anyascii(each) or _code_point(each) for each in text)
    return " ".join(text.translate(_TO_SPACES).split())


def _code_point(letter: str) -> str:
    """For what has no transliteration; nothing for marks and what is not seen."""
    return f" U+{ord(letter):04X} " if unicodedata.category(letter)[0] in "LN" else ""
