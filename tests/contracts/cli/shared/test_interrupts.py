"""Interrupts at any moment, and two runs at the same time: files stay complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.relays import on_refusal, relay, replace

from contracts.report.baseline import Baseline
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

# Sends SIGINT some seconds after the command has entered a given function.
PRESSING = """
import os, signal, sys, threading
from contracts.cli.run import command as commands
from contracts.cli.main import main

name, seconds = sys.argv.pop(1), float(sys.argv.pop(1))
signal.signal(signal.SIGINT, signal.default_int_handler)  # also in the background
real = getattr(commands, name)

def press():
    os.kill(os.getpid(), signal.SIGINT)

def reached(*args, **options):
    threading.Timer(seconds, press).start() if seconds else press()
    return real(*args, **options)

setattr(commands, name, reached)
main()
"""
RUN = ("run", "tokenhub", "--no-fuzz", "--only", "createImage/request/n/")


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("load_providers", 0),
        ("start", 0),
        ("execute", 0.05),
        ("write_outputs", 0),
    ],
)
def test_an_interrupt_leaves_a_readable_report_and_says_so(name, seconds, tmp_path):
    path = tmp_path / "report.jsonl"
    path.write_text("another run's, which must not pass for this one's")
    words = [name, str(seconds), *RUN, "--report", str(path)]

    done = subprocess.run(
        [sys.executable, "-c", PRESSING, *words],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    report = Report.read(path)
    assert report.stopped == "interrupt" or report.outcomes
    assert list(tmp_path.iterdir()) == [path]


def test_runs_at_the_same_time_leave_their_files_whole(mock, tmp_path):
    """Two runs write one report, two gates one baseline."""

    def crash(said):
        return replace(said, status=500)

    report, accepted = tmp_path / "report.jsonl", tmp_path / "accepted.yaml"
    with serve_in_thread(relay(mock.url, answer=on_refusal(crash))) as (url, _):
        words = [*RUN, "--against", f"{url}/tokenhub/api/v1", "--report", report]
        assert two_at_once(words) == [1, 1]

    found = Report.read(report).broken
    assert found
    words = ["gate", report, "--baseline", accepted, "--update", "--reason", "known"]
    assert two_at_once(words) == [0, 0]

    names = {each.fingerprint for each in Baseline.read(accepted).accepted}
    assert names == {each.fingerprint for each in found}
    assert sorted(tmp_path.iterdir()) == [accepted, report]


def two_at_once(words: list[str | Path]) -> list[int]:
    """The exit statuses of a command that is started twice at once."""
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "contracts", *map(str, words)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TOKENHUB_API_KEY": "a-key"},
        )
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate(timeout=180)
        assert "Traceback" not in said, said
    return [each.returncode for each in both]
