"""Repeated requests: what is stable, what varies, and what they cost and take."""

import asyncio
import html
import json
import random
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from support.relays import Message, relay

import mockserver
import specs
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.run import execute, start
from contracts.execution.sending.target import Target
from contracts.report.model import Outcome, OutcomeCounts, Report
from contracts.report.repeats import RateVerdict, pass_rate_sum
from contracts.reporters import REPORTERS
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

TIMES = 20
PROVIDER = specs.load("tokenhub")
PLAIN, QUALITY = "createImage/request/plain", "createImage/request/quality/value-"
PRICE = 0.125


class Unreliable:
    """Fails `quality: high` always, and `quality: low` with a probability."""

    def __init__(self, rate: float) -> None:
        self.numbers = random.Random(3)
        self.rate = rate
        self.requests: Counter[str] = Counter()

    def __call__(self, back: Message) -> Message:
        quality = back.asked.get("quality", "")
        self.requests[quality] += 1
        is_low = quality == "low" and self.numbers.random() < self.rate
        if is_low or quality == "high":
            return replace(back.with_json({"error": {"message": "busy"}}), status=500)
        return back


def run_at(upstream: str, server: Unreliable, budget=None, **options) -> Report:
    with serve_in_thread(relay(upstream, answer=server)) as (url, _):
        target = Target(f"{url}/tokenhub/api/v1", "a-key")
        only = (PLAIN, QUALITY)
        campaign = Campaign(PROVIDER, target, fuzz=False, only=only, **options)
        run = start([campaign], version="0", seed=0)
        asyncio.run(execute(run, budget=budget))
    return run.report()


def by_case(report: Report) -> dict[str, Outcome]:
    names = (each.case.removeprefix(QUALITY) for each in report.outcomes)
    return dict(zip(names, report.outcomes, strict=True))


@pytest.fixture(scope="module")
def upstream(running: mockserver.Running) -> str:
    return running.base_urls["tokenhub"].removesuffix("/tokenhub/api/v1")


@pytest.fixture(scope="module")
def server() -> Unreliable:
    return Unreliable(0.5)


@pytest.fixture(scope="module")
def report(upstream: str, server: Unreliable) -> Report:
    return run_at(upstream, server, repeat=TIMES)


def test_each_case_is_sent_as_often_as_told(report, server):
    assert server.requests["low"] == server.requests["medium"] == TIMES
    assert report.metadata.repeat == TIMES
    cases = {each.repeats.rate.requests for each in report.outcomes}
    assert cases == {TIMES}


def test_what_passes_always_passes_and_what_fails_always_fails(report):
    medium, high = (by_case(report)[each] for each in ("medium", "high"))

    assert medium.repeats.rate.verdict is RateVerdict.PASSED
    assert medium.findings == ()
    assert high.repeats.rate.interval == pytest.approx((0, 0.1611), abs=1e-4)
    assert {each.breaks for each in high.findings} == {True}
    assert "(in 20 of 20 requests; pass rate 0\N{EN DASH}16.1 %)" in str(high.findings)


def test_what_varies_is_neither_passed_nor_failed(report):
    low = by_case(report)["low"]

    assert low.repeats.rate.varies
    assert low.is_inconclusive
    assert not any(each.breaks for each in low.findings)
    counts = OutcomeCounts.of(report)
    assert (counts.asked, counts.kept, counts.broken) == (5, 3, 1)
    assert (counts.inconclusive, counts.differing) == (1, 0)


def test_what_is_stable_has_the_fingerprint_of_a_single_request(report, upstream):
    once = run_at(upstream, Unreliable(0.0))

    assert once.metadata.repeat == 1
    assert by_case(once)["high"].repeats is None
    kept = [each.fingerprint for each in by_case(once)["high"].findings]
    assert [each.fingerprint for each in by_case(report)["high"].findings] == kept
    causes = [each.fingerprint for each in once.findings if each.breaks]
    assert [each.fingerprint for each in report.findings if each.breaks] == causes


def test_a_report_has_the_times_of_all_success_responses(report):
    plain, high = by_case(report)[PLAIN].repeats, by_case(report)["high"].repeats
    *_, footer = Report.from_lines(report.to_lines()).to_lines()

    assert len(plain.first_byte) == len(plain.output) == TIMES
    assert all(map(float.__le__, plain.first_byte, plain.output))
    assert high.output == ()
    assert Report.from_lines(report.to_lines()) == report
    assert '"varying": 1, "inconclusive": 1' in footer


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_each_format_shows_what_varies(report, name):
    low = by_case(report)["low"].repeats.rate
    rate = pass_rate_sum(each.repeats.rate for each in report.outcomes)
    shown = html.unescape(REPORTERS[name].render(report))

    assert "inconclusive" in shown
    assert "1 test case inconclusive" in shown
    assert f"in {TIMES - low.passed} of {TIMES} requests" in shown
    assert rate.percent in shown
    assert "but not each time" in shown
    assert [each.cases for each in report.findings] == [1, 1]


def test_dashboards_count_what_varies_neither_as_passed_nor_as_failed(report):
    ctrf = json.loads(REPORTERS["ctrf"].render(report))["results"]["summary"]
    suite = ET.fromstring(REPORTERS["junit"].render(report))[0]

    assert (ctrf["failed"], ctrf["other"]) == (1, 1)
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")


def test_a_budget_pays_for_each_request(upstream):
    server = Unreliable(0.0)
    budget = 2 * 4 * PRICE + PRICE

    report = run_at(upstream, server, budget, is_paid=True, repeat=4)

    assert report.stopped == "budget"
    assert server.requests.total() == 8
    assert report.cost() == pytest.approx(8 * PRICE)


def test_a_budget_below_the_requests_of_one_case_does_not_begin(upstream):
    with pytest.raises(CouldNotRun, match=r"0\.5 USD with 4 requests"):
        run_at(upstream, Unreliable(0.0), 0.4, is_paid=True, repeat=4)
