"""Read what an MP4 file says of its origin, be it from a mock or not."""

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from mockserver.media.image.provenance import Provenance, parse_note
from mockserver.media.video.mp4 import boxes, find_box, read_note
from mockserver.media.video.plan import BadVideo

COMMENT, TITLE, ENCODER = b"\xa9cmt", b"\xa9nam", b"\xa9too"
# Boxes with the type of a user: of C2PA 2.1 (embedding in BMFF), and of XMP (part 3).
_USER_BOXES = {
    uuid.UUID("d8fec3d6-1b0e-483c-9297-5828877ec481"): "a C2PA manifest, not verified",
    uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac"): "XMP metadata",
}
_TEXTS = {TITLE: "title", COMMENT: "comment", ENCODER: "encoder"}
_MAX_TEXT = 80  # characters of a text that is shown


@dataclass(frozen=True, slots=True)
class VideoProvenance(Provenance):
    """
    The metadata in a video of this mock.

    `duration` is in seconds; `prompt` is the text on the frames.
    """

    prompt: str
    duration: float


def read_provenance(data: bytes) -> VideoProvenance | None:
    """
    Read the metadata of a video; None if it does not come from this mock.

    Raises `BadVideo` if the bytes are no MP4 file.
    """
    movie = find_box(data, b"moov", b"mvhd")
    track = find_box(data, b"moov", b"trak", b"tkhd")
    if not (is_mp4(data) and movie and track):
        raise BadVideo("it is no MP4 file, or its index is missing")
    facts = parse_note(read_note(data, COMMENT))
    if facts is None:
        return None
    timescale, duration = struct.unpack_from(">2I", data[slice(*movie)].ljust(20), 12)
    width, height = struct.unpack_from(">H2xH2x", data[slice(*track)].ljust(84), 76)
    return VideoProvenance(
        **facts,
        format="mp4",
        width=width,
        height=height,
        prompt=read_note(data, TITLE),
        duration=duration / max(1, timescale),
    )


def is_mp4(data: bytes) -> bool:
    """True for a file of boxes, as MP4 is; HEIC and AVIF images are that as well."""
    return any(name == b"ftyp" for name, _, _ in boxes(data, 0, len(data)))


def claims_of_origin(data: bytes) -> Iterator[str]:
    """
    Yield what an MP4 file says of its origin, in words: manifests and texts.

    Nothing is verified: anyone can write or remove it.
    """
    for name, start, end in boxes(data, 0, len(data)):
        if name == b"uuid" and end - start >= 16:
            words = _USER_BOXES.get(uuid.UUID(bytes=data[start : start + 16]))
            if words is not None:
                yield f"{words} ({end - start - 16} bytes)"
    for name, noun in _TEXTS.items():
        text = read_note(data, name)
        if text:
            yield f"{noun} '{text[:_MAX_TEXT]}'"
