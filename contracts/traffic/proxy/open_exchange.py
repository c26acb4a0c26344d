"""Exchanges in progress, with bounded copies of their bodies."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from contracts.traffic.exchange import MAX_BODY_BYTES, ObservedExchange
from mockserver.recordings.redaction import Headers

READ_REMAINING_TIMEOUT = 1.0  # seconds


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
        """All bytes; None if there were too many, or the end was not received."""
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

    async def read_request(self, request: web.Request) -> AsyncIterator[bytes]:
        """Yield the body of a request in chunks as they arrive, and keep a copy."""
        try:
            async for chunk in request.content.iter_any():
                self.request.add(chunk)
                yield chunk
        except (web.RequestPayloadError, OSError) as error:
            self.reason = f"the request was cut off: {error}"
            raise
        self.request.is_complete = True

    async def read_remaining(self, request: web.Request) -> None:
        """Read the body of a request that was not forwarded, for a short time."""
        with suppress(TimeoutError, web.RequestPayloadError, OSError):
            async with asyncio.timeout(READ_REMAINING_TIMEOUT):
                async for _ in self.read_request(request):
                    pass

    def read_buffered(self, request: web.Request) -> None:
        """Read the rest of a request that got a response before it was forwarded."""
        if not self.request.is_complete and request.content.is_eof():
            self.request.add(request.content.read_nowait(-1))
            self.request.is_complete = True

    def to_observed(self) -> ObservedExchange:
        path, _, query = self.path.partition("?")
        body = self.response.partial_data if self.problem else self.response.data
        return ObservedExchange(
            method=self.method,
            path=path,
            query=query,
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
