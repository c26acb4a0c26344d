"""Take the metadata out of a JPEG, and count its parts, before it is decoded."""

import re

MAX_SCANS = 100  # real files have up to 15; each costs a pass over all pixels
MAX_PARTS = 10_000
# A marker with the bytes that may fill the space before it. Not those without a
# segment, nor an FF inside the data of a scan, which 00 follows.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd7\xff])")
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = {0xD8, 0xD9, *range(0x02, 0xC0), *range(0xF0, 0xFE)}
# All but those of JFIF and Adobe, which tell the colors, and comments.
_METADATA = {*range(0xE1, 0xF0), 0xFE} - {0xEE}


def without_metadata(data: bytes) -> bytes | None:
    """
    A JPEG without its metadata; None if it has too many parts or scans.

    Pillow joins segments of EXIF data in quadratic time. What follows a marker that
    no decoder accepts is left as it is.
    """
    kept: list[bytes] = []
    start, at, scans = 0, 2, 0
    for _ in range(MAX_PARTS):
        match = _MARKER.search(data, at)
        if match is None or match[1][0] in _WITHOUT_LENGTH:
            return b"".join([*kept, data[start:]])
        marker, length_at = match[1][0], match.end()
        at = length_at + max(2, int.from_bytes(data[length_at : length_at + 2], "big"))
        if marker in _METADATA:
            kept.append(data[start : match.start()])
            start = at
        scans += marker == _START_OF_SCAN
        if scans > MAX_SCANS:
            return None
    return None
