"""Fit text into a box, and draw it with Pillow's built-in font."""

import math
import string
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

# Font sizes in pixels, each about a seventh larger than the one before.
FONT_SIZES = [*range(7, 13), 14, 16, 18, 21, 24, 28, 32, 37, 43, 50, 58, 67, 77, 89]
FONT_SIZES += [103, 119, 138, 160, 185, 214]
ELLIPSIS = "..."


def line_height(size: int) -> int:
    return size + size // 4


def fit_text(text: str, width: int, height: int, scale: int) -> tuple[int, list[str]]:
    """
    Return the largest font size in which a text fits, and its lines.

    First, sizes that read easily are tried in half of the height, then in 90 % of it,
    then smaller sizes with words broken. If even the smallest size does not fit, the
    end is replaced by an ellipsis. `scale` is the edge of a square of the same area as
    the image, in pixels.
    """
    words = text.split()
    largest, readable = max(9, scale // 26), max(9, scale // 36)
    for share, smallest, biggest, breaks in (
        (0.5, readable, largest, False),
        (0.9, readable, largest, False),
        (0.9, FONT_SIZES[0], readable, True),
    ):
        for size in reversed(FONT_SIZES):
            if smallest <= size <= biggest:
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
    """Wrap words; None if one is wider than `width` and words may not be broken."""
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
    """Shorten a line before its ellipsis until it fits."""
    kept = line.removesuffix(ELLIPSIS)
    while kept and sum(map(widths.__getitem__, kept + ELLIPSIS)) > width:
        kept = kept[:-1]
    return kept + ELLIPSIS if len(kept) > 1 else line[:3]


@lru_cache(maxsize=256)
def fit_caption(
    text: str, width: int, height: int, size: int
) -> tuple[int, str] | None:
    """Return font size and text of the caption; None if it is empty or too large."""
    for caption_size in reversed(FONT_SIZES):
        too_large = caption_size > max(FONT_SIZES[0], size * 2 // 3)
        if too_large or 2 * caption_size > height:
            continue
        if text and sum(map(_letter_widths(caption_size).__getitem__, text)) <= width:
            return caption_size, text
    return None


@cache
def font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@cache
def _letter_widths(size: int) -> Mapping[str, int]:
    """Return the width of each drawable letter, in pixels."""
    return {each: _letter_extent(each, size)[1] for each in _DRAWABLE}


def letter_width(letter: str, size: int) -> int:
    """Return the width of a drawable letter, in pixels."""
    return _letter_widths(size)[letter]


def _letter_extent(letter: str, size: int) -> tuple[int, int]:
    """Return how far a letter extends to the left, and its whole width; in pixels."""
    left, _, right, _ = font(size).getbbox(letter)
    before = max(0, math.ceil(-left))
    return before, before + max(
        math.ceil(right), math.ceil(font(size).getlength(letter))
    )


# Eight shades are enough for a smooth edge, and compress in half the time.
_EIGHT_SHADES = bytes(round(each * 7 / 255) * 255 // 7 for each in range(256))


class _GlyphCache(dict[str, bytes]):
    """
    The letters of one size, each as its pixel columns from left to right.

    The letters of a line can then simply be joined, which is ten times as fast as
    drawing the line with the font.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __missing__(self, letter: str) -> bytes:
        from PIL import Image, ImageDraw

        before, width = _letter_extent(letter, self._size)
        image = Image.new("L", (width, line_height(self._size)))
        origin = (before, 0)
        ImageDraw.Draw(image).text(origin, letter, fill=255, font=font(self._size))
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
    """Draw a line of text on an image of one channel, in a font size and a level."""
    from PIL import Image

    if line:
        columns = b"".join(map(_glyphs(size).__getitem__, line))
        height = line_height(size)
        transposed = Image.frombytes("L", (height, len(columns) // height), columns)
        image.paste(level, position, transposed.transpose(Image.Transpose.TRANSPOSE))


_DRAWABLE = frozenset(string.printable.strip() + " ")
_TO_SPACES = {code: " " for code in range(128) if chr(code) not in _DRAWABLE}


def transliterate(text: str) -> str:
    """
    Convert a text to ASCII, the letters of Pillow's built-in font.

    Other scripts are transliterated, and symbols replaced by their names. Fonts of the
    machine would show more, but make images depend on the machine.
    """
    if not text.isascii():
        from anyascii import anyascii

        text = "".join(anyascii(each) or _code_point(each) for each in text)
    return " ".join(text.translate(_TO_SPACES).split())


def _code_point(letter: str) -> str:
    """Return `U+XXXX` for a letter or number; empty for marks and invisible ones."""
    return f" U+{ord(letter):04X} " if unicodedata.category(letter)[0] in "LN" else ""
