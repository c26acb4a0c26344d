"""Decode the images of responses, once for the same bytes."""

import hashlib
import io
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from mockserver.state.cache import LruCache

MAX_PIXELS = 64_000_000
LARGE_IMAGE_PIXELS = 16_000_000  # larger images are decoded one at a time
MAX_CACHED_IMAGES = 256
_ACCEPTED_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """
    Facts about an image; its edges are in pixels.

    `problem` is the reason why it cannot be decoded, and None if it can. `alpha` is set
    if it has an alpha channel, `opaque` if no pixel is transparent. `pixels` is a hash
    of the decoded pixels.
    """

    data: bytes
    format: str | None = None
    width: int = 0
    height: int = 0
    alpha: bool = False
    opaque: bool = True
    pixels: str = ""
    problem: str | None = None

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def summary(self) -> str:
        """`PNG 1024x1024`, or what is wrong with the image."""
        if self.problem:
            return f"an image that {self.problem}"
        return f"{str(self.format).upper()} {self.size}"


_cache: LruCache[str, DecodedImage] = LruCache(MAX_CACHED_IMAGES)  # by sha256
_large_image_lock = Lock()


def decode_image(data: bytes) -> DecodedImage:
    """
    Decode an image to its last row; the facts are cached by the hash of the bytes.

    Raises nothing: `problem` describes bytes that are no image.
    """
    digest = hashlib.sha256(data).hexdigest()
    image = _cache.get(digest)
    if image is None:
        image = _decode(data)
        _cache.add(digest, image, 1)
    return replace(image, data=data)


def _decode(data: bytes) -> DecodedImage:
    """Decode an image; the result holds no bytes, since the cache keeps it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=_ACCEPTED_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                return DecodedImage(b"", problem=f"has over {MAX_PIXELS} pixels")
            if getattr(image, "is_animated", False):
                return DecodedImage(b"", problem="is animated, not one image")
            with _large_image_lock if pixels > LARGE_IMAGE_PIXELS else nullcontext():
                image.load()
                alpha = "A" in image.getbands() or "transparency" in image.info
                opaque = not alpha or _is_opaque(image)
                digest = hashlib.blake2b(image.tobytes(), digest_size=16)
            return DecodedImage(
                b"",
                format=str(image.format).lower(),
                width=image.width,
                height=image.height,
                alpha=alpha,
                opaque=opaque,
                pixels=digest.hexdigest(),
            )
    except UnidentifiedImageError:
        return DecodedImage(
            b"", problem=f"does not decode: it is not {', '.join(_ACCEPTED_FORMATS)}"
        )
    # Decoders raise many types of errors, and even warnings, for malformed bytes.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return DecodedImage(b"", problem=f"does not decode: {reason}")


def _is_opaque(image: Any) -> bool:
    with_alpha = image if "A" in image.getbands() else image.convert("RGBA")
    least, _ = with_alpha.getchannel("A").getextrema()
    return bool(least == 255)
