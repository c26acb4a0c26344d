"""
The three planes of a video picture, and which of its macroblocks change.

A macroblock is a square of 16 by 16 pixels: 256 bytes of brightness (Y) and 64 bytes
each of two colour differences (Cb, Cr), which have half the resolution. All work on
pixels is done by Pillow.
"""

from collections.abc import Sequence
from typing import Any

from mockserver.media.image.plan import Box

EDGE = 16
# RGB to Y, Cb and Cr as in BT.709, in the limited range that videos use.
_BT709 = (
    *(0.182586, 0.614231, 0.062007, 16),
    *(-0.100644, -0.338572, 0.439216, 128),
    *(0.439216, -0.398942, -0.040274, 128),
)
_IS_DIFFERENT = [0] + [255] * 255  # a mean over a block is 0 only if all are 0

Planes = tuple[Any, Any, Any]  # Y, Cb and Cr: Pillow images of one channel


def planes_of(image: Any) -> Planes:
    """Convert an RGB image whose edges are multiples of 16."""
    brightness, blue, red = image.convert("RGB", _BT709).split()
    return brightness, blue.reduce(2), red.reduce(2)


def macroblock(planes: Planes, column: int, row: int) -> bytes:
    """Return the 384 bytes of one macroblock."""
    brightness, blue, red = planes
    x, y = column * EDGE, row * EDGE
    box = (x, y, x + EDGE, y + EDGE)
    half = (x // 2, y // 2, (x + EDGE) // 2, (y + EDGE) // 2)
    return bytes(
        brightness.crop(box).tobytes()
        + blue.crop(half).tobytes()
        + red.crop(half).tobytes()
    )


def _differing_blocks(pairs: Sequence[tuple[Any, Any]], edge: int) -> bytes:
    """One byte for each block of the images: 0 if it is the same in each pair."""
    from PIL import ImageChops

    result = None
    for one, other in pairs:
        difference = ImageChops.difference(one, other)
        result = ImageChops.lighter(result, difference) if result else difference
    if result is None:
        raise ValueError("no images to compare")
    return bytes(result.point(_IS_DIFFERENT).reduce(edge).tobytes())


def differing_from_neighbours(planes: Planes, x: int, y: int) -> tuple[bytes, bytes]:
    """
    Compare each pixel with its neighbour `x` pixels to the left and `y` above it.

    Returns one byte for each macroblock, 0 if no pixel differs: first for Y, then for
    Cb and Cr together.
    """
    from PIL import ImageChops

    brightness, *colours = [(each, ImageChops.offset(each, x, y)) for each in planes]
    return _differing_blocks([brightness], EDGE), _differing_blocks(colours, EDGE // 2)


class Picture:
    """The planes of the picture that a decoder has at one moment."""

    def __init__(self, image: Any) -> None:
        """Take an RGB image whose edges are multiples of 16."""
        self.columns, self.rows = image.width // EDGE, image.height // EDGE
        self.planes = planes_of(image)

    def update(self, box: Box, image: Any) -> dict[int, bytes]:
        """
        Put an RGB image into a box on the grid of macroblocks.

        Returns the macroblocks that have changed, by their number in the picture.
        """
        halves = tuple(each // 2 for each in box)
        boxes = (box, halves, halves)
        new = planes_of(image)
        pairs = [
            (own.crop(part), other)
            for own, other, part in zip(self.planes, new, boxes, strict=True)
        ]
        brightness = _differing_blocks(pairs[:1], EDGE)
        colours = _differing_blocks(pairs[1:], EDGE // 2)
        for own, other, part in zip(self.planes, new, boxes, strict=True):
            own.paste(other, part)
        columns = image.width // EDGE
        left, top = box[0] // EDGE, box[1] // EDGE
        changed = {}
        for at, (one, other) in enumerate(zip(brightness, colours, strict=True)):
            if one or other:
                row, column = divmod(at, columns)
                number = (top + row) * self.columns + left + column
                changed[number] = macroblock(new, column, row)
        return changed
