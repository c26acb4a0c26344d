"""Draw a scene of coloured shapes with the prompt written on it."""

import colorsys
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from mockserver.media.image.drawing.text import (
    draw_line,
    fit_caption,
    fit_text,
    line_height,
    transliterate,
)
from mockserver.media.image.plan import Box, Plan, Size

# A scene is one channel, from 0 (darkest) to 255 (the letters), and gets its colours
# from a palette at the end, which is faster to draw, compress and coarsen.
SKY_LEVELS, SUN_LEVEL, TEXT_LEVEL, CAPTION_LEVEL = (100, 176), 226, 255, 206
MOUNTAIN_LEVELS = (88, 62, 36)  # far to near
SCENE_COUNT = 8
STRIP_PIXELS = 512 * 1024
MAX_LEVEL_STEP = 63
PANEL_LEVEL = 20  # behind text; one level, so that the letters of a font can be cached
LOW_RESOLUTION_PIXELS = 256 * 256


def apply_palette(scene: Any, plan: Plan) -> Any:
    """Return the scene in colours; level 0 of a transparent image becomes clear."""
    if plan.transparent:
        return to_rgba(scene, palette_of(plan))
    scene.putpalette(palette_of(plan))
    return scene


def to_rgba(scene: Any, palette: bytes) -> Any:
    """Return the scene in the colours of a palette; level 0 becomes clear."""
    scene.putpalette(_with_alpha(palette), "RGBA")
    return convert(scene, "RGBA")


@cache
def _with_alpha(palette: bytes) -> bytes:
    """Return colours with an alpha value each, 0 for the first and 255 for the rest."""
    return b"".join(
        palette[at : at + 3] + (b"\xff" if at else b"\0")
        for at in range(0, len(palette), 3)
    )


