"""Slow clients, clients that do not read, and too many clients."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.http import JSON, ask, eventually, generation, url_of
from support.raw_http import (
    answers,
    connected,
    everything,
    exchange,
    good,
    head,
    is_refusal,
    one,
)

import mockserver
import specs
from mockserver.server.file_limits import ThrottledErrors

PATIENCE = 0.6
CROWD = 12


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("impatient")]


@pytest.fixture(scope="module")
def server():
    """A server with short timeouts."""
    with mockserver.running(
        head_timeout=PATIENCE,
        body_timeout=PATIENCE,
        send_timeout=PATIENCE,
        idle_timeout=3 * PATIENCE,
        max_connections=CROWD,
    ) as running:
        yield running


@pytest.fixture
def url(server, lone):
    return url_of(server, lone)


def dripping(data, seconds=0.05):
    """One byte from time to time, without end."""
    for at in range(len(data)):
        yield data[at : at + 1]
        time.sleep(seconds)


@pytest.mark.parametrize("how", ["at once", "dripping"])
def test_a_head_that_does_not_end_is_refused(url, lone, how):
    begun = head(url, "X-Long: " + "a" * 5000)

    found = exchange(url, begun if how == "at once" else dripping(begun))

    assert is_refusal(found[0], lone, 408)


def test_a_second_head_that_does_not_end_is_refused(url, lone):
    with connected(url) as connection:
        connection.sendall(good(url, lone, close=False))
        assert one(connection).status == 200
        connection.sendall(head(url))
        (second,) = answers(*everything(connection))

    assert is_refusal(second, lone, 408)


@pytest.mark.parametrize("framing", ["Content-Length: 1000000",
                                     "Transfer-Encoding: chunked"])  # fmt: skip
@pytest.mark.parametrize("how", ["silent", "dripping"])
def test_a_body_that_does_not_come_is_refused(url, lone, framing, how):
    begun = head(url, framing, f"Content-Type: {JSON}") + b"\r\n"
    rest = b"" if how == "silent" else dripping(b"1\r\n \r\n" * 1000)

    found = exchange(url, begun, rest)

    assert is_refusal(found[0], lone, 408)
    assert found[0].header("Connection") == "close"


def test_a_body_that_nobody_reads_is_not_waited_for_either(server, lone):
    """A request for an unknown path, with an incomplete body."""
    nowhere = f"{server.base_urls[lone.id]}/nowhere"

    (answer,) = exchange(nowhere, head(nowhere, "Content-Length: 10") + b"\r\n")

    assert is_refusal(answer, lone, 404)


def test_a_large_body_has_the_time_that_it_takes(server, lone):
    """It takes longer than the timeout of a small body."""
    body = json.dumps({"image": "x" * 400_000}).encode()
    url = url_of(server, lone, "createImageEdit")
    lines = f"Content-Length: {len(body)}", f"Content-Type: {JSON}", "Connection: close"

    def pieces():
        for at in range(0, len(body), 40_000):
            yield body[at : at + 40_000]
            time.sleep(PATIENCE / 5)

    (answer,) = exchange(url, head(url, *lines) + b"\r\n", pieces())

    assert is_refusal(answer, lone, 400), "408 would be too early"


@pytest.mark.parametrize("already", [0, 1])
def test_who_asks_nothing_is_let_go(url, lone, already):
    with connected(url) as connection:
        for _ in range(already):
            connection.sendall(good(url, lone, close=False))
            assert one(connection).status == 200

        assert everything(connection) == (b"", "closed")


def test_who_does_not_read_is_hung_up_on(server, lone):
    """The exchange ends: rendering stops, and the journal has an entry."""
    provider = specs.load("openai")
    url = url_of(server, provider)
    asked = generation(provider, stream=True, partial_images=3, n=10, size="3840x2160",
                       quality="high", output_format="png")  # fmt: skip
    body = json.dumps(asked).encode()
    lines = (
        f"Content-Length: {len(body)}",
        f"Content-Type: {JSON}",
        "X-Mock-Namespace: a",
    )
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        parts = urlsplit(url)
        connection.connect((parts.hostname, parts.port))
        connection.sendall(head(url, *lines) + b"\r\n" + body)

        (entry,) = server.wait_for(1, 60, namespace="a")

    assert entry["outcome"] == "aborted"


def in_a_row(path):
    return (head(f"http://x{path}", method="GET") + b"\r\n") * 20_000


def large_images():
    asked = {"size": "3840x2160", "quality": "high", "n": 2}
    url = "http://x/openai/v1/images/generations"
    return good(url, specs.load("openai"), close=False, **asked)


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(in_a_row("/openai/v1/models"), id="models"),
        pytest.param(in_a_row("/__mock__/openapi.json"), id="control"),
        pytest.param(large_images(), id="images"),
    ],
)
def test_nothing_is_kept_for_who_does_not_read(requests):
    """The connection is closed, whatever is sent: many responses, or a large one."""
    with mockserver.running(
        "openai", send_timeout=PATIENCE, idle_timeout=60, realistic=True
    ) as running:
        before = open_sockets()
        with connected(running.url) as connection:
            eventually(lambda: open_sockets() == before + 2)
            with contextlib.suppress(OSError):
                connection.sendall(requests)

            eventually(lambda: open_sockets() == before + 1)


def open_sockets():
    """The number of sockets of this process: those of its clients and its servers."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has been closed
            found += str(link.readlink()).startswith("socket:")
    return found


