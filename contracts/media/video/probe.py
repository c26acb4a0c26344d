"""
Decode the videos of responses, and state their facts.

PyAV (FFmpeg) decodes every frame, which shows damage that the index of a file does not.
It is imported when the first video comes. What it gets is bounded before and while it
works: a video of a response is a file of a stranger.
"""

import hashlib
import io
import itertools
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from mockserver.state.cache import LruCache

MAX_BYTES = 512 * 1024 * 1024
MAX_PIXELS = 4096 * 2304  # of a frame
MAX_FRAMES = 20_000
MAX_DECODED_PIXELS = 32_000_000_000  # of all frames: 60 seconds of 3840x2160 at 60
MAX_PACKETS = 1_000_000
MAX_CACHED_VIDEOS = 256
_MOV_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")
_MATROSKA = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """
    Facts about a video.

    `container` is `mp4`, `mov`, `webm` or `matroska`, `codec` the name that FFmpeg has
    for the codec, such as `h264`. `width` and `height` are in pixels, `duration` in
    seconds and `frame_rate` in frames per second, by the times of the frames.
    `problem` is the reason why the video cannot be decoded to its last frame, and None
    if it can; then the facts are those that were found before it.
    """

    container: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    duration: float = 0
    frame_rate: float = 0
    frames: int = 0
    has_sound: bool = False
    problem: str | None = None


_cache: LruCache[str, VideoFacts] = LruCache(MAX_CACHED_VIDEOS)  # by sha256


def probe(data: bytes) -> VideoFacts:
    """
    Decode a video to its last frame; the facts are cached by the hash of the bytes.

    Blocks for seconds. Raises nothing: `problem` describes bytes that are no video.
    """
    digest = hashlib.sha256(data).hexdigest()
    facts = _cache.get(digest)
    if facts is None:
        facts = _probe(data)
        _cache.add(digest, facts, 1)
    return facts


def _probe(data: bytes) -> VideoFacts:
    if not data:
        return VideoFacts(problem="is empty")
    if len(data) > MAX_BYTES:
        return VideoFacts(problem=f"has over {MAX_BYTES} bytes")
    container = _container(data)
    if not container:
        return VideoFacts(problem=f"does not decode: it is {_other_content(data)}")
    facts = _Reading(container)
    try:
        facts.read(data)
    except _Problem as problem:
        facts.problem = str(problem)
    # FFmpeg raises many types of errors for malformed bytes.
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        facts.problem = f"does not decode: {' '.join(reason.split())[:200]}"
    return facts.facts()


class _Problem(Exception):
    """A reason why a video is not decoded to its end, in words."""


class _Reading:
    """The facts of a video while it is read."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.codec = ""
        self.size = (0, 0)
        self.times: list[Fraction] = []
        self.duration = 0.0
        self.average_rate = 0.0
        self.frames = 0
        self.hidden = 0  # frames that the index says not to show
        self.has_sound = False
        self.problem: str | None = None

    def facts(self) -> VideoFacts:
        return VideoFacts(
            container=self.container,
            codec=self.codec,
            width=self.size[0],
            height=self.size[1],
            duration=round(self.duration or self._duration_of_frames(), 6),
            frame_rate=round(self._frame_rate(), 3),
            frames=self.frames,
            has_sound=self.has_sound,
            problem=self.problem,
        )

    def _frame_rate(self) -> float:
        """
        Frames per second between the first and the last frame.

        The last frame may be shown for another time than the others.
        """
        if len(self.times) < 2 or self.times[-1] <= self.times[0]:
            return self.average_rate
        return float((len(self.times) - 1) / (self.times[-1] - self.times[0]))

    def _duration_of_frames(self) -> float:
        """The duration of a video whose file does not state one, in seconds."""
        rate = self._frame_rate()
        return self.frames / rate if rate else 0.0

    def read(self, data: bytes) -> None:
        """Decode a file; raises `_Problem`, or any error of PyAV."""
        av = _av()
        # Only the demuxer of the container is used: others, of playlists, open URLs.
        name = "mp4" if self.container in {"mp4", "mov"} else "matroska"
        options = {"max_pixels": str(MAX_PIXELS)}  # also of a frame that grows
        with av.open(
            io.BytesIO(data), format=name, options=options, metadata_errors="replace"
        ) as file:
            self.has_sound = bool(file.streams.audio)
            if file.duration is not None:
                self.duration = file.duration / av.time_base
            if not file.streams.video:
                raise _Problem(
                    "has only sound, no pictures"
                    if self.has_sound
                    else "has neither pictures nor sound"
                )
            stream = file.streams.video[0]
            context = stream.codec_context
            if context is None:
                raise _Problem("has a codec that cannot be decoded")
            self.codec = context.name
            self.size = (context.width, context.height)
            self.average_rate = float(stream.average_rate or 0)
            if context.width * context.height > MAX_PIXELS:
                raise _Problem(f"has frames of over {MAX_PIXELS} pixels")
            context.options = options
            context.thread_type = "NONE"  # the harness works on several responses
            for packet in itertools.islice(
                file.demux([stream, *file.streams.audio[:1]]), MAX_PACKETS
            ):
                self._decode(packet, is_picture=packet.stream is stream)
            if not self.frames:
                raise _Problem("has no frames")
            if stream.frames > self.frames + self.hidden:
                raise _Problem(
                    f"has {self.frames} frames that decode, "
                    f"of {stream.frames} in its index"
                )

    def _decode(self, packet: Any, *, is_picture: bool) -> None:
        if packet.is_corrupt:
            raise _Problem("is cut off: a part of its data is missing")
        self.hidden += is_picture and packet.is_discard
        for frame in packet.decode():
            if is_picture:
                self._count(frame)

    def _count(self, frame: Any) -> None:
        if frame.is_corrupt:
            raise _Problem(f"has a damaged frame, number {self.frames + 1}")
        if self.frames and (frame.width, frame.height) != self.size:
            raise _Problem(f"changes its size to {frame.width}x{frame.height}")
        self.size = (frame.width, frame.height)
        self.frames += 1
        if frame.pts is not None and frame.time_base is not None:
            self.times.append(frame.pts * frame.time_base)
        if self.frames > MAX_FRAMES:
            raise _Problem(f"has over {MAX_FRAMES} frames")
        if self.frames * frame.width * frame.height > MAX_DECODED_PIXELS:
            raise _Problem(f"has over {MAX_DECODED_PIXELS} pixels in all frames")


@cache
def _av() -> Any:
    import av
    import av.logging

    av.logging.set_level(None)  # errors are raised; FFmpeg would print them
    return av


def _container(data: bytes) -> str:
    """Return the container by the first bytes of a file; empty for any other."""
    if data.startswith(_MATROSKA):
        return "webm" if b"webm" in data[:64] else "matroska"
    if data[4:8] in _MOV_BOXES:
        is_mov = data[4:8] != b"ftyp" or data[8:12] == b"qt  "
        return "mov" if is_mov else "mp4"
    return ""


def _other_content(data: bytes) -> str:
    """`no MP4, MOV, WebM or Matroska file, but HTML`."""
    start = data[:512].lstrip().lower()
    others = {
        b"<!doctype html": "HTML",
        b"<html": "HTML",
        b"{": "JSON",
        b"\x89png": "PNG",
        b"\xff\xd8\xff": "JPEG",
        b"gif8": "GIF",
    }
    named = next((name for mark, name in others.items() if start.startswith(mark)), "")
    known = "no MP4, MOV, WebM or Matroska file"
    return f"{known}, but {named}" if named else known
