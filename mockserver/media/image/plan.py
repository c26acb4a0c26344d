"""What one image of a response shall be, before anything is drawn."""

import hashlib
from dataclasses import dataclass, fields, replace

MAX_PIXELS = 4096 * 4096
MAX_EDGE = 16383  # WebP's own
MAX_TEXT_LENGTH = 400
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

Box = tuple[int, int, int, int]  # left, top, right, bottom; in pixels
Size = tuple[int, int]


class BadImage(ValueError):
    """Bytes that are no picture, or one that is too large to be looked at."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Everything that decides the bytes of a picture.

    Edges in pixels; `compression` 0-100 as the APIs count it (100: least compressed).
    `seed` is the server's, `request` the hash of the request, and `index` the place of
    the picture in the answer: what is drawn behind the words follows from these three.
    `inputs` and `mask` are encoded pictures; `stage` above 0 is a preview of the
    finished picture, the coarser the higher. `realistic` gives the file the weight of
    one that a real model made.
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

    def preview(self, stage: int) -> "Plan":
        return replace(self, stage=stage)

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def identity(self) -> str:
        """A name for this plan, readable back from the picture."""
        facts = {
            **{name: getattr(self, name) for name in _FIELD_NAMES},
            "inputs": [hashlib.sha256(each).hexdigest() for each in self.inputs],
            "mask": self.mask and hashlib.sha256(self.mask).hexdigest(),
        }
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]

    def stable_bytes(self, purpose: str, count: int) -> bytes:
        """So many bytes at random, always the same for the same picture."""
        text = f"{purpose} {self.seed} {self.request} {self.index}"
        return hashlib.shake_128(text.encode()).digest(count)


_FIELD_NAMES = tuple(each.name for each in fields(Plan))
