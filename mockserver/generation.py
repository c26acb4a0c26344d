"""From what was asked to the plans of the pictures that answer it."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mockserver.bodies import Received
from mockserver.errors import Rejected
from mockserver.pictures import FORMATS, MAX_PIXELS, Plan
from specs import Dialect, size_of

MAX_IMAGES = 64
_DATA_URI = re.compile(r"data:image/[a-z+.-]+;base64,", re.IGNORECASE)
GREY = b""  # stands for a picture behind an address, which is never fetched


def plans(
    request: Mapping[str, Any],
    received: Received,
    dialect: Dialect,
    *,
    seed: int,
) -> list[Plan]:
    """
    One plan per picture asked for.

    `request` is the payload in canonical names with defaults. What a document leaves
    unspecified is served as far as it can be drawn; raises `Rejected` beyond that.
    """
    width, height = _size(request, dialect)
    format_ = _format(request)
    count = _whole(request, "n", default=1, least=1, most=_most(dialect))
    digest = _digest(received, seed)
    inputs = tuple(_pictures(request.get("image"), received))
    mask = next(_pictures(request.get("mask"), received), None)
    return [
        Plan(
            text=str(request.get("prompt", ""))[:400]
            .encode("utf-8", "replace")
            .decode(),
            width=width,
            height=height,
            format=format_,
            transparent=request.get("background") == "transparent"
            and format_ != "jpeg",
            compression=_whole(
                request, "output_compression", default=100, least=0, most=100
            ),
            seed=(digest + at) % 2**63,
            caption=f"{request.get('model', '')} {width}x{height} {at + 1}/{count}",
            inputs=inputs,
            mask=mask or None,
        )
        for at in range(count)
    ]


def _most(dialect: Dialect) -> int:
    return int(dialect.mock.get("max_images", MAX_IMAGES))


def _size(request: Mapping[str, Any], dialect: Dialect) -> tuple[int, int]:
    asked = request.get("size", "auto")
    fallback = size_of(dialect.mock.get("auto_size")) or (1024, 1024)
    size = fallback if asked == "auto" else size_of(asked)
    if size is None or size[0] * size[1] > MAX_PIXELS:
        message = f"size: this mock draws WIDTHxHEIGHT of up to {MAX_PIXELS} pixels."
        raise Rejected("invalid_request", message, param="size")
    return size


def _format(request: Mapping[str, Any]) -> str:
    format_ = request.get("output_format", "png")
    if format_ not in FORMATS:
        message = f"output_format: this mock draws {', '.join(FORMATS)}."
        raise Rejected("invalid_request", message, param="output_format")
    return str(format_)


def _whole(
    request: Mapping[str, Any], name: str, *, default: int, least: int, most: int
) -> int:
    value = request.get(name, default)
    is_whole = isinstance(value, (int, float)) and int(value) == value
    if isinstance(value, bool) or not is_whole or not least <= value <= most:
        message = f"{name}: this mock takes whole numbers from {least} to {most}."
        raise Rejected("invalid_request", message, param=name)
    return int(value)


def _digest(received: Received, seed: int) -> int:
    text = json.dumps([seed, received.payload], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % 2**62


def _pictures(value: Any, received: Received) -> Iterator[bytes]:
    """The bytes behind a member: uploads, data URIs, addresses, or lists of them."""
    if isinstance(value, list):
        for each in value:
            yield from _pictures(each, received)
    elif isinstance(value, dict) and "sha256" in value:
        yield received.files[value["sha256"]]
    elif isinstance(value, dict):
        yield from _pictures(value.get("image_url", ""), received)
    elif isinstance(value, str):
        yield _behind(value)


def _behind(text: str) -> bytes:
    match = _DATA_URI.match(text)
    if not match:
        return GREY
    try:
        return base64.b64decode(text[match.end() :], validate=True)
    except binascii.Error:
        raise Rejected(
            "invalid_request", "The data URI holds no base64.", param="image"
        ) from None


def usage(
    request: Mapping[str, Any], received: list[Plan], dialect: Dialect
) -> dict[str, Any]:
    """Token counts that add up, by the documented counts where there are any."""
    words = len(str(request.get("prompt", "")))
    text = max(1, (words + 3) // 4)
    pictures = 1024 * len(received[0].inputs) if received else 0
    table = dialect.usage.get("output_tokens", {})
    each = table.get(request.get("quality"), table.get("medium", 1056))
    output = sum(max(1, each * plan.pixels // (1024 * 1024)) for plan in received)
    output += dialect.usage.get("partial_image_tokens", 0) * _partials(request)
    return {
        "input_tokens": text + pictures,
        "output_tokens": output,
        "total_tokens": text + pictures + output,
        "input_tokens_details": {"text_tokens": text, "image_tokens": pictures},
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
    }


def _partials(request: Mapping[str, Any]) -> int:
    return int(request.get("partial_images", 0)) if request.get("stream") else 0
