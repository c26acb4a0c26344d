"""Relay faults that concern images: changes of a request or a response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mockserver.media.base import Output, Renderer
from mockserver.media.image.output import ImageOutput

BAD_BASE64 = "bad-base64"
BOTH_DELIVERIES = "both-deliveries"
EMPTY_DATA = "empty-data"
FAILED_IMAGE_FAULT = "failed-image"
FEWER_IMAGES = "fewer-images"
NO_PARTIALS = "no-partials"
ONE_IMAGE = "one-image"
OTHER_FORMAT = "other-format"
RELAY_FAULTS = {
    BAD_BASE64: "The base64 of each image is cut off, and ends with a character that "
    "base64 does not have; URLs are unchanged.",
    BOTH_DELIVERIES: "Every image is delivered twice, as `url` and as `b64_json`.",
    EMPTY_DATA: "`data` is an empty list, with status 200; a stream is sent unchanged.",
    FAILED_IMAGE_FAULT: "The last image fails in the way that the document describes; "
    "where it describes none, the response is unchanged.",
    FEWER_IMAGES: "The last of several images is missing; a single image is sent "
    "unchanged.",
    NO_PARTIALS: "The requested partial images are missing from the stream.",
    ONE_IMAGE: "Only the first of several images to edit (`image[]`) is read.",
    OTHER_FORMAT: "Each image is in another format than the one asked for.",
}


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


def with_other_format(plans: Sequence[ImageOutput]) -> list[ImageOutput]:
    """Return the plans with another format, which keeps transparency."""
    return [replace(plan, format=_other_format(plan)) for plan in plans]


def _other_format(plan: ImageOutput) -> str:
    if plan.format != "png":
        return "png"
    return "webp" if plan.transparent else "jpeg"


@dataclass(frozen=True, slots=True)
class BadBase64Renderer:
    """A renderer whose base64 is cut off and ends with a character of no base64."""

    renderer: Renderer

    async def base64_of(self, output: Output) -> bytes:
        text = await self.renderer.base64_of(output)
        return text[: len(text) // 2 | 1] + b"!"

    async def url_of(self, output: Output) -> str:
        return await self.renderer.url_of(output)
