"""The server's clock can be frozen, advanced and released; everything uses it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.http import ask, control, events, generation, url_of

import mockserver
import specs
from mockserver.state.clock import Clock, parse_time

NOON = "2026-05-04T12:00:00Z"
AT_NOON = 1_777_896_000
seconds = st.floats(0, 1e9)


@pytest.fixture
def own(running):
    control(running, "/reset", "POST")
    yield running
    control(running, "/reset", "POST")


@pytest.fixture(scope="module")
def addressing():
    return specs.load("tikhub")


def turn(running, **asked):
    answer = control(running, "/clock", "POST", asked)
    assert answer.status == 200, answer.body
    return answer.json


def created(running, provider):
    return ask(url_of(running, provider), body=generation(provider)).json["created"]


def test_the_clock_is_the_machines_until_it_is_turned(own):
    before = time.time()
    shown = control(own, "/clock").json

    assert before <= shown["now"] <= time.time()
    assert (shown["frozen"], shown["advanced_s"]) == (False, 0)


def test_created_follows_the_clock(own, provider):
    shown = turn(own, freeze=NOON)
    assert shown == {
        "now": AT_NOON,
        "iso": "2026-05-04T12:00:00+00:00",
        "frozen": True,
        "advanced_s": 0.0,
    }
    assert created(own, provider) == AT_NOON

    turn(own, advance_s=3600)
    assert created(own, provider) == AT_NOON + 3600

    turn(own, freeze=False)
    assert abs(created(own, provider) - time.time()) < 60
    assert own.journal()[0]["at"] == AT_NOON


def test_a_stream_is_created_by_the_clock_too(own):
    provider = specs.load("openai")
    turn(own, freeze=NOON)

    answer = ask(url_of(own, provider), body=generation(provider, stream=True))

    assert events(answer.body)[-1][1]["created_at"] == AT_NOON


def test_it_stops_where_it_is(own):
    turn(own, advance_s=1000)
    before = turn(own, freeze=True)["now"]

    after = control(own, "/clock").json

    assert after["now"] == before > time.time() + 900
    assert turn(own, freeze=True, advance_s=5)["now"] == pytest.approx(before + 5)


def test_a_reset_turns_it_back(own):
    turn(own, freeze=NOON, advance_s=5)

    control(own, "/reset", "POST")

    shown = control(own, "/clock").json
    assert not shown["frozen"]
    assert abs(shown["now"] - time.time()) < 60


def test_a_reset_of_one_namespace_leaves_it(own):
    turn(own, freeze=NOON)

    control(own, "/reset?namespace=a", "POST")

    assert control(own, "/clock").json["now"] == AT_NOON


def test_a_server_that_began_frozen_is_reset_to_that(addressing):
    settings = mockserver.Settings(frozen=AT_NOON)
    with mockserver.running(addressing, settings=settings) as frozen:
        turn(frozen, advance_s=77)
        assert created(frozen, addressing) == AT_NOON + 77
        control(frozen, "/reset", "POST")

        assert created(frozen, addressing) == AT_NOON


def test_an_address_expires_at_its_documented_lifetime_and_not_before(own, addressing):
    """An expired URL gives 403, a forged one 404."""
    lifetime = addressing.dialect.url_lifetime.seconds
    turn(own, freeze=NOON)
    body = generation(addressing, response_format="url")
    answer = ask(url_of(own, addressing), body=body)
    url = answer.json["data"][0]["url"]
    forged = url[:-10] + ("A" if url[-10] != "A" else "B") + url[-9:]

    def status(address):
        return ask(address, method="GET", key=None).status

    turn(own, advance_s=lifetime - 1)
    assert (status(url), status(forged)) == (200, 404)
    turn(own, advance_s=0.999)
    assert status(url) == 200
    turn(own, advance_s=0.001)
    assert (status(url), status(forged)) == (403, 404)
    turn(own, freeze=NOON)
    assert status(url) == 200


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", "1", '{"advance_s": -1}', '{"advance_s": "9"}',
     '{"advance_s": true}', '{"advance_s": NaN}', '{"advance_s": 1e300}',
     '{"advance": 5}', '{"advance_s": 5, "x": 1}', '{"freeze": 1}',
     '{"freeze": "noon"}', '{"freeze": null}', '{"freeze": ""}',
     '{"freeze": "9999-12-31T23:59:59Z"}', '{"freeze": "0001-01-01T00:00:00+14:00"}',
     '{"freeze": "1969-12-31"}',
     '{"freeze": "9999-01-01", "advance_s": 99999999}'],
)  # fmt: skip
def test_a_turn_that_makes_no_sense_changes_nothing(own, body):
    turn(own, freeze=NOON)

    answer = control(own, "/clock", "POST", body)

    assert answer.status == 400
    assert answer.json["error"]["message"]
    assert control(own, "/clock").json["now"] == AT_NOON


def test_it_never_goes_beyond_what_can_be_written(own):
    turn(own, freeze="9990-01-01")
    statuses = [
        control(own, "/clock", "POST", {"advance_s": 86_400 * 365}).status
        for _ in range(12)
    ]

    assert statuses[0] == 200
    assert statuses[-1] == 400
    assert control(own, "/clock").status == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [(NOON, AT_NOON), ("2026-05-04T12:00:00", AT_NOON),
     ("2026-05-04T14:00:00+02:00", AT_NOON), ("2026-05-04", AT_NOON - 43_200)],
)  # fmt: skip
def test_a_moment_is_utc_unless_it_says_otherwise(text, expected):
    assert parse_time(text) == expected


steps = st.lists(
    st.tuples(st.just("advance"), seconds)
    | st.tuples(st.just("freeze"), seconds)
    | st.tuples(st.just("release"), st.none()),
    max_size=20,
)


@given(steps)
def test_steady_time_passes_only_by_passing(steps):
    """Setting the clock neither fills the quotas nor blocks them."""
    clock = Clock(frozen=5.0)
    begun, moved = clock.monotonic(), 0.0
    for step, value in steps:
        if step == "advance":
            clock.advance(value)
            moved += value
        elif step == "freeze":
            clock.freeze(value)
            assert clock() == value
        else:
            clock.release()
        passed = clock.monotonic() - begun - moved
        assert -1e-3 <= passed < 30  # what the machine needed


@given(steps)
def test_a_replica_that_adopts_the_state_has_the_same_time(steps):
    clock, other = Clock(frozen=5.0), Clock()
    for step, value in steps:
        getattr(clock, step)(*[value] * (value is not None))
    clock.freeze()
    other.load(clock.state())

    assert (other(), other.monotonic()) == (clock(), clock.monotonic())
