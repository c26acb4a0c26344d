"""Decode images as they came, once for the same bytes."""

import hashlib
import io
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

MAX_PIXELS = 64_000_000
LARGE_IMAGE_PIXELS = 16_000_000  # pixels: of such pictures one is decoded at a time
MAX_CACHED_IMAGES = 256
_ACCEPTED_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """
    A decoded picture: what it is, and what it is not.

    `problem` says why it could not be decoded; `opaque` is whether nothing in it is
    transparent.
    """

    data: bytes
    format: str | None = None
    width: int = 0
    height: int = 0
    alpha: bool = False
    opaque: bool = True
    problem: str | None = None

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


_cache: OrderedDict[str, DecodedImage] = OrderedDict()
_cache_lock = Lock()
_large_image_lock = Lock()


def decode_image(data: bytes) -> DecodedImage:
    """The picture in some bytes, decoded to the last; once for the same bytes."""
    digest = hashlib.sha256(data).hexdigest()
    with _cache_lock:
        found = _cache.get(digest)
    if found is None:
        found = _decode(data)
        with _cache_lock:
            _cache[digest] = found
            while len(_cache) > MAX_CACHED_IMAGES:
                _cache.popitem(last=False)
    return replace(found, data=data)


def _decode(data: bytes) -> DecodedImage:
    """What is known of a picture, without its bytes."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=_ACCEPTED_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                return DecodedImage(b"", problem=f"has over {MAX_PIXELS} pixels")
            if getattr(image, "is_animated", False):
                return DecodedImage(b"", problem="is a film, not a picture")
            with _large_image_lock if pixels > LARGE_IMAGE_PIXELS else nullcontext():
                image.load()
                alpha = "A" in image.getbands() or "transparency" in image.info
                opaque = not alpha or _is_opaque(image)
            return DecodedImage(
                b"",
                format=str(image.format).lower(),
                width=image.width,
                height=image.height,
                alpha=alpha,
                opaque=opaque,
            )
    except UnidentifiedImageError:
        return DecodedImage(
            b"", problem=f"does not decode: it is no {', '.join(_ACCEPTED_FORMATS)}"
        )
    # A decoder that is fed by strangers raises what it likes, warnings among it.
    except Exception as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        return DecodedImage(b"", problem=f"does not decode: {why}")


def _is_opaque(image: Any) -> bool:
    seen = image if "A" in image.getbands() else image.convert("RGBA")
    low, _ = seen.getchannel("A").getextrema()
    return bool(low == 255)
