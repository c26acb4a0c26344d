"""A Redis server of a test's own, and one that tells lies."""

import os
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

import pytest
from support.http import eventually

from mockserver.state.factory import check_state
from mockserver.state.memory import StateError


@contextmanager
def redis_server(
    folder: Path, *options: str, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis server as `RedisServer`: its URL, and its process."""
    with RedisServer(folder, *options, port=port) as server:
        yield server.url, server.process


class RedisServer:
    """
    A Redis server that can be killed and started again.

    It listens on `port`, or on a free one, and keeps its files in `folder`.
    """

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        binary = shutil.which("redis-server")
        if binary is None and os.environ.get("CI"):
            pytest.fail("redis-server is missing, and CI has to have it")
        if binary is None:
            pytest.skip("redis-server is missing")
        if port is None:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/0"
        self._folder = folder
        words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", *options]
        self._command = [binary, *words]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.DEVNULL
        )
        eventually(lambda: self.process.poll() is not None or answers(self.url))
        assert self.process.poll() is None, "redis-server ended at once"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def answers(url: str) -> bool:
    """True if a Redis server responds at a URL."""
    try:
        check_state(url)
    except StateError:
        return False
    return True


class Lies(socketserver.ThreadingTCPServer):
    """
    A relay to a Redis server that tells lies.

    As long as `reply` is set, it is the reply to each command, and nothing is relayed;
    an empty one is none at all. `commands` are those that were not relayed. A
    connection is closed after its last lie, since both ends disagree about its state.
    """

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        parts = urlsplit(url)
        self.target = parts.hostname, parts.port
        self.url = f"redis://127.0.0.1:{self.server_address[1]}/0"
        self.reply: bytes | None = None
        self.commands: list[bytes] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Relay(socketserver.StreamRequestHandler):
    server: Lies

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as upstream:
            replies, has_lied = upstream.makefile("rb"), False
            while command := _resp_value(self.rfile):
                reply = self.server.reply
                if reply is not None:
                    self.server.commands.append(command)
                    has_lied = True
                elif has_lied:
                    return
                else:
                    upstream.sendall(command)
                    reply = _resp_value(replies)
                self.wfile.write(reply)


def _resp_value(stream: IO[bytes]) -> bytes:
    """The bytes of a command or a reply in RESP 2 or 3; empty at the end."""
    line = stream.readline()
    kind, length = line[:1], line[1:].strip()
    if kind in b"$=!" and line and int(length) >= 0:
        return line + stream.read(int(length) + 2)
    parts = 0
    if kind in b"*~>%|" and line:
        parts = int(length) * (2 if kind in b"%|" else 1)
    return line + b"".join(_resp_value(stream) for _ in range(parts))
