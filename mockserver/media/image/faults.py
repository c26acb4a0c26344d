"""Relay faults that concern images: changes of a request or a response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mockserver.media.image.delivery import Renderer
from mockserver.media.image.plan import Plan


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


def with_other_format(plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans with another format, which keeps transparency."""
    return [replace(plan, format=_other_format(plan)) for plan in plans]


def _other_format(plan: Plan) -> str:
    if plan.format != "png":
        return "png"
    return "webp" if plan.transparent else "jpeg"


@dataclass(frozen=True, slots=True)
class BadBase64Renderer:
    """A renderer whose base64 is cut off and ends with a character of no base64."""

    renderer: Renderer

    async def base64_of(self, plan: Plan) -> bytes:
        text = await self.renderer.base64_of(plan)
        return text[: len(text) // 2 | 1] + b"!"

    async def url_of(self, plan: Plan) -> str:
        return await self.renderer.url_of(plan)
