"""The bytes of a body, as they come: in time, and not more than is good for us."""

import asyncio
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
    The whole body.

    `patience` is how many seconds it may take to come, and one more for each `RATE`
    bytes of it. Raises `Rejected`: 413 as soon as it is larger than allowed, 408 when
    it is late, 415 for an unknown coding, 400 when it is not coded as its headers say,
    503 when too much is coming at the same time.
    """
    content = request.content
    try:
        if request.headers.get("Content-Encoding", "").lower() not in CONTENT_CODINGS:
            raise _closing_rejection("The body may be coded as gzip or deflate.", 415)
        if content.is_eof():
            data = content.read_nowait()
        elif (request.content_length or 0) > limit:
            raise _body_too_large(limit)
        else:
            with _incoming.track_body() as held:
                data = await _read_chunks(content, limit, timeout, held)
    except web.RequestPayloadError:
        raise _closing_rejection(
            "The body is not coded as its headers say.", 400
        ) from None
    except TimeoutError:
        raise _closing_rejection("The body did not come in time.", 408) from None
    if len(data) > limit:
        raise _body_too_large(limit)
    return data


class IncomingBytes:
    """How many bytes there are, in this process, of bodies that are not yet whole."""

    def __init__(self) -> None:
        self.total = 0

    @contextmanager
    def track_body(self) -> Iterator[Callable[[int], None]]:
        """Gives what is to be called with the size of each piece of a body."""
        size = 0

        def add(more: int) -> None:
            nonlocal size
            size += more
            self.total += more
            if self.total > MAX_INCOMING:
                message = "Too much is being sent at once; try again."
                raise _closing_rejection(message, 503, {"Retry-After": "1"})

        try:
            yield add
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
    All that comes, or a little more than the limit.

    Raises `TimeoutError`, and `Rejected` when too much is `held` of all bodies.
    """
    chunks: list[bytes] = []
    size = 0
    loop = asyncio.get_running_loop()
    last = loop.time() + timeout
    async with asyncio.timeout_at(last) as timer:
        async for chunk in content.iter_any():
            count_bytes(len(chunk))
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                break
            timer.reschedule(last + size / MIN_BYTES_PER_SECOND)
    return b"".join(chunks)


def _body_too_large(limit: int) -> Rejected:
    return _closing_rejection(f"The body has more than {limit} bytes.", 413)


def _closing_rejection(
    message: str, status: int, headers: Mapping[str, str] | None = None
) -> Rejected:
    """A refusal after which the rest of a body may still come: nothing is read on."""
    name = "invalid_request" if status < 500 else "server_error"
    closing = {"Connection": "close", **(headers or {})}
    return Rejected(name, message, status=status, headers=closing)