def test_there_is_room_for_one_more_when_others_are_idle(url, lone):
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(url)) for _ in range(4 * CROWD)]

        eventually(lambda: refused_for_room(url, lone) is None)
        assert everything(idle[0])[1] in {"closed", "reset"}


def test_when_nobody_is_idle_there_is_no_room(server, url, lone):
    """Open requests are completed; new connections get an error response."""
    slow = head(url, "Content-Length: 10", f"Content-Type: {JSON}") + b"\r\n{"
    with contextlib.ExitStack() as stack:
        busy = [stack.enter_context(connected(url)) for _ in range(CROWD)]
        for connection in busy:
            connection.sendall(slow)
        first = eventually(lambda: refused_for_room(url, lone))
        served = [answers(*everything(each))[0].status for each in busy]

    assert is_refusal(first, None, 503)
    assert first.header("Retry-After") == "1"
    assert set(served) == {408}


def refused_for_room(url, lone):
    """The response to a new connection if there are too many, else None."""
    (answer,) = exchange(url, good(url, lone)) or [None]
    return answer if answer is None or answer.status == 503 else None


def test_clients_that_leave_in_the_middle_leave_nothing(server, url, lone):
    """After parts of the headers or the body, with and without a reset."""
    data = good(url, lone)
    for number in range(300):
        with connected(url) as connection:
            connection.sendall(data[: number % len(data)])
            if number % 3 == 0:
                linger = b"\1\0\0\0\0\0\0\0"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    eventually(lambda: refused_for_room(url, lone) is None)


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
sys.argv[:] = ["mockserver", "serve", "--json", "--port", "0", "llmapi"]
runpy.run_module("mockserver", run_name="__main__", alter_sys=True)
"""


def test_a_listener_closed_while_it_waits_for_descriptors_is_no_error(caplog):
    """The loop accepts again after a second, whether the socket is open or not."""

    async def closed_before_accepting() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(ThrottledErrors())
        listener = socket.create_server(("127.0.0.1", 0))
        listener.close()
        loop.call_soon(loop._start_serving, asyncio.Protocol, listener)
        await asyncio.sleep(0.01)

    asyncio.run(closed_before_accepting())

    assert caplog.records == []


def test_without_descriptors_it_waits_and_goes_on(lone):
    """More connections than descriptors; afterwards the server responds again."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIMITED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        ready = json.loads(process.stdout.readline())
        url = f"{ready['providers'][lone.id]}/images/generations"
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(connected(url))
            warned = process.stderr.readline()
        answer = ask(url, body=generation(lone))
    finally:
        process.terminate()
        _, rest = process.communicate()

    assert answer.status == 200
    assert "New connections must wait: Too many open files" in warned
    assert "Traceback" not in rest
