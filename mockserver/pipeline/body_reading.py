"""The bytes of a body, as they come: in time, and not more than is good for us."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import StreamReader, web

from mockserver.errors import Rejected
from mockserver.settings import MAX_ARRIVING, MAX_BODY, RATE

CODINGS = {"", "identity", "gzip", "deflate"}


async def read_bytes(
    request: web.Request, limit: int = MAX_BODY, *, patience: float = 30.0
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
        if request.headers.get("Content-Encoding", "").lower() not in CODINGS:
            raise _broken_off("The body may be coded as gzip or deflate.", 415)
        if content.is_eof():
            data = content.read_nowait()
        elif (request.content_length or 0) > limit:
            raise _too_large(limit)
        else:
            with _arriving.one() as held:
                data = await _gathered(content, limit, patience, held)
    except web.RequestPayloadError:
        raise _broken_off("The body is not coded as its headers say.", 400) from None
    except TimeoutError:
        raise _broken_off("The body did not come in time.", 408) from None
    if len(data) > limit:
        raise _too_large(limit)
    return data


class Arriving:
    """How many bytes there are, in this process, of bodies that are not yet whole."""

    def __init__(self) -> None:
        self.bytes = 0

    @contextmanager
    def one(self) -> Iterator[Callable[[int], None]]:
        """Gives what is to be called with the size of each piece of a body."""
        size = 0

        def add(more: int) -> None:
            nonlocal size
            size += more
            self.bytes += more
            if self.bytes > MAX_ARRIVING:
                message = "Too much is being sent at once; try again."
                raise _broken_off(message, 503, {"Retry-After": "1"})

        try:
            yield add
        finally:
            self.bytes -= size


_arriving = Arriving()


async def _gathered(
    content: StreamReader, limit: int, patience: float, held: Callable[[int], None]
) -> bytes:
    """
    All that comes, or a little more than the limit.

    Raises `TimeoutError`, and `Rejected` when too much is `held` of all bodies.
    """
    chunks: list[bytes] = []
    size = 0
    loop = asyncio.get_running_loop()
    last = loop.time() + patience
    async with asyncio.timeout_at(last) as timer:
        async for chunk in content.iter_any():
            held(len(chunk))
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                break
            timer.reschedule(last + size / RATE)
    return b"".join(chunks)


def _too_large(limit: int) -> Rejected:
    return _broken_off(f"The body has more than {limit} bytes.", 413)


def _broken_off(
    message: str, status: int, headers: Mapping[str, str] | None = None
) -> Rejected:
    """A refusal after which the rest of a body may still come: nothing is read on."""
    name = "invalid_request" if status < 500 else "server_error"
    closing = {"Connection": "close", **(headers or {})}
    return Rejected(name, message, status=status, headers=closing)
