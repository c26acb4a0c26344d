"""
Read format, width, height and alpha from the header of an image file.

Nothing is decoded or decompressed, and at most `MAX_STEPS` parts of a file are read, so
that a hostile file costs neither memory nor time. Bytes after the image, its file name
and its declared content type are ignored.
"""

import struct
import zlib
from dataclasses import dataclass

MAX_STEPS = 1000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """
    `format` is `png`, `jpeg`, `webp` or `gif`; `width` and `height` are in pixels.

    `alpha` is True if pixels may be transparent. An animation is described by its
    first frame.
    """

    format: str
    width: int
    height: int
    alpha: bool = False


def read_image_header(data: bytes) -> ImageHeader | None:
    """Read the header of an image; None if the bytes are no image."""
    try:
        if data.startswith(PNG_SIGNATURE):
            header = _png_header(data)
        elif data.startswith(b"\xff\xd8\xff"):
            header = _jpeg_header(data)
        elif data.startswith((b"GIF87a", b"GIF89a")):
            header = _gif_header(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            header = _webp_header(data)
        else:
            header = None
    except (struct.error, IndexError):  # truncated
        return None
    return header if header and header.width and header.height else None


def _png_header(data: bytes) -> ImageHeader | None:
    head, (checksum,) = data[12:29], struct.unpack_from(">I", data, 29)
    if not head.startswith(b"IHDR") or zlib.crc32(head) != checksum:
        return None
    width, height, depth, colours = struct.unpack_from(">IIBB", head, 4)
    if depth not in {1, 2, 4, 8, 16} or colours not in {0, 2, 3, 4, 6}:
        return None
    alpha, at = colours in {4, 6}, 33
    for _ in range(MAX_STEPS):
        kind = data[at + 4 : at + 8]
        if alpha or kind in {b"IDAT", b"IEND", b""}:
            break
        alpha = kind == b"tRNS"
        at += 12 + struct.unpack_from(">I", data, at)[0]
    return ImageHeader("png", width, height, alpha)


_FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_STANDALONE_MARKERS = {0x01, *range(0xD0, 0xD8)}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


def _jpeg_header(data: bytes) -> ImageHeader | None:
    at = 2
    for _ in range(MAX_STEPS):
        at = data.find(b"\xff", at, at + MAX_STEPS) + 1
        marker = data[at] if at else _END_OF_IMAGE
        if marker in _FRAME_MARKERS:
            depth, height, width, channels = struct.unpack_from(">BHHB", data, at + 3)
            is_known = depth == 8 and channels in {1, 3, 4}
            return ImageHeader("jpeg", width, height) if is_known else None
        if marker in {_START_OF_SCAN, _END_OF_IMAGE}:
            return None
        if marker in {0x00, 0xFF} | _STANDALONE_MARKERS:
            continue
        at += 1 + struct.unpack_from(">H", data, at + 1)[0]
    return None


def _gif_header(data: bytes) -> ImageHeader | None:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags % 8 + 1) if flags & 0x80 else 0)
    alpha = False
    for _ in range(MAX_STEPS):
        kind = data[at]
        if kind == 0x2C:
            left, top, *size = struct.unpack_from("<HHHH", data, at + 1)
            # Decoders enlarge the screen to hold a larger first frame.
            return ImageHeader(
                "gif", max(width, left + size[0]), max(height, top + size[1]), alpha
            )
        if kind == 0x3B:
            return None
        if kind != 0x21:  # an unknown byte, which decoders skip
            at += 1
            continue
        if data[at + 1] == 0xF9:
            alpha = bool(data[at + 3] & 1)
        at += 2
        for _ in range(MAX_STEPS):
            length = data[at]
            at += length + 1
            if not length:
                break
    return None


def _webp_header(data: bytes) -> ImageHeader | None:
    kind, at = data[12:16], 20
    if kind == b"VP8X":
        flags = data[at]
        edges = (data[at + 4 : at + 7], data[at + 7 : at + 10])
        if len(edges[1]) < 3:
            return None
        width, height = (int.from_bytes(each, "little") + 1 for each in edges)
        return ImageHeader("webp", width, height, bool(flags & 0x10))
    if kind == b"VP8L" and data[at] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, at + 1)
        width, height = bits % 0x4000 + 1, (bits >> 14) % 0x4000 + 1
        return ImageHeader("webp", width, height, bool(bits >> 28 & 1))
    if kind == b"VP8 " and data[at + 3 : at + 6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, at + 6)
        return ImageHeader("webp", width % 0x4000, height % 0x4000)
    return None
