"""A request and its response, parsed as far as possible."""

import codecs
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from propcache.api import cached_property

from contracts.media.base import Medium
from contracts.media.registry import DEFAULT_MEDIUM, MEDIA
from contracts.media.urls import url_problem
from contracts.planning.case import Case
from mockserver.recordings.sse_events import split_events
from specs import COMPLETED, EVENT_STREAM, USUAL_LAYOUT, ResponseLayout
from specs.validation.strict_json import strict_json, value_limit_error

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
    `body` is then its beginning. `fetched` has the output, or a problem, for each
    fetched URL; `unfetched` has the URLs of outputs that were not asked, or gave no
    response. `is_rate_limited` marks a 429 that the case does not expect, and that
    stayed. `seconds` is the time from sending to the last byte, `at` the time of that
    byte in seconds since 1970, `clock` the same on a clock that is never set.
    `earlier_429` has the headers of the 429 responses after which the request was sent
    again. `medium` and `layout` are those of the operation. `first_byte` is the time,
    in seconds, from sending to the first byte of the response, None if it was not
    measured; `fetching` is the time in which its links were fetched.
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
    clock: float = field(default_factory=time.monotonic, compare=False)
    earlier_429: tuple[Mapping[str, str], ...] = ()
    medium: Medium = field(default=MEDIA[DEFAULT_MEDIUM], repr=False)
    first_byte: float | None = field(default=None, compare=False)
    fetching: float = field(default=0.0, compare=False)
    layout: ResponseLayout = field(default=USUAL_LAYOUT, repr=False)

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
        return self.value if isinstance(self.value, dict) else None

    @cached_property
    def value(self) -> Any:
        """The body as strict JSON, else None."""
        try:
            return self.json
        except ValueError:
            return None

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects of the response: its body, or the data of its events."""
        return [*([self.object] if self.object else []), *self.event_objects]

    @cached_property
    def items(self) -> list[dict[str, Any]]:
        """The entries for images that are objects, with usual names of fields."""
        return self.layout.images(self.object or {})

    @cached_property
    def final_events(self) -> list[dict[str, Any]]:
        """The entries for images in events, with usual names of fields."""
        return [
            image
            for each in self.event_objects
            if self.layout.has_role(each, COMPLETED)
            for image in self.layout.images_of_event(each)
        ]

    @cached_property
    def event_objects(self) -> list[dict[str, Any]]:
        """The data of the events of a stream that are objects."""
        events = self.events if self.is_stream else []
        return [each.data for each in events if isinstance(each.data, dict)]

    @property
    def event_names(self) -> list[str]:
        """The names of the events of a stream, in order."""
        return [self.layout.event_name(each.data) for each in self.events]

    @cached_property
    def outputs(self) -> list[Any]:
        """The outputs of the response, decoded; None for one that was not fetched."""
        return self.medium.outputs(self)

    @cached_property
    def is_refused(self) -> bool:
        """True for a success without an output that says that the model refused."""
        is_refusal = any(map(self.layout.is_refusal, self.objects))
        return self.is_success and is_refusal and not self.outputs

    @property
    def success_outputs(self) -> list[Any]:
        """The outputs of a success response; empty for an error."""
        return self.outputs if self.is_success else []

    @property
    def output_urls(self) -> list[str]:
        """The distinct HTTP URLs of the outputs of a complete success response."""
        if not self.is_success or self.problem is not None:
            return []
        links = dict.fromkeys(self.medium.links(self))
        return [each for each in links if is_fetchable(each)]

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


def is_fetchable(url: str) -> bool:
    """True for an HTTP URL that a client can reach."""
    return url.startswith("http") and not url_problem(url)


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
