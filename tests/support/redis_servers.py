"""A Redis server of a test's own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

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
