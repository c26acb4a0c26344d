"""
Real pictures: drawn from a plan, the same bytes for the same plan; and looked at.

Pillow is imported when the first picture is drawn or received, never at start.
"""

import base64
import colorsys
import hashlib
import io
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from itertools import pairwise
from typing import Any

from mockserver.media.image.drawing import png as splicing
from mockserver.media.image.drawing.text import (
    draw_line,
    fit_caption,
    fit_text,
    line_height,
    transliterate,
)
from mockserver.media.image.headers import read_image_header
from mockserver.state.cache import LruCache
from specs import Upload

MAX_PIXELS = 4096 * 4096
MAX_EDGE = 16383  # WebP's own
MAX_TEXT_LENGTH = 400
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

Box = tuple[int, int, int, int]  # left, top, right, bottom; in pixels
Size = tuple[int, int]


class BadImage(ValueError):
    """Bytes that are no picture, or one that is too large to be looked at."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Everything that decides the bytes of a picture.

    Edges in pixels; `compression` 0-100 as the APIs count it (100: least compressed).
    `seed` is the server's, `request` the hash of the request, and `index` the place of
    the picture in the answer: what is drawn behind the words follows from these three.
    `inputs` and `mask` are encoded pictures; `stage` above 0 is a preview of the
    finished picture, the coarser the higher. `realistic` gives the file the weight of
    one that a real model made.
    """

    text: str
    width: int
    height: int
    format: str = "png"
    transparent: bool = False
    compression: int = 100
    seed: int = 0
    caption: str = ""
    inputs: tuple[bytes, ...] = ()
    mask: bytes | None = None
    stage: int = 0
    request: str = ""
    index: int = 0
    realistic: bool = False

    def preview(self, stage: int) -> "Plan":
        return replace(self, stage=stage)

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def identity(self) -> str:
        """A name for this plan, readable back from the picture."""
        facts = {
            **{name: getattr(self, name) for name in _FIELD_NAMES},
            "inputs": [hashlib.sha256(each).hexdigest() for each in self.inputs],
            "mask": self.mask and hashlib.sha256(self.mask).hexdigest(),
        }
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]

    def stable_bytes(self, purpose: str, count: int) -> bytes:
        """So many bytes at random, always the same for the same picture."""
        text = f"{purpose} {self.seed} {self.request} {self.index}"
        return hashlib.shake_128(text.encode()).digest(count)


_FIELD_NAMES = tuple(each.name for each in fields(Plan))


@dataclass(frozen=True, slots=True)
class Provenance:
    """
    What a picture of ours says of itself.

    `request` is the hash of the request that it answered, `seed` the server's,
    `index` its place in that answer from 0, `identity` the name of its plan. Edges in
    pixels, `format` one of `FORMATS`.
    """

    request: str
    seed: int
    index: int
    identity: str
    format: str
    width: int
    height: int


RenderKey = tuple[Plan, bool]  # and whether as base64, the text of an answer


class RenderCache:
    """
    Encoded pictures by plan, the latest used, bounded by bytes. Thread-safe.

    Each is kept as it is wanted: as the bytes of a file, or as their base64.
    """

    def __init__(self, max_bytes: int = 32 * 1024 * 1024) -> None:
        self._images: LruCache[RenderKey, bytes] = LruCache(max_bytes)

    def get(self, plan: Plan, *, as_text: bool = False) -> bytes | None:
        """The picture of a plan, if it is at hand or can be made in milliseconds."""
        found = self._images.get((plan, as_text))
        if found is None and (quick := _render_if_precompressed(plan)):
            found = self._store(plan, quick, as_text=as_text)
        return found

    def render(self, plan: Plan, *, as_text: bool = False) -> bytes:
        """The picture of a plan, encoded. Blocks: call it off the event loop."""
        found = self._images.get((plan, as_text))
        return found or self._store(plan, render_image(plan), as_text=as_text)

    def _store(self, plan: Plan, image: bytes, *, as_text: bool) -> bytes:
        found = base64.b64encode(image) if as_text else image
        self._images.add((plan, as_text), found, len(found))
        return found


