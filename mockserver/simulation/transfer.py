"""
Send a response, whole or damaged.

Each `send_…` function and each `…_without_response` function is the effect of one fault
in the table of `faults`.
"""

import asyncio
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

IP_FAMILIES = (socket.AF_INET, socket.AF_INET6)  # whose connections can be reset
SLOW_SECONDS = 2.0
SLOW_CHUNKS = 20
STALL_SECONDS = 60.0
CDN_ERROR_PAGE = b"""<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>cloud edge</center>
</body>
</html>
"""

BodyParts = AsyncIterator[bytes]


@dataclass(slots=True)
class PendingResponse:
    """
    A response before it is sent: the parts of its body, and their total `length`.

    A stream has one part per event, and the length None. `fault_seconds` is the
    duration of a fault that takes time; None means its default.
    """

    status: int
    headers: Mapping[str, str]
    parts: BodyParts
    length: int | None = None
    fault_seconds: float | None = None

    @property
    def is_stream(self) -> bool:
        return self.length is None


async def single_part(data: bytes) -> BodyParts:
    """A body of one part."""
    yield data


async def send_whole(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    response = await _start_response(request, pending)
    async for part in pending.parts:
        await response.write(part)
    await response.write_eof()
    return response


async def _start_response(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    response = web.StreamResponse(status=pending.status, headers=pending.headers)
    if pending.length is not None:
        response.content_length = pending.length
    await response.prepare(request)
    return response


async def _close_connection(request: web.Request, *, reset: bool = False) -> None:
    """Close the connection after the written bytes are sent, or reset it at once."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in IP_FAMILIES:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    await asyncio.sleep(0)


def _unsent_response() -> web.StreamResponse:
    """A placeholder for aiohttp after the connection was closed."""
    return web.Response()


async def reset_without_response(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    await _close_connection(request, reset=True)
    return _unsent_response()


async def close_without_response(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    await _close_connection(request)
    return _unsent_response()


async def send_truncated(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    response = await _send_half(request, pending)
    await _close_connection(request)
    return response


async def send_and_stall(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    response = await _send_half(request, pending)
    seconds = STALL_SECONDS if pending.fault_seconds is None else pending.fault_seconds
    await asyncio.sleep(seconds)
    await _close_connection(request, reset=True)
    return response


async def _send_half(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    """Send the headers and half of the body; of a stream, half of the first event."""
    response = await _start_response(request, pending)
    part = await anext(pending.parts, b"")
    await response.write(part[: max(1, len(part) // 2)])
    return response


async def send_slowly(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    response = await _start_response(request, pending)
    seconds = SLOW_SECONDS if pending.fault_seconds is None else pending.fault_seconds
    async for part in pending.parts:
        step = max(1, -(-len(part) // SLOW_CHUNKS))
        for at in range(0, len(part), step):
            await response.write(part[at : at + step])
            await asyncio.sleep(seconds / SLOW_CHUNKS)
    await response.write_eof()
    return response


async def send_garbage(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    noise = b"\xff" + hashlib.shake_128(str(pending.headers).encode()).digest(511)
    damaged = replace(pending, parts=single_part(noise), length=len(noise))
    return await send_whole(request, damaged)


async def send_error_page(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    headers = {"Content-Type": "text/html; charset=UTF-8", "Server": "cloud edge"}
    return await send_whole(
        request,
        PendingResponse(502, headers, single_part(CDN_ERROR_PAGE), len(CDN_ERROR_PAGE)),
    )


async def send_cut_stream(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    if not pending.is_stream:
        return await send_whole(request, pending)
    response = await _start_response(request, pending)
    first = await anext(pending.parts, b"")
    if await anext(pending.parts, None) is not None:
        await response.write(first)
    await _close_connection(request)
    return response


async def send_leading_whitespace(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    async def padded() -> BodyParts:
        for _ in range(3):
            yield b"\n"
        async for part in pending.parts:
            yield part

    headers = {
        name: value
        for name, value in pending.headers.items()
        if name.lower() != "content-length"
    }
    return await send_whole(
        request, replace(pending, parts=padded(), headers=headers, length=None)
    )