def palette_of(plan: Plan) -> bytes:
    """
    Return the 256 colours of a plan.

    Transparent images of one scene share them: a PNG of the mode RGBA has its colours
    in its pixels, and what was compressed before serves no image of other colours.
    """
    if plan.transparent:
        group = f"palette {scene_number(plan)} {plan.index // SCENE_COUNT}"
        first, second, side = hashlib.shake_128(group.encode()).digest(3)
    else:
        first, second, side = plan.stable_bytes("palette", 3)
    return _colour_ramp(first // 8, second // 52, side % 2)


@cache
def _colour_ramp(hue: int, apart: int, side: int) -> bytes:
    """
    Return 256 colours, from nearly black through two hues to nearly white.

    `hue` is 0 to 31. `apart`, 0 to 4, is the distance of the second hue, and `side`
    its direction.
    """
    dark = hue / 32
    light = dark + (3 + apart) / 32 * (1 if side else -1)
    stops = [
        (0, _rgb(dark, 0.07, 0.6)),
        (90, _rgb(dark, 0.33, 0.5)),
        (180, _rgb(light, 0.68, 0.6)),
        (SUN_LEVEL, _rgb(light, 0.88, 0.85)),
        (TEXT_LEVEL, _rgb(light, 0.97, 0.9)),
    ]
    ramp = bytearray(3 * 256)
    for channel in range(3):
        ramp[channel::3] = interpolate([(at, each[channel]) for at, each in stops])
    return bytes(ramp)


def interpolate(stops: Sequence[tuple[int, int]]) -> list[int]:
    """Return the values of all levels, given those of some, the first and last too."""
    values = [
        low + (high - low) * step // (end - start)
        for (start, low), (end, high) in pairwise(stops)
        for step in range(end - start)
    ]
    return [*values, stops[-1][1]]


def _rgb(hue: float, lightness: float, saturation: float) -> tuple[int, ...]:
    channels = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return tuple(int(each * 255) for each in channels)


def coarsen(image: Any, stage: int) -> Any:
    """
    Return an image in squares of one colour for a preview.

    The higher the stage, the larger they are. A blur takes twice as long to encode as
    PNG, and ten times as long in runs of one colour.
    """
    from PIL import Image

    small = image.reduce(min(2 ** (stage + 1), *image.size))
    result = Image.new(image.mode, image.size)
    high = small.height / image.height
    for left, top, right, bottom in strips(image.size):
        part = (0, top * high, small.width, bottom * high)
        whole = (right - left, bottom - top)
        piece = small.resize(whole, Image.Resampling.NEAREST, part)
        result.paste(piece, (left, top))
    return result


def strips(size: Size, alignment: int = 1) -> Iterator[Box]:
    """
    Divide an image into strips, from top to bottom, of a millisecond or two each.

    Pillow holds the global interpreter lock while it works on one. All but the last
    have a multiple of `alignment` rows.
    """
    width, height = size
    step = max(1, STRIP_PIXELS // width // alignment) * alignment
    for top in range(0, height, step):
        yield 0, top, width, min(top + step, height)


def convert(image: Any, mode: str) -> Any:
    """Convert an image to another mode, strip by strip."""
    from PIL import Image

    if image.mode == mode:
        return image
    result = Image.new(mode, image.size)
    for box in strips(image.size):
        result.paste(image.crop(box).convert(mode), box)
    return result


def posterize(scene: Any, compression: int) -> Any:
    """
    Return the scene with fewer levels, for a lossless file that is to be compressed.

    `compression` is that of a plan. The letters and their panel keep their levels, 0
    stays 0, and nothing else becomes 0, the level that may be clear.
    """
    step = 1 + (100 - compression) * MAX_LEVEL_STEP // 100
    return scene if step == 1 else scene.point(_levels_in_steps(step))


@cache
def _levels_in_steps(step: int) -> list[int]:
    levels = [max(1, 255 - round((255 - each) / step) * step) for each in range(256)]
    levels[0], levels[PANEL_LEVEL] = 0, PANEL_LEVEL
    return levels


def draw_scene_with_text(
    plan: Plan, size: Size, *, inset: float = 0
) -> tuple[Any, Box]:
    """
    Draw a scene with its text on a panel; return the image and the box of the panel.

    `inset` is the fraction of the width and height that the panel leaves free on each
    side.
    """
    image = draw_scene(plan, size)
    layout = text_layout(plan, size, inset)
    draw_panel(image, layout)
    draw_text(image, layout, layout.origin)
    return image, layout.panel


def scene_number(plan: Plan) -> int:
    """
    Return the number of the scene behind the text.

    Eight images of a response, one after the other, have different scenes.
    """
    chance = hashlib.shake_128(f"scene {plan.seed} {plan.request}".encode()).digest(1)
    return (chance[0] + plan.index) % SCENE_COUNT


def draw_scene(plan: Plan, size: Size) -> Any:
    """Draw mountains under a sun, in one channel."""
    from PIL import Image, ImageDraw

    width, height = size
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    if not plan.transparent:
        top, horizon = SKY_LEVELS
        edges = [height * at // (horizon - top) for at in range(horizon - top + 1)]
        for level, (above, below) in enumerate(pairwise(edges), top):
            draw.rectangle((0, above, width, below), fill=level)
    shapes = scene_shapes(plan, size)
    x, y, radius = shapes.sun
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=SUN_LEVEL)
    for ridge, level in zip(shapes.ridges, MOUNTAIN_LEVELS, strict=True):
        draw.polygon(ridge, fill=level)
    return image


@dataclass(frozen=True, slots=True)
class SceneShapes:
    """
    The shapes of a scene, in pixels.

    `sun` is x, y and radius; `ridges` are the polygons of the mountains, far to near.
    """

    sun: tuple[float, float, float]
    ridges: tuple[list[tuple[float, float]], ...]


def scene_shapes(plan: Plan, size: Size) -> SceneShapes:
    width, height = size
    chance = hashlib.shake_128(f"scene {scene_number(plan)}".encode()).digest(64)
    radius = min(width, height) * (70 + chance[0] // 4) / 1000
    x = width * (150 + chance[1] * 700 // 255) / 1000
    y = height * (160 + chance[2] * 180 // 255) / 1000
    ridges = []
    for at in range(len(MOUNTAIN_LEVELS)):
        heights = chance[16 * (at + 1) :][: 8 + at * 3]
        step = width / (len(heights) - 1)
        foot = height * (52 + 13 * at) / 100
        ridge = [
            (step * number, foot - height * each / (1100 + 300 * at))
            for number, each in enumerate(heights)
        ]
        ridges.append([(0.0, height), *ridge, (width, height)])
    return SceneShapes((x, y, radius), tuple(ridges))


@dataclass(frozen=True, slots=True)
class Layout:
    """
    The positions of the text, in pixels.

    `lines` begin at `origin` and lie on `panel`. `caption` is the font size, text and
    position of a line below them, or None.
    """

    panel: Box
    origin: Size
    font_size: int
    lines: tuple[str, ...]
    caption: tuple[int, str, Size] | None

    @property
    def rows(self) -> tuple[int, int]:
        """The first pixel row of the lines, and the first one below them."""
        top = self.origin[1]
        return top, top + line_height(self.font_size) * len(self.lines)

    @property
    def key(self) -> tuple[Any, ...]:
        """Everything but the text of the lines."""
        return (self.panel, self.rows, self.caption)


def text_layout(plan: Plan, size: Size, inset: float = 0) -> Layout:
    """Lay out the text on a panel at the bottom of a scene."""
    margin, padding = min(size) // 24, min(size) // 32
    left, above = (max(margin, int(edge * inset)) for edge in size)
    width = size[0] - 2 * left - 2 * padding
    height = size[1] - 2 * above - 2 * padding
    font_size, lines = fit_text(
        transliterate(plan.text), width, height, math.isqrt(plan.pixels)
    )
    used = line_height(font_size) * len(lines)
    caption = fit_caption(transliterate(plan.caption), width, height - used, font_size)
    caption_height = line_height(caption[0]) if caption else 0
    bottom = size[1] - above
    top = max(above, bottom - used - caption_height - 2 * padding)
    x = left + padding
    return Layout(
        panel=(left, top, size[0] - left, bottom),
        origin=(x, top + padding),
        font_size=font_size,
        lines=tuple(lines),
        caption=caption
        and (*caption, (x, bottom - padding - caption[0] - caption[0] // 8)),
    )


def draw_panel(image: Any, layout: Layout) -> None:
    """Draw the panel and the caption, which many images share."""
    image.paste(PANEL_LEVEL, layout.panel)
    if layout.caption:
        font_size, line, position = layout.caption
        draw_line(image, position, line, CAPTION_LEVEL, font_size)


def draw_text(image: Any, layout: Layout, origin: Size) -> None:
    """Draw the lines of text, the first one at `origin`."""
    x, y = origin
    for line in layout.lines:
        draw_line(image, (x, y), line, TEXT_LEVEL, layout.font_size)
        y += line_height(layout.font_size)
