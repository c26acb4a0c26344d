"""Examine uploaded images: facts from the header, a full check, a thumbnail."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TypeVar

from mockserver.media.helper_process import run_here, run_in_helper
from mockserver.media.image.decoding import decode
from mockserver.media.image.headers import read_image_header
from mockserver.media.image.plan import BadImage
from specs import Upload

T = TypeVar("T")

LARGE_PIXELS = 1024 * 1024  # Pillow copies them in up to 5 ms
MAX_URL_UPLOAD_BYTES = 3_600  # of all uploads in a signed URL
THUMBNAIL_EDGES = (96, 64, 48, 32, 16, 8)


def upload_facts(
    data: bytes,
    *,
    filename: str = "",
    content_type: str = "",
    looks_at_pixels: bool = False,
) -> Upload:
    """
    Return the facts of an upload, read from the header alone.

    Bytes that are no image have no format. Nothing is decoded, so that a hostile file
    costs no memory. With `looks_at_pixels` it is, and blocks: an alpha channel without
    a transparent pixel then counts as none.
    """
    facts = Upload(
        filename=filename,
        content_type=content_type,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    header = read_image_header(data)
    if header is not None and header.alpha and looks_at_pixels:
        alpha = run_on_image(_has_transparency, data)
        header = replace(header, alpha=alpha)
    return replace(facts, **asdict(header)) if header else facts


def _has_transparency(data: bytes) -> bool:
    """False for an image without a transparent pixel; blocks."""
    try:
        lowest, _ = decode(data).getchannel("A").getextrema()
    except BadImage:
        return True  # it is refused when it is used
    return bool(lowest < 255)


def is_large(data: bytes) -> bool:
    """True for an image that a helper process decodes; reads the header alone."""
    header = read_image_header(data)
    return header is not None and header.width * header.height > LARGE_PIXELS


def run_on_image(work: Callable[[bytes], T], data: bytes) -> T:
    """Call a function of an image; in a helper process if the image is large."""
    return (run_in_helper if is_large(data) else run_here)(work, data)


def verify(data: bytes) -> None:
    """Decode an image to its last byte. Raises `BadImage`; blocks."""
    decode(data)


def first_unreadable(inputs: Sequence[bytes], **layers: bytes | None) -> str | None:
    """
    The field of the first image that cannot be decoded: `image`, `image[1]`, `mask`.

    `layers` are further images by the names of their fields, None for one that was not
    sent. None if all of them can be decoded. Blocks.
    """
    several = len(inputs) > 1
    named = [
        (f"image[{at}]" if several else "image", each) for at, each in enumerate(inputs)
    ]
    named += [(name, each) for name, each in layers.items() if each is not None]
    for field, data in named:
        try:
            verify(data)
        except BadImage:
            return field
    return None


def thumbnail(data: bytes, edge: int = 96) -> bytes:
    """
    Return a WebP of an image, at most `edge` pixels wide and high.

    Transparency is kept. Raises `BadImage`; blocks.
    """
    image = decode(data)
    image.thumbnail((edge, edge))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=60, method=0)
    return out.getvalue()


def thumbnail_within(image: bytes, max_bytes: int) -> bytes:
    """
    Return the largest thumbnail that fits; the smallest one if none does.

    Raises `BadImage`; blocks.
    """
    data = b""
    for edge in THUMBNAIL_EDGES:
        data = thumbnail(image, edge)
        if len(data) <= max_bytes:
            break
    return data
