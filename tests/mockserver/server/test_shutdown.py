"""A server that is asked to end: what has begun is finished, nothing new is let in."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest
from support.http import ask, events, eventually, generation
from support.processes import (
    SERVE,
    accepts,
    address,
    answer_on,
    children_of,
    closed,
    control,
    ended,
    is_alive,
    post,
    serving,
    written,
)

import specs

pytestmark = pytest.mark.slow

FOREVER = ("--grace", "600")  # a test that had to wait for it would not end
WORKERS = [(), ("--workers", "2")]


def connected(ready):
    return socket.create_connection(address(ready), timeout=60)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_when_nothing_is_under_way(how, workers):
    with serving("tokenhub", *FOREVER, *workers) as (process, ready):
        assert post(ready, "tokenhub").status == 200

        process.send_signal(how)
        (line,), errors, code = ended(process)

    assert json.loads(line)["event"] == "stopped"
    assert (errors, code) == ("", 0)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_request_that_is_half_read_is_answered(share, workers):
    """Within its head (0.05) as within its body."""
    with (
        serving("tokenhub", *FOREVER, *workers) as (process, ready),
        closing(connected(ready)) as client,
        closing(connected(ready)) as witness,
    ):
        request = written(ready, "tokenhub")
        half = int(len(request) * share)
        client.sendall(request[:half])
        witness.sendall(request)
        assert answer_on(witness)[0] == 200
        process.send_signal(signal.SIGTERM)
        closed(ready)
        assert witness.recv(1) == b""  # now it has looked at its connections

        client.sendall(request[half:])
        status, headers, body = answer_on(client)

        assert status == 200
        assert headers["connection"] == "close"
        assert json.loads(body)["data"]
        assert client.recv(1) == b""
        assert ended(process)[2] == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_its_processes_is_one_signal(how):
    """Ctrl-C at a terminal goes to parent and workers alike."""
    with (
        serving("tokenhub", *FOREVER, "--workers", "2") as (process, ready),
        closing(connected(ready)) as client,
    ):
        request = written(ready, "tokenhub")
        client.sendall(request[:-1])
        os.killpg(process.pid, how)
        closed(ready)

        client.sendall(request[-1:])

        assert answer_on(client)[0] == 200
        assert ended(process)[1:] == ("", 0)


@pytest.mark.parametrize("spoken", [True, False])
def test_a_connection_without_a_request_holds_nobody_up(spoken):
    with (
        serving("tokenhub", *FOREVER) as (process, ready),
        closing(connected(ready)) as client,
    ):
        if spoken:
            client.sendall(written(ready, "tokenhub"))
            assert answer_on(client)[0] == 200

        process.send_signal(signal.SIGTERM)

        assert client.recv(1) == b""
        assert ended(process)[1:] == ("", 0)


def test_a_stream_runs_to_its_end():
    with (
        serving("openai", *FOREVER) as (process, ready),
        closing(connected(ready)) as client,
    ):
        body = generation(specs.load("openai"), stream=True, partial_images=2)
        head = written(ready, "openai", X_Mock_Fault="slow;seconds=1").split(b"\r\n")
        payload = json.dumps(body).encode()
        lines = [each for each in head[:-1] if not each.startswith(b"Content-Length")]
        lines.insert(1, b"Content-Length: %d" % len(payload))
        client.sendall(b"\r\n".join(lines) + b"\r\n" + payload)
        assert client.recv(4, socket.MSG_PEEK) == b"HTTP"
        process.send_signal(signal.SIGTERM)
        closed(ready)

        status, _, body = answer_on(client)

        assert status == 200
        assert [name.rpartition(".")[2] for name, _ in events(body)] == [
            *["partial_image"] * 2,
            "completed",
        ]
        assert ended(process)[1:] == ("", 0)


def test_who_watches_the_journal_holds_nobody_up():
    with (
        serving("openai", *FOREVER) as (process, ready),
        closing(connected(ready)) as client,
    ):
        client.sendall(b"GET /__mock__/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"

        process.send_signal(signal.SIGTERM)

        assert ended(process)[2] == 0


def test_a_client_that_never_stops_asking_is_told_to():
    with (
        serving("openai", *FOREVER) as (process, ready),
        closing(connected(ready)) as client,
    ):
        request = written(ready, "openai")
        client.sendall(request)
        assert answer_on(client)[1].get("connection") != "close"
        process.send_signal(signal.SIGTERM)
        try:
            while True:
                client.sendall(request)
                assert answer_on(client)[0] == 200
        except (ConnectionError, OSError, EOFError):
            pass  # closed between two requests

        assert ended(process)[1:] == ("", 0)


@pytest.mark.parametrize("workers", WORKERS)
def test_what_takes_too_long_is_cut_off(workers):
    with (
        serving("tokenhub", "--grace", "0.3", *workers) as (process, ready),
        closing(connected(ready)) as client,
    ):
        client.sendall(written(ready, "tokenhub")[:-1])

        process.send_signal(signal.SIGTERM)

        assert ended(process)[1:] == ("", 0)
        assert client.recv(1) == b""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", WORKERS)
def test_a_second_signal_ends_it_whatever_is_under_way(how, workers):
    with (
        serving("tokenhub", *FOREVER, *workers) as (process, ready),
        closing(connected(ready)) as client,
    ):
        children = children_of(process.pid)
        client.sendall(written(ready, "tokenhub")[:-1])
        process.send_signal(how)
        closed(ready)

        process.send_signal(how)
        lines, errors, code = ended(process)

        assert (lines, errors) == ([], "")
        assert code == (128 + how if workers else -how)
        assert not any(is_alive(each) for each in children)


def test_the_last_line_sums_up_what_all_workers_did():
    with serving("--workers", "3", "tokenhub") as (process, ready):
        for _ in range(20):
            assert post(ready, "tokenhub").status == 200
        assert post(ready, "tokenhub", X_Mock_Error="rate_limited").status == 429

        process.terminate()
        (line,), _, code = ended(process)

    assert json.loads(line) == {
        "event": "stopped",
        "requests": 21,
        "images": 20,
        "unpriced_images": 0,
        "undelivered": 0,
        "amounts": {"USD": 2.5},
    }
    assert code == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_die_with_their_parent(how):
    with serving("--workers", "2", "openai") as (process, ready):
        children = children_of(process.pid)
        assert len(children) == 2
        for _ in range(20):
            assert post(ready, "openai").status == 200

        process.send_signal(how)

        process.wait(timeout=60)
        eventually(lambda: not any(is_alive(each) for each in children))
        assert not accepts(ready)


def test_a_worker_that_dies_is_replaced_and_no_connection_is_lost():
    with serving("--workers", "2", "openai") as (process, ready):
        for _ in range(3):
            first, second = children_of(process.pid)
            os.kill(first, signal.SIGKILL)
            eventually(lambda first=first: not is_alive(first))

            assert {post(ready, "openai").status for _ in range(10)} == {200}
            eventually(lambda: len(children_of(process.pid)) == 2)
            assert second in children_of(process.pid)

        process.terminate()
        _, errors, code = ended(process)

    assert errors.count("it is replaced") == 3
    assert code == 0


FAILING = """
import os, signal, socket
from mockserver.server import workers

