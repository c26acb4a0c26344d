"""Sample files to upload: small images, with the same bytes in every run."""

import base64
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import repeat
from typing import Any

from mockserver.media.image.plan import FORMATS
from mockserver.media.image.uploads import upload_facts

SMALL_VALUE_BYTES = 4000
LARGE_PAYLOAD_BYTES = 1_100_000
NOT_AN_IMAGE = b"This is no picture.\n" * 8
CHUNK_SIZE = 256 * 1024
_ZEROS, _BLANKS = bytes(CHUNK_SIZE), b" " * CHUNK_SIZE


@dataclass(frozen=True)
class Sample:
    """
    The facts of an image, from which its bytes are made; edges in pixels.

    `weight` is the number of bytes to which the file is padded. With `format` None the
    file is text. `variant` distinguishes images of the same facts by their color.
    """

    width: int = 64
    height: int = 64
    format: str | None = "png"
    alpha: bool = False
    weight: int = 0
    variant: int = 0

    @property
    def filename(self) -> str:
        return f"sample{self.variant}.{self.format or 'txt'}"

    @property
    def content_type(self) -> str:
        return FORMATS.get(self.format or "", f"image/{self.format or 'png'}")

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def chunks(self) -> Iterator[bytes]:
        """The bytes in chunks; the chunks of the padding are one shared object."""
        # Only images without padding are cached: the others would take a gigabyte.
        image = _encode(replace(self, weight=0))
        times, rest = divmod(max(0, self.weight - len(image)), CHUNK_SIZE)
        padding = _ZEROS if self.format else _BLANKS
        yield image
        yield from repeat(padding, times)
        yield padding[:rest]

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the upload, as the schema of a document sees them."""
        return _facts(self)

    @property
    def data_uri(self) -> str:
        encoded = base64.b64encode(self.data).decode()
        return f"data:{self.content_type};base64,{encoded}"

    def __str__(self) -> str:
        # Boundaries of forms, and so the keys of recordings, depend on this text.
        alpha = " with alpha" if self.alpha else ""
        return f"<{self.format or 'no picture'} {self.width}x{self.height}{alpha}>"


@cache
def _encode(sample: Sample) -> bytes:
    if sample.format is None:
        return NOT_AN_IMAGE
    from PIL import Image, ImageDraw

    mode = "RGBA" if sample.alpha else "RGB"
    hue = (40 + 67 * sample.variant) % 256
    image = Image.new(
        mode, (sample.width, sample.height), (hue, 120, 200, 255)[: len(mode)]
    )
    draw = ImageDraw.Draw(image)
    box = (sample.width // 4, sample.height // 4, sample.width // 2, sample.height // 2)
    draw.rectangle(box, fill=(250, 220, 40, 0)[: len(mode)])
    out = io.BytesIO()
    image.save(out, sample.format.upper())
    return out.getvalue()


@cache
def _facts(sample: Sample) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    for chunk in sample.chunks:
        digest.update(chunk)
        size += len(chunk)
    unpadded = upload_facts(
        _encode(replace(sample, weight=0)),
        filename=sample.filename,
        content_type=sample.content_type,
    )
    return replace(unpadded, bytes=size, sha256=digest.hexdigest()).facts()


def with_file_facts(value: Any) -> Any:
    """Replace each sample in a payload by the object of its facts."""
    if isinstance(value, dict):
        return {key: with_file_facts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [with_file_facts(each) for each in value]
    return value.facts if isinstance(value, Sample) else value


def estimated_bytes(value: Any) -> int:
    """Estimate the bytes of a value; an image without padding counts 0."""
    if isinstance(value, dict):
        return sum(map(estimated_bytes, value.values()))
    if isinstance(value, list):
        return sum(map(estimated_bytes, value))
    if isinstance(value, Sample):
        return value.weight
    return len(value if isinstance(value, str) else str(value))


def is_small_value(value: Any) -> bool:
    """True for a file that is not made heavier, and for another value of few bytes."""
    if isinstance(value, Sample):
        return value.weight == 0
    return estimated_bytes(value) < SMALL_VALUE_BYTES


def is_count_in(value: Any, counts: range) -> bool:
    """True for an integer within a range; a boolean is none."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number and value in counts
