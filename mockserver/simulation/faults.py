"""
Damage on demand: what networks, proxies and relays do to an answer, by name.

A *wire* fault spoils how an answer is sent; a *relay* fault is a defect seen in
gateways that pass answers on.
"""

import asyncio
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

SLOW_SECONDS = 2.0
SLOW_CHUNKS = 20
STALL_SECONDS = 60.0
MAX_DELAY = 600.0

BodyParts = AsyncIterator[bytes]
SendFunction = Callable[[web.Request, "PendingResponse"], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class PendingResponse:
    """
    An answer about to be sent: parts of a body, whose `length` is known or not.

    A stream has a part per event. `seconds` is how long a fault takes that takes time.
    """

    status: int
    headers: Mapping[str, str]
    parts: BodyParts
    length: int | None = None
    fault_seconds: float | None = None

    @property
    def is_stream(self) -> bool:
        return self.length is None


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A kind of damage: its name, what it does in a sentence, and who does it.

    `status` is what a client sees in place of the answer's own; 0: it sees none.
    """

    name: str
    description: str
    kind: str
    send: SendFunction | None = None
    status: int | None = None


FAULTS: dict[str, Fault] = {}


def _wire_fault(
    name: str, description: str, status: int | None = None
) -> Callable[[SendFunction], SendFunction]:
    def added(send: SendFunction) -> SendFunction:
        FAULTS[name] = Fault(name, description, "wire", send, status)
        return send

    return added


def _relay_fault(name: str, description: str, send: SendFunction | None = None) -> str:
    FAULTS[name] = Fault(name, description, "relay", send)
    return name


async def send(
    request: web.Request, pending: PendingResponse, fault: Fault | None = None
) -> web.StreamResponse:
    """Send an answer, spoilt when a fault is asked for that has a part in sending."""
    if fault is not None and fault.send is not None:
        return await fault.send(request, pending)
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
    """Close the connection after what was written has gone out, or reset it at once."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family != socket.AF_UNIX:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    await asyncio.sleep(0)


def _unsent_response() -> web.StreamResponse:
    """Stands for an answer of which nothing was sent: the connection is gone."""
    return web.Response()


@_wire_fault("reset", "The connection is reset before any byte of an answer.", 0)
async def _reset(request: web.Request, pending: PendingResponse) -> web.StreamResponse:
    await _close_connection(request, reset=True)
    return _unsent_response()


@_wire_fault("empty", "The connection is closed without a byte of an answer.", 0)
async def _empty(request: web.Request, pending: PendingResponse) -> web.StreamResponse:
    await _close_connection(request)
    return _unsent_response()


@_wire_fault(
    "truncate",
    "Half of the body is sent and the connection closed; Content-Length is of the "
    "whole.",
)
async def _truncate(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    response = await _send_half(request, pending)
    await _close_connection(request)
    return response


@_wire_fault(
    "stall",
    f"Half of the body is sent, then nothing for {STALL_SECONDS:.0f} seconds "
    "(`seconds`), then the connection is reset.",
)
async def _stall(request: web.Request, pending: PendingResponse) -> web.StreamResponse:
    response = await _send_half(request, pending)
    seconds = STALL_SECONDS if pending.fault_seconds is None else pending.fault_seconds
    await asyncio.sleep(seconds)
    await _close_connection(request, reset=True)
    return response


async def _send_half(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    """Headers, and half of the body; of a stream, half of its first event."""
    response = await _start_response(request, pending)
    part = await anext(pending.parts, b"")
    await response.write(part[: max(1, len(part) // 2)])
    return response


@_wire_fault(
    "slow",
    f"The body, or each event, comes in small pieces over {SLOW_SECONDS:.0f} seconds "
    "(`seconds`), and is whole in the end.",
)
async def _slow(request: web.Request, pending: PendingResponse) -> web.StreamResponse:
    response = await _start_response(request, pending)
    seconds = SLOW_SECONDS if pending.fault_seconds is None else pending.fault_seconds
    async for part in pending.parts:
        step = max(1, -(-len(part) // SLOW_CHUNKS))
        for at in range(0, len(part), step):
            await response.write(part[at : at + step])
            await asyncio.sleep(seconds / SLOW_CHUNKS)
    await response.write_eof()
    return response


@_wire_fault("garbage", "The body is noise under the headers of a good answer.")
async def _garbage(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    noise = b"\xff" + hashlib.shake_128(str(pending.headers).encode()).digest(511)
    spoilt = replace(pending, parts=single_part(noise), length=len(noise))
    return await send(request, spoilt)


CDN_ERROR_PAGE = b"""<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>cloud edge</center>
</body>
</html>
"""


@_wire_fault("html", "The page of a content delivery network, with status 502.", 502)
async def _html(request: web.Request, pending: PendingResponse) -> web.StreamResponse:
    headers = {"Content-Type": "text/html; charset=UTF-8", "Server": "cloud edge"}
    return await send(
        request,
        PendingResponse(502, headers, single_part(CDN_ERROR_PAGE), len(CDN_ERROR_PAGE)),
    )


@_wire_fault(
    "cut-stream",
    "A stream of events ends between two events, without the last chunk; an answer "
    "that is no stream comes whole.",
)
async def _cut_stream(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    if not pending.is_stream:
        return await send(request, pending)
    response = await _start_response(request, pending)
    first = await anext(pending.parts, b"")
    if await anext(pending.parts, None) is not None:
        await response.write(first)
    await _close_connection(request)
    return response


async def _leading_whitespace(
    request: web.Request, pending: PendingResponse
) -> web.StreamResponse:
    """What relays send to keep a connection open while they wait for a picture."""

    async def led() -> BodyParts:
        for _ in range(3):
            yield b"\n"
        async for part in pending.parts:
            yield part

    headers = {
        name: value
        for name, value in pending.headers.items()
        if name.lower() != "content-length"
    }
    return await send(
        request, replace(pending, parts=led(), headers=headers, length=None)
    )


BOTH_DELIVERIES = _relay_fault(
    "both-deliveries", "Every picture comes twice, as `url` and as `b64_json`."
)
ERROR_AS_200 = _relay_fault(
    "error-as-200",
    "The body of an error (server_error, unless another is asked for) "
    "comes with status 200.",
)
_relay_fault(
    "leading-whitespace",
    "Newlines come before the body, as relays send them to keep a connection open.",
    _leading_whitespace,
)
NO_PARTIALS = _relay_fault(
    "no-partials", "The partial pictures that were asked for are left out of a stream."
)
ONE_IMAGE = _relay_fault(
    "one-image", "Of several pictures to edit only the first is read (`image[]`)."
)


async def single_part(data: bytes) -> BodyParts:
    """A body of one part."""
    yield data
