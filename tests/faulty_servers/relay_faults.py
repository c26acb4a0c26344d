"""The record of a fault of a relay, and changes of messages that several faults use."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image
from support.relays import Change, Message, on_success


@dataclass(frozen=True)
class RelayFault:
    """
    A change of requests or of responses.

    `only` has parts of the ids of the cases that can show the fault.
    """

    answer: Change | None = None
    request: Change | None = None
    only: tuple[str, ...] = ("createImage/",)


def recoded(
    data: bytes,
    *,
    format: str | None = None,
    size: tuple[int, int] | None = None,
    mode: str | None = None,
) -> bytes:
    """The image in another format, size or colour mode; an SVG as it is."""
    if data.startswith(b"<svg"):
        return data
    with Image.open(io.BytesIO(data)) as image:
        target = format or image.format
        changed = image.convert(mode or ("RGB" if format == "JPEG" else "RGBA"))
    if size:
        changed = changed.resize(size)
    if target == "JPEG":
        changed = changed.convert("RGB")
    out = io.BytesIO()
    changed.save(out, target, compress_level=1)
    return out.getvalue()


def first_response_only() -> Change:
    """Answer requests that differ only in the prompt with the first response."""
    seen: dict[str, bytes] = {}

    def apply(response: Message) -> Message:
        if not response.is_success or response.is_stream:
            return response
        rest = {key: value for key, value in response.asked.items() if key != "prompt"}
        key = json.dumps(rest, sort_keys=True)
        return replace(response, body=seen.setdefault(key, response.body))

    return apply


def without_field(name: str) -> Change:
    """Remove a field from requests."""

    def apply(request: Message) -> Message:
        if name not in request.asked:
            return request
        return request.with_json({k: v for k, v in request.asked.items() if k != name})

    return apply


def in_usage(**changes: Any) -> Change:
    return on_success(
        lambda body, _: (
            {**body, "usage": {**body["usage"], **changes}} if "usage" in body else body
        )
    )


def in_items(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Change the objects in `data` of success responses."""
    return on_success(
        lambda body, _: {**body, "data": [change(item) for item in body["data"]]}
    )
