"""
Render a plan as an image file; the same plan gives the same bytes.

Pillow is imported when the first image is drawn or received, not when a server starts.
"""

import io
import zlib
from collections.abc import Sequence
from typing import Any

from mockserver.media.image.drawing import jpeg, png, webp
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
    posterize,
    scene_number,
    text_layout,
)
from mockserver.media.image.drawing.vector import draw_svg
from mockserver.media.image.drawing.vp8l import Bits
from mockserver.media.image.plan import Plan
from mockserver.media.image.provenance import XMP_TEMPLATE, provenance_note
from mockserver.state.cache import LruCache

WEBP_QUALITY = 85  # higher qualities take half as long again
# Pixels of text that are encoded in two milliseconds.
MAX_PIXELS_ON_LOOP = {"png": 512 * 1024, "jpeg": 256 * 1024, "webp": 512 * 1024}
MIN_EDGE = 16  # smaller scenes are not worth keeping

_Base = png.PrecompressedImage | jpeg.PreencodedImage | webp.PrecodedImage
# Images without their text, by all that these depend on.
_bases: LruCache[tuple[Any, ...], _Base] = LruCache(32 * 1024 * 1024)


def render_image(plan: Plan) -> bytes:
    """Return the encoded image, in the plan's format and of exactly its size."""
    if plan.format == "svg":
        return draw_svg(plan)
    if plan.format == "gif":
        return encode_gif(_draw_image(plan), plan)
    if not _is_scene(plan):
        return _encode_image(_draw_image(plan), plan)
    layout = text_layout(plan, (plan.width, plan.height))
    if not _has_base(plan, layout):
        return _encode_scene(draw_levels(plan), plan)
    key = _base_key(plan, layout)
    base = _bases.get(key)
    if base is None:
        base = _make_base(plan, layout)
        _bases.add(key, base, base.weight)
    return _add_text(plan, layout, base)


def forget_bases() -> None:
    """Free the images without text; each is made again when it is needed."""
    _bases.clear()


def render_if_quick(plan: Plan) -> bytes | None:
    """Return the image if it is fast enough to run on the event loop, else None."""
    most = MAX_PIXELS_ON_LOOP.get(plan.format)
    if most is None or not _is_scene(plan):
        return None
    layout = text_layout(plan, (plan.width, plan.height))
    top, bottom = layout.rows
    channels = 4 if _is_rgba_png(plan) else 1
    if (bottom - top) * plan.width * channels > most or not _has_base(plan, layout):
        return None
    if plan.format == "webp" and not webp.has_letters(layout, plan.compression):
        return None
    base = _bases.get(_base_key(plan, layout))
    return _add_text(plan, layout, base) if base else None


def _is_scene(plan: Plan) -> bool:
    """Return True for an image of few colours, which is encoded from its levels."""
    return not (plan.inputs or plan.realistic)


def _is_rgba_png(plan: Plan) -> bool:
    """
    Return True for a PNG that has its colours in the pixels.

    Clients expect it of a transparent one, not a palette with a transparent colour.
    """
    return plan.transparent and plan.format == "png"


def _rgba_palette(plan: Plan) -> bytes | None:
    return palette_of(plan) if _is_rgba_png(plan) else None


def _has_base(plan: Plan, layout: Layout) -> bool:
    """Return True for a scene of which all but the text is kept."""
    if plan.stage or min(plan.width, plan.height) < MIN_EDGE:
        return False
    return plan.format != "webp" or webp.is_precodable(layout, plan.height)


def _base_key(plan: Plan, layout: Layout) -> tuple[Any, ...]:
    compression = 0 if plan.format == "png" else plan.compression
    return (
        *(plan.format, plan.width, plan.height, plan.transparent, compression),
        *(scene_number(plan), _rgba_palette(plan), layout.key),
    )


def _make_base(plan: Plan, layout: Layout) -> _Base:
    scene = draw_scene(plan, (plan.width, plan.height))
    draw_panel(scene, layout)
    top, bottom = layout.rows
    if plan.format == "webp":
        return webp.precode(posterize(scene, plan.compression), layout)
    bottom = min(bottom, plan.height)
    if plan.format == "jpeg":
        return jpeg.preencode(scene, top, bottom, _jpeg_quality(plan))
    return png.precompress(scene, top, bottom, _rgba_palette(plan))


