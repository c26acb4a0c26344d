"""
Real pictures: drawn from a plan, the same bytes for the same plan; and looked at.

Pillow is imported when the first picture is drawn or received, never at start.
"""

import hashlib
import io
import json
import math
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from specs import Upload

MAX_PIXELS = 4096 * 4096
MAX_EDGE = 16383  # WebP's own
MAX_TEXT = 400
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


class BadPicture(ValueError):
    """Bytes that are no picture, or one that is too large to be looked at."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Everything that decides the bytes of a picture.

    Edges in pixels; `compression` 0-100 as the APIs count it (100: least compressed).
    `inputs` and `mask` are encoded pictures; `stage` above 0 is a preview of the
    finished picture, the coarser the higher.
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


def encoded(plan: Plan) -> bytes:
    """The bytes of the picture, in the plan's format and of exactly its size."""
    from PIL import Image, PngImagePlugin

    image = _composed(plan) if plan.inputs else _drawn(plan)
    if plan.stage:
        factor = 2 ** (plan.stage + 3)
        small = (max(1, plan.width // factor), max(1, plan.height // factor))
        image = image.convert("RGBA" if plan.transparent else "RGB")
        image = image.resize(small).resize(
            (plan.width, plan.height), Image.Resampling.NEAREST
        )
    out = io.BytesIO()
    if plan.format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("imageparity", plan.identity)
        image.save(out, "PNG", compress_level=1, pnginfo=info)
    elif plan.format == "jpeg":
        quality = max(1, min(95, plan.compression))
        comment = f"imageparity {plan.identity}".encode()
        image.convert("RGB").save(out, "JPEG", quality=quality, comment=comment)
    else:
        mode = "RGBA" if plan.transparent else "RGB"
        xmp = f"<x:xmpmeta>imageparity {plan.identity}</x:xmpmeta>".encode()
        image.convert(mode).save(
            out, "WEBP", quality=max(1, plan.compression), method=0, xmp=xmp
        )
    return out.getvalue()


def _palette(plan: Plan) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """A dark ground and a light ink, by the plan's seed."""
    digest = hashlib.sha256(f"{plan.seed}".encode()).digest()
    ground = (20 + digest[0] % 70, 20 + digest[1] % 70, 40 + digest[2] % 90)
    ink = (200 + digest[3] % 56, 190 + digest[4] % 66, 170 + digest[5] % 86)
    return ground, ink


def _strength(plan: Plan) -> Any:
    """One channel: 0 is ground, 255 is ink. Shapes by the seed, and the text."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (plan.width, plan.height))
    draw = ImageDraw.Draw(image)
    digest = hashlib.sha256(f"shapes {plan.seed}".encode()).digest()
    for at in range(6):
        x = digest[at] * plan.width // 255
        y = digest[at + 8] * plan.height // 255
        radius = max(
            2, min(plan.width, plan.height) * (20 + digest[at + 16] % 60) // 300
        )
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=24 + digest[at] % 72
        )
    _write(draw, plan)
    return image


def _write(draw: Any, plan: Plan) -> None:
    margin = max(2, plan.width // 24)
    size = max(9, math.isqrt(plan.pixels) // 22)
    y = margin
    for line in _wrapped(plan.text[:MAX_TEXT], _font(size), plan.width - 2 * margin):
        if y > plan.height - margin - 2 * size:
            break
        draw.text((margin, y), line, fill=255, font=_font(size))
        y += size * 4 // 3
    small = max(8, size * 2 // 3)
    foot = plan.height - margin - small
    draw.text((margin, foot), plan.caption, fill=200, font=_font(small))


def _wrapped(text: str, font: Any, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        candidate = f"{lines[-1]} {word}".strip()
        if font.getlength(candidate) <= width:
            lines[-1] = candidate
        else:
            lines.append(word)
    return lines


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _drawn(plan: Plan) -> Any:
    from PIL import Image

    ground, ink = _palette(plan)
    strength = _strength(plan)
    if plan.transparent:
        image = Image.new("RGBA", (plan.width, plan.height), (*ink, 0))
        image.putalpha(strength)
        return image
    steps = [
        ground[channel] + (ink[channel] - ground[channel]) * step // 255
        for step in range(256)
        for channel in range(3)
    ]
    strength.putpalette(steps)
    return strength


def _composed(plan: Plan) -> Any:
    """The inputs side by side; where the mask is transparent, drawn anew."""
    from PIL import Image, ImageDraw

    size = (plan.width, plan.height)
    canvas = Image.new("RGB", size)
    count = len(plan.inputs)
    for at, each in enumerate(plan.inputs):
        left = plan.width * at // count
        right = max(left + 1, plan.width * (at + 1) // count)
        piece = _opened(each, "RGB")
        canvas.paste(_resized(piece, (right - left, plan.height)), (left, 0))
    fresh = _drawn(replace(plan, transparent=False)).convert("RGB")
    if plan.mask is not None:
        keep = _resized(_opened(plan.mask).getchannel("A"), size)
        result = Image.composite(canvas, fresh, keep)
    else:
        result = Image.blend(canvas, fresh, 0.5)
    if plan.transparent:
        corners = Image.new("L", size)
        ImageDraw.Draw(corners).ellipse((0, 0, *size), fill=255)
        result.putalpha(corners)
    elif plan.mask is None and plan.format == "png":
        # Few colours make a small file fast; what a mask keeps is kept exactly.
        return result.quantize(128, method=Image.Quantize.FASTOCTREE)
    return result


def _resized(image: Any, size: tuple[int, int]) -> Any:
    """An image in another size: blocks when enlarged, averages when reduced."""
    from PIL import Image

    if image.size == size:
        return image
    grows = size[0] * size[1] > image.width * image.height
    method = Image.Resampling.NEAREST if grows else Image.Resampling.BILINEAR
    return image.resize(size, method)


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


def whose(data: bytes) -> str | None:
    """The identity that a picture of ours carries, or None."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=_READ) as image:
        notes = [
            image.info.get("imageparity", ""),
            _text(image.info.get("comment", b"")).partition("imageparity ")[2],
            _text(image.info.get("xmp", b"")).partition("imageparity ")[2][:32],
        ]
    return next((each for each in notes if each), None)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
