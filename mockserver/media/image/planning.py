"""From what was asked to the plans of the pictures that answer it."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from mockserver.errors import Rejected
from mockserver.media.image.drawing.encode import (
    FORMATS,
    MAX_EDGE,
    MAX_PIXELS,
    MAX_TEXT,
    Plan,
)
from mockserver.media.image.headers import header
from specs import Dialect, size_of

MAX_IMAGES = 64
MAX_PIXELS_READ = 8 * MAX_PIXELS
MAX_PIXELS_DRAWN = 10 * MAX_PIXELS
MAX_PARTIALS = 3
MAX_NAME = 80
_DATA_URI = re.compile(r"data:image/[a-z+.-]+;base64,", re.IGNORECASE)
_SORTED = json.JSONEncoder(sort_keys=True)
GREY = b""  # stands for a picture behind an address, which is never fetched


def plans(
    request: Mapping[str, Any],
    files: Mapping[str, bytes],
    dialect: Dialect,
    *,
    hash_: str,
    seed: int,
    realistic: bool = False,
) -> list[Plan]:
    """
    One plan per picture asked for.

    `request` is the payload in canonical names with defaults, `files` the uploaded
    bytes by their sha256, `hash_` what `request_hash` gives; `realistic` pictures
    weigh as much as real ones. What a document leaves unspecified is served as far as
    it can be drawn; raises `Rejected` beyond that.
    """
    width, height = _size(request, dialect)
    format_ = _format(request)
    count = _whole(request, "n", default=1, least=1, most=_most(dialect))
    inputs = tuple(islice(_pictures("image", request, files), MAX_IMAGES))
    mask = next(_pictures("mask", request, files), None)
    _check_work((*inputs, mask or GREY), count * width * height)
    model = str(request.get("model", ""))[:MAX_NAME]
    return [
        Plan(
            text=_shortened(str(request.get("prompt", ""))),
            width=width,
            height=height,
            format=format_,
            transparent=request.get("background") == "transparent"
            and format_ != "jpeg",
            compression=_whole(
                request, "output_compression", default=100, least=0, most=100
            ),
            seed=seed,
            caption=f"{model} {width}x{height} {at + 1}/{count}",
            inputs=inputs,
            mask=mask or None,
            request=hash_,
            index=at,
            realistic=realistic,
        )
        for at in range(count)
    ]


def _check_work(inputs: Sequence[bytes], drawn: int) -> None:
    """Raises `Rejected` where more is to be read or drawn than does others no harm."""
    headers = filter(None, map(header, inputs))
    read = sum(each.width * each.height for each in headers)
    for name, pixels, most in (
        ("image", read, MAX_PIXELS_READ),
        ("n", drawn, MAX_PIXELS_DRAWN),
    ):
        if pixels > most:
            message = f"{name}: this mock takes up to {most} pixels in all."
            raise Rejected("invalid_request", message, param=name)


def _most(dialect: Dialect) -> int:
    return int(dialect.mock.get("max_images", MAX_IMAGES))


def _size(request: Mapping[str, Any], dialect: Dialect) -> tuple[int, int]:
    asked = request.get("size", "auto")
    fallback = size_of(dialect.mock.get("auto_size")) or (1024, 1024)
    size = fallback if asked == "auto" else size_of(asked)
    if size is None or size[0] * size[1] > MAX_PIXELS or max(size) > MAX_EDGE:
        message = (
            f"size: this mock draws WIDTHxHEIGHT of up to {MAX_PIXELS} pixels, "
            f"no edge above {MAX_EDGE}."
        )
        raise Rejected("invalid_request", message, param="size")
    return size


def _format(request: Mapping[str, Any]) -> str:
    format_ = request.get("output_format", "png")
    if not isinstance(format_, str) or format_ not in FORMATS:
        message = f"output_format: this mock draws {', '.join(FORMATS)}."
        raise Rejected("invalid_request", message, param="output_format")
    return format_


def _whole(
    request: Mapping[str, Any], name: str, *, default: int, least: int, most: int
) -> int:
    value = request.get(name, default)
    is_whole = isinstance(value, (int, float)) and int(value) == value
    if isinstance(value, bool) or not is_whole or not least <= value <= most:
        message = f"{name}: this mock takes whole numbers from {least} to {most}."
        raise Rejected("invalid_request", message, param=name)
    return int(value)


def request_hash(payload: Mapping[str, Any]) -> str:
    """
    16 hexadecimal digits for what was asked, by which its pictures are found again.

    Names, values and the bytes of uploads count; order, spaces and headers do not.
    """
    text = _SORTED.encode(payload)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def _pictures(
    name: str, request: Mapping[str, Any], files: Mapping[str, bytes]
) -> Iterator[bytes]:
    """The bytes behind a member: uploads, data URIs, addresses, or lists of them."""
    waiting = [request.get(name)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict) and files:
            yield files[value["sha256"]]
        elif isinstance(value, dict):
            waiting.append(value.get("image_url", ""))
        elif isinstance(value, str):
            yield _behind(value, name)


def _behind(text: str, name: str) -> bytes:
    match = _DATA_URI.match(text)
    if not match:
        return GREY
    try:
        data = base64.b64decode(text[match.end() :].encode("ascii"), validate=True)
    except (UnicodeError, binascii.Error):
        data = b""
    if not data:
        raise Rejected("invalid_request", "The data URI holds no base64.", param=name)
    return data


def usage(
    request: Mapping[str, Any], received: list[Plan], dialect: Dialect, previews: int
) -> dict[str, Any]:
    """Token counts that add up, by the documented counts where there are any."""
    words = len(str(request.get("prompt", "")))
    text = max(1, (words + 3) // 4)
    pictures = 1024 * len(received[0].inputs) if received else 0
    table = dialect.usage.get("output_tokens", {})
    each = table.get(str(request.get("quality")), table.get("medium", 1056))
    output = sum(max(1, each * plan.pixels // (1024 * 1024)) for plan in received)
    output += dialect.usage.get("partial_image_tokens", 0) * previews
    return {
        "input_tokens": text + pictures,
        "output_tokens": output,
        "total_tokens": text + pictures + output,
        "input_tokens_details": {"text_tokens": text, "image_tokens": pictures},
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
    }


def previews(request: Mapping[str, Any]) -> int:
    """The previews of each picture in a stream. Raises `Rejected` for too many."""
    return _whole(request, "partial_images", default=0, least=0, most=MAX_PARTIALS)
