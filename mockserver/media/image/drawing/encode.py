"""
Render a plan as an image file; the same plan gives the same bytes.

Pillow is imported when the first image is drawn or received, not when a server starts.
"""

import io
import zlib
from typing import Any

from mockserver.media.image.drawing import png
from mockserver.media.image.drawing.animation import encode_gif
from mockserver.media.image.drawing.edit import compose
from mockserver.media.image.drawing.scene import (
    Layout,
    apply_palette,
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
from mockserver.media.image.drawing.vector import draw_svg
from mockserver.media.image.plan import Plan
from mockserver.media.image.provenance import XMP_TEMPLATE, provenance_note
from mockserver.state.cache import LruCache

WEBP_QUALITY = 85  # higher qualities take half as long again
MAX_PIXELS_ON_LOOP = 1024 * 1024  # pixels that are compressed in two milliseconds

# Images without their text, by all that these depend on.
_precompressed: LruCache[tuple[Any, ...], png.PrecompressedImage] = LruCache(
    32 * 1024 * 1024
)


def render_image(plan: Plan) -> bytes:
    """Return the encoded image, in the plan's format and of exactly its size."""
    from PIL import PngImagePlugin

    if plan.format == "svg":
        return draw_svg(plan)
    if _is_precompressible(plan):
        layout = text_layout(plan, (plan.width, plan.height))
        return _png_from_precompressed(plan, layout, _precompressed_image(plan, layout))
    image = compose(plan) if plan.inputs else _draw_image(plan)
    note = provenance_note(plan)
    if plan.format == "gif":
        return encode_gif(image, plan)
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


def _is_precompressible(plan: Plan) -> bool:
    is_plain = not (plan.inputs or plan.stage or plan.realistic or plan.transparent)
    has_room = min(plan.width, plan.height) >= 16
    return is_plain and has_room and plan.format == "png"


def render_if_precompressed(plan: Plan) -> bytes | None:
    """Return the image if it is fast enough to run on the event loop, else None."""
    if not _is_precompressible(plan):
        return None
    layout = text_layout(plan, (plan.width, plan.height))
    top, bottom = layout.rows
    if (bottom - top) * plan.width > MAX_PIXELS_ON_LOOP:
        return None
    base = _precompressed.get(_precompressed_key(plan, layout))
    return _png_from_precompressed(plan, layout, base) if base else None


def _precompressed_key(plan: Plan, layout: Layout) -> tuple[Any, ...]:
    return (plan.width, plan.height, scene_number(plan), layout.key)


def _precompressed_image(plan: Plan, layout: Layout) -> png.PrecompressedImage:
    """Return the image without its text, from the cache if it is there."""
    key = _precompressed_key(plan, layout)
    base = _precompressed.get(key)
    if base is None:
        image = draw_scene(plan, (plan.width, plan.height))
        draw_panel(image, layout)
        top, bottom = layout.rows
        base = png.precompress(image, top, min(bottom, plan.height))
        _precompressed.add(key, base, base.weight)
    return base


def _png_from_precompressed(
    plan: Plan, layout: Layout, base: png.PrecompressedImage
) -> bytes:
    text_rows = base.text_rows.copy()
    x, y = layout.origin
    draw_text(text_rows, layout, (x + 1, y - base.top))
    rows = png.compress_rows(text_rows.tobytes())
    return png.assemble_png(
        plan.width,
        plan.height,
        png.COLOUR_TYPES["P"],
        {
            b"tEXt": b"Comment\0" + provenance_note(plan).encode("latin-1"),
            b"PLTE": palette_of(plan),
            b"IDAT": png.zlib_stream(base.above, rows, base.below),
        },
    )


# The range of the grain in levels of 255. A PNG keeps every bit of it, the other
# formats as much as the requested compression allows.
GRAIN_DEPTH = {"png": 8, "jpeg": 32, "webp": 24}
# A prime above 32 KiB, the distance within which deflate finds repetitions.
_GRAIN_BLOCK_BYTES = 98_317


def _add_grain(image: Any, plan: Plan) -> Any:
    """Return the image with grain, which makes real images large; alpha is kept."""
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
    Encode an RGB or RGBA image with grain as PNG.

    Pillow takes four times as long, since it tries filters and looks for repetitions,
    which do not help with grain.
    """
    rows, step = image.tobytes(), image.width * len(image.mode)
    deflate = zlib.compressobj(1, strategy=zlib.Z_HUFFMAN_ONLY)
    unfiltered = (b"\0" + rows[at : at + step] for at in range(0, len(rows), step))
    chunks = {
        b"tEXt": b"Comment\0" + note.encode("latin-1"),
        b"IDAT": deflate.compress(b"".join(unfiltered)) + deflate.flush(),
    }
    width, height = image.size
    return png.assemble_png(width, height, png.COLOUR_TYPES[image.mode], chunks)


def _draw_image(plan: Plan) -> Any:
    scene, _ = draw_scene_with_text(plan, (plan.width, plan.height))
    if plan.stage:
        scene = coarsen(scene, plan.stage)
    return apply_palette(scene, plan)
