"""A request and its response, parsed as far as possible."""

import base64
import binascii
import codecs
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from propcache.api import cached_property
from yarl import URL

from contracts.media.image.observation import DecodedImage, decode_image
from contracts.planning.case import Case
from mockserver.recordings.sse_events import split_events
from specs import EVENT_STREAM
from specs.validation.strict_json import strict_json, value_limit_error

MAX_IMAGES = 32  # of one response, that are fetched and decoded
MAX_LINES = 40_000  # of one stream
REDACTED_KEY = "<API key>"  # what a header has in place of the key of the target
STREAM_STAYS_OPEN = "the stream stays open after its last event"  # a `problem`


class ProblemKind(StrEnum):
    """
    The reason why a response is missing or incomplete.

    A problem begins with the value of its kind; any other is `INCOMPLETE`.
    """

    NO_CONNECTION = "no connection"
    NO_TLS = "no TLS connection"
    CLOSED = "the connection failed before a response"
    INCOMPLETE = "no complete response"

    @classmethod
    def of(cls, problem: str | None) -> "ProblemKind | None":
        """The kind of a problem; None without a problem."""
        if problem is None:
            return None
        kinds = (each for each in cls if problem.startswith(each))
        return next(kinds, cls.INCOMPLETE)


@dataclass(frozen=True)
class ServerSentEvent:
    """A server-sent event: its name, and its data as JSON, or as text if invalid."""

    name: str | None
    data: Any
    problem: str | None = None


@dataclass(frozen=True)
class Interaction:
    """
    The exchange of a case.

    `status` is None without a response. `problem` is why the response is incomplete;
    `body` is then its beginning. `fetched` has the image, or a problem, for each
    fetched URL; `unfetched` has the image URLs that were not asked, or gave no
    response. `is_rate_limited` marks a 429 that the case does not expect, and that
    stayed. `seconds` is the time from sending to the last byte, `at` the time of that
    byte in seconds since 1970. `earlier_429` has the headers of the 429 responses after
    which the request was sent again.
    """

    case: Case
    status: int | None
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    problem: str | None = None
    fetched: Mapping[str, bytes | str] = field(default_factory=dict)
    unfetched: tuple[str, ...] = ()
    is_rate_limited: bool = False
    at: float = field(default_factory=time.time, compare=False)
    earlier_429: tuple[Mapping[str, str], ...] = ()

    @property
    def content_type(self) -> str:
        value = self.headers.get("content-type", "")
        return value.partition(";")[0].strip().lower()

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def problem_kind(self) -> ProblemKind | None:
        return ProblemKind.of(self.problem)

    @property
    def is_unsent(self) -> bool:
        """True if there was no connection on which to send the request."""
        return self.problem_kind in {ProblemKind.NO_CONNECTION, ProblemKind.NO_TLS}

    @property
    def is_stream(self) -> bool:
        return self.content_type == EVENT_STREAM

    @cached_property
    def json(self) -> Any:
        """The body as strict JSON. Raises `ValueError` for other bodies."""
        return strict_json(self.body)

    @cached_property
    def limit_error(self) -> str | None:
        """The limit that the body exceeds, as a message; None if there is none."""
        ends = self.body.count(b"\n") + self.body.count(b"\r")
        if self.is_stream and ends > MAX_LINES:
            return f"it has more than {MAX_LINES:,} lines"
        return value_limit_error(self.body)

    @cached_property
    def object(self) -> dict[str, Any] | None:
        """The body if it is a JSON object, else None."""
        try:
            return self.json if isinstance(self.json, dict) else None
        except ValueError:
            return None

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects of the response: its body, or the data of its events."""
        body = [self.object] if self.object else []
        events = self.events if self.is_stream else []
        return [*body, *(each.data for each in events if isinstance(each.data, dict))]

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
    def pictures(self) -> list[DecodedImage | None]:
        """The image of each entry of `data` or completed event; None if not fetched."""
        if self.is_stream:
            completed = [each.data for each in self.events if _is_completed(each)]
            return self._decode_items(completed)
        return self._decode_items(self.items)

    @property
    def result_images(self) -> list[DecodedImage | None]:
        """The images of a success response; empty for an error."""
        return self.pictures if self.is_success else []

    def _decode_items(self, items: list[dict[str, Any]]) -> list[DecodedImage | None]:
        skipped: list[DecodedImage | None] = [None] * (len(items) - MAX_IMAGES)
        return [*map(self._decode_item, items[:MAX_IMAGES]), *skipped]

    def _decode_item(self, item: Mapping[str, Any]) -> DecodedImage | None:
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
        content = self.fetched.get(url) if isinstance(url, str) else None
        if isinstance(content, str):
            return DecodedImage(b"", problem=content)
        return decode_image(content) if content is not None else None

    @cached_property
    def events(self) -> list[ServerSentEvent]:
        """The server-sent events of the body; one with a problem beyond a limit."""
        if self.limit_error:
            return [ServerSentEvent(None, None, f"is not read: {self.limit_error}")]
        return [
            _parse_event(each)
            for each in split_events(self.body.removeprefix(codecs.BOM_UTF8))
            if each.strip() and not _is_comment(each)
        ]


def url_problem(url: str) -> str | None:
    """The reason why no client can fetch an image from a URL; None if one can."""
    try:
        parsed = URL(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            return f"has {url[:60]!r}, which is not an HTTP URL"
    except ValueError:
        return f"has {url[:60]!r}, which is not a URL"
    try:
        host = ipaddress.ip_address(parsed.host)
    except ValueError:
        return None  # a host name
    if host.is_link_local or host.is_multicast or host.is_unspecified:
        return f"has {url[:60]!r}, which no client can reach"
    return None


def _is_completed(event: ServerSentEvent) -> bool:
    return isinstance(event.data, dict) and str(event.data.get("type", "")).endswith(
        ".completed"
    )


def _is_comment(event: bytes) -> bool:
    return all(line.startswith(b":") for line in event.splitlines() if line)


def _parse_event(event: bytes) -> ServerSentEvent:
    name, lines = None, []
    for line in event.splitlines():
        field_, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if field_ == "event":
            name = value
        elif field_ == "data":
            lines.append(value)
    text = "\n".join(lines)
    try:
        return ServerSentEvent(name, strict_json(text.encode()))
    except ValueError as error:
        return ServerSentEvent(name, text, f"is not JSON: {error}")


def _image_from_base64(text: str) -> DecodedImage:
    try:
        return decode_image(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        return DecodedImage(b"", problem=f"is not base64: {error}")