# --- Encoding ---------------------------------------------------------------------


def render_image(plan: Plan) -> bytes:
    """The bytes of the picture, in the plan's format and of exactly its size."""
    from PIL import PngImagePlugin

    if _is_precompressible(plan):
        layout = _text_layout(plan, (plan.width, plan.height))
        return _png_from_precompressed(plan, layout, _precompressed_image(plan, layout))
    image = _compose(plan) if plan.inputs else _draw_image(plan)
    note = _provenance_note(plan)
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
        image = _convert(image, "RGB")
        image.save(out, "JPEG", quality=quality, comment=note.encode())
    else:
        mode = "RGBA" if plan.transparent else "RGB"
        xmp = _XMP_TEMPLATE.format(note).encode()
        image = _convert(image, mode)
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


def _render_if_precompressed(plan: Plan) -> bytes | None:
    """The picture, if so much of it is at hand that the event loop can wait for it."""
    if not _is_precompressible(plan):
        return None
    layout = _text_layout(plan, (plan.width, plan.height))
    top, bottom = layout.rows
    if (bottom - top) * plan.width > MAX_PIXELS_ON_LOOP:
        return None
    card = _precompressed.get(_precompressed_key(plan, layout))
    return _png_from_precompressed(plan, layout, card) if card else None


def _precompressed_key(plan: Plan, layout: "Layout") -> tuple[Any, ...]:
    return (plan.width, plan.height, _scene_number(plan), layout.key)


def _precompressed_image(plan: Plan, layout: "Layout") -> splicing.PrecompressedImage:
    """All but the words."""
    key = _precompressed_key(plan, layout)
    found = _precompressed.get(key)
    if found is None:
        image = _draw_scene(plan, (plan.width, plan.height))
        _draw_panel(image, layout)
        top, bottom = layout.rows
        found = splicing.precompress(image, top, min(bottom, plan.height))
        _precompressed.add(key, found, found.weight)
    return found


def _png_from_precompressed(
    plan: Plan, layout: "Layout", card: splicing.PrecompressedImage
) -> bytes:
    band = card.text_rows.copy()
    x, y = layout.origin
    _draw_text(band, layout, (x + 1, y - card.top))
    rows = splicing.compress_rows(band.tobytes())
    return splicing.assemble_png(
        plan.width,
        plan.height,
        splicing.COLOUR_TYPES["P"],
        {
            b"tEXt": b"Comment\0" + _provenance_note(plan).encode("latin-1"),
            b"PLTE": _palette(plan),
            b"IDAT": splicing.zlib_stream(card.above, rows, card.below),
        },
    )


def _provenance_note(plan: Plan) -> str:
    return (
        f"imageparity request={plan.request} seed={plan.seed} index={plan.index} "
        f"identity={plan.identity}"
    )


_PROVENANCE_NOTE = re.compile(
    r"imageparity request=(?P<request>\w*) seed=(?P<seed>-?\d{1,99}) "
    r"index=(?P<index>\d{1,9}) identity=(?P<identity>[0-9a-f]{32})",
    re.ASCII,
)
_XMP_TEMPLATE = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:identifier>{}</dc:identifier>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
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


# --- Drawing ----------------------------------------------------------------------
# A scene is one channel, from 0 (darkest) to 255 (the letters), and gets its colours
# from a palette at the end: quick to draw, quick to pack, quick to blur.

