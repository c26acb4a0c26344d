"""The facts with which the examples of a document are filled in."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.media.image.output import ImageOutput

THOUSANDTHS = 1000
QUALITIES = ("low", "medium", "high", "xhigh", "max")


def response_facts(
    request: Mapping[str, Any],
    *,
    hash_: str,
    created: int,
    usage: Mapping[str, Any],
    count: int,
    cost: float | None,
) -> dict[str, Any]:
    """
    The values of all placeholders but those of images.

    `created` is in seconds since 1970. `count` is the number of images, and `cost`
    their price in the provider's currency, or None.
    """
    facts: dict[str, Any] = {
        "id": hash_[:32],
        "uuid": _uuid(hash_),
        "created_s": created,
        "created_ms": created * 1000,
        "count": count,
        "cost": cost,
        "quality": actual_quality(request),
        "cost_thousandths": None if cost is None else round(cost * THOUSANDTHS),
    }
    facts |= _nested(usage, "usage.")
    facts |= {f"request.{name}": value for name, value in request.items()}
    return facts


def actual_quality(request: Mapping[str, Any]) -> str:
    """The quality of the images for a request in canonical names."""
    quality = request.get("quality")
    return str(quality) if quality in QUALITIES else "medium"


def _nested(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Values by name; those of an object inside also as `{prefix}NAME.NAME`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found[f"{prefix}{name}"] = value
        if isinstance(value, dict):
            found |= _nested(value, f"{prefix}{name}.")
    return found


def image_facts(
    images: Sequence[ImageOutput], entries: Sequence[Mapping[str, str]], hash_: str
) -> list[dict[str, Any]]:
    """The values of the placeholders of each image; `entries` hold the images."""
    return [
        {
            f"output.{name}": value
            for name, value in (
                *image.details.items(),
                *entry.items(),
                ("form", next(iter(entry))),
                ("format", image.format),
                ("background", image.background),
                ("media_type", image.media_type),
                ("uuid", _uuid(_sha256(f"{hash_}{image.index}"))),
                ("seed", int(hash_[:7], 16) + image.index),
            )
        }
        for image, entry in zip(images, entries, strict=True)
    ]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _uuid(text: str) -> str:
    """The beginning of a hash in the form of a random UUID."""
    parts = (text[:8], text[8:12], f"4{text[13:16]}", f"8{text[17:20]}", text[20:32])
    return "-".join(parts)
