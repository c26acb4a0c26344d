"""
Servers with one defect of their tasks each: the harness reports it, and little else.

Some are our mock behind a relay that damages responses. The others were written over an
independent server, which shares nothing with our packages.
"""

from collections.abc import Iterator

import pytest
from faulty_servers.selection import one_of_each
from faulty_servers.tasks.cases import PLAIN, correct_cases
from faulty_servers.tasks.catalogue import TASK_DEFECTS, TaskDefect, report_on
from faulty_servers.tasks.defects import DAMAGES
from faulty_servers.tasks.independent import DEFECTS, base_url, serving

import mockserver
from contracts.judging.tasks.guarantees import TASK_GUARANTEES
from contracts.report.model import TASK_CHECKS, Report

pytestmark = [pytest.mark.slow, pytest.mark.all_cases]
MODES = ("polls=3", "seconds=0.3")
MAX_FINDINGS = 3  # of one defect


@pytest.fixture(scope="module")
def task_mock() -> Iterator[mockserver.Running]:
    with mockserver.running(*DAMAGES, tasks="polls=3") as running:
        yield running


@pytest.fixture(scope="module")
def independent() -> Iterator[str]:
    with serving("--polls", "3") as url:
        yield url


def is_found(defect: TaskDefect, report: Report) -> bool:
    """True if the first or second finding is that of the defect, of few."""
    failures = [each for each in report.findings if each.kind != "undocumented"]
    is_early = any(map(defect.is_found_by, report.findings[:2]))
    return is_early and len(failures) <= MAX_FINDINGS


def test_each_defect_has_an_expected_finding():
    assert {each.id for each in TASK_DEFECTS} == {
        f"{provider}:{name}" for provider, rows in DAMAGES.items() for name in rows
    }


def test_the_names_of_the_checks_are_known():
    assert tuple(TASK_GUARANTEES) == TASK_CHECKS


def test_each_check_of_tasks_has_a_defect_over_both_servers():
    assert {each.check for each in TASK_DEFECTS} >= set(TASK_GUARANTEES)
    # None of its dialects has a progress or events.
    missing = {"task-progress-grows", "task-events", "task-heartbeat"}
    assert {each.check for each in DEFECTS} >= set(TASK_GUARANTEES) - missing


@pytest.mark.parametrize("defect", TASK_DEFECTS, ids=lambda each: each.id)
def test_a_damaged_response_is_found(task_mock: mockserver.Running, defect: TaskDefect):
    with defect.serving(task_mock) as url:
        report = defect.report(url)

    assert is_found(defect, report)


@pytest.mark.parametrize(
    "defect", one_of_each(DEFECTS, lambda each: each.check), ids=lambda each: each.id
)
def test_a_defect_of_the_independent_server_is_found(
    independent: str, defect: TaskDefect
):
    url = base_url(independent, defect.provider, defect.name)

    report = defect.report(url)

    assert is_found(defect, report)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["ark", "kling", "aihubmix"])
def test_the_correct_independent_server_has_no_findings(name: str, mode: str):
    with serving(*f"--{mode}".split("=")) as url:
        report = report_on(name, base_url(url, name, "none"), correct_cases(name))

    assert report.findings == ()
    assert not any(each.not_tested for each in report.outcomes)


@pytest.mark.parametrize("mode", MODES)
def test_the_mocks_have_no_findings(mode: str):
    with mockserver.running(*PLAIN, tasks=mode) as running:
        reports = [
            report_on(name, running.base_urls[name], correct_cases(name))
            for name in PLAIN
        ]

    assert [each.broken for each in reports] == [()] * len(PLAIN)
    assert not any(each.not_tested for one in reports for each in one.outcomes)
