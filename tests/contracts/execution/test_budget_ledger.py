"""A run with a budget that is killed: the same command sends nothing twice."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.fleet import ONLY, PROVIDER, Server, is_paid, mock_server

import mockserver
from contracts.report.model import OUTCOME_LOST, Report

pytestmark = pytest.mark.slow


def command(server: Server, report: Path, *more: str) -> subprocess.Popen[str]:
    only = [word for part in ONLY for word in ("--only", part)]
    words = ["run", PROVIDER, "--against", server.base_url(), "--no-fuzz", *only]
    words += ["--budget", "9", "--report", str(report), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "contracts", *words],
        cwd=report.parent,
        env={**os.environ, "TOKENHUB_API_KEY": "sk-ns-run-key"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end_leases(ledger: Path) -> None:
    """Let the time of all leases in a ledger be over."""
    database = sqlite3.connect(ledger)
    with database:
        database.execute("UPDATE lanes SET expires = 0")
    database.close()


def test_a_killed_run_goes_on_and_pays_nothing_twice(tmp_path):
    report, ledger = tmp_path / "report.jsonl", tmp_path / "report.jsonl.ledger"
    with mock_server("--latency", "100") as server:
        process = command(server, report)
        while process.poll() is None and len(server.entries()) < 5:
            pass
        process.kill()
        process.communicate()
        assert not report.exists()
        end_leases(ledger)

        changed = command(server, report, "--seed", "1")
        out, _ = changed.communicate(timeout=120)
        assert (changed.returncode, "seed 0 (now 1)" in out) == (2, True), out
        assert f"delete {ledger}" in out.replace("\n", " ")
        process = command(server, report)
        out, _ = process.communicate(timeout=120)
        paid = Counter(each["request"] for each in server.entries() if is_paid(each))

    assert (process.returncode, "Continuing a run that was killed" in out) == (0, True)
    assert [*tmp_path.glob("*.ledger*")] == []
    outcomes = Report.read(report).outcomes
    lost = [each for each in outcomes if each.not_tested == OUTCOME_LOST]
    assert len(outcomes) == len({each.case for each in outcomes}) == 27
    assert len(lost) <= 1
    assert set(paid.values()) == {1}


def test_the_task_of_a_killed_run_is_followed_and_not_paid_again(tmp_path):
    seconds, create, read = 60.0, "createTextToVideo", "getTextToVideo"
    report = tmp_path / "report.jsonl"
    words = ["run", "kling", "--no-fuzz", "--only", f"{create}/request/plain"]
    words += ["--task-interval", "0.2", "--budget", "100", "--report", str(report)]
    with mockserver.running("kling", tasks=f"seconds={seconds:g}") as mock:

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [sys.executable, "-m", "contracts", *words, "--against", mock.base_url],
                cwd=tmp_path,
                env={**os.environ, "KLING_API_KEY": "a-key"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

        process = start()
        mock.wait_for(2, timeout=120, operation=read)
        process.kill()
        process.wait()
        end_leases(tmp_path / "report.jsonl.ledger")
        mock.advance(seconds)

        assert start().wait(timeout=120) == 0
        assert mock.count(operation=create) == 1

    (row,) = Report.read(report).outcomes
    assert (row.images, row.open_task, row.cost > 0) == (1, "", True)
