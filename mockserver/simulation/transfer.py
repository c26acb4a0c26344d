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
from http import HTTPStatus
from typing import Self

from aiohttp import hdrs, web
from multidict import CIMultiDict

from mockserver.media.payloads import response_body

IP_FAMILIES = (socket.AF_INET, socket.AF_INET6)  # whose connections can be reset
SLOW_SECONDS = 2.0
SLOW_CHUNKS = 20
STALL_SECONDS = 60.0
CDN_TIMEOUT_SECONDS = 100.0
CDN_TIMEOUT_STATUS = 524
CDN_ERROR_PAGE = """<html>
<head><title>{title}</title></head>
<body>
<center><h1>{title}</h1></center>
<hr><center>cloud edge</center>
</body>
</html>
"""
# The reasons of statuses that content delivery networks use and HTTP does not define.
CDN_REASONS = {
    520: "Web Server Returned an Unknown Error",
    521: "Web Server Is Down",
    522: "Connection Timed Out",
    523: "Origin Is Unreachable",
    CDN_TIMEOUT_STATUS: "A Timeout Occurred",
}

BodyParts = AsyncIterator[bytes]

RESPONSE_HEADERS: web.RequestKey[Mapping[str, str]] = web.RequestKey(
    "response_headers", Mapping
)
"""Headers of a request's response, whichever fault damages it."""


@dataclass(slots=True)
class PendingResponse:
    """
    A response before it is sent: the parts of its body, and their total `length`.

    A stream has one part per event, and the length None. `fault_seconds` is the
    duration of a fault that takes time, and `fault_status` the status of one that
    replaces it; None means the default.
    """

    status: int
    headers: Mapping[str, str]
    parts: BodyParts
    length: int | None = None
    fault_seconds: float | None = None
    fault_status: int | None = None

    @classmethod
    def of(cls, response: web.Response) -> Self:
        """A complete response, to be sent in a single part."""
        body = response_body(response)
        headers = dict(response.headers)
        return cls(response.status, headers, single_part(body), len(body))

    @property
    def is_stream(self) -> bool:
        return self.length is None


async def single_part(data: bytes) -> BodyParts:
    """A body of one part."""
    yield data


def has_left(request: web.Request) -> bool:
    """
    True if the client has closed the connection. A write raises then.

    An endless stream must look at it: aiohttp cancels the handler only if its runner is
    told to, and `asyncio.wait_for` of Python 3.11, which the client of Redis uses, may
    lose the cancellation.
    """
    return request.transport is None or request.transport.is_closing()


async def send_whole(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    """Send a response; to HEAD without its body, which would follow as the next one."""
    response = await _start_response(request, pending)
    if request.method == hdrs.METH_HEAD:
        await response.write_eof()
        return response
    async for part in pending.parts:
        await response.write(part)
    await response.write_eof()
    return response


async def _start_response(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    response = web.StreamResponse(status=pending.status, headers=pending.headers)
    response.headers.update(request.get(RESPONSE_HEADERS, {}))
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
    status = pending.fault_status or HTTPStatus.BAD_GATEWAY
    reason = CDN_REASONS.get(status) or _standard_reason(status)
    page = CDN_ERROR_PAGE.format(title=f"{int(status)} {reason}".rstrip()).encode()
    headers = {"Content-Type": "text/html; charset=UTF-8", "Server": "cloud edge"}
    return await send_whole(
        request, PendingResponse(status, headers, single_part(page), len(page))
    )


def _standard_reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


async def send_timeout_page(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    status = pending.fault_status or CDN_TIMEOUT_STATUS
    return await send_error_page(request, replace(pending, fault_status=status))


async def send_without_cors(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    request.pop(RESPONSE_HEADERS, None)
    headers = CIMultiDict(
        (name, value)
        for name, value in pending.headers.items()
        if not name.lower().startswith("access-control-")
    )
    return await send_whole(request, replace(pending, headers=headers))


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
