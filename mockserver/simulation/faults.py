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

DRIP_SECONDS = 2.0
DRIPS = 20
STALL_SECONDS = 60.0
LONGEST = 600.0

Parts = AsyncIterator[bytes]
Send = Callable[[web.Request, "Outgoing"], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Outgoing:
    """
    An answer about to be sent: parts of a body, whose `length` is known or not.

    A stream has a part per event. `seconds` is how long a fault takes that takes time.
    """

    status: int
    headers: Mapping[str, str]
    parts: Parts
    length: int | None = None
    seconds: float | None = None

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
    about: str
    kind: str
    send: Send | None = None
    status: int | None = None


FAULTS: dict[str, Fault] = {}


def _wire(name: str, about: str, status: int | None = None) -> Callable[[Send], Send]:
    def added(send: Send) -> Send:
        FAULTS[name] = Fault(name, about, "wire", send, status)
        return send

    return added


def _relay(name: str, about: str, send: Send | None = None) -> str:
    FAULTS[name] = Fault(name, about, "relay", send)
    return name


async def send(
    request: web.Request, outgoing: Outgoing, fault: Fault | None = None
) -> web.StreamResponse:
    """Send an answer, spoilt when a fault is asked for that has a part in sending."""
    if fault is not None and fault.send is not None:
        return await fault.send(request, outgoing)
    response = await _begun(request, outgoing)
    async for part in outgoing.parts:
        await response.write(part)
    await response.write_eof()
    return response


async def _begun(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    response = web.StreamResponse(status=outgoing.status, headers=outgoing.headers)
    if outgoing.length is not None:
        response.content_length = outgoing.length
    await response.prepare(request)
    return response


async def _hang_up(request: web.Request, *, reset: bool = False) -> None:
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


def _unsent() -> web.StreamResponse:
    """Stands for an answer of which nothing was sent: the connection is gone."""
    return web.Response()


@_wire("reset", "The connection is reset before any byte of an answer.", 0)
async def _reset(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    await _hang_up(request, reset=True)
    return _unsent()


@_wire("empty", "The connection is closed without a byte of an answer.", 0)
async def _empty(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    await _hang_up(request)
    return _unsent()


@_wire(
    "truncate",
    "Half of the body is sent and the connection closed; Content-Length is of the "
    "whole.",
)
async def _truncate(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    response = await _half(request, outgoing)
    await _hang_up(request)
    return response


@_wire(
    "stall",
    f"Half of the body is sent, then nothing for {STALL_SECONDS:.0f} seconds "
    "(`seconds`), then the connection is reset.",
)
async def _stall(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    response = await _half(request, outgoing)
    seconds = STALL_SECONDS if outgoing.seconds is None else outgoing.seconds
    await asyncio.sleep(seconds)
    await _hang_up(request, reset=True)
    return response


async def _half(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    """Headers, and half of the body; of a stream, half of its first event."""
    response = await _begun(request, outgoing)
    part = await anext(outgoing.parts, b"")
    await response.write(part[: max(1, len(part) // 2)])
    return response


@_wire(
    "slow",
    f"The body, or each event, comes in small pieces over {DRIP_SECONDS:.0f} seconds "
    "(`seconds`), and is whole in the end.",
)
async def _slow(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    response = await _begun(request, outgoing)
    seconds = DRIP_SECONDS if outgoing.seconds is None else outgoing.seconds
    async for part in outgoing.parts:
        step = max(1, -(-len(part) // DRIPS))
        for at in range(0, len(part), step):
            await response.write(part[at : at + step])
            await asyncio.sleep(seconds / DRIPS)
    await response.write_eof()
    return response


@_wire("garbage", "The body is noise under the headers of a good answer.")
async def _garbage(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    noise = b"\xff" + hashlib.shake_128(str(outgoing.headers).encode()).digest(511)
    spoilt = replace(outgoing, parts=once(noise), length=len(noise))
    return await send(request, spoilt)


PAGE = b"""<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>cloud edge</center>
</body>
</html>
"""


@_wire("html", "The page of a content delivery network, with status 502.", 502)
async def _html(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    headers = {"Content-Type": "text/html; charset=UTF-8", "Server": "cloud edge"}
    return await send(request, Outgoing(502, headers, once(PAGE), len(PAGE)))


@_wire(
    "cut-stream",
    "A stream of events ends between two events, without the last chunk; an answer "
    "that is no stream comes whole.",
)
async def _cut_stream(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    if not outgoing.is_stream:
        return await send(request, outgoing)
    response = await _begun(request, outgoing)
    first = await anext(outgoing.parts, b"")
    if await anext(outgoing.parts, None) is not None:
        await response.write(first)
    await _hang_up(request)
    return response


async def _led_by_space(request: web.Request, outgoing: Outgoing) -> web.StreamResponse:
    """What relays send to keep a connection open while they wait for a picture."""

    async def led() -> Parts:
        for _ in range(3):
            yield b"\n"
        async for part in outgoing.parts:
            yield part

    headers = {
        name: value
        for name, value in outgoing.headers.items()
        if name.lower() != "content-length"
    }
    return await send(
        request, replace(outgoing, parts=led(), headers=headers, length=None)
    )


BOTH_DELIVERIES = _relay(
    "both-deliveries", "Every picture comes twice, as `url` and as `b64_json`."
)
ERROR_AS_200 = _relay(
    "error-as-200",
    "The body of an error (server_error, unless another is asked for) "
    "comes with status 200.",
)
_relay(
    "leading-whitespace",
    "Newlines come before the body, as relays send them to keep a connection open.",
    _led_by_space,
)
NO_PARTIALS = _relay(
    "no-partials", "The partial pictures that were asked for are left out of a stream."
)
ONE_IMAGE = _relay(
    "one-image", "Of several pictures to edit only the first is read (`image[]`)."
)


async def once(data: bytes) -> Parts:
    """A body of one part."""
    yield data
