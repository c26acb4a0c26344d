"""429: one pause for all requests, as long as the server says, and its bounds."""

import asyncio
import threading
import time
from email.utils import formatdate
from itertools import count

import pytest
from support.hostile_servers import dot, picture
from support.raw_server import raw_server, response
from support.relays import Message, relay

import specs
from contracts.execution.campaign import Campaign
from contracts.execution.run import execute, start
from contracts.execution.sending import pace
from contracts.execution.sending.client import MAX_ATTEMPTS, Sender
from contracts.execution.sending.pace import retry_after
from contracts.execution.sending.target import Target
from contracts.judging.interaction import Interaction
from contracts.planning.case import Case, ExpectedError
from mockserver.embedded.starter import serve_in_thread
from mockserver.json_text import dumps
from specs import State

pytestmark = pytest.mark.slow

PROVIDER = specs.load("openai")
OPERATION = PROVIDER.operations["createImage"]
PAYLOAD = {"model": "gpt-image-1", "prompt": "A red cube"}
VALID = Case("plain", "createImage", "probe", State.VALID, payload=PAYLOAD)
IMAGE = response(dumps(picture(dot())).encode())
IN_FLIGHT = 8


def refused(*headers: str) -> bytes:
    return response(b"{}", *headers, status="429 Too Many Requests")


def send(url: str, number: int = 1, case: Case = VALID, **options) -> list[Interaction]:
    """The interactions of the same case, sent many times at once."""
    options.setdefault("max_connections", IN_FLIGHT)

    async def send_all() -> list[Interaction]:
        async with Sender(Target(f"{url}/v1", "a-key"), **options) as sender:
            sending = (sender.send(case, OPERATION) for _ in range(number))
            return await asyncio.gather(*sending)

    return asyncio.run(send_all())


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_all_requests_wait_for_one_pause(form):
    """A server that refuses all requests for a second from the tenth on."""
    lock, seen, until = threading.Lock(), count(1), []

    def answer(_):
        with lock:
            if next(seen) == 10:
                until.append(time.monotonic() + 1)
            if not until or time.monotonic() >= until[0]:
                return IMAGE, True
        if form == "seconds":
            return refused("Retry-After: 1"), True
        now = time.time()
        dates = f"Date: {formatdate(now, usegmt=True)}"
        return refused(dates, f"Retry-After: {formatdate(now + 1, usegmt=True)}"), True

    with raw_server(answer) as server:
        found = send(server.url, 40)

    assert [each.status for each in found] == [200] * 40
    # Each request that was in flight is refused once, and no other.
    assert 40 < len(server.requests) <= 40 + IN_FLIGHT


def test_pauses_get_longer_without_retry_after(monkeypatch):
    """Pauses of 1, 2, 4, … units; the fourth exceeds a maximum of 10."""
    monkeypatch.setattr(pace, "FIRST_PAUSE", 0.01)

    with raw_server(lambda _: (refused(), True)) as server:
        (found,) = send(server.url, max_pause=0.1)

    assert (found.status, found.is_rate_limited) == (429, True)
    assert len(server.requests) == 4


def test_a_request_is_sent_again_a_bounded_number_of_times():
    with raw_server(lambda _: (refused("Retry-After: 0"), True)) as server:
        (found,) = send(server.url)

    assert (found.status, found.is_rate_limited) == (429, True)
    assert len(server.requests) == MAX_ATTEMPTS


def test_a_pause_that_is_too_long_is_not_waited_for():
    with raw_server(lambda _: (refused("Retry-After: 3600"), True)) as server:
        (found,) = send(server.url)

    assert (found.status, found.is_rate_limited) == (429, True)
    assert len(server.requests) == 1


def test_a_429_that_is_expected_is_not_sent_again():
    error = ExpectedError("createImage/errors/rate_limited", "rate_limited", ())
    case = Case(
        "limited",
        "createImage",
        "error",
        State.VALID,
        payload=PAYLOAD,
        expected_error=error,
    )
    with raw_server(lambda _: (refused("Retry-After: 0"), True)) as server:
        (found,) = send(server.url, case=case)

    assert (found.status, found.is_rate_limited) == (429, False)
    assert len(server.requests) == 1


def test_fewer_requests_are_in_flight_after_a_429(monkeypatch):
    """A server that refuses a request while two others are in flight."""
    monkeypatch.setattr(pace, "FIRST_PAUSE", 0.01)
    free = threading.Semaphore(2)

    def answer(_):
        if not free.acquire(blocking=False):
            return refused(), True
        time.sleep(0.01)
        free.release()
        return IMAGE, True

    with raw_server(answer) as server:
        found = send(server.url, 60, max_connections=16)

    assert [each.status for each in found] == [200] * 60
    assert len(server.requests) < 120


def test_a_run_against_a_server_with_a_rate_limit_has_no_finding(mock):
    seen = count(1)

    def limit(said: Message) -> Message:
        if next(seen) % 3:
            return said
        headers = {"Content-Type": "application/json", "Retry-After": "0"}
        return Message(b"{}", headers, 429)

    with serve_in_thread(relay(mock.url, answer=limit)) as (url, _):
        target = Target(f"{url}/openai/v1", "a-key")
        only = ("createImage/request/n/", "createImage/request/quality/")
        run = start(
            [Campaign(PROVIDER, target, fuzz=False, only=only)], version="0", seed=0
        )
        asyncio.run(execute(run))

    assert not run.report().findings
    assert len(run.outcomes) > 10


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": formatdate(1010, usegmt=True)}, 10),
        ({"retry-after": formatdate(990, usegmt=True)}, 0),
        ({"retry-after": "Thu Jan  1 00:16:50 1970"}, 10),
        (
            {
                "retry-after": formatdate(5010, usegmt=True),
                "date": formatdate(5000, usegmt=True),
            },
            10,
        ),
    ],
)
def test_forms_of_retry_after(headers, seconds):
    assert retry_after(headers, now=1000) == seconds
