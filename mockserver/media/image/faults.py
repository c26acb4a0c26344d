"""Relay faults that concern images: changes of a request or a response."""

from collections.abc import Mapping
from typing import Any


def first_image_only(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload with every list of images replaced by its first image."""
    return {
        name: value[0]
        if isinstance(value, list) and value and isinstance(value[0], (dict, str))
        else value
        for name, value in payload.items()
    }


def with_both_deliveries(
    body: dict[str, Any], images: list[dict[str, str]]
) -> dict[str, Any]:
    """Return the body with the fields of a second delivery added to each entry."""
    data = [
        {**entry, **both}
        for entry, both in zip(body.get("data", []), images, strict=False)
    ]
    return {**body, "data": data}
