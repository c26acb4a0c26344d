"""
A server that misbehaves: a raw socket, and one wrong behaviour for each request.

A behaviour gets the connection after the request has been read; what it leaves open is
closed. The same behaviour answers every request, so that asking again helps nobody.
"""

import asyncio
import base64
import gzip
import io
import json
import ssl
import struct
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from PIL import Image
from support.image_files import png_chunk

from contracts.report.model import RATE_LIMITED

KEY = "sk-a-secret-of-mine"
MEGABYTE = 1024 * 1024
FOREVER = 3600.0
JSON, EVENTS = "application/json", "text/event-stream"


@dataclass
class Talk:
    """One request, and the connection on which it is to be answered."""

    method: str
    path: str
    headers: Mapping[str, str]
    url: str
    writer: asyncio.StreamWriter

    async def say(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def flood(self, part: bytes) -> None:
        """Say the same again and again, until nobody listens."""
        while True:
            await self.say(part)

    async def drip(self, part: bytes, every: float = 0.02) -> None:
        while True:
            await self.say(part)
            await asyncio.sleep(every)

    async def stall(self) -> None:
        await asyncio.sleep(FOREVER)

    def reset(self) -> None:
        self.writer.transport.abort()


Behaviour = Callable[[Talk], Awaitable[None]]


@dataclass
class Hostile:
    """A running server: its address, and what it was asked."""

    url: str
    seen: list[Talk] = field(default_factory=list)


@contextmanager
def hostile(
    behaviour: Behaviour, certificate: ssl.SSLContext | None = None
) -> Iterator[Hostile]:
    """A server with this behaviour, on a port of its own, until the block ends."""
    scheme = "https" if certificate else "http"
    server = Hostile("")
    ready, done = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    writers: list[asyncio.StreamWriter] = []

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writers.append(writer)
        with suppress(OSError, EOFError, asyncio.CancelledError, ssl.SSLError):
            talk = await _heard(reader, writer, server.url)
            server.seen.append(talk)
            await behaviour(talk)
        with suppress(OSError, ssl.SSLError):
            writer.close()

    async def serve() -> None:
        listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=certificate)
        server.url = f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        loops.append(asyncio.get_running_loop())
        ready.set()
        async with listening:
            await done.wait()
            listening.close()
            # A connection that was just accepted begins its task in a later turn.
            while rest := asyncio.all_tasks() - {asyncio.current_task()}:
                for task in rest:
                    task.cancel()
                await asyncio.gather(*rest, return_exceptions=True)
            for writer in writers:
                _abort(writer.transport, certificate)
            await asyncio.sleep(0)  # the loop closes the sockets in its next turn

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="hostile")
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loops[0].call_soon_threadsafe(done.set)
        thread.join()


def _abort(
    transport: asyncio.WriteTransport, certificate: ssl.SSLContext | None
) -> None:
    """
    End a connection whose peer may not read any more.

    A plain connection that was closed and has written everything is skipped: its
    transport has forgotten its loop, and `abort` would fail.
    """
    if certificate or not transport.is_closing() or transport.get_write_buffer_size():
        transport.abort()


async def _heard(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str
) -> Talk:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    await reader.readexactly(int(headers.get("content-length", 0)))
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int((await reader.readline()).strip(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return Talk(method, path, headers, url, writer)


def head(status: str = "200 OK", type_: str = JSON, *more: str) -> bytes:
    """The head of an answer; its body ends with the connection, unless `more` says."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {type_}", "Connection: close", *more]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(body: bytes, type_: str = JSON, *more: str, status="200 OK"):
    """An answer that is complete."""
    return head(status, type_, f"Content-Length: {len(body)}", *more) + body


def saying(body: Any, *more: str, **options: Any) -> Behaviour:
    """
    A behaviour whose answer is complete; what is not bytes or text goes as JSON.

    What takes long to make is a function that makes it.
    """

    async def say(talk: Talk) -> None:
        said = body() if callable(body) else body
        if not isinstance(said, (bytes, str)):
            said = json.dumps(said)
        data = said.encode() if isinstance(said, str) else said
        await talk.say(whole(data, *more, **options))

    return say


def picture(data: bytes, **more: Any) -> dict[str, Any]:
    """A success whose one picture is these bytes."""
    text = base64.b64encode(data).decode()
    return {"created": 1, "data": [{"b64_json": text}], **more}


def dot(format: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1, 1)).save(out, format)
    return out.getvalue()


def png(width: int, height: int, *chunks: bytes, rows: int | None = None) -> bytes:
    """A grey PNG that says so many pixels, and has so many rows of them."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packer = zlib.compressobj()
    packed = b"".join(
        packer.compress(bytes(width + 1))
        for _ in range(height if rows is None else rows)
    )
    data = png_chunk(b"IDAT", packed + packer.flush())
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + b"".join(chunks)
        + data
        + png_chunk(b"IEND", b"")
    )


def zipped_text(size: int) -> bytes:
    """A PNG's text that is small in the file, and large once it is read."""
    return png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size)))


