"""The plan of one video of a response: all that decides its bytes."""

import hashlib
import math
from dataclasses import dataclass, fields

MAX_SECONDS = 120
MAX_FRAME_RATE = 60
# What level 5.2 of H.264 allows at 60 frames per second (table A-1), as in 4096x2160.
MACROBLOCK = 16  # pixels
MAX_MACROBLOCKS = 34_560
MIN_EDGE, MAX_EDGE = 16, 8192  # pixels; level 5.2 allows 8688


class BadVideo(ValueError):
    """A video that is not made: too long, too large, or not possible in H.264."""


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """
    Everything that decides the bytes of a video.

    `width` and `height` are in pixels and even: H.264 stores colours for squares of
    two by two pixels. `duration` is in seconds, rounded to milliseconds in the file;
    `frame_rate` is in frames per second. `sound` adds a track with a tone. `first` and
    `last` are encoded images: the first frame and the last frame show them. `seed` is
    the server's, `request` the hash of the request, and `index` the position of the
    video in the response, from 0: the scene behind the text follows from these three.

    Raises `BadVideo` if a value is beyond the limits.
    """

    text: str
    width: int
    height: int
    duration: float
    frame_rate: int
    sound: bool = False
    seed: int = 0
    caption: str = ""
    first: bytes | None = None
    last: bytes | None = None
    request: str = ""
    index: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.duration) and 0.001 <= self.duration <= MAX_SECONDS):
            raise BadVideo(
                f"a video of {self.duration:g} seconds is not made: "
                f"0.001 to {MAX_SECONDS} seconds are possible"
            )
        if not 1 <= self.frame_rate <= MAX_FRAME_RATE:
            raise BadVideo(
                f"a frame rate of {self.frame_rate} is not made: "
                f"1 to {MAX_FRAME_RATE} frames per second are possible"
            )
        size = f"{self.width}x{self.height}"
        edges = (self.width, self.height)
        if not MIN_EDGE <= min(edges) <= max(edges) <= MAX_EDGE:
            raise BadVideo(
                f"a video of {size} pixels is not made: "
                f"edges of {MIN_EDGE} to {MAX_EDGE} pixels are possible"
            )
        if math.prod(-(-edge // MACROBLOCK) for edge in edges) > MAX_MACROBLOCKS:
            raise BadVideo(
                f"a video of {size} pixels is not made: at most {MAX_MACROBLOCKS} "
                f"squares of {MACROBLOCK}x{MACROBLOCK} pixels, as in 4096x2160, "
                "are possible"
            )
        if self.width % 2 or self.height % 2:
            raise BadVideo(
                f"a video of {size} pixels is not made: "
                "H.264 has only even widths and heights"
            )

    @property
    def milliseconds(self) -> int:
        return round(self.duration * 1000)

    @property
    def frames(self) -> int:
        """
        The number of frames, at least 1.

        If the duration is no multiple of the time of a frame, the last frame is shown
        shorter or longer than the others.
        """
        return max(1, round(self.milliseconds * self.frame_rate / 1000))

    @property
    def media_type(self) -> str:
        return "video/mp4"

    @property
    def extension(self) -> str:
        return "mp4"

    @property
    def identity(self) -> str:
        """A hash of this plan, 32 hexadecimal digits; it is written into the file."""
        facts = {
            **{name: getattr(self, name) for name in _FIELD_NAMES},
            "first": self.first and hashlib.sha256(self.first).hexdigest(),
            "last": self.last and hashlib.sha256(self.last).hexdigest(),
        }
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


_FIELD_NAMES = tuple(each.name for each in fields(VideoPlan))
