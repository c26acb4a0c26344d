"""Encode an image as a GIF animation: a sun moves over it."""

import io
from typing import Any

from mockserver.media.image.plan import Plan
from mockserver.media.image.provenance import provenance_note

CLEAR, SUN = 254, 255  # entries of the palette


def encode_gif(image: Any, plan: Plan) -> bytes:
    """Return a GIF with the frames of the plan; each shows the sun elsewhere."""
    from PIL import ImageDraw

    base = _with_palette(image)
    radius = max(1, min(base.size) // 16)
    frames = []
    for at in range(plan.frames):
        frame = base.copy()
        x = radius + (base.width - 2 * radius) * at // max(1, plan.frames - 1)
        y = base.height // 4
        box = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(frame).ellipse(box, fill=SUN)
        frames.append(frame)
    out = io.BytesIO()
    clear = {"transparency": CLEAR, "disposal": 2} if plan.transparent else {}
    frames[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=plan.frame_ms,
        loop=0,
        optimize=False,
        comment=provenance_note(plan).encode(),
        **clear,
    )
    return out.getvalue()


def _with_palette(image: Any) -> Any:
    """Return a palette image with entries for the sun and, if needed, clear pixels."""
    if image.mode == "P":  # a scene, whose last colour is the lightest
        return image
    indexed = image.convert("RGB").quantize(CLEAR)
    colours = bytes(indexed.getpalette("RGB") or ())[: 3 * CLEAR].ljust(
        3 * CLEAR, b"\0"
    )
    indexed.putpalette(colours + bytes((0, 0, 0, 255, 244, 200)))
    if image.mode == "RGBA":
        covered = image.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
        indexed.paste(CLEAR, mask=covered)
    return indexed
