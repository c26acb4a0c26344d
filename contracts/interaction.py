"""What was asked and what came back, parsed as far as it can be."""

import base64
import binascii
import hashlib
import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from contracts.cases import Case

MAX_PIXELS = 64_000_000
_READ = ("PNG", "JPEG", "WEBP", "GIF")


@dataclass(frozen=True, slots=True)
class Picture:
    """
    A decoded picture: what it is, and what it is not.

    `problem` says why it could not be decoded; `opaque` is whether nothing in it is
    transparent.
    """

    data: bytes
    format: str | None = None
    width: int = 0
    height: int = 0
    alpha: bool = False
    opaque: bool = True
    problem: str | None = None

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


@lru_cache(maxsize=256)
def decoded(digest: str, data: "Bytes") -> Picture:
    """The picture in some bytes, decoded to the last; once for the same bytes."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data.value), formats=_READ) as image:
            if image.width * image.height > MAX_PIXELS:
                return Picture(data.value, problem=f"has over {MAX_PIXELS} pixels")
            image.load()
            alpha = "A" in image.getbands() or "transparency" in image.info
            opaque = True
            if alpha:
                low, _ = image.convert("RGBA").getchannel("A").getextrema()
                opaque = low == 255
            return Picture(
                data.value,
                format=str(image.format).lower(),
                width=image.width,
                height=image.height,
                alpha=alpha,
                opaque=opaque,
            )
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return Picture(data.value, problem=f"does not decode: {error}")


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes that a cache tells apart by their digest, without keeping them hashed."""

    value: bytes = field(compare=False)


def picture_of(data: bytes) -> Picture:
    return decoded(hashlib.sha256(data).hexdigest(), Bytes(data))


@dataclass(frozen=True)
class Event:
    """One server-sent event: its name, and its data as JSON where it is some."""

    name: str | None
    data: Any
    problem: str | None = None


@dataclass(frozen=True)
class Interaction:
    """
    One exchange. `body` is the whole answer, or as much as was taken of it.

    `problem` says why there is no whole answer; `fetched` holds what was found at the
    addresses in it; `seconds` is from sending to the last byte; `at` is when that
    came, in seconds since 1970.
    """

    case: Case
    status: int | None
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    problem: str | None = None
    fetched: Mapping[str, bytes | str] = field(default_factory=dict)
    at: float = field(default_factory=time.time, compare=False)

    @property
    def content_type(self) -> str:
        value = self.headers.get("content-type", "")
        return value.partition(";")[0].strip().lower()

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_stream(self) -> bool:
        return self.content_type == "text/event-stream"

    @cached_property
    def json(self) -> Any:
        """The body as strict JSON. Raises `ValueError`."""
        return json.loads(self.body.decode("utf-8"), parse_constant=_no_constant)

    @cached_property
    def object(self) -> dict[str, Any] | None:
        """The body if it is a JSON object."""
        try:
            return self.json if isinstance(self.json, dict) else None
        except (ValueError, RecursionError):
            return None

    @cached_property
    def items(self) -> list[dict[str, Any]]:
        """The entries of `data` that are objects."""
        data = (self.object or {}).get("data")
        return (
            [each for each in data if isinstance(each, dict)]
            if isinstance(data, list)
            else []
        )

    @cached_property
    def pictures(self) -> list[Picture | None]:
        """One for each entry of `data`, or completed event; None: not to be had."""
        if self.is_stream:
            finished = [each.data for each in self.events if _is_completed(each)]
            return [self._picture(each) for each in finished]
        return [self._picture(each) for each in self.items]

    def _picture(self, item: Mapping[str, Any]) -> Picture | None:
        text = item.get("b64_json")
        if isinstance(text, str) and text:
            return _from_base64(text)
        url = item.get("url")
        if isinstance(url, str) and url.startswith("data:"):
            head, _, text = url.partition(",")
            if not head.endswith(";base64"):
                return Picture(b"", problem="the data URI is not base64")
            return _from_base64(text)
        found = self.fetched.get(url) if isinstance(url, str) else None
        if isinstance(found, str):
            return Picture(b"", problem=found)
        return picture_of(found) if found is not None else None

    @cached_property
    def events(self) -> list[Event]:
        """The server-sent events of the body."""
        text = self.body.decode("utf-8", "replace").replace("\r\n", "\n")
        blocks = [each for each in text.split("\n\n") if each.strip()]
        return [_event(each) for each in blocks if not _is_comment(each)]


def _is_completed(event: Event) -> bool:
    return isinstance(event.data, dict) and str(event.data.get("type", "")).endswith(
        ".completed"
    )


def _is_comment(block: str) -> bool:
    return all(line.startswith(":") for line in block.splitlines())


def _event(block: str) -> Event:
    name, lines = None, []
    for line in block.splitlines():
        field_, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field_ == "event":
            name = value
        elif field_ == "data":
            lines.append(value)
    try:
        data = json.loads("\n".join(lines), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return Event(name, "\n".join(lines), f"is not JSON: {error}")
    return Event(name, data)


def _from_base64(text: str) -> Picture:
    try:
        return picture_of(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        return Picture(b"", problem=f"is not base64: {error}")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
