"""Thumbnails of the images in a response, shown with a finding."""

import base64
import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from contracts.media.image.observation import DecodedImage
from contracts.report.model import Finding

MAX_EDGE = 96  # pixels
MAX_IMAGES = 4  # of one response
MAX_BYTES = 3_000  # 4,000 characters in base64
_QUALITIES = (60, 30, 5)  # of WebP, until a thumbnail is small enough


def with_previews(finding: Finding, images: Iterable[DecodedImage | None]) -> Finding:
    """Add thumbnails to a finding; returns it unchanged if no image decodes."""
    pictures = previews(images)
    if not pictures:
        return finding
    return replace(finding, answer={**finding.answer, "pictures": pictures})


def previews(images: Iterable[DecodedImage | None]) -> list[dict[str, Any]]:
    """
    Describe the first images: `format`, `width`, `height` and `thumbnail`.

    A thumbnail is a data URI of at most 4 KB; empty if the image cannot be made that
    small. Images that do not decode are left out.
    """
    decoded = [each for each in images if each and each.problem is None]
    return [
        {
            "format": image.format,
            "width": image.width,
            "height": image.height,
            "thumbnail": _thumbnail(image),
        }
        for image in decoded[:MAX_IMAGES]
    ]


def _thumbnail(image: DecodedImage) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(image.data)) as opened:
        opened.thumbnail((MAX_EDGE, MAX_EDGE))
        small = opened.convert("RGBA" if image.alpha else "RGB")
    for quality in _QUALITIES:
        out = io.BytesIO()
        small.save(out, "WEBP", quality=quality, alpha_quality=quality)
        if out.tell() <= MAX_BYTES:
            break
    encoded = base64.b64encode(out.getvalue()).decode()
    return f"data:image/webp;base64,{encoded}" if out.tell() <= MAX_BYTES else ""
