"""
Draw the frames of a video.

Behind the text is the scene of an image with the same plan, or the picture of the first
frame. A bar at the bottom shows the part of the video that has passed, and a counter at
the top the seconds, so that no two frames are the same. The first frame and the last
frame are exactly the given pictures: without text, bar and counter.
"""

import math
import re
from functools import cached_property
from typing import Any

from mockserver.media.image.decoding import decode
from mockserver.media.image.drawing.scene import (
    CAPTION_LEVEL,
    TEXT_LEVEL,
    apply_palette,
    draw_scene_with_text,
    draw_text,
    palette_of,
    text_layout,
)
from mockserver.media.image.drawing.text import (
    FONT_SIZES,
    draw_line,
    font,
    line_height,
)
from mockserver.media.image.plan import Box, Plan, Size
from mockserver.media.video.plan import VideoPlan
from mockserver.media.video.planes import EDGE

_DARK_LEVELS = [14 + level // 10 for level in range(256)]  # as behind text of images
_COUNTER_FONTS = (9, 28)  # each change of the counter is stored, so it stays small


class Storyboard:
    """The frames of a plan, each drawn when it is asked for, and what changes."""

    def __init__(self, plan: VideoPlan) -> None:
        self.plan = plan
        self.size: Size = (plan.width, plan.height)
        self.columns, self.rows = (-(-each // EDGE) for each in self.size)
        self.whole: Box = (0, 0, self.columns * EDGE, self.rows * EDGE)
        self._image_plan = Plan(
            text=plan.text,
            width=plan.width,
            height=plan.height,
            seed=plan.seed,
            caption=plan.caption,
            request=plan.request,
            index=plan.index,
        )
        closing = max(1, min(plan.frame_rate // 2, plan.frames // 4))
        self._last_from = max(1, plan.frames - closing) if plan.last else plan.frames
        self._thickness = max(2, min(self.size) // 90)
        text_top = text_layout(self._image_plan, self.size).panel[1]
        self._counter = _Counter.fitting(plan, text_top)

    def is_cut(self, number: int) -> bool:
        """True if a frame, counted from 0, has another picture than the one before."""
        return number in {0, self._last_from}

    def frame(self, number: int) -> Any:
        """Draw a whole frame in RGB, without the padding of the macroblocks."""
        return self.part(number, self.whole).crop((0, 0, *self.size))

    def part(self, number: int, box: Box) -> Any:
        """Draw the part of a frame in a box, in RGB."""
        image = self._background(number).crop(box)
        if not self._is_exact(number):
            self._draw_bar(image, number, box)
            if self._counter:
                self._counter.draw(image, number, box[:2])
        return image

    def changing(self, number: int) -> list[Box]:
        """Return the boxes in which a frame may differ from the one before it."""
        if self._is_exact(number) or self._is_exact(number - 1):
            return [self.whole]
        start, end = self._passed(number - 1), self._passed(number)
        top = self.plan.height - self._thickness
        boxes = [_on_grid((int(start), top, math.ceil(end), self.plan.height))]
        return boxes + ([self._counter.box] if self._counter else [])

    def _is_exact(self, number: int) -> bool:
        """True if a frame is a given picture and nothing else."""
        if number == 0 and self.plan.first is not None:
            return True
        is_last = 0 < number == self.plan.frames - 1
        return is_last and self.plan.last is not None

    def _background(self, number: int) -> Any:
        if number >= self._last_from:
            return self._last
        if self.plan.first is not None:
            return self._first if number == 0 else self._first_with_text
        return self._scene

    @cached_property
    def _scene(self) -> Any:
        scene, _ = draw_scene_with_text(self._image_plan, self.size)
        return self._padded(apply_palette(scene, self._image_plan).convert("RGB"))

    @cached_property
    def _first(self) -> Any:
        return self._padded(self._fitted(self.plan.first or b""))

    @cached_property
    def _last(self) -> Any:
        return self._padded(self._fitted(self.plan.last or b""))

    @cached_property
    def _first_with_text(self) -> Any:
        image = self._first.copy()
        layout = text_layout(self._image_plan, self.size)
        _darken(image, layout.panel)
        letters = _layer(image.size)
        draw_text(letters, layout, layout.origin)
        image.paste(self._colour(TEXT_LEVEL), mask=letters)
        if layout.caption:
            font_size, line, position = layout.caption
            letters = _layer(image.size)
            draw_line(letters, position, line, 255, font_size)
            image.paste(self._colour(CAPTION_LEVEL), mask=letters)
        return image

    def _colour(self, level: int) -> tuple[int, ...]:
        return tuple(palette_of(self._image_plan)[3 * level : 3 * level + 3])

    def _fitted(self, data: bytes) -> Any:
        """Decode a picture; it covers the frame, and its middle is kept."""
        from PIL import ImageOps

        return ImageOps.fit(decode(data, "RGB"), self.size)

    def _padded(self, image: Any) -> Any:
        """Return an image on the grid of macroblocks, its last pixels repeated."""
        from PIL import Image

        (width, height), (_, _, right, bottom) = self.size, self.whole
        padded = Image.new("RGB", (right, bottom))
        padded.paste(image)
        if right > width:
            edge = padded.crop((width - 1, 0, width, bottom))
            padded.paste(edge.resize((right - width, bottom)), (width, 0))
        if bottom > height:
            edge = padded.crop((0, height - 1, right, height))
            padded.paste(edge.resize((right, bottom - height)), (0, height))
        return padded

    def _passed(self, number: int) -> float:
        """The length of the bar at a frame, in pixels."""
        return self.plan.width * (number + 1) / self.plan.frames

    def _draw_bar(self, image: Any, number: int, box: Box) -> None:
        """Draw the bar; a last pixel that it covers in part is darker."""
        left, above, right, _ = box
        top = self.plan.height - self._thickness - above
        bottom = self.plan.height - above
        if bottom <= 0 or top >= image.height:
            return
        _darken(image, (0, top, right - left, bottom))
        colour = self._colour(TEXT_LEVEL)
        fraction, whole = math.modf(self._passed(number))
        end = min(int(whole) - left, image.width)
        if end > 0:
            image.paste(colour, (0, top, end, bottom))
        if fraction and 0 <= end < image.width:
            tip = tuple(int(each * fraction) for each in colour)
            image.paste(tip, (end, top, end + 1, bottom))


class _Counter:
    """The seconds that have passed, on a panel in the top left corner."""

    def __init__(self, plan: VideoPlan, panel: Box, size: int) -> None:
        self._plan, self._panel, self._size = plan, panel, size
        self.box = _on_grid(panel)

    @classmethod
    def fitting(cls, plan: VideoPlan, below: int) -> "_Counter | None":
        """Return a counter that ends above a row of pixels; None: there is no room."""
        scale = math.isqrt(plan.width * plan.height)
        wanted = max(_COUNTER_FONTS[0], min(_COUNTER_FONTS[1], scale // 40))
        size = max(each for each in FONT_SIZES if each <= wanted)
        widest = re.sub(r"\d", "0", _counter_text(plan, plan.frames - 1))
        widths = [math.ceil(font(size).getlength(each)) + 1 for each in widest]
        margin = EDGE * max(1, min(plan.width, plan.height) // 24 // EDGE)
        panel = (
            margin,
            margin,
            margin + sum(widths) + size,
            margin + line_height(size) + size // 4,
        )
        if panel[2] > plan.width * 2 // 3 or panel[3] > below:
            return None
        return cls(plan, panel, size)

    def draw(self, image: Any, number: int, origin: Size) -> None:
        """Draw the counter on the part of a frame that begins at `origin`."""
        left, top, right, bottom = self._panel
        x, y = origin
        if x >= right or y >= bottom or x + image.width <= left:
            return
        panel = (left - x, top - y, right - x, bottom - y)
        _darken(image, panel)
        letters = _layer((right - left, bottom - top))
        place = (self._size // 2, self._size // 8)
        text = _counter_text(self._plan, number)
        draw_line(letters, place, text, 255, self._size)
        image.paste((255, 255, 255), panel, letters)


def _counter_text(plan: VideoPlan, number: int) -> str:
    return f"{number / plan.frame_rate:.2f} / {plan.duration:.2f} s"


def _layer(size: Size) -> Any:
    from PIL import Image

    return Image.new("L", size)


def _darken(image: Any, box: Box) -> None:
    image.paste(image.crop(box).point(_DARK_LEVELS * 3), box)


def _on_grid(box: Box) -> Box:
    """Return the box of macroblocks that covers a box of pixels."""
    left, top, right, bottom = box
    return (
        left // EDGE * EDGE,
        top // EDGE * EDGE,
        -(-right // EDGE) * EDGE,
        -(-bottom // EDGE) * EDGE,
    )
