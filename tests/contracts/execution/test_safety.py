"""Limits of a run: budget, errors, rate; and its resumption."""

import asyncio
import json
import time
from dataclasses import replace

import pytest
from aiohttp import web
from support.relays import relay

import mockserver
import specs
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.mocks import MOCK_KEY
from contracts.execution.run import execute, start
from contracts.execution.sending.pace import RateLimiter
from contracts.execution.sending.target import Target
from contracts.execution.targets import BadTarget, parse_targets, target_of
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

ONLY = ("createImage/request/n/", "createImage/request/plain", "/auth/")


@pytest.fixture(scope="module")
def tokenhub():
    return specs.load("tokenhub")


@pytest.fixture(scope="module")
def own(tokenhub):
    with mockserver.running(tokenhub) as running:
        yield running


def campaign(url, provider, **options):
    options.setdefault("only", ONLY)
    return Campaign(provider, Target(url, MOCK_KEY), fuzz=False, **options)


def report_of(campaigns, **limits) -> Report:
    run = start(campaigns, version="0", seed=0)
    asyncio.run(execute(run, **limits))
    return run.report()


def test_a_finding_that_does_not_come_back_is_marked(own, tokenhub):
    """An endpoint that fails only once for each request."""
    seen: set[bytes] = set()

    def once(said):
        known = said.asked and json.dumps(said.asked, sort_keys=True).encode()
        if not said.is_success or known in seen:
            return said
        seen.add(known)
        return said.with_json({"error": "try again"}, status=500)

    with serve_in_thread(relay(own.url, answer=once)) as (url, _):
        report = report_of([campaign(f"{url}/tokenhub/api/v1", tokenhub)])

    assert report.findings
    assert all(each.flaky for each in report.findings)
    assert "not reproduced" in report.findings[0].message


def test_a_finding_that_comes_back_is_not_marked(own, tokenhub):
    def always(said):
        return said.with_json({"created": 1}) if said.is_success else said

    with serve_in_thread(relay(own.url, answer=always)) as (url, _):
        report = report_of([campaign(f"{url}/tokenhub/api/v1", tokenhub)])

    assert report.findings
    assert not any(each.flaky for each in report.findings)


def test_a_target_that_only_fails_stops_a_run_that_costs(tokenhub):
    async def down(_: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "down"}}, status=503)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", down)
    with serve_in_thread(app) as (url, _):
        paid = campaign(url, tokenhub, only=(), is_paid=True, preflight=False)
        report = report_of([paid], budget=10.0)

    assert report.stopped == "errors"
    assert len(report.outcomes) == 10


def test_a_target_that_went_away_stops_any_run(tokenhub):
    async def gone(request: web.Request) -> web.Response:
        request.transport.abort()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gone)
    with serve_in_thread(app) as (url, _):
        report = report_of([campaign(url, tokenhub, only=(), preflight=False)])

    assert report.stopped == "errors"
    assert 20 <= len(report.outcomes) < 80


def test_a_run_that_costs_asks_for_refusals_first_and_the_cheapest_next(tokenhub):
    frugal = campaign("http://127.0.0.1:1", tokenhub, only=(), is_paid=True)
    prices = [
        0.0 if each.expected_error else frugal.max_cost(each) or 0.0
        for each in frugal.cases
    ]

    assert prices == sorted(prices)
    assert prices[-1] > prices[0] == 0.0


def test_a_budget_too_small_for_one_picture_is_refused_before_the_first_request(
    own, tokenhub
):
    own_url = own.base_urls["tokenhub"]
    before = len(own.journal())

    with pytest.raises(CouldNotRun, match=r"cheapest image costs 0.125 USD"):
        report_of([campaign(own_url, tokenhub, is_paid=True)], budget=0.1)

    assert len(own.journal()) == before


def test_a_stopped_run_goes_on_and_asks_nothing_twice(own, tokenhub):
    url = own.base_urls["tokenhub"]
    whole = report_of([campaign(url, tokenhub)])
    first = report_of([campaign(url, tokenhub)], max_cases=9)
    before = len(own.journal())

    again = campaign(url, tokenhub).resume_from({e.case: e for e in first.outcomes})
    report = report_of([again])

    assert first.stopped == "budget"
    assert report.stopped is None
    assert [e.case for e in first.outcomes] == [e.case for e in whole.outcomes[:9]]
    assert {e.case for e in report.outcomes} == {e.case for e in whole.outcomes}
    assert len(report.outcomes) == len(whole.outcomes)
    assert len(own.journal()) - before == len(again.pending)
    assert len(again.pending) < len(whole.outcomes)


def test_what_is_to_be_compared_is_asked_again(own, tokenhub):
    """A resumed run finds a fault that only a comparison of responses shows."""
    tikhub = specs.load("openai")
    only = ("createImageEdit/request-form/plain", "createImageEdit/request-form/mask/")
    blind = campaign("http://127.0.0.1:1", tikhub, only=only)
    plain = next(each for each in blind.cases if each.id.endswith("/plain"))
    outcome = report_outcome(plain)

    again = blind.resume_from({plain.id: outcome})

    assert plain.id in {each.id for each in again.pending}


def report_outcome(case):
    from contracts.report.model import Outcome

    return Outcome(
        provider="openai",
        case=case.id,
        operation=case.operation,
        origin=case.origin,
        expectation=case.expectation,
        claims=case.claims,
        status=200,
        seconds=0.1,
        cost=None,
    )


def test_a_pace_lets_so_many_pass():
    async def turns() -> float:
        pace, started = RateLimiter(6000), time.monotonic()
        for _ in range(11):
            await pace.wait()
        return time.monotonic() - started

    assert asyncio.run(turns()) >= 0.1  # at least ten gaps of ten milliseconds


LIVE = "https://images.example/v1"


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("ftp://127.0.0.1/v1", {}, "base URL"),
        ("http://[::1", {}, "base URL"),
        ("http://127.0.0.1:99999/v1", {}, "base URL"),
        (LIVE, {}, "--live and --budget"),
        (LIVE, {"live": True}, "--live and --budget"),
        (LIVE, {"budget": 1.0}, "--live and --budget"),
        ("http://127.0.0.1/v1", {"key": " "}, "TOKENHUB_API_KEY"),
    ],
)
def test_a_target_that_cannot_be_asked_says_what_to_do(tokenhub, url, options, said):
    with pytest.raises(BadTarget, match=said):
        target_of(tokenhub, url, **{"key": "k", **options})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "a.localhost"])
def test_this_machine_costs_nothing(tokenhub, host):
    assert target_of(tokenhub, f"http://{host}:8080/v1", key="k").key == "k"


def test_targets_have_labels_of_their_own():
    def target(provider, url):
        return target_of(provider, url, key="k")

    texts = ["tokenhub=http://127.0.0.1:1/a=b", "mine:openai=http://127.0.0.1:2/v1"]
    found = parse_targets(texts, specs.load, target)

    assert [each.label for each in found] == ["tokenhub", "mine"]
    assert found[0].target.base_url == "http://127.0.0.1:1/a=b"
    with pytest.raises(BadTarget, match="two targets"):
        parse_targets([texts[0], texts[0]], specs.load, target)
    with pytest.raises(BadTarget, match="PROVIDER=URL"):
        parse_targets(["=http://127.0.0.1:1"], specs.load, target)


def test_a_key_of_a_few_letters_is_no_secret(own, tokenhub):
    """It is a part of other texts, such as `text/event-stream`."""
    short = campaign(own.base_urls["tokenhub"], tokenhub)
    short = replace(short, target=replace(short.target, key="t"))

    assert not report_of([short]).findings
