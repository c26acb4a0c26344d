"""Image files with more parts than an encoder writes."""

import struct
import zlib

from PIL import Image
from support.http import picture, saved


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png_with_chunks(chunk: bytes, count: int) -> bytes:
    """A PNG with a chunk before its pixels, so many times."""
    data = picture()
    at = data.find(b"IDAT") - 4
    return data[:at] + chunk * count + data[at:]


def jpeg_with_scans(count: int) -> bytes:
    """A JPEG with so many scans more than usual, each of a few bytes."""
    noise = Image.effect_noise((64, 64), 50).convert("RGB")
    data = saved(noise, "JPEG", progressive=True)
    at, end = data.rfind(b"\xff\xda"), len(data) - 2
    return data[:end] + data[at:end] * count + data[end:]
