"""The images of a response, in all forms in which they come."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.media.base import MAX_OUTPUTS, Seen
from contracts.media.image.observation import DecodedImage, decode_image
from contracts.media.urls import url_problem


def decode_images(seen: Seen) -> list[DecodedImage | None]:
    """The image of each entry or final event; None if not fetched."""
    items = list(seen.final_events if seen.is_stream else seen.items)
    skipped: list[DecodedImage | None] = [None] * (len(items) - MAX_OUTPUTS)
    decoded = [_decode_item(each, seen.fetched) for each in items[:MAX_OUTPUTS]]
    return [*decoded, *skipped]


def image_links(seen: Seen) -> Iterator[str]:
    """Yield the text in `url` of each entry, or of each final event."""
    items = seen.final_events if seen.is_stream else seen.items
    for item in items[:MAX_OUTPUTS]:
        url = item.get("url")
        if isinstance(url, str):
            yield url


def _decode_item(
    item: Mapping[str, Any], fetched: Mapping[str, bytes | str]
) -> DecodedImage | None:
    text = item.get("b64_json")
    if isinstance(text, str) and text:
        return _image_from_base64(text)
    url = item.get("url")
    if isinstance(url, str) and url.startswith("data:"):
        head, _, text = url.partition(",")
        if not head.endswith(";base64"):
            return DecodedImage(b"", problem="has a data URI that is not base64")
        return _image_from_base64(text)
    if isinstance(url, str) and url and (problem := url_problem(url)):
        return DecodedImage(b"", problem=problem)
    content = fetched.get(url) if isinstance(url, str) else None
    if isinstance(content, str):
        return DecodedImage(b"", problem=content)
    return decode_image(content) if content is not None else None


def _image_from_base64(text: str) -> DecodedImage:
    try:
        return decode_image(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        return DecodedImage(b"", problem=f"is not base64: {error}")
