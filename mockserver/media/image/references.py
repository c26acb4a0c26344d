"""Read the images that a body refers to: a data URI, or a URL or id, never fetched."""

import base64
import binascii
import re

from mockserver.media.image.headers import read_image_header
from mockserver.media.image.plan import BadImage

MAX_HEADER_LENGTH = 200  # characters of a data URI before its comma
PART_LENGTH = 1024 * 1024  # characters of base64, a multiple of 4
_SCHEME = "data:"
_HEADER = re.compile(r"image/[a-z0-9.+-]+(;[^;,]*)*;base64", re.IGNORECASE)


def inline_image(reference: str) -> bytes | None:
    """
    The bytes of a data URI; None for another reference, such as a URL.

    Raises `BadImage` for an empty reference, and for a data URI that has no image.
    """
    if not reference.strip():
        raise BadImage("the reference to an image is empty")
    if reference[: len(_SCHEME)].lower() != _SCHEME:
        return None
    end = reference.find(",", 0, MAX_HEADER_LENGTH)
    if end < 0 or not _HEADER.fullmatch(reference, len(_SCHEME), end):
        raise BadImage("the data URI does not begin with data:image/…;base64,")
    return from_base64(reference[end + 1 :])


def from_base64(text: str) -> bytes:
    """Raises `BadImage` for a text that is not base64, and for an empty one."""
    try:
        data = _decode(text)
    except (UnicodeError, binascii.Error):
        data = b""
    if not data:
        raise BadImage("the data URI holds no base64")
    return data


def image_in_base64(text: str) -> bytes | None:
    """
    The image that a text is in base64, of either alphabet.

    None for another text, such as a URL or the id of a file.
    """
    usual = text.replace("-", "+").replace("_", "/")
    try:
        data = _decode(usual)
    except (UnicodeError, binascii.Error):
        return None
    return data if read_image_header(data) else None


def _decode(text: str) -> bytes:
    """Decode base64 in parts, since other threads have to wait for each of them."""
    data = text.encode("ascii")
    if 0 <= data.find(b"=") < len(data) - 2:
        raise binascii.Error("there is padding before the end")
    return b"".join(
        base64.b64decode(data[at : at + PART_LENGTH], validate=True)
        for at in range(0, len(data), PART_LENGTH)
    )