def _add_text(plan: Plan, layout: Layout, base: _Base) -> bytes:
    if isinstance(base, webp.PrecodedImage):
        text = webp.code_text(base, layout, plan.compression)
        return _assemble_webp(plan, (base.above, text, base.below))
    rows = base.text_rows.copy()
    x, y = layout.origin
    if isinstance(base, jpeg.PreencodedImage):
        draw_text(rows, layout, (x, y - base.top))
        signs = _chroma_signs(plan)
        part = jpeg.encode_scene(rows, _jpeg_quality(plan), signs, base.top)
        return _assemble_jpeg(plan, (base.above, part, base.below))
    draw_text(rows, layout, (x + 1, y - base.top))
    compressed = png.compress_rows(png.rows_in_parts(rows, _rgba_palette(plan)))
    return _assemble_png(plan, (base.above, compressed, base.below))


def _encode_scene(scene: Any, plan: Plan) -> bytes:
    """Encode a scene as a whole."""
    if plan.format == "webp":
        scene = posterize(scene, plan.compression)
        return _assemble_webp(plan, [webp.code_image(scene)])
    if plan.format == "jpeg":
        signs = _chroma_signs(plan)
        part = jpeg.encode_scene(scene, _jpeg_quality(plan), signs)
        return _assemble_jpeg(plan, [part])
    return _assemble_png(plan, [png.compress_image(scene, _rgba_palette(plan))])


def _assemble_png(plan: Plan, parts: Sequence[png.CompressedRows]) -> bytes:
    chunks = {b"tEXt": b"Comment\0" + provenance_note(plan).encode("latin-1")}
    mode = "RGBA" if _is_rgba_png(plan) else "P"
    if mode == "P":
        chunks[b"PLTE"] = palette_of(plan)
    chunks[b"IDAT"] = png.zlib_stream(*parts)
    return png.assemble_png(plan.width, plan.height, png.COLOUR_TYPES[mode], chunks)


def _assemble_jpeg(plan: Plan, parts: Sequence[jpeg.Components]) -> bytes:
    return jpeg.assemble_scene(
        (plan.width, plan.height),
        _jpeg_quality(plan),
        _chroma_factors(plan),
        provenance_note(plan).encode(),
        parts,
    )


def _jpeg_quality(plan: Plan) -> int:
    return max(1, min(95, plan.compression))


def _chroma_factors(plan: Plan) -> tuple[int, int]:
    at = 3 * jpeg.COLOURFUL_LEVEL
    return jpeg.chroma_factors(palette_of(plan)[at : at + 3])


def _chroma_signs(plan: Plan) -> set[int]:
    return {1 if each > 0 else -1 for each in _chroma_factors(plan)}


def _assemble_webp(plan: Plan, parts: Sequence[Bits]) -> bytes:
    return webp.assemble_webp(
        (plan.width, plan.height),
        palette_of(plan),
        XMP_TEMPLATE.format(provenance_note(plan)).encode(),
        parts,
        transparent=plan.transparent,
    )


def _draw_image(plan: Plan) -> Any:
    """Draw an image in colours."""
    return compose(plan) if plan.inputs else apply_palette(draw_levels(plan), plan)


def draw_levels(plan: Plan) -> Any:
    scene, _ = draw_scene_with_text(plan, (plan.width, plan.height))
    return coarsen(scene, plan.stage) if plan.stage else scene


def _encode_image(image: Any, plan: Plan) -> bytes:
    """Encode an image that is more than a scene, such as an edit."""
    from PIL import PngImagePlugin

    note = provenance_note(plan)
    if plan.realistic:
        image = _add_grain(image, plan)
        if plan.format == "png":
            return _encode_grainy_png(image, note)
    if plan.format == "jpeg":
        return jpeg.encode_in_strips(image, _jpeg_quality(plan), note.encode())
    out = io.BytesIO()
    if plan.format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", note)
        image.save(out, "PNG", compress_level=1, pnginfo=info)
    else:
        mode = "RGBA" if plan.transparent else "RGB"
        xmp = XMP_TEMPLATE.format(note).encode()
        best = 100 if plan.realistic else WEBP_QUALITY
        quality = max(1, plan.compression * best // 100)
        image = convert(image, mode)
        image.save(out, "WEBP", quality=quality, method=0, xmp=xmp)
    return out.getvalue()


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
