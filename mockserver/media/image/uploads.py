"""Look at uploaded images: facts from the header, a full check, a thumbnail."""

import hashlib
import io
from dataclasses import asdict, replace

from mockserver.media.image.decoding import decode
from mockserver.media.image.headers import read_image_header
from specs import Upload


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
    decode(data)


def thumbnail(data: bytes, edge: int = 96) -> bytes:
    """A small WebP of a picture, transparency kept. Raises `BadPicture`; blocks."""
    image = decode(data)
    image.thumbnail((edge, edge))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=60, method=0)
    return out.getvalue()