def film(frames: int) -> bytes:
    """A GIF of so many frames of one pixel."""
    start = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02D\x01\0"
    return start + frame * frames + b";"


def webp(width: int, height: int) -> bytes:
    """A lossless WebP's head that says so many pixels, and nothing after it."""
    size = (width - 1) | (height - 1) << 14
    data = b"\x2f" + struct.pack("<I", size) + bytes(8)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def zipped(wbits: int) -> Callable[[], bytes]:
    """256 MB of zero bytes, packed: gzip (31) or deflate (15)."""

    @cache
    def pack() -> bytes:
        packer = zlib.compressobj(1, zlib.DEFLATED, wbits)
        part = bytes(MEGABYTE)
        parts = [packer.compress(part) for _ in range(256)]
        return b"".join([*parts, packer.flush()])

    return pack


PARTIAL = b"event: image_generation.partial_image\ndata: {}\n\n"


async def _endless_body(talk: Talk) -> None:
    await talk.say(head())
    await talk.flood(bytes(MEGABYTE))


async def _endless_chunks(talk: Talk) -> None:
    await talk.say(head("200 OK", JSON, "Transfer-Encoding: chunked"))
    await talk.flood(b"10000\r\n" + b"[" * 65536 + b"\r\n")


async def _endless_events(talk: Talk) -> None:
    await talk.say(head("200 OK", EVENTS))
    await talk.flood(PARTIAL * 10_000)


async def _endless_line(talk: Talk) -> None:
    await talk.say(head("200 OK", EVENTS), b"data: ")
    await talk.flood(b"x" * MEGABYTE)


