"""Quotas per key: requests and images per minute, and concurrency."""

import math
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.http import (
    ask,
    begun,
    control,
    events,
    eventually,
    generation,
    url_of,
    wire,
)
from support.providers import IMAGE_PROVIDERS

import mockserver
import specs
from mockserver.settings import Quotas
from mockserver.simulation.latency import MAX_LATENCY, Latency
from mockserver.state.rate_limit import MINUTE, format_duration, take_from_bucket

NOON = 1_777_896_000.0
limits = st.integers(1, 1000)


def quotas(*providers, **limits):
    """A mock with these quotas and a frozen clock."""
    settings = mockserver.Settings(quotas=Quotas(**limits), frozen=NOON)
    return mockserver.running(*providers, settings=settings)


def statuses(running, provider, times, **asked):
    return [
        ask(url_of(running, provider), body=generation(provider), **asked).status
        for _ in range(times)
    ]


def advance(running, seconds):
    assert control(running, "/clock", "POST", {"advance_s": seconds}).status == 200


@given(
    limits,
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 10)), max_size=200),
)
def test_no_window_gets_more_than_a_full_bucket_and_what_flows_into_it(limit, asked):
    now, full_at, admitted = NOON, 0.0, []
    for pause, amount in asked:
        now += pause
        full_at, level = take_from_bucket(full_at, now, amount, limit)
        assert 0 <= level.remaining <= limit
        if level.is_admitted and amount <= limit:
            admitted.append((now, amount))

    for at, (begin, _) in enumerate(admitted):
        total = 0
        for end, amount in admitted[at:]:
            total += amount
            assert total <= limit + (end - begin) * limit / MINUTE + 1e-3


@given(limits, st.lists(st.floats(0, 5), min_size=1, max_size=60), st.integers(1, 10))
def test_who_waits_as_long_as_told_is_let_in_and_nobody_sooner(limit, pauses, amount):
    now, full_at = NOON, 0.0
    for pause in pauses:
        now += pause
        full_at, level = take_from_bucket(full_at, now, amount, limit)
        if not level.is_admitted:
            assert level.retry_after == 1 or (
                level.wait - 1e-3 <= level.retry_after < level.wait + 1
            )
            assert take_from_bucket(full_at, now + level.wait, amount, limit)[
                1
            ].is_admitted
            assert take_from_bucket(full_at, now + level.retry_after, amount, limit)[
                1
            ].is_admitted
            if level.wait > 1e-3:
                sooner = now + level.wait - 1e-3
                assert not take_from_bucket(full_at, sooner, amount, limit)[
                    1
                ].is_admitted


@given(limits, st.integers(1, 10))
def test_what_is_refused_takes_nothing(limit, amount):
    full_at, level = NOON + MINUTE, None

    after, level = take_from_bucket(full_at, NOON, amount, limit)

    assert (after, level.is_admitted, level.remaining) == (full_at, False, 0)


def test_more_than_it_ever_holds_is_given_to_a_full_bucket_only():
    full_at, first = take_from_bucket(0.0, NOON, 10, 4)
    _, second = take_from_bucket(full_at, NOON, 1, 4)
    _, third = take_from_bucket(full_at, NOON + second.retry_after, 1, 4)

    assert first.is_admitted
    assert (second.is_admitted, third.is_admitted) == (False, True)
    assert second.retry_after == math.ceil(10 * 15 - 60 + 15)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.0101, "11ms"), (1, "1s"), (59.2, "1m0s"), (60, "1m0s"),
     (361, "6m1s")],
)  # fmt: skip
def test_a_duration_is_written_as_headers_write_it(seconds, text):
    assert format_duration(seconds) == text


def test_the_limit_is_kept_and_its_pause_is_true(provider):
    """Requests are rejected until one second before Retry-After ends."""
    example = provider.operations["createImage"].errors["rate_limited"]
    with quotas(provider, requests_per_minute=3) as running:
        assert statuses(running, provider, 3) == [200] * 3
        refused = ask(url_of(running, provider), body=generation(provider))
        assert refused.status == example.status == 429
        assert refused.json.keys() == example.body.keys()
        pause = int(refused.headers["Retry-After"])
        assert refused.headers.get_all("Retry-After") == [str(pause)]
        assert pause == 20

        advance(running, pause - 1)
        assert statuses(running, provider, 1) == [429]
        advance(running, 1)
        assert statuses(running, provider, 2) == [200, 429]
        decision = running.journal()[3]["decision"]
    assert decision["error"] == "rate_limited"
    assert decision["because"] == "The limit is 3 requests per minute."
    assert decision["trigger"] is None


