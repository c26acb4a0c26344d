"""The cost estimate is the sum over the journal entries."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.http import ask, control, generation, request_for, url_of, wire
from support.providers import IMAGE_PROVIDERS

import mockserver
import specs
from mockserver.state.clock import Clock
from mockserver.state.journal import Journal
from mockserver.state.memory import StateStore
from mockserver.state.statistics import Totals, cost_summary

pytestmark = pytest.mark.slow


@pytest.fixture
def running():
    with mockserver.running() as running:
        yield running


def costs(running):
    return control(running, "/costs").json


def work(running):
    """Send a mixture: several prices, errors, faults, streams."""
    for name in IMAGE_PROVIDERS:
        provider = specs.load(name)
        url = url_of(running, provider)
        for more in ({}, {"n": 2}, {"size": "1536x1024", "quality": "high"}):
            ask(url, body=generation(provider, **more))
        ask(url, body=generation(provider, n=11))
        ask(url, body=generation(provider), X_Mock_Error="rate_limited")
        ask(url, body=generation(provider), key=None)
        ask(f"{url}/nowhere", body="{}")
        for fault in ("truncate", "html", "error-as-200"):
            wire(url, body=generation(provider), X_Mock_Fault=fault)
        sent = request_for(provider, "createImageEdit")
        ask(url_of(running, provider, "createImageEdit"), **sent)


def summed(entries, name):
    """The sums over the entries of a provider."""
    mine = [each for each in entries if each["provider"] == name]
    amounts = [each["cost"].get("amount") for each in mine]
    priced = [each for each in amounts if each is not None]
    unpriced = [each for each in mine if each["cost"].get("amount") is None]
    currency = {each["cost"].get("currency") for each in mine} - {None}
    return {
        "requests": len(mine),
        "images": sum(each["images"] for each in mine),
        "amount": pytest.approx(sum(priced), abs=1e-6),
        "currency": next(iter(currency), None),
        "unpriced_images": sum(each["images"] for each in unpriced),
        "undelivered": sum(each.get("undelivered", 0) for each in mine),
    }


def test_the_sums_are_those_of_the_journals_entries(running):
    work(running)
    entries = running.journal()

    found = costs(running)

    assert found["providers"] == {
        name: summed(entries, name) for name in IMAGE_PROVIDERS
    }
    total = found["total"]
    assert total["requests"] == len(entries) == 11 * len(IMAGE_PROVIDERS)
    assert total["undelivered"] == 2 * len(IMAGE_PROVIDERS)  # truncate and html
    assert total["images"] == sum(each["images"] for each in entries)
    priced = {each["currency"] for each in found["providers"].values()} - {None}
    assert total["amounts"].keys() == priced


@pytest.mark.parametrize(
    ("name", "more", "amount"),
    [
        ("tokenhub", {"size": "1024x1024"}, 0.125),
        ("tokenhub", {"size": "1536x1024", "n": 3}, 0.375),
        ("tokenhub", {"size": "2048x2048", "n": 2}, 0.5),
        ("tokenhub", {"size": "3840x2160"}, 0.5),
    ],
)
def test_a_documented_price_is_charged_for_each_picture(running, name, more, amount):
    provider = specs.load(name)

    answer = ask(url_of(running, provider), body=generation(provider, **more))

    assert answer.status == 200
    total = costs(running)["total"]
    assert total["amounts"] == {"USD": amount}
    assert total["unpriced_images"] == 0


def test_a_picture_without_a_documented_price_is_said_to_have_none(running):
    provider = specs.load("tikhub")
    assert not provider.dialect.prices

    ask(url_of(running, provider), body=generation(provider, n=2))

    found = costs(running)
    assert found["providers"]["tikhub"] == {
        "requests": 1,
        "images": 2,
        "amount": 0.0,
        "currency": None,
        "unpriced_images": 2,
        "undelivered": 0,
    }
    assert found["total"]["amounts"] == {}


@pytest.mark.parametrize("name", IMAGE_PROVIDERS)
def test_refusals_cost_nothing(running, name):
    provider = specs.load(name)
    url = url_of(running, provider)
    ask(url, body=generation(provider), X_Mock_Error="server_error")
    ask(url, body=generation(provider), X_Mock_Fault="error-as-200")
    ask(url, body="{", Content_Type="application/json")

    total = costs(running)["total"]

    assert (total["requests"], total["images"], total["amounts"]) == (3, 0, {})


def test_clearing_the_journal_keeps_the_costs_and_a_reset_does_not(running):
    provider = specs.load("tokenhub")
    ask(url_of(running, provider), body=generation(provider))
    before = costs(running)

    control(running, "/journal", "DELETE")
    assert running.journal() == []
    assert costs(running) == before

    control(running, "/reset", "POST")
    assert costs(running) == {
        "providers": {},
        "total": {
            "requests": 0,
            "images": 0,
            "unpriced_images": 0,
            "undelivered": 0,
            "amounts": {},
        },
    }


def test_costs_outlive_the_ring():
    """The statistics include entries that the journal has dropped."""
    memory = StateStore(Clock(), Journal(max_entries=1))
    entry = {"provider": "a", "operation": "one", "status": 200, "images": 1,
             "seconds": 0.1, "cost": {"amount": 0.1, "currency": "USD"}}  # fmt: skip
    for _ in range(3):
        memory.record(entry)

    assert len(asyncio.run(memory.journal.entries())) == 1
    assert asyncio.run(memory.totals()).costs()["total"]["amounts"] == {"USD": 0.3}


entries = st.fixed_dictionaries(
    {
        "provider": st.sampled_from("ab"),
        "operation": st.sampled_from(["one", "two", None]),
        "status": st.sampled_from([200, 429, None]),
        "images": st.integers(0, 10),
        "seconds": st.floats(0, 10),
        "cost": st.just({})
        | st.fixed_dictionaries(
            {
                "amount": st.integers(0, 10**6).map(lambda each: each / 10**4),
                "currency": st.just("USD"),
            }
        )
        | st.just({"amount": None, "currency": None}),
    }
)


@given(st.lists(entries, max_size=40))
def test_every_sum_is_the_sum(given):
    totals = Totals()
    for entry in given:
        totals.add(entry)

    found = totals.costs()

    paid = sum(each["cost"].get("amount") or 0 for each in given)
    assert sum(found["total"]["amounts"].values()) == pytest.approx(paid, abs=1e-4)
    for name in ("requests", "images", "unpriced_images"):
        rows = sum(each[name] for each in found["providers"].values())
        assert found["total"][name] == rows
    assert found["total"]["requests"] == len(given)
    assert found["total"]["images"] == sum(each["images"] for each in given)


@pytest.mark.parametrize(
    ("total", "said"),
    [
        ({"requests": 0, "images": 0, "unpriced_images": 0, "amounts": {}},
         "0 requests, 0 images"),
        ({"requests": 1, "images": 1, "unpriced_images": 0, "amounts": {"USD": 0.125}},
         "1 request, 1 image; cost at list prices: 0.12 USD"),
        ({"requests": 1200, "images": 3, "unpriced_images": 1,
          "amounts": {"USD": 1.0, "CNY": 2.5}},
         ("1,200 requests, 3 images; cost at list prices: at least "
          "1.00 USD and 2.50 CNY")),
        ({"requests": 2, "images": 0, "outputs": {"videos": 1}, "unpriced_images": 0,
          "amounts": {}}, "2 requests, 1 video"),
        ({"requests": 2, "images": 2, "unpriced_images": 0, "undelivered": 1,
          "amounts": {"USD": 0.25}},
         "2 requests, 2 images (1 undelivered); cost at list prices: 0.25 USD"),
    ],
)  # fmt: skip
def test_it_is_said_in_a_sentence(total, said):
    assert cost_summary({"total": total}) == said
