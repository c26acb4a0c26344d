"""A server on raw sockets that keeps its connections, and answers as it is told."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

JSON = "application/json"
TLS_HANDSHAKE = b"\x16"  # the first byte of a client that speaks TLS


@dataclass(frozen=True)
class Request:
    """
    A request as it came.

    `connection` and `number` count from 1: the connections of the server, and the
    requests on this one.
    """

    connection: int
    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


# The bytes to send, and whether the connection stays open after them.
Answer = Callable[[Request], tuple[bytes, bool]]


@dataclass
class RawServer:
    port: int
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def places(self) -> list[tuple[int, int]]:
        """Connection and number of each request."""
        return [(each.connection, each.number) for each in self.requests]


def response(
    body: bytes, *headers: str, status: str = "200 OK", type_: str = JSON
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {type_}", *headers]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def raw_server(
    answer: Answer, context: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[RawServer]:
    """Serve until the block ends; then all connections are closed."""
    listening = socket.create_server(("127.0.0.1", port))
    scheme = "https" if context else "http"
    server = RawServer(listening.getsockname()[1], scheme)
    lock = threading.Lock()

    def talk(plain: socket.socket, connection: int) -> None:
        with suppress(OSError, ValueError), plain:
            stream = context.wrap_socket(plain, server_side=True) if context else plain
            with stream, stream.makefile("rb") as reader:
                if reader.peek(1)[:1] == TLS_HANDSHAKE:
                    stream.sendall(response(b"", status="400 Bad Request"))
                    return
                number = 0
                while True:
                    number += 1
                    request = _read(reader, connection, number)
                    with lock:
                        server.requests.append(request)
                    sent, stays = answer(request)
                    stream.sendall(sent)
                    if not stays:
                        return

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listening.accept()
                server.connections.append(plain)
                arguments = (plain, len(server.connections))
                threading.Thread(target=talk, args=arguments, daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield server
    finally:
        for opened in (listening, *server.connections):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def _read(reader, connection: int, number: int) -> Request:
    first = reader.readline().decode()
    method, path, _ = first.split(" ", 2)
    headers = {}
    while line := reader.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", 0)))
    return Request(connection, number, method, path, headers, body)
