"""Decode the images of responses, once for the same bytes."""

import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from contracts.media.image.svg import BadSvg, is_svg, read_svg
from mockserver.media.image.decoding import MAX_READS, LimitedFile
from mockserver.state.cache import LruCache

MAX_PIXELS = 64_000_000
LARGE_IMAGE_PIXELS = 16_000_000  # larger images are decoded one at a time
MAX_CACHED_IMAGES = 256
MAX_FRAMES = 100
BYTES_PER_READ = 32  # an animation has two reads for each 256 bytes, several times
_ACCEPTED_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
VECTOR = "svg"
ANIMATED = "gif"


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """
    Facts about an image; its edges are in pixels.

    `problem` is the reason why it cannot be decoded, and None if it can. `alpha` is set
    if it has an alpha channel, `opaque` if no pixel is transparent. `pixels` is a hash
    of the decoded pixels, of all frames. `durations` has the milliseconds of each frame
    of an animation. Of an SVG, `references` are the files outside it that it needs.
    """

    data: bytes
    format: str | None = None
    width: int = 0
    height: int = 0
    alpha: bool = False
    opaque: bool = True
    pixels: str = ""
    problem: str | None = None
    durations: tuple[int, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def has_pixels(self) -> bool:
        return self.format != VECTOR

    @property
    def frames(self) -> int:
        """The number of frames; 1 for an image that does not move."""
        return max(1, len(self.durations))

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def summary(self) -> str:
        """`PNG 1024x1024`, or what is wrong with the image."""
        if self.problem:
            return f"an image that {self.problem}"
        frames = f" with {self.frames} frames" if self.frames > 1 else ""
        return f"{str(self.format).upper()} {self.size}{frames}"


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
    if is_svg(data):
        return _decode_svg(data)
    from PIL import Image, UnidentifiedImageError

    try:
        file = LimitedFile(data, MAX_READS + len(data) // BYTES_PER_READ)
        with Image.open(file, formats=_ACCEPTED_FORMATS) as image:
            frames = getattr(image, "n_frames", 1)
            pixels = image.width * image.height * frames
            if pixels > MAX_PIXELS * (1 if frames == 1 else 4):
                return DecodedImage(b"", problem=f"has over {MAX_PIXELS} pixels")
            if frames > 1 and image.format != "GIF":
                return DecodedImage(b"", problem="is animated, not one image")
            if frames > MAX_FRAMES:
                return DecodedImage(b"", problem=f"has over {MAX_FRAMES} frames")
            with _large_image_lock if pixels > LARGE_IMAGE_PIXELS else nullcontext():
                image.load()
                alpha = "A" in image.getbands() or "transparency" in image.info
                opaque = not alpha or _is_opaque(image)
                # Processors have instructions for it: it takes a third of BLAKE2.
                digest = hashlib.sha256(image.tobytes())
                size, format_ = image.size, str(image.format).lower()
                durations = tuple(_later_frames(image, digest)) if frames > 1 else ()
            return DecodedImage(
                b"",
                format=format_,
                width=size[0],
                height=size[1],
                alpha=alpha,
                opaque=opaque,
                pixels=digest.hexdigest(),
                durations=durations,
            )
    except UnidentifiedImageError:
        return DecodedImage(
            b"", problem=f"does not decode: it is not {', '.join(_ACCEPTED_FORMATS)}"
        )
    # Decoders raise many types of errors, and even warnings, for malformed bytes.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return DecodedImage(b"", problem=f"does not decode: {reason}")


def _later_frames(image: Any, digest: Any) -> Iterator[int]:
    """Yield the milliseconds of each frame, and add the pixels of the later ones."""
    yield int(image.info.get("duration", 0))
    for at in range(1, image.n_frames):
        image.seek(at)
        image.load()
        digest.update(image.tobytes())
        yield int(image.info.get("duration", 0))


def _decode_svg(data: bytes) -> DecodedImage:
    try:
        facts = read_svg(data)
    except BadSvg as error:
        return DecodedImage(b"", problem=str(error))
    return DecodedImage(
        b"",
        format=VECTOR,
        width=facts.width,
        height=facts.height,
        alpha=True,
        opaque=False,
        pixels=hashlib.blake2b(data, digest_size=16).hexdigest(),
        references=facts.references,
    )


def _is_opaque(image: Any) -> bool:
    with_alpha = image if "A" in image.getbands() else image.convert("RGBA")
    least, _ = with_alpha.getchannel("A").getextrema()
    return bool(least == 255)
