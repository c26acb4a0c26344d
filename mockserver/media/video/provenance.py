"""Read what was written into a video: the hash of its request, seed and prompt."""

import struct
from dataclasses import dataclass

from mockserver.media.image.provenance import Provenance, parse_note
from mockserver.media.video.mp4 import boxes, find_box, read_note
from mockserver.media.video.plan import BadVideo

COMMENT, TITLE, ENCODER = b"\xa9cmt", b"\xa9nam", b"\xa9too"


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
    is_mp4 = any(name == b"ftyp" for name, _, _ in boxes(data, 0, len(data)))
    movie = find_box(data, b"moov", b"mvhd")
    track = find_box(data, b"moov", b"trak", b"tkhd")
    if not (is_mp4 and movie and track):
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
