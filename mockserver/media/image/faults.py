"""Defects of relays that concern images: what they do to a request or a response."""

from collections.abc import Mapping
from typing import Any


def first_image_only(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload behind a relay that reads a list of images as one image."""
    return {
        name: value[0]
        if isinstance(value, list) and value and isinstance(value[0], (dict, str))
        else value
        for name, value in payload.items()
    }


def with_both_deliveries(
    body: dict[str, Any], images: list[dict[str, str]]
) -> dict[str, Any]:
    """A response whose entries hold each image in two ways."""
    data = [
        {**entry, **both}
        for entry, both in zip(body.get("data", []), images, strict=False)
    ]
    return {**body, "data": data}