async def _endless_base64(talk: Talk) -> None:
    await talk.say(head(), b'{"created": 1, "data": [{"b64_json": "')
    await talk.flood(b"AAAA" * (MEGABYTE // 4))


async def _dripping_events(talk: Talk) -> None:
    await talk.say(head("200 OK", EVENTS))
    await talk.drip(b": still here\n\n")


async def _gigabyte_that_never_comes(talk: Talk) -> None:
    await talk.say(head("200 OK", JSON, "Content-Length: 1073741824"))
    await talk.stall()


async def _gigabyte_that_breaks_off(talk: Talk) -> None:
    await talk.say(head("200 OK", JSON, "Content-Length: 1073741824"))


async def _dripping_head(talk: Talk) -> None:
    await talk.say(b"HTTP/1.1 200 OK\r\nX-A: ")
    await talk.drip(b"a")


async def _dripping_body(talk: Talk) -> None:
    await talk.say(head("200 OK", JSON, "Content-Length: 100000"))
    await talk.drip(b" ")


async def _endless_headers(talk: Talk) -> None:
    await talk.say(b"HTTP/1.1 200 OK\r\n")
    await talk.flood(b"X-A: b\r\n" * 1000)


async def _endless_trailers(talk: Talk) -> None:
    await talk.say(head("200 OK", JSON, "Transfer-Encoding: chunked"))
    await talk.say(b"2\r\n{}\r\n0\r\n")
    await talk.flood(b"X-A: b\r\n" * 1000)


async def _endless_hints(talk: Talk) -> None:
    await talk.flood(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 1000)


async def _silence(talk: Talk) -> None:
    await talk.stall()


async def _nothing(talk: Talk) -> None:
    """Closed without a word."""


async def _reset(talk: Talk) -> None:
    talk.reset()


def raw(*parts: bytes | Callable[[], bytes]) -> Behaviour:
    async def say(talk: Talk) -> None:
        await talk.say(*(each() if callable(each) else each for each in parts))

    return say


def elsewhere(address: str) -> Behaviour:
    """A redirect."""
    return saying(b"", "text/plain", f"Location: {address}", status="307 Temporary")


def at_address(
    address: str, behaviour: Behaviour | None = None, copies: int = 1
) -> Behaviour:
    """A success whose pictures are at an address; `{url}` in it is the server's own."""

    async def say(talk: Talk) -> None:
        if talk.method == "GET" and behaviour is not None:
            await behaviour(talk)
            return
        urls = [address.format(url=talk.url, at=at) for at in range(copies)]
        found = {"created": 1, "data": [{"url": each} for each in urls]}
        await talk.say(whole(json.dumps(found).encode()))

    return say


async def _again_redirected(talk: Talk) -> None:
    await elsewhere(f"{talk.url}/v1/again")(talk)


async def _key_in_a_header(talk: Talk) -> None:
    echoed = f"image/{KEY}"
    await talk.say(whole(b"{}", echoed, f"X-Was: {KEY}", status=f"500 {KEY}"))


def _message(text: str) -> dict[str, Any]:
    return {"error": {"message": text, "type": "x", "code": None, "param": None}}


NOT_WHOLE: Mapping[str, Behaviour] = {
    "endless body": _endless_body,
    "endless chunks": _endless_chunks,
    "endless events": _endless_events,
    "endless line": _endless_line,
    "endless base64": _endless_base64,
    "dripping events": _dripping_events,
    "gigabyte that never comes": _gigabyte_that_never_comes,
    "gigabyte that breaks off": _gigabyte_that_breaks_off,
    "dripping head": _dripping_head,
    "dripping body": _dripping_body,
    "endless headers": _endless_headers,
    "endless trailers": _endless_trailers,
    "endless hints": _endless_hints,
    "silence": _silence,
    "nothing": _nothing,
    "reset": _reset,
    "gzip bomb": raw(head("200 OK", JSON, "Content-Encoding: gzip"), zipped(31)),
    "deflate bomb": raw(
        head("200 OK", JSON, "Content-Encoding: deflate"),
        zipped(15),
    ),
    "no gzip": saying(b"{}", JSON, "Content-Encoding: gzip"),
    "no brotli": saying(b"{}" * 50, JSON, "Content-Encoding: br"),
    "bad chunk": raw(head("200 OK", JSON, "Transfer-Encoding: chunked"), b"zz\r\n{}"),
    "huge chunk": raw(
        head("200 OK", JSON, "Transfer-Encoding: chunked"),
        b"f" * 40 + b"\r\n{}",
    ),
    "no last chunk": raw(
        head("200 OK", JSON, "Transfer-Encoding: chunked"),
        b"2\r\n{}\r\n",
    ),
    "negative length": raw(head("200 OK", JSON, "Content-Length: -1")),
    "two lengths": raw(
        head("200 OK", JSON, "Content-Length: 2", "Content-Length: 3") + b"{}"
    ),
    "absurd length": raw(head("200 OK", JSON, f"Content-Length: {'9' * 40}") + b"{}"),
    "huge header": raw(head("200 OK", JSON, "X-A: " + "a" * MEGABYTE)),
    "many headers": raw(head("200 OK", JSON, *["X-A: b"] * 10_000)),
    "binary junk": raw(bytes(range(256)) * 64),
    "page without a head": raw(b"<html>hello</html>"),
    "no status": raw(b"HTTP/1.1 \r\n\r\n"),
    "status of words": raw(b"HTTP/1.1 two hundred\r\n\r\n"),
}
"""What is no answer at all, or has no end: a crash of the server."""

_MANY = {"b64_json": "x"}
_TOKENS = {"input_tokens": 10**290, "output_tokens": -1, "total_tokens": 1e300}

NOT_RIGHT: Mapping[str, tuple[str, Behaviour]] = {
    "page": ("body", saying("<html>hello</html>", "text/html")),
    "no JSON": ("body", saying(bytes(range(256)))),
    "half of a gzip": (
        "body",
        saying(gzip.compress(b"{}" * 9000)[:-20], JSON, "Content-Encoding: gzip"),
    ),
    "other encoding": ("body", saying('{"data": []}'.encode("utf-16"))),
    "deep": ("body", saying(b"[" * 100_000 + b"]" * 100_000)),
    "deep object": ("body", saying(b'{"data":' * 900 + b"1" + b"}" * 900)),
    "many values": ("body", saying(lambda: b"[" + b"[]," * 2_000_000 + b"[]]")),
    "many pictures": (
        "body",
        saying(lambda: {"created": 1, "data": [_MANY] * 100_000}),
    ),
    "long number": ("body", saying(b'{"created": ' + b"9" * 5000 + b', "data": []}')),
    "infinite number": ("body", saying(b'{"created": 1e999, "data": []}')),
    "no number": ("body", saying(b'{"created": NaN, "data": []}')),
    "half a character": ("body", saying(b'{"\\ud800": "\\udfff", "error": "\\ud800"}')),
    "half a character in an address": ("body", at_address("{url}/\ud800.png")),
    "page of a proxy": (
        "valid-is-accepted",
        saying("<html>bad</html>", "text/html", status="502 Bad"),
    ),
    "status 999": ("valid-is-accepted", saying({}, status="999 Much")),
    "redirect to itself": ("valid-is-accepted", _again_redirected),
    "half a character in an error": (
        "valid-is-accepted",
        saying(_message("\ud800 \x00 \x1b[31m \u202e"), status="400 Bad"),
    ),
    "control characters": (
        "valid-is-accepted",
        saying(
            _message("\x00\x01\x1b[31m]]>&<script>alert(1)</script>\ufffe"),
            status="400 Bad",
        ),
    ),
    "odd seconds": (
        RATE_LIMITED,
        saying({}, "text/plain", "Retry-After: \xb2", status="429 Busy"),
    ),
    "many seconds": (
        RATE_LIMITED,
        saying({}, "text/plain", f"Retry-After: {'9' * 5000}", status="429 Busy"),
    ),
    "key in a header": ("valid-is-accepted", _key_in_a_header),
    "status 000": ("answers", saying({}, status="000 Nothing")),
    "bytes in a header": (
        "answers",
        saying({}, "application/json; a=\xff\xfe", "X-\xe4: \xff"),
    ),
    "unknown charset": ("schema", saying(b"{}", "application/json; charset=klingon")),
    "many members": ("schema", saying(lambda: {f"m{at}": 1 for at in range(20_000)})),
    "long value": (
        "schema",
        saying(lambda: {"created": "m" * 2 * MEGABYTE, "data": "n" * 2 * MEGABYTE}),
    ),
    "absurd usage": ("schema", saying(picture(dot(), usage=_TOKENS))),
    "usage of another kind": ("schema", saying(picture(dot(), usage=[1]))),
    "null everywhere": (
        "schema",
        saying({"created": None, "data": None, "usage": None}),
    ),
    "items that are none": (
        "schema",
        saying({"created": 1, "data": [None, 1, "a", [], {}]}),
    ),
    "long member": (
        "count-equals-n",
        saying(lambda: {"m" * 2 * MEGABYTE: 1, "created": 1, "data": []}),
    ),
    "large number": (
        "count-equals-n",
        saying(b'{"created": ' + b"9" * 290 + b', "data": []}'),
    ),
    "many addresses": (
        "count-equals-n",
        at_address("{url}/{at}.png", saying(b"", "image/png"), 10_000),
    ),
    "many events": ("event", saying(lambda: b"data: {}\n\n" * 200_000, EVENTS)),
    "blank lines": ("event", saying(lambda: b"\n" * 4 * MEGABYTE, EVENTS)),
    "events of junk": ("event", saying(bytes(range(256)) * 40, EVENTS)),
    "deep event": ("event", saying(b"data: " + b"[" * 100_000 + b"\n\n", EVENTS)),
    "no event": ("streams-when-asked", saying(b"", EVENTS)),
    "huge picture": ("decodes", saying(picture(png(60_000, 60_000, rows=0)))),
    "picture of a warning": ("decodes", saying(picture(png(12_000, 12_000, rows=0)))),
    "huge WebP": ("decodes", saying(picture(webp(16_384, 16_384)))),
    "film": ("decodes", saying(lambda: picture(film(100_000)))),
    "picture with a long text": (
        "decodes",
        saying(lambda: picture(png(9, 9, zipped_text(8 * MEGABYTE)))),
    ),
    "half a picture": ("decodes", saying(picture(png(90, 90)[:-60]))),
    "no picture": ("decodes", saying(picture(b"<svg onload='alert(1)'/>"))),
    "no base64": ("decodes", saying({"created": 1, "data": [{"b64_json": "\u00e4!"}]})),
    "file": ("decodes", at_address("file:///etc/passwd")),
    "script": ("decodes", at_address("javascript:alert(1)")),
    "no address": ("decodes", at_address("http://[::1")),
    "no port": ("decodes", at_address("http://127.0.0.1:99999999/a.png")),
    "nobody's address": (
        "decodes",
        at_address("http://169.254.169.254/latest/meta-data"),
    ),
    "endless data URI": (
        "decodes",
        at_address("data:image/png;base64," + "A" * 9 * MEGABYTE),
    ),
    "page at the address": (
        "decodes",
        at_address("{url}/a.png", saying("hello", "text/html")),
    ),
    "redirect at the address": (
        "decodes",
        at_address("{url}/a.png", _again_redirected),
    ),
    "endless picture": ("decodes", at_address("{url}/a.png", _endless_body)),
    "dripping picture": ("decodes", at_address("{url}/a.png", _dripping_body)),
}
"""Answers that come to their end and are wrong, and the check that sees it."""
