"""The plan of one image of a response: all that decides its bytes."""

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from mockserver.media.base import UnreadableUpload

MAX_PIXELS = 4608 * 3840  # some "4K" sizes have more pixels than 4096x4096
MAX_EDGE = 16383  # the limit of WebP
MAX_TEXT_LENGTH = 400
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
MEDIA_TYPES = {**FORMATS, "gif": "image/gif", "svg": "image/svg+xml"}
"""The media types of all formats: those of still images, animations and vectors."""

Box = tuple[int, int, int, int]  # left, top, right, bottom; in pixels
Size = tuple[int, int]


class BadImage(UnreadableUpload):
    """Bytes that are no image, or an image that is too large to decode."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Everything that decides the bytes of an image.

    `width` and `height` are in pixels. `compression` is 0 to 100 as the APIs count it
    (100: least compressed). `seed` is the server's, `request` the hash of the request,
    and `index` the position of the image in the response, from 0: the scene behind the
    text follows from these three. `inputs` and `mask` are encoded images. `stage` 0 is
    the finished image; a higher number is a coarser preview. `realistic` makes the file
    as large as one that a real model returns.

    `markup` is an encoded image that is laid over the first input. An animation has
    `frames`, each shown for `frame_ms` milliseconds.
    """

    text: str
    width: int
    height: int
    format: str = "png"
    transparent: bool = False
    compression: int = 100
    seed: int = 0
    caption: str = ""
    inputs: tuple[bytes, ...] = ()
    mask: bytes | None = None
    stage: int = 0
    request: str = ""
    index: int = 0
    realistic: bool = False
    markup: bytes | None = None
    frames: int = 1
    frame_ms: int = 0

    def __hash__(self) -> int:
        # Few plans of one request differ in other fields, and this is faster.
        return hash((self.request, self.index, self.stage))

    def preview(self, stage: int) -> Self:
        return replace(self, stage=stage)

    def rare_facts(self) -> dict[str, Any]:
        """The facts that few plans have; empty for the others."""
        given = (each for each in fields(Plan) if each.name in _RARE)
        return {
            each.name: value
            for each in given
            if (value := getattr(self, each.name)) != each.default
        }

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def identity(self) -> str:
        """A hash of this plan, 32 hexadecimal digits; it is written into the file."""
        facts = {
            **{name: getattr(self, name) for name in COMMON_FIELDS},
            "inputs": [hashlib.sha256(each).hexdigest() for each in self.inputs],
            "mask": self.mask and hashlib.sha256(self.mask).hexdigest(),
            **self.rare_facts(),
        }
        if self.markup:
            facts["markup"] = hashlib.sha256(self.markup).hexdigest()
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]

    def stable_bytes(self, purpose: str, count: int) -> bytes:
        """Return `count` pseudo-random bytes, the same for the same image."""
        text = f"{purpose} {self.seed} {self.request} {self.index}"
        return hashlib.shake_128(text.encode()).digest(count)


# What few plans have; others are hashed and signed without it.
_RARE = ("markup", "frames", "frame_ms")
COMMON_FIELDS = tuple(each.name for each in fields(Plan) if each.name not in _RARE)