def work(listener, ready, parent, is_first):
    if not is_first:
        raise RuntimeError("cannot begin")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    ready()
    while True:
        signal.pause()

listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
workers.supervise(listeners, work, lambda: print("ready"))
"""


def test_workers_that_cannot_begin_end_it_all():
    done = subprocess.run(
        [sys.executable, "-c", FAILING],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )

    assert (done.stdout, done.returncode) == ("", 1)
    assert "cannot begin" in done.stderr


TALKATIVE = """
import os, signal, socket
from mockserver.server import workers

def work(listener, ready, parent, is_first):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    ready()
    signal.sigwait([signal.SIGTERM])
    return b"x" * 10_000_000

listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
said = workers.supervise(listeners, work, lambda: os.kill(os.getpid(), signal.SIGTERM))
print([len(each) for each in said])
"""


def test_workers_may_have_much_to_say_in_the_end():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TALKATIVE],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("[10000000, 10000000]\n", "")


def test_a_reader_that_left_after_the_first_line_does_no_harm():
    with serving("openai") as (process, ready):
        assert control(ready, "/health").status == 200
        process.stdout.close()
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""
        process.stdout = None


def test_people_read_what_it_would_have_cost():
    process = subprocess.Popen(
        [*SERVE, "tokenhub", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.stdout.readline()
        base = process.stdout.readline().split()[1]
        body = generation(specs.load("tokenhub"), n=2)
        assert ask(f"{base}/images/generations", body=body).status == 200
    finally:
        process.terminate()
        lines, _, code = ended(process)

    assert lines[-1] == "1 request, 2 images; cost at list prices: 0.25 USD."
    assert code == 0
