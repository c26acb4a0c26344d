"""The line that `serve` prints for each request on a terminal."""

import json
import os
import subprocess
from contextlib import contextmanager, suppress

import pytest
from support.http import ask, eventually
from support.processes import SERVE, ended, post, serving

from mockserver.cli.request_lines import request_lines

pytestmark = pytest.mark.slow

pty = pytest.importorskip("pty")  # Windows has none
WIDTH = 100


@contextmanager
def on_a_terminal(*options):
    """A server whose stderr is a terminal; its URLs, and what it printed so far."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*SERVE, "--json", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
        start_new_session=True,
        env={**os.environ, "COLUMNS": str(WIDTH)},
    )
    os.close(follower)
    os.set_blocking(leader, False)
    printed = []

    def read():
        with suppress(OSError):  # nothing yet, or the end
            printed.append(os.read(leader, 65536).decode())
        return "".join(printed)

    try:
        yield json.loads(process.stdout.readline()), read
    finally:
        process.terminate()
        process.communicate()
        read()
        os.close(leader)


def test_each_request_is_shown_on_a_terminal():
    with on_a_terminal("openai", "tikhub") as (ready, read):
        post(ready, "openai", key="sk-a-very-secret-key")
        url = f"{ready['providers']['openai']}/images/generations"
        ask(url, body={"prompt": "x", "model": "gpt-image-2", "n": 99})
        ask(url, body={"prompt": "x"}, X_Mock_Error="503")
        ask(f"{ready['url']}/v1/images/edits", body={})
        url = f"{ready['providers']['tikhub']}/images/generations"
        body = {"prompt": "x", "model": "gpt-image-2", "stream": True}
        body |= {"response_format": "url"}
        image = ask(url, body=body).json["data"][0]["url"]
        ask(image, method="GET", key=None)
        eventually(lambda: "image downloaded" in read())

    lines = read().replace("\r", "").splitlines()
    text = "\n".join(lines)
    assert max(map(len, lines)) <= WIDTH
    assert "POST /openai/v1/images/generations  200  1 image" in text
    assert "POST /openai/v1/images/generations  400  " in text
    assert "n: must be at most 10 (" in text
    assert "documented)" in text
    assert "503  overloaded  triggered by header" in text
    assert "POST /v1/images/edits  404  not_found" in text
    assert "did you mean" in text
    assert "accepted, but unspecified: stream" in text
    assert "ignored: stream" in text
    assert "very-secret" not in text


@pytest.mark.parametrize("options", [["--quiet"], ["--log-format", "none"]])
def test_it_can_be_turned_off(options):
    with on_a_terminal("openai", *options) as (ready, read):
        post(ready, "openai")
        assert ask(f"{ready['url']}/x", body={}).status == 404

    assert read() == ""


def test_a_pipe_gets_nothing_unless_asked():
    with serving("openai") as (process, ready):
        post(ready, "openai")
        process.terminate()
        _, errors, _ = ended(process)

    assert errors == ""


def test_json_has_the_violation_and_its_rule():
    with serving("openai", "--log-format", "json") as (process, ready):
        url = f"{ready['providers']['openai']}/images/generations"
        ask(url, body={"prompt": "x", "model": "gpt-image-2", "n": 99})
        ask(f"{ready['url']}/_images/x.png", method="GET")
        process.terminate()
        _, errors, _ = ended(process)

    refused, download = map(json.loads, errors.splitlines())
    assert refused["violation"] == "n: must be at most 10"
    assert refused["rule"].endswith("n/maximum")
    assert (download["operation"], download["status"]) == ("image", 404)
    assert download["violation"] is None


def test_control_characters_do_not_reach_a_terminal():
    entry = {
        "at": 0, "method": "GET", "path": "/\x1b[2J" + "x" * 300, "status": 404,
        "operation": None, "outcome": "answered", "images": 0, "cost": {},
        "seconds": 0.001, "decision": {"error": "not_found", "because": "\x1b" * 900},
    }  # fmt: skip

    lines = request_lines(entry, WIDTH).split("\n")

    assert all(each.isprintable() and len(each) <= WIDTH for each in lines)
