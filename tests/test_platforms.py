"""
Other systems, as far as they can be tested on this one.

`mypy --platform win32` (`make check`) finds names that Windows lacks. Here the commands
run in a process without them, and with an encoding of Windows.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from support.http import ask, generation
from support.processes import address, closed, written

import mockserver
import specs
from contracts.report.model import Report
from mockserver.server.process import AddressError, bind_listeners

pytestmark = pytest.mark.slow

# What Windows lacks is removed; then the command line runs.
PROGRAM = """
import asyncio, os, signal, socket, sys

def missing(self, *_):
    raise NotImplementedError

loop = asyncio.SelectorEventLoop
loop.add_signal_handler = loop.remove_signal_handler = missing
del os.fork, signal.SIGCHLD, signal.pthread_sigmask, socket.SO_REUSEPORT

from contracts.cli.main import main
main()
"""
BRIEF = ("--no-fuzz", "--only", "createImage/request/n/")
STOPS = [signal.SIGINT, signal.SIGTERM]


@contextmanager
def started(*words, **environment):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def done(*words, **environment):
    """The output, the error output and the exit status of a command."""
    with started(*words, **environment) as process:
        out, errors = process.communicate(timeout=180)
    return out, errors, process.returncode


@pytest.mark.parametrize("stop", STOPS)
def test_serve_ends_in_order(stop):
    with started("serve", "tokenhub", "--json", "--port", "0") as process:
        ready = json.loads(process.stdout.readline())
        url = f"{ready['providers']['tokenhub']}/images/generations"
        assert ask(url, body=generation(specs.load("tokenhub"))).status == 200

        process.send_signal(stop)
        out, errors = process.communicate(timeout=60)

    assert json.loads(out)["event"] == "stopped"
    assert (process.returncode, errors) == (0, "")


def test_a_second_signal_ends_serve_at_once():
    words = ["serve", "tokenhub", "--json", "--port", "0", "--grace", "600"]
    with started(*words) as process:
        ready = json.loads(process.stdout.readline())
        with socket.create_connection(address(ready), timeout=60) as client:
            client.sendall(written(ready, "tokenhub")[:-1])
            process.send_signal(signal.SIGTERM)
            closed(ready)

            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)

    assert process.returncode == -signal.SIGTERM


def test_run_passes_and_leaves_its_report(tmp_path):
    path = tmp_path / "report.jsonl"

    _, errors, status = done("run", "tokenhub", *BRIEF, "--report", path)

    assert (status, "Traceback" in errors) == (0, False), errors
    assert Report.read(path).conforms


@pytest.mark.parametrize("stop", STOPS)
def test_run_is_interrupted_in_order(tmp_path, stop):
    path = tmp_path / "report.jsonl"
    with mockserver.running("tokenhub", latency="40..60") as mock:
        words = ["run", "tokenhub", "--against", mock.base_url, "--no-fuzz"]
        with started(*words, "--report", path, TOKENHUB_API_KEY="a-key") as process:
            mock.wait_for(20, timeout=60)
            process.send_signal(stop)
            _, errors = process.communicate(timeout=60)

    assert (process.returncode, "Traceback" in errors) == (3, False), errors
    report = Report.read(path)
    assert report.stopped == "interrupt"
    assert report.outcomes


def test_a_proxy_ends_in_order():
    words = ["proxy", "tokenhub", "--upstream", "http://127.0.0.1:1/v1"]
    with started(*words, "--port", "0", "--json") as process:
        assert json.loads(process.stdout.readline())["event"] == "ready"

        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=60)

    assert json.loads(out)["event"] == "stopped"
    assert (process.returncode, errors) == (0, "")


def test_output_fits_any_encoding():
    """A pipe of Windows often has a code page that lacks ≤."""
    environment = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}

    out, errors, status = done("compare", "openai", "tokenhub", **environment)

    assert (status, errors) == (0, "")
    assert "\\u2264" in out


def test_workers_are_refused_where_they_cannot_work(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")

    with pytest.raises(AddressError, match="Windows"):
        bind_listeners("127.0.0.1", 0, 2)
