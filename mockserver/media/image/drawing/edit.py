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


def compose(plan: Plan) -> Any:
    """
    Draw the scene over the input images, which form a grid if there are several.

    With a mask, the first input, at the top left, is redrawn where the mask is
    transparent; all the rest is kept. Without a mask, the scene is translucent.
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
        corner = max(2, min(size) // 8)  # a radius that leaves the text uncovered
        ImageDraw.Draw(corners).rounded_rectangle(
            (0, 0, plan.width - 1, plan.height - 1), corner, fill=255
        )
        canvas.putalpha(corners)
    return canvas


def _arrange_inputs(plan: Plan, size: Size) -> Any:
    """Return an RGB image with the inputs side by side."""
    from PIL import Image

    cells = _grid_cells(len(plan.inputs), size)
    canvas = Image.new("RGB", size)
    for at, (data, cell) in enumerate(zip(plan.inputs, cells, strict=True)):
        image = decode(data, "RGB")
        if plan.markup and at == 0:
            layer = decode(plan.markup).resize(image.size)
            image.paste(layer, mask=layer.getchannel("A"))
        canvas.paste(_resize_to_cell(image, cell, keep_whole=len(cells) == 1), cell[:2])
    return canvas


def _redraw(canvas: Any, plan: Plan, kept_mask: Any) -> None:
    """Draw the scene into the area that the mask does not keep."""
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
    """Blend the scene over the canvas; the text panel is opaque."""
    from PIL import Image

    scene, panel = draw_scene_with_text(replace(plan, transparent=False), canvas.size)
    scene.putpalette(palette_of(plan))
    overlay = convert(scene, "RGB")
    canvas.paste(Image.blend(canvas, overlay, 0.4))
    canvas.paste(overlay.crop(panel), panel)


_PANEL_COLOURS = 16  # palette entries reserved for the text panel
_PANEL_LEVELS = [
    256 - _PANEL_COLOURS + level * _PANEL_COLOURS // 256 for level in range(256)
]


def _overlay_scene_indexed(plan: Plan, size: Size) -> Any:
    """
    Return the inputs under the scene as a palette image; faster than `_overlay_scene`.

    Everything but the text is drawn at up to a quarter of the width and height. Few
    colours make a small file that is compressed fast.
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
    blended = Image.blend(_arrange_inputs(plan, low), scene.convert("RGB"), 0.4)
    canvas = blended.quantize(256 - _PANEL_COLOURS, method=Image.Quantize.FASTOCTREE)
    colours = bytes(canvas.getpalette("RGB") or ()).ljust(
        3 * (256 - _PANEL_COLOURS), b"\0"
    )
    step = 255 // (_PANEL_COLOURS - 1)
    shades = b"".join(ramp[3 * at : 3 * at + 3] for at in range(0, 256, step))
    canvas = canvas.resize(size, Image.Resampling.NEAREST)
    canvas.putpalette(colours[: 3 * (256 - _PANEL_COLOURS)] + shades)
    text = panel.crop(layout.panel).point(_PANEL_LEVELS)
    text.putpalette(canvas.getpalette())
    canvas.paste(text, layout.panel)
    return canvas


def _grid_cells(count: int, size: Size) -> list[Box]:
    """Divide an area into `count` cells of about the same proportions."""
    width, height = size
    rows = max(1, min(round(math.sqrt(count * height / width)), count))
    cells = []
    for row in range(rows):
        columns = count * (row + 1) // rows - count * row // rows
        cells += [
            (
                width * column // columns,
                height * row // rows,
                width * (column + 1) // columns,
                height * (row + 1) // rows,
            )
            for column in range(columns)
        ]
    return cells


def _box_size(box: Box) -> Size:
    return box[2] - box[0], box[3] - box[1]


def _resize_to_cell(image: Any, cell: Box, *, keep_whole: bool) -> Any:
    """
    Resize an image to its cell, at least one pixel wide and high.

    `keep_whole` stretches the whole image; otherwise its middle is cropped to the
    proportions of the cell.
    """
    from PIL import Image, ImageOps

    width, height = _box_size(cell)
    size = (max(1, width), max(1, height))
    if image.size == size:
        return image
    if keep_whole:
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1)
    return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
