"""`run` of many mocks: several processes, and the report of one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.fleet import without_time
from support.http import eventually
from support.processes import children_of, is_alive

from contracts.cli.run.processes import MIN_PROVIDERS
from contracts.report.model import Report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.cpu_count() == 1, reason="one processor"),
]
NAMES = ("xai", "together", "stepfun", "localai")
RUN = (sys.executable, "-m", "contracts", "run", *NAMES, "--no-fuzz")
ONE_PROCESS = ("--max-cases", "100000")  # counts the cases of all


@contextmanager
def running(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A run whose tests have begun; it ends with the block."""
    process = subprocess.Popen(
        [*RUN, *words],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stderr is not None
        assert "running" in process.stderr.readline()
        try:
            yield process
        finally:
            process.kill()


def descendants(pid: int) -> list[int]:
    found = children_of(pid)
    return [*found, *(each for child in found for each in descendants(child))]


def test_the_report_is_that_of_one_process(tmp_path):
    assert len(NAMES) == MIN_PROVIDERS
    reports = []
    for more in ((), ONE_PROCESS):
        path = tmp_path / f"{len(more)}.jsonl"
        words = (*RUN, "--only", "createImage/request/n", "--only", "/plain", *more)
        done = subprocess.run(
            [*words, "--requirements", "images-2026-12", "--report", str(path)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
        reports.append(Report.read(path))

    divided, whole = reports
    assert {each.provider for each in divided.outcomes} == set(NAMES)
    one, other = ([without_time(row) for row in each.outcomes] for each in reports)
    assert one == other
    one, other = (
        [(row.provider, row.planned, row.claims) for row in each.metadata.targets]
        for each in reports
    )
    assert one == other
    assert divided.requirements == whole.requirements
    assert divided.stopped is whole.stopped is None


def test_an_interrupt_ends_all_processes_and_keeps_what_they_have(tmp_path):
    path = tmp_path / "report.jsonl"
    with running(tmp_path, "--report", str(path)) as process:
        started = descendants(process.pid)
        assert len(started) > 2
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)

    report = Report.read(path)
    assert (process.returncode, report.stopped) == (3, "interrupt")
    assert report.outcomes
    assert "Traceback" not in said
    eventually(lambda: not any(map(is_alive, started)))


def test_a_killed_process_is_an_error_with_a_remedy(tmp_path):
    with running(tmp_path) as process:
        workers = [
            each
            for each in children_of(process.pid)
            if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()
        ]
        os.kill(workers[0], signal.SIGKILL)
        _, said = process.communicate(timeout=120)

    assert process.returncode == 2
    assert "imageparity run PROVIDER" in said
    assert "Traceback" not in said


def test_the_processes_end_with_the_one_that_started_them(tmp_path):
    with running(tmp_path) as process:
        started = descendants(process.pid)
        process.kill()
        process.wait(60)

    eventually(lambda: not any(map(is_alive, started)))


def test_a_selection_without_cases_is_an_error():
    done = subprocess.run(
        [*RUN, "--only", "nothing-has-this"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "no case has it" in done.stderr
