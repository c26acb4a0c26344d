"""
Real pictures: drawn from a plan, the same bytes for the same plan; and looked at.

Pillow is imported when the first picture is drawn or received, never at start.
"""

import io
import zlib
from typing import Any

from mockserver.media.image.drawing import png as splicing
from mockserver.media.image.drawing.edit import compose
from mockserver.media.image.drawing.scene import (
    Layout,
    _apply_palette,
    coarsen,
    convert,
    draw_panel,
    draw_scene,
    draw_scene_with_text,
    draw_text,
    palette_of,
    scene_number,
    text_layout,
)
from mockserver.media.image.plan import Plan
from mockserver.media.image.provenance import XMP_TEMPLATE, provenance_note
from mockserver.state.cache import LruCache

# --- Encoding ---------------------------------------------------------------------


def render_image(plan: Plan) -> bytes:
    """The bytes of the picture, in the plan's format and of exactly its size."""
    from PIL import PngImagePlugin

    if _is_precompressible(plan):
        layout = text_layout(plan, (plan.width, plan.height))
        return _png_from_precompressed(plan, layout, _precompressed_image(plan, layout))
    image = compose(plan) if plan.inputs else _draw_image(plan)
    note = provenance_note(plan)
    if plan.realistic:
        image = _add_grain(image, plan)
        if plan.format == "png":
            return _encode_grainy_png(image, note)
    out = io.BytesIO()
    if plan.format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", note)
        image.save(out, "PNG", compress_level=1, pnginfo=info)
    elif plan.format == "jpeg":
        quality = max(1, min(95, plan.compression))
        image = convert(image, "RGB")
        image.save(out, "JPEG", quality=quality, comment=note.encode())
    else:
        mode = "RGBA" if plan.transparent else "RGB"
        xmp = XMP_TEMPLATE.format(note).encode()
        image = convert(image, mode)
        best = 100 if plan.realistic else WEBP_QUALITY
        quality = max(1, plan.compression * best // 100)
        image.save(out, "WEBP", quality=quality, method=0, xmp=xmp)
    return out.getvalue()


WEBP_QUALITY = 85  # of WebP's qualities the best that takes no half as long again

# What a picture is but for its words, by all that this depends on.
_precompressed: LruCache[tuple[Any, ...], splicing.PrecompressedImage] = LruCache(
    32 * 1024 * 1024
)


MAX_PIXELS_ON_LOOP = 1024 * 1024  # pixels that are packed in two milliseconds


def _is_precompressible(plan: Plan) -> bool:
    is_plain = not (plan.inputs or plan.stage or plan.realistic or plan.transparent)
    has_room = min(plan.width, plan.height) >= 16
    return is_plain and has_room and plan.format == "png"


def render_if_precompressed(plan: Plan) -> bytes | None:
    """The picture, if so much of it is at hand that the event loop can wait for it."""
    if not _is_precompressible(plan):
        return None
    layout = text_layout(plan, (plan.width, plan.height))
    top, bottom = layout.rows
    if (bottom - top) * plan.width > MAX_PIXELS_ON_LOOP:
        return None
    card = _precompressed.get(_precompressed_key(plan, layout))
    return _png_from_precompressed(plan, layout, card) if card else None


def _precompressed_key(plan: Plan, layout: "Layout") -> tuple[Any, ...]:
    return (plan.width, plan.height, scene_number(plan), layout.key)


def _precompressed_image(plan: Plan, layout: "Layout") -> splicing.PrecompressedImage:
    """All but the words."""
    key = _precompressed_key(plan, layout)
    found = _precompressed.get(key)
    if found is None:
        image = draw_scene(plan, (plan.width, plan.height))
        draw_panel(image, layout)
        top, bottom = layout.rows
        found = splicing.precompress(image, top, min(bottom, plan.height))
        _precompressed.add(key, found, found.weight)
    return found


def _png_from_precompressed(
    plan: Plan, layout: "Layout", card: splicing.PrecompressedImage
) -> bytes:
    band = card.text_rows.copy()
    x, y = layout.origin
    draw_text(band, layout, (x + 1, y - card.top))
    rows = splicing.compress_rows(band.tobytes())
    return splicing.assemble_png(
        plan.width,
        plan.height,
        splicing.COLOUR_TYPES["P"],
        {
            b"tEXt": b"Comment\0" + provenance_note(plan).encode("latin-1"),
            b"PLTE": palette_of(plan),
            b"IDAT": splicing.zlib_stream(card.above, rows, card.below),
        },
    )


# How far apart the lightest and the darkest grain are, of 255. A PNG keeps every bit of
# it, the other formats as much as the compression asked for.
GRAIN_DEPTH = {"png": 8, "jpeg": 32, "webp": 24}
_GRAIN_BLOCK_BYTES = (
    98_317  # beyond the 32 KiB in which deflate finds repeats, and a prime
)


def _add_grain(image: Any, plan: Plan) -> Any:
    """The same picture with the grain that makes real ones heavy; alpha is kept."""
    from PIL import Image, ImageChops

    depth = GRAIN_DEPTH[plan.format]
    block = plan.stable_bytes("grain", _GRAIN_BLOCK_BYTES).translate(
        bytes(each * depth // 256 for each in range(256))
    )
    needed = plan.pixels * 3
    repeated = (block * (needed // _GRAIN_BLOCK_BYTES + 1))[:needed]
    grain = Image.frombytes("RGB", image.size, repeated)
    result = ImageChops.add(image.convert("RGB"), grain, offset=-depth // 2)
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result


def _encode_grainy_png(image: Any, note: str) -> bytes:
    """
    A PNG of an RGB or RGBA image full of grain.

    Pillow takes four times as long: it tries filters, and looks for repeats, and
    grain has neither.
    """
    rows, step = image.tobytes(), image.width * len(image.mode)
    deflate = zlib.compressobj(1, strategy=zlib.Z_HUFFMAN_ONLY)
    unfiltered = (b"\0" + rows[at : at + step] for at in range(0, len(rows), step))
    chunks = {
        b"tEXt": b"Comment\0" + note.encode("latin-1"),
        b"IDAT": deflate.compress(b"".join(unfiltered)) + deflate.flush(),
    }
    width, height = image.size
    return splicing.assemble_png(
        width, height, splicing.COLOUR_TYPES[image.mode], chunks
    )


def _draw_image(plan: Plan) -> Any:
    scene, _ = draw_scene_with_text(plan, (plan.width, plan.height))
    if plan.stage:
        scene = coarsen(scene, plan.stage)
    return _apply_palette(scene, plan)
