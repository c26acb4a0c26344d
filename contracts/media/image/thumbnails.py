"""Thumbnails of images, shown with a finding."""

import base64
import io
from typing import Any

from contracts.media.image.observation import DecodedImage

MAX_EDGE = 96  # pixels
MAX_BYTES = 3_000  # 4,000 characters in base64
_QUALITIES = (60, 30, 5)  # of WebP, until a thumbnail is small enough


def preview(image: DecodedImage) -> dict[str, Any]:
    """
    Describe an image: `format`, `width`, `height` and `thumbnail`.

    The thumbnail is a data URI of at most 4 KB; empty for an SVG, and if the image
    cannot be made that small.
    """
    return {
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "thumbnail": _thumbnail(image),
    }


def _thumbnail(image: DecodedImage) -> str:
    if not image.has_pixels:
        return ""  # an SVG, which only a browser draws
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
