"""
Real pictures: drawn from a plan, the same bytes for the same plan; and looked at.

Pillow is imported when the first picture is drawn or received, never at start.
"""

import colorsys
import hashlib
import io
import json
import math
import re
import struct
import threading
import zlib
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

from mockserver.lettering import caption, fitted, font, leading, spelt
from specs import Upload

MAX_PIXELS = 4096 * 4096
MAX_EDGE = 16383  # WebP's own
MAX_TEXT = 400
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

Box = tuple[int, int, int, int]  # left, top, right, bottom; in pixels
Size = tuple[int, int]


class BadPicture(ValueError):
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
        facts = asdict(self)
        facts["inputs"] = [hashlib.sha256(each).hexdigest() for each in self.inputs]
        facts["mask"] = self.mask and hashlib.sha256(self.mask).hexdigest()
        text = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def chance(self, purpose: str, count: int) -> bytes:
        """So many bytes at random, always the same for the same picture."""
        text = f"{purpose} {self.seed} {self.request} {self.index}"
        return hashlib.shake_128(text.encode()).digest(count)


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


class Gallery:
    """Encoded pictures by plan, the latest used, bounded by bytes. Thread-safe."""

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._pictures: OrderedDict[Plan, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, plan: Plan) -> bytes | None:
        with self._lock:
            found = self._pictures.get(plan)
            if found is not None:
                self._pictures.move_to_end(plan)
            return found

    def draw(self, plan: Plan) -> bytes:
        """The picture of a plan, encoded. Blocks: call it off the event loop."""
        found = self.get(plan)
        if found is None:
            found = encoded(plan)
            self._keep(plan, found)
        return found

    def _keep(self, plan: Plan, picture: bytes) -> None:
        with self._lock:
            if plan in self._pictures:  # drawn twice at the same time
                return
            self._pictures[plan] = picture
            self._bytes += len(picture)
            while self._bytes > self._max_bytes and len(self._pictures) > 1:
                _, oldest = self._pictures.popitem(last=False)
                self._bytes -= len(oldest)


# --- Encoding ---------------------------------------------------------------------


def encoded(plan: Plan) -> bytes:
    """The bytes of the picture, in the plan's format and of exactly its size."""
    from PIL import PngImagePlugin

    image = _composed(plan) if plan.inputs else _drawn(plan)
    note = _note(plan)
    if plan.realistic:
        image = _grained(image, plan)
        if plan.format == "png":
            return _packed(image, note)
    out = io.BytesIO()
    if plan.format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", note)
        image.save(out, "PNG", compress_level=1, pnginfo=info)
    elif plan.format == "jpeg":
        quality = max(1, min(95, plan.compression))
        image.convert("RGB").save(out, "JPEG", quality=quality, comment=note.encode())
    else:
        mode = "RGBA" if plan.transparent else "RGB"
        xmp = _XMP.format(note).encode()
        image.convert(mode).save(
            out, "WEBP", quality=max(1, plan.compression), method=0, xmp=xmp
        )
    return out.getvalue()


def _note(plan: Plan) -> str:
    return (
        f"imageparity request={plan.request} seed={plan.seed} index={plan.index} "
        f"identity={plan.identity}"
    )


_NOTE = re.compile(
    r"imageparity request=(?P<request>\w*) seed=(?P<seed>-?\d{1,99}) "
    r"index=(?P<index>\d{1,9}) identity=(?P<identity>[0-9a-f]{32})",
    re.ASCII,
)
_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:identifier>{}</dc:identifier>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)

# How far apart the lightest and the darkest grain are, of 255. A PNG keeps every bit of
# it, the other formats as much as the compression asked for.
GRAIN = {"png": 8, "jpeg": 32, "webp": 24}
_BLOCK = 98_317  # beyond the 32 KiB in which deflate finds repeats, and a prime