def test_every_key_every_provider_and_every_namespace_has_its_own(provider):
    other = next(each for each in IMAGE_PROVIDERS if each != provider.id)
    with quotas(provider.id, other, requests_per_minute=1) as running:
        for asked in (
            {"key": "sk-one"},
            {"key": "sk-two"},
            {"key": "sk-one", "X_Mock_Namespace": "a"},
            {"key": "sk-one", "X_Mock_Namespace": "b"},
        ):
            assert statuses(running, provider, 2, **asked) == [200, 429]
        assert statuses(running, specs.load(other), 2, key="sk-one") == [200, 429]


def test_a_reset_of_a_namespace_fills_its_buckets_only():
    provider = specs.load("tokenhub")
    with quotas(provider, requests_per_minute=1) as running:
        for name in ("a", "b", "ab"):
            statuses(running, provider, 1, X_Mock_Namespace=name)
        control(running, "/reset?namespace=a", "POST")

        found = [
            statuses(running, provider, 1, X_Mock_Namespace=name)
            for name in ("a", "b", "ab")
        ]

    assert found == [[200], [429], [429]]


def test_pictures_are_counted_each():
    provider = specs.load("tokenhub")
    with quotas(provider, images_per_minute=6) as running:
        url = url_of(running, provider)

        def status(n):
            body = generation(provider, n=n, size="1024x1024")
            return ask(url, body=body).status

        assert [status(4), status(3), status(2), status(1)] == [200, 429, 200, 429]
        refused = ask(url, body=generation(provider, n=3))
        assert refused.headers["Retry-After"] == "30"
        advance(running, 30)
        assert [status(3), status(1)] == [200, 429]
        because = running.journal()[1]["decision"]["because"]
    assert because == "The limit is 6 images per minute."


def test_who_asks_wrongly_has_asked_but_got_no_picture():
    """Rejected requests count as requests, but not as images."""
    provider = specs.load("tokenhub")
    with quotas(provider, requests_per_minute=3, images_per_minute=1) as running:
        url = url_of(running, provider)
        wrong = ask(url, body=generation(provider, n=11)).status
        unread = ask(url, body="{", Content_Type="application/json").status
        rest = statuses(running, provider, 2)

    assert (wrong, unread, rest) == (400, 400, [200, 429])


def test_an_error_that_was_asked_for_is_not_counted():
    provider = specs.load("tokenhub")
    with quotas(provider, requests_per_minute=1) as running:
        asked = statuses(running, provider, 3, X_Mock_Error="server_error")

        assert asked == [500] * 3
        assert statuses(running, provider, 2) == [200, 429]


def test_levels_are_told_only_where_a_page_says_so(provider):
    """Quota headers are sent only by dialects that define them, also with errors."""
    named = provider.dialect.mock.quota_headers
    with quotas(provider, requests_per_minute=2) as running:
        url, body = url_of(running, provider), generation(provider)
        answers = [ask(url, body=body) for _ in range(3)]

    assert [each.status for each in answers] == [200, 200, 429]
    levels = ["remaining", "reset", "limit"]
    told = {
        kind: [
            each.headers.get(header)
            for each in answers
            for header, value in named.items()
            if value == f"{{{kind}}}"
        ]
        for kind in levels
    }
    if named:
        assert told["remaining"] == ["1", "0", "0"]
        assert told["reset"] == ["30s", "1m0s", "1m0s"]
        assert told["limit"] == ["2", "2", "2"]
    else:
        found = [name.lower() for each in answers for name in each.headers]
        assert not [name for name in found if "ratelimit" in name]


def test_without_a_limit_no_level_is_told():
    provider = specs.load("openai")
    with mockserver.running(provider) as running:
        answer = ask(url_of(running, provider), body=generation(provider))

    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


def test_a_stream_tells_the_level_too():
    provider = specs.load("openai")
    with quotas(provider, requests_per_minute=2) as running:
        body = generation(provider, stream=True)
        answer = ask(url_of(running, provider), body=body)

    assert events(answer.body)
    assert answer.headers["x-ratelimit-remaining-requests"] == "1"


@pytest.mark.parametrize(
    "held", [{"X_Mock_Latency": "600000"}, {"X_Mock_Fault": "stall;seconds=600"}]
)
def test_only_so_many_are_let_in_at_once(held):
    """A delayed request is open; when its client disconnects, the slot is free."""
    provider = specs.load("tokenhub")
    with quotas(provider, concurrency=1) as running:
        with begun(url_of(running, provider), body=generation(provider), **held):
            refused = eventually(lambda: is_refused(running, provider))
            other = statuses(running, provider, 1, key="sk-other")
        assert refused.headers["Retry-After"] == "1"
        assert refused.json["error"]
        assert other == [200]
        eventually(lambda: statuses(running, provider, 1) == [200])
        entries = running.journal(error="rate_limited")
    assert entries[0]["decision"]["because"] == "The limit is 1 concurrent requests."


def is_refused(running, provider):
    answer = ask(url_of(running, provider), body=generation(provider))
    return answer if answer.status == 429 else None


