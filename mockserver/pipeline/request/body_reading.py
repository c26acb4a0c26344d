"""Receive a request body, with limits of its size, its time and the memory used."""

import asyncio
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import StreamReader, web

from mockserver.errors import Rejected
from mockserver.settings import MAX_BODY, MAX_INCOMING, MIN_BYTES_PER_SECOND

CONTENT_CODINGS = {"", "identity", "gzip", "deflate"}


async def read_bytes(
    request: web.Request, limit: int = MAX_BODY, *, timeout: float = 30.0
) -> bytes:
    """
    The whole body, decoded from its content coding.

    `limit` is in bytes. `timeout` is in seconds; each `MIN_BYTES_PER_SECOND` bytes
    received add one second. Raises `Rejected` with one of these statuses:

    * 400: the body does not have the content coding of its headers
    * 408: timeout
    * 413: larger than `limit`
    * 415: unknown content coding
    * 503: the bodies being received need more than `MAX_INCOMING` bytes
    """
    content = request.content
    try:
        if request.headers.get("Content-Encoding", "").lower() not in CONTENT_CODINGS:
            raise _closing_rejection("Content-Encoding must be gzip or deflate.", 415)
        if content.is_eof():
            data = content.read_nowait()
        elif (request.content_length or 0) > limit:
            raise _body_too_large(limit)
        else:
            with _incoming.track_body() as count_bytes:
                data = await _read_chunks(content, limit, timeout, count_bytes)
    except web.RequestPayloadError:
        raise _closing_rejection(
            "The body does not have the Content-Encoding of its header.", 400
        ) from None
    except TimeoutError:
        raise _closing_rejection("The body was not received in time.", 408) from None
    if len(data) > limit:
        raise _body_too_large(limit)
    return data


class IncomingBytes:
    """The number of bytes, in this process, of bodies that are being received."""

    def __init__(self) -> None:
        self.total = 0

    @contextmanager
    def track_body(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that counts bytes; too many raise `Rejected` (503)."""
        size = 0

        def count_bytes(number: int) -> None:
            nonlocal size
            size += number
            self.total += number
            if self.total > MAX_INCOMING:
                message = "The server receives too many bytes at once; try again."
                raise _closing_rejection(message, 503, {"Retry-After": "1"})

        try:
            yield count_bytes
        finally:
            self.total -= size


_incoming = IncomingBytes()


async def _read_chunks(
    content: StreamReader,
    limit: int,
    timeout: float,
    count_bytes: Callable[[int], None],
) -> bytes:
    """
    All bytes, or the first ones that exceed the limit.

    Raises `TimeoutError`, and the `Rejected` of `count_bytes`.
    """
    # Chunks in a list would need the memory twice while they are joined.
    body = io.BytesIO()
    size = 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    async with asyncio.timeout_at(deadline) as timer:
        async for chunk in content.iter_any():
            count_bytes(len(chunk))
            size += body.write(chunk)
            if size > limit:
                break
            timer.reschedule(deadline + size / MIN_BYTES_PER_SECOND)
    return body.getvalue()


def _body_too_large(limit: int) -> Rejected:
    return _closing_rejection(f"The body has more than {limit} bytes.", 413)


def _closing_rejection(
    message: str, status: int, headers: Mapping[str, str] | None = None
) -> Rejected:
    """A rejection that closes the connection: the body was not read to its end."""
    name = "invalid_request" if status < 500 else "server_error"
    all_headers = {"Connection": "close", **(headers or {})}
    return Rejected(name, message, status=status, headers=all_headers)
