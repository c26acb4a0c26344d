"""Draw the result of an edit: uploaded images, the mask, and the scene over them."""

import math
from dataclasses import replace
from typing import Any

from mockserver.media.image.decoding import decode
from mockserver.media.image.drawing.scene import (
    LOW_RESOLUTION_PIXELS,
    coarsen,
    convert,
    draw_panel,
    draw_scene,
    draw_scene_with_text,
    draw_text,
    palette_of,
    text_layout,
)
from mockserver.media.image.plan import Box, Plan, Size

# --- Editing ----------------------------------------------------------------------


def compose(plan: Plan) -> Any:
    """
    The inputs, in a grid when there are several, and over them the scene.

    With a mask the first of them, at the top left, is drawn anew where the mask is
    transparent, and everything else is kept; without one all shines through.
    """
    from PIL import Image, ImageDraw

    size = (plan.width, plan.height)
    if plan.mask is not None:
        canvas = _arrange_inputs(plan, size)
        cell = _grid_cells(len(plan.inputs), size)[0]
        mask = decode(plan.mask).getchannel("A")
        _redraw(
            canvas, plan, _resize_to_cell(mask, cell, keep_whole=len(plan.inputs) == 1)
        )
    elif plan.realistic:
        canvas = _arrange_inputs(plan, size)
        _overlay_scene(canvas, plan)
    else:
        canvas = _overlay_scene_indexed(plan, size)
    if plan.stage:
        canvas = coarsen(canvas.convert("RGB"), plan.stage)
    if plan.transparent:
        canvas = canvas.convert("RGB")
        corners = Image.new("L", size)
        corner = max(2, min(size) // 8)  # round, and clear of the words
        ImageDraw.Draw(corners).rounded_rectangle(
            (0, 0, plan.width - 1, plan.height - 1), corner, fill=255
        )
        canvas.putalpha(corners)
    return canvas


def _arrange_inputs(plan: Plan, size: Size) -> Any:
    """The inputs side by side, in colours."""
    from PIL import Image

    cells = _grid_cells(len(plan.inputs), size)
    canvas = Image.new("RGB", size)
    for each, cell in zip(plan.inputs, cells, strict=True):
        piece = decode(each, "RGB")
        canvas.paste(_resize_to_cell(piece, cell, keep_whole=len(cells) == 1), cell[:2])
    return canvas


def _redraw(canvas: Any, plan: Plan, kept_mask: Any) -> None:
    """The scene, small enough for the words to be seen, where a mask keeps nothing."""
    from PIL import ImageChops

    redrawn = ImageChops.invert(kept_mask)
    box = redrawn.getbbox()
    if box is None:
        return
    scene, _ = draw_scene_with_text(
        replace(plan, transparent=False), _box_size(box), inset=0.15
    )
    scene.putpalette(palette_of(plan))
    canvas.paste(scene.convert("RGB"), box[:2], redrawn.crop(box))


def _overlay_scene(canvas: Any, plan: Plan) -> None:
    """The scene over everything, the inputs shining through; the words in full."""
    from PIL import Image

    scene, panel = draw_scene_with_text(replace(plan, transparent=False), canvas.size)
    scene.putpalette(palette_of(plan))
    fresh = convert(scene, "RGB")
    canvas.paste(Image.blend(canvas, fresh, 0.4))
    canvas.paste(fresh.crop(panel), panel)


_PANEL_COLOURS = 16  # colours that are kept for the panel
_PANEL_LEVELS = [
    256 - _PANEL_COLOURS + level * _PANEL_COLOURS // 256 for level in range(256)
]


def _overlay_scene_indexed(plan: Plan, size: Size) -> Any:
    """
    As `_overdraw`, in a fraction of the time: a picture with a palette.

    All but the words is drawn at up to a quarter of the size, where there is enough of
    it. Few colours make a small file fast.
    """
    from PIL import Image

    width, height = size
    scale = max(1, min(4, math.isqrt(plan.pixels // LOW_RESOLUTION_PIXELS)))
    low = (-(-width // scale), -(-height // scale))
    scene = draw_scene(replace(plan, transparent=False), low)
    panel = scene.resize(size, Image.Resampling.NEAREST)
    layout = text_layout(plan, size)
    draw_panel(panel, layout)
    draw_text(panel, layout, layout.origin)
    ramp = palette_of(plan)
    scene.putpalette(ramp)
    mixed = Image.blend(_arrange_inputs(plan, low), scene.convert("RGB"), 0.4)
    found = mixed.quantize(256 - _PANEL_COLOURS, method=Image.Quantize.FASTOCTREE)
    colours = bytes(found.getpalette("RGB") or ()).ljust(
        3 * (256 - _PANEL_COLOURS), b"\0"
    )
    step = 255 // (_PANEL_COLOURS - 1)
    shades = b"".join(ramp[3 * at : 3 * at + 3] for at in range(0, 256, step))
    found = found.resize(size, Image.Resampling.NEAREST)
    found.putpalette(colours[: 3 * (256 - _PANEL_COLOURS)] + shades)
    words = panel.crop(layout.panel).point(_PANEL_LEVELS)
    words.putpalette(found.getpalette())
    found.paste(words, layout.panel)
    return found


def _grid_cells(count: int, size: Size) -> list[Box]:
    """Places for so many pictures: rows of about as many as there are rows."""
    width, height = size
    rows = max(1, min(round(math.sqrt(count * height / width)), count))
    found = []
    for row in range(rows):
        columns = count * (row + 1) // rows - count * row // rows
        found += [
            (
                width * column // columns,
                height * row // rows,
                width * (column + 1) // columns,
                height * (row + 1) // rows,
            )
            for column in range(columns)
        ]
    return found


def _box_size(box: Box) -> Size:
    return box[2] - box[0], box[3] - box[1]


def _resize_to_cell(image: Any, cell: Box, *, keep_whole: bool) -> Any:
    """
    An image in the size of its place, or of a pixel where there is no room for one.

    The `whole` of it, out of proportion if need be; else what of its middle has the
    proportions of its place.
    """
    from PIL import Image, ImageOps

    width, height = _box_size(cell)
    size = (max(1, width), max(1, height))
    if image.size == size:
        return image
    if keep_whole:
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1)
    return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
