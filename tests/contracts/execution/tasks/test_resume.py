"""A run that stops while tasks are open follows them when it is continued."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mockserver
from contracts.report.model import INTERRUPTED, TASK_IS_GONE, Report

pytestmark = pytest.mark.slow
SECONDS = 30.0  # of the mock's clock, until a task has ended
CREATE, READ = "createTextToVideo", "getTextToVideo"
WORDS = ["--no-fuzz", "--task-interval", "0.2", "--report"]
CONVERSATION = ["--only", f"{CREATE}/request/plain"]


@pytest.fixture
def slow_mock() -> Iterator[mockserver.Running]:
    with mockserver.running("kling", tasks=f"seconds={SECONDS:g}") as running:
        yield running


def start(mock: mockserver.Running, report: Path, *more: str) -> subprocess.Popen[str]:
    words = ["run", "kling", "--against", mock.base_url, *WORDS, str(report), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "contracts", *words],
        env={**os.environ, "KLING_API_KEY": "a-key"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted(mock: mockserver.Running, report: Path, *more: str) -> str:
    """Interrupt a run when its task was read; returns the id in the report."""
    process = start(mock, report, *more)
    mock.wait_for(2, timeout=60, operation=READ)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, out + err
    (row,) = Report.read(report).outcomes
    assert (row.not_tested, row.status) == (INTERRUPTED, 200)
    assert row.cost > 0
    return row.open_task


def resumed(mock: mockserver.Running, earlier: Path, report: Path, *more: str):
    process = start(mock, report, "--resume", str(earlier), *more)
    out, err = process.communicate(timeout=60)
    return process.returncode, Report.read(report), out + err


@pytest.mark.parametrize("money", [[], ["--budget", "100"]], ids=["free", "paid"])
def test_a_resumed_run_follows_the_open_task(
    slow_mock: mockserver.Running, tmp_path: Path, money: list[str]
):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    task = interrupted(slow_mock, first, *CONVERSATION, *money)
    slow_mock.advance(SECONDS)

    status, report, said = resumed(slow_mock, first, second, *CONVERSATION, *money)

    assert (status, report.findings) == (0, ()), said
    (row,) = report.outcomes
    assert (row.case, row.open_task) == (f"{CREATE}/request/plain", "")
    assert (row.operation, row.images) == (CREATE, 1)
    assert row.cost == Report.read(first).outcomes[0].cost
    assert slow_mock.count(operation=CREATE) == 1
    paths = {each["path"] for each in slow_mock.journal(operation=READ)}
    assert {each.rpartition("/")[2] for each in paths} == {task}


def test_a_task_that_is_gone_is_not_tested(
    slow_mock: mockserver.Running, tmp_path: Path
):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    interrupted(slow_mock, first, *CONVERSATION)
    slow_mock.reset()

    _, report, said = resumed(slow_mock, first, second, *CONVERSATION)

    (row,) = report.outcomes
    assert (row.not_tested, report.findings) == (TASK_IS_GONE, ()), said
    assert slow_mock.count(operation=CREATE) == 0


def test_a_task_that_does_not_end_in_time_is_not_tested(
    slow_mock: mockserver.Running, tmp_path: Path
):
    report = tmp_path / "report.jsonl"
    process = start(slow_mock, report, *CONVERSATION, "--task-timeout", "0.5")
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, out + err
    (row,) = Report.read(report).outcomes
    assert row.not_tested == "the task did not end in 0.5 s"
    assert row.open_task
    assert row.not_tested in out