SKY_LEVELS, SUN_LEVEL, TEXT_LEVEL, CAPTION_LEVEL = (100, 176), 226, 255, 206
MOUNTAIN_LEVELS = (88, 62, 36)  # of mountains, far to near
SCENE_COUNT = 8
STRIP_PIXELS = 512 * 1024  # pixels
_DIM_LEVELS = [14 + level // 10 for level in range(256)]  # below letters; never 0
_ALPHA_LEVELS = [0] + [255] * 255
_LOW_RESOLUTION_PIXELS = 256 * 256  # pixels


def _draw_image(plan: Plan) -> Any:
    scene, _ = _draw_scene_with_text(plan, (plan.width, plan.height))
    if plan.stage:
        scene = _coarsen(scene, plan.stage)
    return _apply_palette(scene, plan)


def _apply_palette(scene: Any, plan: Plan) -> Any:
    """In colours, by a palette; where a transparent picture has level 0, nothing."""
    if plan.transparent:
        alpha = scene.point(_ALPHA_LEVELS)
        scene.putpalette(_palette(plan))
        image = _convert(scene, "RGB")
        image.putalpha(alpha)
        return image
    scene.putpalette(_palette(plan))
    return scene


def _palette(plan: Plan) -> bytes:
    first, second, side = plan.stable_bytes("palette", 3)
    return _colour_ramp(first // 8, second // 52, side % 2)


@cache
def _colour_ramp(hue: int, apart: int, side: int) -> bytes:
    """
    256 colours, from nearly black through two hues to nearly white.

    `hue` counts to 32, `apart` to 5: how far the second is from the first, and on
    which side.
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
    found = [
        low + (high - low) * step // (end - start)
        for (start, one), (end, other) in pairwise(stops)
        for step in range(end - start)
        for low, high in zip(one, other, strict=True)
    ]
    return bytes([*found, *stops[-1][1]])


def _rgb(hue: float, lightness: float, saturation: float) -> tuple[int, ...]:
    channels = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return tuple(int(each * 255) for each in channels)


def _coarsen(image: Any, stage: int) -> Any:
    """What a preview shows of a picture: all of it, out of focus."""
    from PIL import Image

    small = image.reduce(min(2 ** (stage + 1), *image.size))
    result = Image.new(image.mode, image.size)
    high = small.height / image.height
    for left, top, right, bottom in _strips(image.size):
        part = (0, top * high, small.width, bottom * high)
        whole = (right - left, bottom - top)
        piece = small.resize(whole, Image.Resampling.BILINEAR, part)
        result.paste(piece, (left, top))
    return result


def _strips(size: Size) -> Iterator[Box]:
    """
    Parts of a picture, from top to bottom, each of a millisecond or two.

    While Pillow works on one it lets no other thread do anything.
    """
    width, height = size
    step = max(1, STRIP_PIXELS // width)
    for top in range(0, height, step):
        yield 0, top, width, min(top + step, height)


def _convert(image: Any, mode: str) -> Any:
    """The same picture in another mode."""
    from PIL import Image

    if image.mode == mode:
        return image
    result = Image.new(mode, image.size)
    for box in _strips(image.size):
        result.paste(image.crop(box).convert(mode), box)
    return result


def _draw_scene_with_text(
    plan: Plan, size: Size, *, inset: float = 0
) -> tuple[Any, Box]:
    """
    Mountains under a sun, and the words on a panel; and where the panel is.

    `inset` is the part of each edge that the panel leaves free at either end.
    """
    image = _draw_scene(plan, size)
    layout = _text_layout(plan, size, inset)
    _draw_panel(image, layout)
    _draw_text(image, layout, layout.origin)
    return image, layout.panel


def _scene_number(plan: Plan) -> int:
    """Which of the scenes is behind the words."""
    return plan.stable_bytes("scene", 1)[0] % SCENE_COUNT


def _draw_scene(plan: Plan, size: Size) -> Any:
    """Mountains under a sun."""
    from PIL import Image, ImageDraw

    width, height = size
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    if not plan.transparent:
        top, horizon = SKY_LEVELS
        edges = [height * at // (horizon - top) for at in range(horizon - top + 1)]
        for level, (above, below) in enumerate(pairwise(edges), top):
            draw.rectangle((0, above, width, below), fill=level)
    chance = hashlib.shake_128(f"scene {_scene_number(plan)}".encode()).digest(64)
    radius = min(width, height) * (70 + chance[0] // 4) / 1000
    x = width * (150 + chance[1] * 700 // 255) / 1000
    y = height * (160 + chance[2] * 180 // 255) / 1000
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=SUN_LEVEL)
    for at, level in enumerate(MOUNTAIN_LEVELS):
        heights = chance[16 * (at + 1) :][: 8 + at * 3]
        step = width / (len(heights) - 1)
        foot = height * (52 + 13 * at) / 100
        ridge = [
            (step * number, foot - height * each / (1100 + 300 * at))
            for number, each in enumerate(heights)
        ]
        draw.polygon([(0, height), *ridge, (width, height)], fill=level)
    return image


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Where the words stand: `lines` in letters of a size from `place` on, on a `panel`,
    and `below` them a line of its own size at its own place. All in pixels.
    """

    panel: Box
    origin: Size
    font_size: int
    lines: tuple[str, ...]
    caption: tuple[int, str, Size] | None

    @property
    def rows(self) -> tuple[int, int]:
        """The rows of the lines, from and to before."""
        top = self.origin[1]
        return top, top + line_height(self.font_size) * len(self.lines)

    @property
    def key(self) -> tuple[Any, ...]:
        """All of it but the words of the lines."""
        return (self.panel, self.rows, self.caption)


def _text_layout(plan: Plan, size: Size, inset: float = 0) -> Layout:
    """The words on a panel at the foot of a scene."""
    least, gap = min(size) // 24, min(size) // 32
    left, above = (max(least, int(edge * inset)) for edge in size)
    width = size[0] - 2 * left - 2 * gap
    height = size[1] - 2 * above - 2 * gap
    letters, lines = fit_text(
        transliterate(plan.text), width, height, math.isqrt(plan.pixels)
    )
    used = line_height(letters) * len(lines)
    small = fit_caption(transliterate(plan.caption), width, height - used, letters)
    foot = line_height(small[0]) if small else 0
    bottom = size[1] - above
    top = max(above, bottom - used - foot - 2 * gap)
    x = left + gap
    return Layout(
        panel=(left, top, size[0] - left, bottom),
        origin=(x, top + gap),
        font_size=letters,
        lines=tuple(lines),
        caption=small and (*small, (x, bottom - gap - small[0] - small[0] // 8)),
    )


def _draw_panel(image: Any, layout: Layout) -> None:
    """The panel, and the line below the words, which is the same for many."""
    image.paste(image.crop(layout.panel).point(_DIM_LEVELS), layout.panel)
    if layout.caption:
        small, line, place = layout.caption
        draw_line(image, place, line, CAPTION_LEVEL, small)


def _draw_text(image: Any, layout: Layout, origin: Size) -> None:
    """The words, from a place on."""
    x, y = origin
    for line in layout.lines:
        draw_line(image, (x, y), line, TEXT_LEVEL, layout.font_size)
        y += line_height(layout.font_size)


# --- Editing ----------------------------------------------------------------------


def _compose(plan: Plan) -> Any:
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
        mask = _decode(plan.mask).getchannel("A")
        _redraw(
            canvas, plan, _resize_to_cell(mask, cell, keep_whole=len(plan.inputs) == 1)
        )
    elif plan.realistic:
        canvas = _arrange_inputs(plan, size)
        _overlay_scene(canvas, plan)
    else:
        canvas = _overlay_scene_indexed(plan, size)
    if plan.stage:
        canvas = _coarsen(canvas.convert("RGB"), plan.stage)
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
        piece = _decode(each, "RGB")
        canvas.paste(_resize_to_cell(piece, cell, keep_whole=len(cells) == 1), cell[:2])
    return canvas


def _redraw(canvas: Any, plan: Plan, kept_mask: Any) -> None:
    """The scene, small enough for the words to be seen, where a mask keeps nothing."""
    from PIL import ImageChops

    redrawn = ImageChops.invert(kept_mask)
    box = redrawn.getbbox()
    if box is None:
        return
    scene, _ = _draw_scene_with_text(
        replace(plan, transparent=False), _box_size(box), inset=0.15
    )
    scene.putpalette(_palette(plan))
    canvas.paste(scene.convert("RGB"), box[:2], redrawn.crop(box))


def _overlay_scene(canvas: Any, plan: Plan) -> None:
    """The scene over everything, the inputs shining through; the words in full."""
    from PIL import Image

    scene, panel = _draw_scene_with_text(replace(plan, transparent=False), canvas.size)
    scene.putpalette(_palette(plan))
    fresh = _convert(scene, "RGB")
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
    scale = max(1, min(4, math.isqrt(plan.pixels // _LOW_RESOLUTION_PIXELS)))
    low = (-(-width // scale), -(-height // scale))
    scene = _draw_scene(replace(plan, transparent=False), low)
    panel = scene.resize(size, Image.Resampling.NEAREST)
    layout = _text_layout(plan, size)
    _draw_panel(panel, layout)
    _draw_text(panel, layout, layout.origin)
    ramp = _palette(plan)
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


# --- Looking ------------------------------------------------------------------


def _decode(data: bytes, mode: str = "RGBA") -> Any:
    """A decoded picture; grey for one unknown. Raises `BadPicture`."""
    from PIL import Image

    if not data:
        return Image.new(mode, (8, 8), (128, 128, 128, 255)[: len(mode)])
    found = read_image_header(data)
    if found is not None and found.width * found.height > MAX_PIXELS:
        raise BadImage(f"has more than {MAX_PIXELS} pixels")
    try:
        with Image.open(io.BytesIO(data), formats=_READABLE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadImage(f"has more than {MAX_PIXELS} pixels")
            return image.convert(mode)
    except _decode_errors() as error:
        raise BadImage(str(error)) from None


_READABLE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


@cache
def _decode_errors() -> tuple[type[Exception], ...]:
    """What Pillow raises for bytes that are no picture, or too large a one."""
    from PIL import Image

    # Warnings are raised where the program that embeds us wants them to be.
    return (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning)


def upload_facts(data: bytes, *, filename: str = "", content_type: str = "") -> Upload:
    """
    The facts of an upload, from its header alone.

    What is no picture has no format; nothing is decoded, so nothing can explode.
    """
    facts = Upload(
        filename=filename,
        content_type=content_type,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    found = read_image_header(data)
    return replace(facts, **asdict(found)) if found else facts


def verify(data: bytes) -> None:
    """Decode a picture to its last byte. Raises `BadPicture`; blocks."""
    _decode(data)


def thumbnail(data: bytes, edge: int = 96) -> bytes:
    """A small WebP of a picture, transparency kept. Raises `BadPicture`; blocks."""
    image = _decode(data)
    image.thumbnail((edge, edge))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=60, method=0)
    return out.getvalue()


def read_provenance(data: bytes) -> Provenance | None:
    """
    What a picture says of itself, or None if it is none of ours.

    Raises `BadPicture` for what is no picture.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_READABLE_FORMATS) as image:
            notes = [image.info.get(each, "") for each in ("Comment", "comment", "xmp")]
            width, height, format_ = image.width, image.height, str(image.format)
    except _decode_errors() as error:
        raise BadImage(str(error)) from None
    found = next(
        filter(None, (_PROVENANCE_NOTE.search(_text(each)) for each in notes)), None
    )
    if found is None:
        return None
    return Provenance(
        request=found["request"],
        seed=int(found["seed"]),
        index=int(found["index"]),
        identity=found["identity"],
        format=format_.lower(),
        width=width,
        height=height,
    )


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