def test_a_place_is_free_again_after_every_kind_of_end():
    provider = specs.load("openai")
    with quotas(provider, concurrency=1) as running:
        url = url_of(running, provider)
        for asked in (
            {"X_Mock_Fault": "reset"},
            {"X_Mock_Fault": "empty"},
            {"X_Mock_Fault": "truncate"},
            {"X_Mock_Fault": "cut-stream"},
            {"X_Mock_Error": "server_error"},
            {},
        ):
            for stream in (True, False):
                body = generation(provider, stream=stream, partial_images=stream)
                wire(url, body=body, **asked)
                eventually(lambda: statuses(running, provider, 1) == [200])


def test_many_at_once_are_never_more_than_the_limit():
    provider = specs.load("tokenhub")
    with quotas(provider, concurrency=3) as running:
        url, body = url_of(running, provider), generation(provider)
        with ThreadPoolExecutor(12) as pool:
            found = list(
                pool.map(
                    lambda _: ask(url, body=body, X_Mock_Latency="300").status,
                    range(12),
                )
            )
        after = statuses(running, provider, 1)

    assert found.count(200) >= 3
    assert set(found) == {200, 429}
    assert after == [200]


def test_the_clock_may_be_set_and_released_without_filling_or_locking_a_bucket():
    provider = specs.load("tokenhub")
    settings = mockserver.Settings(quotas=Quotas(requests_per_minute=1))
    with mockserver.running(provider, settings=settings) as running:
        assert statuses(running, provider, 1) == [200]
        for freeze in ("2001-01-01", False, "2099-01-01", True, False):
            control(running, "/clock", "POST", {"freeze": freeze})
            refused = ask(url_of(running, provider), body=generation(provider))
            assert refused.status == 429
            assert 1 <= int(refused.headers["Retry-After"]) <= 60
        advance(running, 60)
        assert statuses(running, provider, 1) == [200]


def test_the_dialects_own_limits_hold_unless_others_are_given():
    documented = specs.MockDefaults(requests_per_minute=5, concurrency=2)

    assert Quotas().with_defaults(documented) == Quotas(5, None, 2)
    assert Quotas(requests_per_minute=9).with_defaults(documented) == Quotas(9, None, 2)
    assert Quotas().with_defaults(specs.MockDefaults()) == Quotas()


# Latency.

milliseconds = st.floats(0, 600_000).map(lambda each: round(each, 3))


@given(milliseconds, milliseconds, st.integers())
def test_a_range_is_kept(one, other, seed):
    least, most = sorted((one, other))
    latency = Latency.parse(f"{least}..{most}")
    chance = random.Random(seed)

    for _ in range(20):
        drawn = latency.sample(chance)
        assert least / 1000 - 1e-9 <= drawn <= most / 1000 + 1e-9


@given(milliseconds, st.floats(0, 5).map(lambda each: round(each, 3)), st.integers())
def test_a_distribution_is_bounded_and_the_same_for_the_same_seed(median, sigma, seed):
    latency = Latency.parse(f"lognormal:{median}:{sigma}")

    def draws():
        chance = random.Random(seed)
        return [latency.sample(chance) for _ in range(20)]

    assert draws() == draws()
    assert all(0 <= each <= MAX_LATENCY for each in draws())


def test_a_distribution_has_its_median():
    latency, chance = Latency.parse("lognormal:300:0.4"), random.Random(7)

    drawn = sorted(latency.sample(chance) for _ in range(4001))

    assert drawn[2000] == pytest.approx(0.3, rel=0.05)


@given(milliseconds)
def test_a_fixed_time_is_that_time(each):
    latency = Latency.parse(str(each))

    assert latency.sample(random.Random()) == pytest.approx(each / 1000)
    assert bool(latency) == (each > 0)


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "nan", "inf", "600001", "2..1", "1..", "..2", "1..2..3", "1..x",
     "lognormal", "lognormal:1", "lognormal:1:2:3", "lognormal:1:6", "lognormal:x:1",
     "lognormal:-1:1", "lognormal:1:nan", "normal:1:2"],
)  # fmt: skip
def test_what_is_no_latency_is_refused_with_what_is(text):
    with pytest.raises(ValueError, match=r"a latency (is|lies)"):
        Latency.parse(text)


def test_latencies_of_a_server_are_drawn_from_its_seed():
    """Equal seeds give equal delays."""
    provider = specs.load("tokenhub")
    settings = mockserver.Settings(seed=3, latency=Latency.parse("1..40"))
    chance = random.Random(3)
    expected = [settings.latency.sample(chance) for _ in range(4)]
    with mockserver.running(provider, settings=settings) as running:
        statuses(running, provider, 4)
        waited = [each["seconds"] for each in running.journal()]

    assert all(found >= delay for found, delay in zip(waited, expected, strict=True))
