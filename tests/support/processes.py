"""A mock in a process of its own, as its users start it."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.http import ask, eventually, generation

import specs

MOCK = [sys.executable, "-W", "error", "-m", "mockserver"]
SERVE = [*MOCK, "serve"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int, process: subprocess.Popen[Any], seconds: float = 60) -> bool:
    """Wait until a process accepts connections; false if it ends or does not."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.1)
    return False


@contextmanager
def serving(
    *options: str, cwd: Path | None = None, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A server process, leader of a group of its own, and its first line."""
    process = subprocess.Popen(
        [*SERVE, "--json", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def refusal(*arguments: str, cwd: Path | None = None, **environment: str):
    """The error output and exit status of a server that does not start."""
    done = subprocess.run(
        [*SERVE, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    assert done.stdout == ""
    return done.stderr, done.returncode


def ended(process: subprocess.Popen[str]) -> tuple[list[str], str, int]:
    """The lines still written to stdout, all of stderr, and the exit status."""
    out, err = process.communicate(timeout=60)
    return out.splitlines(), err, process.returncode


def post(ready: dict[str, Any], name: str, **more: Any):
    body = generation(specs.load(name))
    return ask(f"{ready['providers'][name]}/images/generations", body=body, **more)


def control(ready: dict[str, Any], path: str, **more: Any):
    return ask(f"{ready['url']}/__mock__{path}", method="GET", key=None, **more)


def address(ready: dict[str, Any]) -> tuple[str, int]:
    parts = urlsplit(ready["url"])
    return parts.hostname, parts.port


def accepts(ready: dict[str, Any]) -> bool:
    try:
        socket.create_connection(address(ready), timeout=10).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True


def closed(ready: dict[str, Any]) -> None:
    """Wait until nobody new is let in: a signal has been heard."""
    eventually(lambda: not accepts(ready))


def written(ready: dict[str, Any], name: str, **headers: str) -> bytes:
    """A request as it goes over the wire."""
    url = urlsplit(f"{ready['providers'][name]}/images/generations")
    body = json.dumps(generation(specs.load(name))).encode()
    sent = {
        "Host": url.netloc,
        "Authorization": "Bearer test",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **{each.replace("_", "-"): value for each, value in headers.items()},
    }
    lines = [f"POST {url.path} HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer_on(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body that come over a connection."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, response.read()


def children_of(pid: int) -> list[int]:
    """The processes that the threads of a process have started."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            found += map(int, children.read_text(encoding="ascii").split())
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split(") ")[1][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gateway_in(folder: Path, name: str = "gateway") -> Path:
    """A user's own gateway: a copy of a folder that ships, under a name of its own."""
    source = Path(specs.__file__).parent / "tokenhub"
    made = folder / name
    made.mkdir(parents=True)
    for file in source.glob("*.yaml"):
        text = file.read_text(encoding="utf-8").replace("TokenHub", "My Gateway")
        (made / file.name).write_text(text, encoding="utf-8")
    return made
