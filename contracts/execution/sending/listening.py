"""Listen to a stream of server-sent events while other requests are sent."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from contracts.execution.sending.http import ConnectionState

MAX_STREAM_BYTES = 4 * 1024 * 1024
CONNECT_TIMEOUT = 10.0  # seconds, until the headers of the response


def _keep(headers: Mapping[str, str], body: bytes) -> tuple[Mapping[str, str], bytes]:
    return headers, body


@dataclass
class Listening:
    """
    The part of a stream that has come so far.

    `status` is None without a response. `longest_silence` is in seconds, between two
    parts or since the last one. `changed` is set when a part comes. After `end`, and in
    a recording, nothing changes any more; `at` is the time of that in seconds since
    1970. `mask` is applied to the whole then.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    began: float = field(default_factory=time.monotonic)
    longest_silence: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    last: float = field(default_factory=time.monotonic)
    at: float = field(default_factory=time.time)
    has_ended: bool = False
    mask: Callable[[Mapping[str, str], bytes], tuple[Mapping[str, str], bytes]] = _keep

    @property
    def is_over(self) -> bool:
        """True if nothing more can come."""
        return self.has_ended or self.status is None

    def end(self) -> None:
        """Take nothing more."""
        if self.has_ended:
            return
        self.note_time()
        self.has_ended, self.at = True, time.time()
        self.headers, self.body = self.mask(self.headers, self.body)

    def add(self, part: bytes) -> None:
        if self.has_ended:
            return
        self.note_time()
        self.last = time.monotonic()
        self.body += part
        self.changed.set()

    def note_time(self) -> None:
        """Count the time since the last part."""
        if self.has_ended:
            return
        silence = time.monotonic() - self.last
        self.longest_silence = max(self.longest_silence, silence)


@asynccontextmanager
async def listening(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
) -> AsyncIterator[Listening]:
    """Listen to a URL until the block ends; it begins when the response has begun."""
    heard = Listening()
    is_open = asyncio.Event()
    reading = asyncio.create_task(_read(session, url, headers, heard, is_open))
    try:
        await asyncio.wait(
            {reading, opening := asyncio.create_task(is_open.wait())},
            timeout=CONNECT_TIMEOUT,
            return_when=asyncio.FIRST_COMPLETED,
        )
        opening.cancel()
        yield heard
    finally:
        heard.note_time()
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


async def _read(
    session: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str],
    heard: Listening,
    is_open: asyncio.Event,
) -> None:
    try:
        async with session.get(
            url,
            headers=headers,
            allow_redirects=False,
            trace_request_ctx=ConnectionState(),
        ) as response:
            heard.status = response.status
            heard.headers = {k.lower(): v for k, v in response.headers.items()}
            heard.last = time.monotonic()
            is_open.set()
            async for part in response.content.iter_any():
                heard.add(part)
                if len(heard.body) > MAX_STREAM_BYTES:
                    return
    except (aiohttp.ClientError, OSError, ValueError):
        return  # what came until then is judged