def _grained(image: Any, plan: Plan) -> Any:
    """The same picture with the grain that makes real ones heavy; alpha is kept."""
    from PIL import Image, ImageChops

    depth = GRAIN[plan.format]
    block = plan.chance("grain", _BLOCK).translate(
        bytes(each * depth // 256 for each in range(256))
    )
    needed = plan.pixels * 3
    repeated = (block * (needed // _BLOCK + 1))[:needed]
    grain = Image.frombytes("RGB", image.size, repeated)
    result = ImageChops.add(image.convert("RGB"), grain, offset=-depth // 2)
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result


def _packed(image: Any, note: str) -> bytes:
    """
    A PNG of an RGB or RGBA image full of grain.

    Pillow takes four times as long: it tries filters, and looks for repeats, and
    grain has neither.
    """
    rows, width = image.tobytes(), image.width * len(image.mode)
    deflate = zlib.compressobj(1, strategy=zlib.Z_HUFFMAN_ONLY)
    unfiltered = (b"\0" + rows[at : at + width] for at in range(0, len(rows), width))
    colours = {"RGB": 2, "RGBA": 6}[image.mode]
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", *image.size, 8, colours, 0, 0, 0),
        b"tEXt": b"Comment\0" + note.encode("latin-1"),
        b"IDAT": deflate.compress(b"".join(unfiltered)) + deflate.flush(),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
        for name, data in chunks.items()
    )


# --- Drawing ----------------------------------------------------------------------
# A scene is one channel, from 0 (darkest) to 255 (the letters), and gets its colours
# from a palette at the end: quick to draw, quick to pack, quick to blur.

SKY, SUN, LETTERS, SMALL_LETTERS = (100, 176), 226, 255, 206
RANGES = (88, 62, 36)  # of mountains, far to near
_DIMMED = [14 + level // 10 for level in range(256)]  # below letters; never 0
_OPAQUE = [0] + [255] * 255


def _drawn(plan: Plan) -> Any:
    scene, _ = _scene(plan, (plan.width, plan.height))
    if plan.stage:
        scene = _coarse(scene, plan.stage)
    return _coloured(scene, plan)


def _coloured(scene: Any, plan: Plan) -> Any:
    """In colours, by a palette; where a transparent picture has level 0, nothing."""
    if plan.transparent:
        alpha = scene.point(_OPAQUE)
        scene.putpalette(_palette(plan))
        image = scene.convert("RGB")
        image.putalpha(alpha)
        return image
    scene.putpalette(_palette(plan))
    return scene


def _palette(plan: Plan) -> bytes:
    first, second, side = plan.chance("palette", 3)
    return _ramp(first // 8, second // 52, side % 2)


@cache
def _ramp(hue: int, apart: int, side: int) -> bytes:
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
        (SUN, _rgb(light, 0.88, 0.85)),
        (LETTERS, _rgb(light, 0.97, 0.9)),
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


def _coarse(image: Any, stage: int) -> Any:
    """What a preview shows of a picture: all of it, out of focus."""
    from PIL import Image

    small = image.reduce(min(2 ** (stage + 1), *image.size))
    return small.resize(image.size, Image.Resampling.BILINEAR)


def _scene(plan: Plan, size: Size, *, inset: float = 0) -> tuple[Any, Box]:
    """
    Mountains under a sun, and the words on a panel; and where the panel is.

    `inset` is the part of each edge that the panel leaves free at either end.
    """
    from PIL import Image, ImageDraw

    width, height = size
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    if not plan.transparent:
        top, horizon = SKY
        edges = [height * at // (horizon - top) for at in range(horizon - top + 1)]
        for level, (above, below) in enumerate(pairwise(edges), top):
            draw.rectangle((0, above, width, below), fill=level)
    chance = plan.chance("scene", 64)
    radius = min(width, height) * (70 + chance[0] // 4) / 1000
    x = width * (150 + chance[1] * 700 // 255) / 1000
    y = height * (160 + chance[2] * 180 // 255) / 1000
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=SUN)
    for at, level in enumerate(RANGES):
        heights = chance[16 * (at + 1) :][: 8 + at * 3]
        step = width / (len(heights) - 1)
        foot = height * (52 + 13 * at) / 100
        ridge = [
            (step * number, foot - height * each / (1100 + 300 * at))
            for number, each in enumerate(heights)
        ]
        draw.polygon([(0, height), *ridge, (width, height)], fill=level)
    return image, _write(image, plan, inset)


def _write(image: Any, plan: Plan, inset: float) -> Box:
    """The words on a panel at the foot of a scene; gives the place of the panel."""
    from PIL import ImageDraw

    least, gap = min(image.size) // 24, min(image.size) // 32
    left, above = (max(least, int(edge * inset)) for edge in image.size)
    width = image.width - 2 * left - 2 * gap
    height = image.height - 2 * above - 2 * gap
    size, lines = fitted(spelt(plan.text), width, height, math.isqrt(plan.pixels))
    step = leading(size)
    used = step * len(lines)
    below = caption(spelt(plan.caption), width, height - used, size)
    foot = leading(below[0]) if below else 0
    bottom = image.height - above
    top = max(above, bottom - used - foot - 2 * gap)
    panel = (left, top, image.width - left, bottom)
    image.paste(image.crop(panel).point(_DIMMED), panel)
    draw = ImageDraw.Draw(image)
    x, y = left + gap, top + gap
    for line in lines:
        draw.text((x, y), line, fill=LETTERS, font=font(size))
        y += step
    if below:
        small, line = below
        y = bottom - gap - small - small // 8
        draw.text((x, y), line, fill=SMALL_LETTERS, font=font(small))
    return panel


# --- Editing ----------------------------------------------------------------------


def _composed(plan: Plan) -> Any:
    """
    The inputs, in a grid when there are several, and over them the scene.

    With a mask the first of them, at the top left, is drawn anew where the mask is
    transparent, and everything else is kept; without one all shines through.
    """
    from PIL import Image, ImageDraw

    size = (plan.width, plan.height)
    cells = _cells(len(plan.inputs), size)
    canvas = Image.new("RGB", size)
    for each, cell in zip(plan.inputs, cells, strict=True):
        piece = _opened(each, "RGB")
        canvas.paste(_placed(piece, cell, whole=len(cells) == 1), cell[:2])
    if plan.mask is not None:
        mask = _opened(plan.mask).getchannel("A")
        keep = _placed(mask, cells[0], whole=len(cells) == 1)
        _redraw(canvas, plan, keep)
    else:
        _overdraw(canvas, plan)
    if plan.stage:
        canvas = _coarse(canvas, plan.stage)
    if plan.transparent:
        corners = Image.new("L", size)
        corner = max(2, min(size) // 8)  # round, and clear of the words
        ImageDraw.Draw(corners).rounded_rectangle(
            (0, 0, plan.width - 1, plan.height - 1), corner, fill=255
        )
        canvas.putalpha(corners)
    elif plan.mask is None and plan.format == "png" and not plan.realistic:
        # Few colours make a small file fast; what a mask keeps is kept exactly.
        return canvas.quantize(256, method=Image.Quantize.FASTOCTREE)
    return canvas


def _redraw(canvas: Any, plan: Plan, keep: Any) -> None:
    """The scene, small enough for the words to be seen, where a mask keeps nothing."""
    from PIL import ImageChops

    redrawn = ImageChops.invert(keep)
    box = redrawn.getbbox()
    if box is None:
        return
    scene, _ = _scene(replace(plan, transparent=False), _size(box), inset=0.15)
    scene.putpalette(_palette(plan))
    canvas.paste(scene.convert("RGB"), box[:2], redrawn.crop(box))


def _overdraw(canvas: Any, plan: Plan) -> None:
    """The scene over everything, the inputs shining through; the words in full."""
    from PIL import Image

    scene, panel = _scene(replace(plan, transparent=False), canvas.size)
    scene.putpalette(_palette(plan))
    fresh = scene.convert("RGB")
    canvas.paste(Image.blend(canvas, fresh, 0.4))
    canvas.paste(fresh.crop(panel), panel)


def _cells(count: int, size: Size) -> list[Box]:
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


def _size(box: Box) -> Size:
    return box[2] - box[0], box[3] - box[1]


def _placed(image: Any, cell: Box, *, whole: bool) -> Any:
    """
    An image in the size of its place, or of a pixel where there is no room for one.

    The `whole` of it, out of proportion if need be; else what of its middle has the
    proportions of its place.
    """
    from PIL import Image, ImageOps

    width, height = _size(cell)
    size = (max(1, width), max(1, height))
    if image.size == size:
        return image
    if whole:
        return image.resize(size, Image.Resampling.BILINEAR)
    return ImageOps.fit(image, size, Image.Resampling.BILINEAR)


# --- Looking ------------------------------------------------------------------


def _opened(data: bytes, mode: str = "RGBA") -> Any:
    """A decoded picture; grey for one unknown. Raises `BadPicture`."""
    from PIL import Image

    if not data:
        return Image.new(mode, (8, 8), (128, 128, 128, 255)[: len(mode)])
    try:
        with Image.open(io.BytesIO(data), formats=_READ) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadPicture(f"has more than {MAX_PIXELS} pixels")
            return image.convert(mode)
    except _faults() as error:
        raise BadPicture(str(error)) from None


_READ = ("PNG", "JPEG", "WEBP", "GIF")


@cache
def _faults() -> tuple[type[Exception], ...]:
    """What Pillow raises for bytes that are no picture, or too large a one."""
    from PIL import Image

    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    return (OSError, SyntaxError, ValueError, *bombs)


def look_at(data: bytes, *, filename: str = "", content_type: str = "") -> Upload:
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
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_READ) as image:
            alpha = "A" in image.getbands() or "transparency" in image.info
            return replace(
                facts,
                format=str(image.format).lower(),
                width=image.width,
                height=image.height,
                alpha=alpha,
            )
    except _faults():
        return facts


def check(data: bytes) -> None:
    """Decode a picture to its last byte. Raises `BadPicture`; blocks."""
    _opened(data)


def thumbnail(data: bytes, edge: int = 96) -> bytes:
    """A small WebP of a picture, transparency kept. Raises `BadPicture`; blocks."""
    image = _opened(data)
    image.thumbnail((edge, edge))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=60, method=0)
    return out.getvalue()


def whose(data: bytes) -> Provenance | None:
    """
    What a picture says of itself, or None if it is none of ours.

    Raises `BadPicture` for what is no picture.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_READ) as image:
            notes = [image.info.get(each, "") for each in ("Comment", "comment", "xmp")]
            width, height, format_ = image.width, image.height, str(image.format)
    except _faults() as error:
        raise BadPicture(str(error)) from None
    found = next(filter(None, (_NOTE.search(_text(each)) for each in notes)), None)
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
