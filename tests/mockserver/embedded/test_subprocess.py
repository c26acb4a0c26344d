"""A mock in a process of its own."""

import signal
import subprocess
import sys

import pytest
from support.http import ask, eventually, generation

import specs
from mockserver.embedded.subprocess import running_in_subprocess

pytestmark = pytest.mark.slow

DYING = """
import os, signal
from mockserver.embedded.subprocess import running_in_subprocess
with running_in_subprocess(["tokenhub"]) as urls:
    print(urls["tokenhub"], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def answers(base_url: str) -> bool:
    try:
        ask(f"{base_url}/images/generations", method="OPTIONS")
    except OSError:
        return False
    return True


def test_it_answers_until_its_block_ends():
    tokenhub = specs.load("tokenhub")
    with running_in_subprocess(["tokenhub", "openai"]) as urls:
        url = f"{urls['tokenhub']}/images/generations"
        assert set(urls) == {"tokenhub", "openai"}
        assert ask(url, body=generation(tokenhub)).status == 200

    assert not answers(urls["tokenhub"])


def test_it_ends_with_whoever_started_it():
    done = subprocess.run(
        [sys.executable, "-c", DYING], stdout=subprocess.PIPE, text=True, check=False
    )

    assert done.returncode == -signal.SIGKILL
    assert eventually(lambda: not answers(done.stdout.strip()))


def test_an_error_within_the_block_ends_it():
    with pytest.raises(ZeroDivisionError), running_in_subprocess(["tokenhub"]) as urls:
        raise ZeroDivisionError

    assert not answers(urls["tokenhub"])


def test_what_cannot_start_says_so(capfd):
    with (
        pytest.raises(RuntimeError, match="could not start"),
        running_in_subprocess(["nobody"]),
    ):
        pytest.fail("it started")

    assert "nobody" in capfd.readouterr().err
