"""Reports about requests that were repeated at several servers."""

import io

import pytest
from rich.console import Console
from support.reports import outcome, report

from contracts.report.repeats import PassRate, Repeats
from contracts.reporters.run.repeats import repeat_notes, repeat_rows
from contracts.reporters.run.text import print_summary


def repeated(provider: str, passed: int, requests: int, *times: float):
    return outcome(provider, repeats=Repeats(PassRate(passed, requests), times, times))


@pytest.mark.parametrize(
    ("passed", "places"),
    [
        (60, "1. One (96.3\N{EN DASH}100 %); 2. Two (50.2\N{EN DASH}69.1 %)"),
        (98, "1. One (96.3\N{EN DASH}100 %) and Two (93\N{EN DASH}99.4 %)"),
    ],
)
def test_servers_are_ranked_apart_only_where_their_intervals_are(passed, places):
    shown = report(repeated("one", 100, 100), repeated("two", passed, 100))

    assert repeat_notes(shown)[-1].endswith(places)


def test_a_row_has_the_rate_and_the_times_of_an_operation():
    shown = report(
        repeated("one", 19, 20, 0.1, 0.2, 0.3), repeated("one", 4, 4, 0.4, 5.0)
    )

    ((title, cells),) = repeat_rows(shown)

    times = "0.3 / 5 s"
    rate = PassRate(23, 24).percent
    assert (title, *cells) == ("One", "createImage", "24", rate, "1", times, times)
    assert repeat_notes(shown) == []


def test_the_terminal_counts_what_is_inconclusive():
    console = Console(file=io.StringIO(), width=100)
    print_summary(report(repeated("one", 2, 4), outcome("two")), console)
    shown = console.file.getvalue()

    assert "inconclusive" in shown.splitlines()[0]
    assert "1 test case inconclusive: some requests passed" in shown
    assert "inconclusive: One; yes: Two" in shown
    assert "Both conform to their documentation; 1 test case inconclusive" in shown


def test_a_report_without_repetitions_says_nothing_of_them():
    assert repeat_rows(report(outcome())) == []
    assert repeat_notes(report(outcome())) == []
