"""Bytes over a socket, and what comes back: for what no client would send."""

import json
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from support.http import JSON, KEY, Wire, generation

import specs

PATIENCE = 60  # seconds; nothing takes long but on a machine that is busy


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), PATIENCE)


def head(
    url: str, *lines: str | bytes, method: str = "POST", version: str = "1.1"
) -> bytes:
    """The head of a request with a key, and these lines; without its empty line."""
    parts = urlsplit(url)
    first = [
        f"{method} {parts.path} HTTP/{version}",
        f"Host: {parts.netloc}",
        f"Authorization: Bearer {KEY}",
    ]
    written = [each if isinstance(each, bytes) else each.encode() for each in lines]
    return b"".join(each + b"\r\n" for each in [*map(str.encode, first), *written])


def post(url: str, body: bytes, *lines: str | bytes, close: bool = True) -> bytes:
    """A whole request with a body of JSON, unless the lines say otherwise."""
    given = b"\n".join(
        each if isinstance(each, bytes) else each.encode() for each in lines
    ).lower()
    more: list[str | bytes] = []
    if b"content-type:" not in given:
        more.append(f"Content-Type: {JSON}")
    if b"content-length:" not in given and b"transfer-encoding:" not in given:
        more.append(f"Content-Length: {len(body)}")
    if close:
        more.append("Connection: close")
    return head(url, *more, *lines) + b"\r\n" + body


def good(url: str, provider: specs.Provider, *, close: bool = True, **more: Any):
    """A request that breaks nothing, as it goes over the wire."""
    return post(url, json.dumps(generation(provider, **more)).encode(), close=close)


def everything(connection: socket.socket) -> tuple[bytes, str]:
    """All that comes until the end, and whether that was a `reset`."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        return received, "reset"
    return received, "closed"


def one(connection: socket.socket) -> Wire:
    """The next answer on a connection that stays open."""
    received = b""
    while b"\r\n\r\n" not in received or not answers(received)[0].is_whole:
        data = connection.recv(65536)
        assert data, received
        received += data
    return answers(received)[0]


def exchange(url: str, *pieces: bytes | Iterable[bytes]) -> list[Wire]:
    """The response bytes until the server closes the connection."""
    with connected(url) as connection:
        try:
            for piece in pieces:
                for part in [piece] if isinstance(piece, bytes) else piece:
                    connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough; what it said can still be read
        received, end = everything(connection)
    return answers(received, end)


def only(url: str, *pieces: bytes | Iterable[bytes]) -> Wire:
    (found,) = exchange(url, *pieces)
    return found


def answers(received: bytes, end: str = "closed") -> list[Wire]:
    """The answers in what came over one connection, one after the other."""
    found = []
    while received:
        top, _, rest = received.partition(b"\r\n\r\n")
        answer = Wire(top.decode(), rest, end)
        if answer.status == 100:
            length = 0
        else:
            announced = answer.header("Content-Length")
            length = len(rest) if announced is None else int(announced)
        found.append(Wire(top.decode(), rest[:length], end))
        received = rest[length:]
    return found


def is_refusal(
    answer: Wire, provider: specs.Provider | None, status: int | None = None
) -> bool:
    """True if a response is an error in the format of a provider, or a similar one."""
    assert status is None or answer.status == status, (answer.head, answer.body)
    assert (answer.header("Content-Type") or "").startswith(JSON), answer.head
    assert b"Traceback" not in answer.body
    assert len(answer.body) < 8192, "it repeats too much of what was sent"
    if answer.header("Content-Length") == "0":
        return True
    said = json.loads(answer.body)
    if provider is None:
        return bool(said["error"]["message"])
    operation = provider.operations["createImage"]
    return bool(operation.response_for(400).bodies[JSON].judge.is_valid(said))
