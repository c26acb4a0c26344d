"""A Redis server of a test's own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.http import eventually

from mockserver.state.factory import check_state
from mockserver.state.memory import StateError


@contextmanager
def redis_server(
    folder: Path, *options: str, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """
    A Redis server: its URL, and its process.

    It listens on `port`, or on a free one, and keeps its files in `folder`.
    """
    binary = shutil.which("redis-server")
    if binary is None and os.environ.get("CI"):
        pytest.fail("redis-server is missing, and CI has to have it")
    if binary is None:
        pytest.skip("redis-server is missing")
    if port is None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}/0"
    try:
        eventually(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None, "redis-server ended at once"
        yield url, process
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    """True if a Redis server responds at a URL."""
    try:
        check_state(url)
    except StateError:
        return False
    return True
