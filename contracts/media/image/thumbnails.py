"""Small likenesses of the pictures in an answer, for those who look at a finding."""

import base64
import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from contracts.media.image.observation import DecodedImage
from contracts.report.model import Finding

MAX_EDGE = 96  # pixels
MAX_IMAGES = 4  # pictures of one answer
MAX_BYTES = 3_000  # bytes, before base64 makes 4,000 of them
_QUALITIES = (60, 30, 5)


def with_previews(finding: Finding, images: Iterable[DecodedImage | None]) -> Finding:
    """The finding with the pictures of its answer, where there are any."""
    found = previews(images)
    if not found:
        return finding
    return replace(finding, answer={**finding.answer, "pictures": found})


def previews(images: Iterable[DecodedImage | None]) -> list[dict[str, Any]]:
    """
    The first pictures of an answer: `format`, `width`, `height`, `thumbnail`.

    A thumbnail is a data URI of at most 4 KB. What does not decode is left out: the
    finding says so.
    """
    whole = [each for each in images if each and each.problem is None]
    return [
        {
            "format": each.format,
            "width": each.width,
            "height": each.height,
            "thumbnail": _thumbnail(each),
        }
        for each in whole[:MAX_IMAGES]
    ]


def _thumbnail(picture: DecodedImage) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(picture.data)) as image:
        image.thumbnail((MAX_EDGE, MAX_EDGE))
        small = image.convert("RGBA" if picture.alpha else "RGB")
    for quality in _QUALITIES:
        out = io.BytesIO()
        small.save(out, "WEBP", quality=quality, alpha_quality=quality)
        if out.tell() <= MAX_BYTES:
            break
    encoded = base64.b64encode(out.getvalue()).decode()
    return f"data:image/webp;base64,{encoded}" if out.tell() <= MAX_BYTES else ""
