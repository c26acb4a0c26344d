"""Parts of forwarding: bounded copies of bodies, end-to-end headers, closing."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from contracts.traffic.exchange import MAX_BODY_BYTES, ObservedExchange
from mockserver.recordings.redaction import Headers

# Paths of the control API; they are never forwarded.
CONTROL_PREFIX = "/__mock__"
# RFC 9110, 7.6.1: headers of the connection, not of the message.
_HOP_BY_HOP = {
    *("connection", "proxy-connection", "keep-alive", "te", "transfer-encoding"),
    *("upgrade", "trailer", "proxy-authenticate", "proxy-authorization"),
}
# The client library writes the first; this server has already handled the second.
REPLACED_HEADERS = {"host", "expect"}


class BoundedCopy:
    """A copy of forwarded bytes, dropped beyond `MAX_BODY_BYTES`."""

    def __init__(self) -> None:
        self.size = 0
        self.is_complete = False
        self._chunks: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > MAX_BODY_BYTES:
            self._chunks.clear()
        else:
            self._chunks.append(chunk)

    @property
    def data(self) -> bytes | None:
        """All bytes; None if there were too many, or the end did not come."""
        if not self.is_complete or self.size > MAX_BODY_BYTES:
            return None
        return b"".join(self._chunks)

    @property
    def partial_data(self) -> bytes:
        return b"".join(self._chunks)


@dataclass(slots=True)
class OpenExchange:
    """An exchange in progress, with what is known of it so far."""

    method: str
    path: str
    request_headers: Headers
    request: BoundedCopy = field(default_factory=BoundedCopy)
    response: BoundedCopy = field(default_factory=BoundedCopy)
    status: int | None = None
    headers: Headers = ()
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    problem: str | None = None
    reason: str | None = None
    started_at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def to_observed(self) -> ObservedExchange:
        body = self.response.partial_data if self.problem else self.response.data
        return ObservedExchange(
            method=self.method,
            path=self.path.partition("?")[0],
            request_headers=self.request_headers,
            request=self.request.data,
            status=self.status,
            headers=self.headers,
            body=None if self.reason or self.status is None else body,
            arrivals=tuple(self.arrivals),
            problem=self.problem,
            reason=self.reason,
            started_at=self.started_at,
            seconds=self.seconds,
        )


async def read_body(
    request: web.Request, exchange: OpenExchange
) -> AsyncIterator[bytes]:
    """Yield the body of a request as it comes, and keep a copy."""
    try:
        async for chunk in request.content.iter_any():
            exchange.request.add(chunk)
            yield chunk
    except (web.RequestPayloadError, OSError) as error:
        exchange.reason = f"the request was cut off: {error}"
        raise
    exchange.request.is_complete = True


def end_to_end_headers(headers: Any) -> list[tuple[str, str]]:
    """The headers of the message, without those of the connection."""
    pairs = [(str(name), str(value)) for name, value in headers]
    named = {
        each.strip().lower()
        for name, value in pairs
        if name.lower() == "connection"
        for each in value.split(",")
    }
    dropped = _HOP_BY_HOP | named
    return [(name, value) for name, value in pairs if name.lower() not in dropped]


def is_websocket(request: web.Request) -> bool:
    return "websocket" in request.headers.get("Upgrade", "").lower()


def close_connection(request: web.Request) -> None:
    """Close a client's connection, because the rest of the response is missing."""
    if request.transport is not None:
        request.transport.close()
