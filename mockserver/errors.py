"""Rejected requests, and the documented error responses to them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web
from multidict import CIMultiDict

from mockserver.json_text import dumps, fill_placeholders, printable
from specs import EVENT_STREAM, JSON

if TYPE_CHECKING:
    from specs import ErrorExample, Operation, Violation

INCIDENT_HEADER = "X-Mock-Incident"  # the id under which a bug of the mock is logged
RATE_LIMITED = "rate_limited"  # the error that every document has
UNREADABLE_IMAGE = "unreadable_image"  # replaced by the error of the document
RETRY_AFTER = "Retry-After"
TOO_MANY_REQUESTS = 429
# An example of these in a document would contradict the quotas of the mock.
_QUOTA_HEADER = re.compile(r"(x-)?ratelimit-.*", re.IGNORECASE)


@dataclass(eq=False)
class Rejected(Exception):
    """
    A request that gets an error response.

    `name` is a key of the operation's documented errors. `status` overrides the
    documented status, for errors of HTTP itself that no document describes. With
    `replaces_message` the message replaces the one of the document. `label` is the
    media type that an upload was labelled with. `given` is a text that is not valid.
    """

    name: str
    message: str
    param: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    violations: "tuple[Violation, ...]" = ()
    replaces_message: bool = False
    label: str | None = None
    given: str = ""

    @classmethod
    def for_violations(cls, violations: "tuple[Violation, ...]") -> "Rejected":
        """The error of the first violation."""
        first = violations[0]
        return cls(
            first.evidence.error,
            str(first),
            param=first.param,
            violations=violations,
            label=upload_label(first.value),
            given=first.value if isinstance(first.value, str) else "",
        )


def unavailable(operation: "Operation", reason: str) -> Rejected:
    """The documented error with status 503, else `server_error`, with a reason."""
    names = (each.name for each in operation.errors.values() if each.status == 503)
    name = next(names, "server_error")
    return Rejected(name, reason, replaces_message=True)


def upload_label(value: Any) -> str | None:
    """The media type in the facts of an upload; None for another value."""
    return value.get("content_type") if isinstance(value, dict) else None


class ErrorContent(NamedTuple):
    """The content of an error response. `headers` include the `Content-Type`."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def response(self) -> web.Response:
        return web.Response(
            status=self.status, headers=CIMultiDict(self.headers), body=self.body
        )


def documented_error_response(
    rejected: Rejected, operation: "Operation", request_id: str = ""
) -> web.Response:
    """The documented error response of an operation, filled with the details."""
    return documented_error_content(rejected, operation, request_id).response()


def documented_error_content(
    rejected: Rejected, operation: "Operation", request_id: str = ""
) -> ErrorContent:
    """The content of the documented error response, filled with the details."""
    example = error_example(rejected.name, operation)
    body = fill_placeholders(
        example.body,
        {
            "message": printable(rejected.message),
            "param": rejected.param and printable(rejected.param),
            "value": printable(rejected.message),
            "label": rejected.label and printable(rejected.label),
            "given": printable(rejected.given),
            "request_id": request_id,
        },
    )
    if rejected.replaces_message:
        body = _with_message(body, rejected.message)
    headers = CIMultiDict(example_headers(example))
    seconds = _retry_after(headers)
    if seconds is not None and RETRY_AFTER not in CIMultiDict(rejected.headers):
        headers.update(retry_headers(seconds))
    headers.update(rejected.headers)
    if example.media_type == EVENT_STREAM:
        media_type, text = EVENT_STREAM, f"data: {dumps(body)}\n\n"
    elif example.media_type != JSON and isinstance(body, str):
        media_type, text = example.media_type, body
    else:
        media_type, text = JSON, dumps(body)
    headers["Content-Type"] = f"{media_type}; charset=utf-8"
    return ErrorContent(
        status=rejected.status or example.status,
        headers=headers,
        body=text.encode(),
    )


def error_example(name: str, operation: "Operation") -> "ErrorExample":
    """The documented error of that name, or `invalid_request` if it is unknown."""
    return operation.errors.get(name) or operation.errors["invalid_request"]


def example_headers(example: "ErrorExample") -> dict[str, str]:
    """
    The documented headers of an error that are true of the mock's response.

    `Retry-After` belongs to a rate limit. Other errors with the same status, such as an
    account without credit, do not go away after a time.
    """
    is_unlimited = example.status == TOO_MANY_REQUESTS and example.name != RATE_LIMITED
    return {
        name: value
        for name, value in example.headers.items()
        if not _QUOTA_HEADER.fullmatch(name)
        and not (is_unlimited and name.lower() == RETRY_AFTER.lower())
    }


def documented_retry_after(example: "ErrorExample") -> float | None:
    """The seconds of the documented `Retry-After` of an error, or None."""
    return _retry_after(CIMultiDict(example_headers(example)))


def _retry_after(headers: CIMultiDict[str]) -> float | None:
    text = headers.get(RETRY_AFTER, "")
    return float(text) if text.isascii() and text.isdigit() else None


def retry_headers(seconds: float) -> dict[str, str]:
    """
    The headers that say when to retry: in whole seconds, and in milliseconds.

    HTTP knows whole seconds only, so they are rounded up.
    """
    milliseconds = f"{seconds * 1000:.3f}".rstrip("0").removesuffix(".")
    return {RETRY_AFTER: str(math.ceil(seconds)), "retry-after-ms": milliseconds}


def _with_message(body: Any, message: str) -> Any:
    """A copy of an error body with another value of its first field `message`."""
    if not isinstance(body, dict):
        return body
    if "message" in body:
        return {**body, "message": message}
    for name, value in body.items():
        changed = _with_message(value, message)
        if changed is not value:
            return {**body, name: changed}
    return body
