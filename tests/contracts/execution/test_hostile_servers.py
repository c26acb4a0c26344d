"""Hostile servers: everything they send becomes a finding, and harms nothing."""

import asyncio
import http.client
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console
from support.hostile_servers import (
    EVENTS,
    KEY,
    MEGABYTE,
    NOT_RIGHT,
    NOT_WHOLE,
    Behaviour,
    Talk,
    at_address,
    dot,
    elsewhere,
    head,
    hostile,
    picture,
    saying,
    whole,
)
from support.http import ask

import specs
from contracts.execution.budget import MAX_CONSECUTIVE_ERRORS, MAX_TIMEOUTS
from contracts.execution.campaign import Campaign
from contracts.execution.run import execute, start
from contracts.execution.sending.client import Sender, Unreachable
from contracts.execution.sending.http import LARGE_RESPONSE_BYTES, send_request
from contracts.execution.sending.target import Target
from contracts.execution.session import IN_FLIGHT
from contracts.judging.interaction import Interaction, ServerSentEvent
from contracts.planning.case import Case, ExpectedError
from contracts.report.model import (
    HARNESS_ERROR,
    RATE_LIMITED,
    FindingKind,
    Report,
)
from contracts.reporters import REPORTERS
from contracts.reporters.page import render as html
from contracts.reporters.run import text
from contracts.traffic.proxy.app import serve_relay
from contracts.traffic.proxy.relay import Relay
from specs import JSON, State

pytestmark = pytest.mark.slow

PROVIDER = specs.load("openai")
OPERATION = PROVIDER.operations["createImage"]
HASTE = 0.3  # seconds, for responses that never come
PATIENCE = 60.0  # seconds, for responses that come
MUCH = 600 * MEGABYTE

PLAIN = {"model": "gpt-image-1", "prompt": "A red cube"}
VALID = Case(
    "createImage/request/valid",  # no plain request: that would end the run
    "createImage",
    "probe",
    State.VALID,
    payload=PLAIN,
    claims=("createImage/request",),
)
INVALID = Case(
    "createImage/request/n/maximum/above",
    "createImage",
    "probe",
    State.INVALID,
    payload={**PLAIN, "n": 11},
    claims=("createImage/request/n/maximum",),
    expected_error=ExpectedError(
        "createImage/request/n/maximum", "invalid_request", ("n",)
    ),
)
STREAMED = Case(
    "createImage/streams/plain",
    "createImage",
    "stream",
    State.VALID,
    payload={**PLAIN, "stream": True},
    claims=("createImage/request/stream",),
)
ASKED_AGAIN = {  # and, with SOAK, checked by schemathesis as well
    *("page", "deep", "half a character", "long number", "items that are none"),
    *("many events", "events of junk", "bytes in a header", "huge picture"),
    *("odd seconds", "many seconds"),
}


def asked(url: str, *questions: Case, **options) -> Report:
    options.setdefault("timeout", PATIENCE)
    only = tuple(each.id for each in questions)
    campaign = Campaign(
        PROVIDER,
        Target(f"{url}/v1", KEY),
        selected_cases=questions,
        only=only,
        fuzz=False,
        **options,
    )
    run = start([campaign], version="0", seed=0)
    asyncio.run(execute(run))
    return run.report()


class Memory:
    """The peak growth of the memory of this process, in bytes."""

    def __init__(self) -> None:
        self._first = 0
        if sys.platform == "linux":
            Path("/proc/self/clear_refs").write_text("5")
            self._first = self._most()

    def _most(self) -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    @property
    def taken(self) -> int:
        return self._most() - self._first if sys.platform == "linux" else 0


def check(report: Report, path: Path) -> None:
    """Assert that a report is readable, small, and without errors of ours."""
    report.write(path)

    assert Report.read(path) == report
    assert path.stat().st_size < 2 * MEGABYTE
    assert KEY not in path.read_text(encoding="utf-8")
    reasons = {each.not_tested or "" for each in report.outcomes}
    assert not any(each.startswith(HARNESS_ERROR) for each in reasons)


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_an_answer_without_an_end_is_a_crash_of_the_server(name, tmp_path):
    memory = Memory()

    with hostile(NOT_WHOLE[name]) as server:
        report = asked(server.url, VALID, is_paid=True, timeout=HASTE)

    assert report.broken[0].kind is FindingKind.CRASH
    assert report.broken[0].check == "answers"
    assert memory.taken < MUCH
    check(report, tmp_path / "report.jsonl")


@pytest.mark.parametrize("name", NOT_RIGHT)
def test_an_answer_that_is_wrong_is_a_finding(name, tmp_path):
    seen_by, behaviour = NOT_RIGHT[name]
    patience = HASTE if name == "dripping picture" else PATIENCE
    questions, options = [VALID], {"is_paid": True, "timeout": patience}
    if name in ASKED_AGAIN:
        questions = [VALID, INVALID, STREAMED]
        options = {"second_opinion": "SOAK" in os.environ}
    memory = Memory()

    with hostile(behaviour) as server:
        report = asked(server.url, *questions, **options)

    assert memory.taken < MUCH
    if seen_by == RATE_LIMITED:
        assert {each.not_tested for each in report.outcomes} == {RATE_LIMITED}
    else:
        assert seen_by in {each.check for each in report.broken}
    check(report, tmp_path / "report.jsonl")


NASTY = (
    *("page", "control characters", "half a character", "half a character in an error"),
    *("bytes in a header", "key in a header", "script", "events of junk", "no address"),
)


def test_what_is_said_of_them_can_be_shown_in_every_format():
    """Control characters, surrogates and markup in responses."""
    outcomes = []
    for name in NASTY:
        with hostile(NOT_RIGHT[name][1]) as server:
            report = asked(server.url, VALID, INVALID, is_paid=True)
        outcomes += report.outcomes
    report = Report(report.metadata, tuple(outcomes))

    said = {name: each.render(report) for name, each in REPORTERS.items()}
    said["html"] = html.render(report)
    console = Console(file=io.StringIO(), force_terminal=True)
    text.print_summary(report, console)

    assert all(each.encode() for each in said.values())
    assert ET.fromstring(said["junit"]).findall(".//failure")
    assert json.loads(said["sarif"])["runs"]
    assert "<script>alert(1)" not in said["html"]
    assert "\x00" not in console.file.getvalue()


REPLY = json.dumps(picture(dot())).encode()
FRAMED = {
    "length": whole(REPLY),
    "chunks": head("200 OK", JSON, "Transfer-Encoding: chunked")
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(REPLY), REPLY),
}


@pytest.mark.parametrize("framing", FRAMED)
def test_an_answer_cut_at_any_byte_is_not_taken_for_a_whole_one(framing):
    reply = FRAMED[framing]
    ends = iter(range(len(reply) + 1))

    async def cut(talk: Talk) -> None:
        await talk.say(reply[: next(ends)])
        if talk.writer.transport.get_write_buffer_size() == 0:
            talk.writer.close()

    async def ask_all(url: str) -> list[Interaction]:
        async with Sender(Target(f"{url}/v1", KEY)) as sender:
            return [await sender.send(VALID, OPERATION) for _ in range(len(reply) + 1)]

    with hostile(cut) as server:
        found = asyncio.run(ask_all(server.url))

    assert [each.problem is None for each in found] == [False] * len(reply) + [True]


@pytest.mark.parametrize("way", ["answer", "picture"])
def test_nobody_is_sent_elsewhere_and_no_key_leaves(way):
    def passed_on(address: str) -> Behaviour:
        redirect = elsewhere(f"{address}/v1/images/generations")
        return redirect if way == "answer" else at_address("{url}/a.png", redirect)

    with (
        hostile(saying(picture(dot()))) as other,
        hostile(passed_on(other.url)) as server,
    ):
        report = asked(server.url, VALID, is_paid=True)
        stranger = at_address(f"{other.url}/a.png")
        with hostile(stranger) as third:
            asked(third.url, VALID, is_paid=True)

    assert report.broken
    assert [talk.path for talk in other.seen] == []
    keys = [talk.headers.get("authorization") for talk in server.seen]
    assert keys == [f"Bearer {KEY}"] + [None] * (way == "picture")


def test_no_cookie_is_kept():
    behaviour = saying(picture(dot()), JSON, "Set-Cookie: a=b; Path=/")
    with hostile(behaviour) as server:
        asked(server.url.replace("127.0.0.1", "localhost"), VALID)

    assert len(server.seen) > 1
    assert not any("cookie" in talk.headers for talk in server.seen)


@pytest.fixture(scope="module")
def nobodys(tmp_path_factory) -> ssl.SSLContext:
    """A self-signed certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=somebody.invalid"
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", *words.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_a_certificate_of_nobody_is_not_trusted(nobodys):
    with (
        hostile(saying(picture(dot())), nobodys) as server,
        pytest.raises(Unreachable, match="certificate"),
    ):
        asked(server.url, VALID, is_paid=True)

    assert server.seen == []


def test_large_answers_are_held_one_at_a_time():
    """Beyond `LARGE_RESPONSE_BYTES`, a response waits until its turn."""
    large = saying(lambda: b" " * (LARGE_RESPONSE_BYTES + MEGABYTE))

    async def two(url: str) -> list[Interaction]:
        turns = [asyncio.Event(), asyncio.Event()]
        async with Sender(Target(f"{url}/v1", KEY), timeout=1.5) as sender:
            tasks = [
                asyncio.create_task(sender.send(VALID, OPERATION, turn))
                for turn in turns
            ]
            await asyncio.sleep(2)  # longer than the timeout
            assert not any(task.done() for task in tasks)
            for turn in turns:
                turn.set()
            return await asyncio.gather(*tasks)

    with hostile(large) as server:
        found = asyncio.run(two(server.url))

    assert [each.problem for each in found] == [None, None]


def many(number: int) -> list[Case]:
    """The same case many times, with different ids."""
    return [
        Case(f"{VALID.id}/{at}", "createImage", "probe", State.VALID, payload=PLAIN)
        for at in range(number)
    ]


@pytest.mark.parametrize(
    ("name", "most"), [("silence", MAX_TIMEOUTS), ("half", MAX_CONSECUTIVE_ERRORS)]
)
def test_a_server_that_hardly_answers_is_left_alone(name, most):
    """Missing and incomplete responses take the full timeout."""

    async def half(talk: Talk) -> None:
        await talk.say(head("200 OK", JSON, "Content-Length: 1000"), b"{")

    behaviour = half if name == "half" else NOT_WHOLE[name]
    with hostile(behaviour) as server:
        report = asked(server.url, *many(200), timeout=0.05)

    assert report.stopped == "errors"
    assert most <= len(report.outcomes) < most + IN_FLIGHT


def test_some_silence_among_answers_is_too_much_as_well():
    said = []

    async def now_and_then(talk: Talk) -> None:
        said.append(talk)
        if len(said) % 2:
            await talk.stall()
        await talk.say(whole(b"{}", "text/plain", status="400 Bad"))

    with hostile(now_and_then) as server:
        report = asked(server.url, *many(200), timeout=0.2, is_paid=True)

    assert report.stopped == "errors"
    assert len(report.outcomes) < MAX_TIMEOUTS * 3


def test_a_server_that_is_always_busy_is_left_alone():
    """Each case is retried after a 429; twenty such cases stop the run."""
    busy = saying({}, JSON, "Retry-After: 0", status="429 Busy")
    with hostile(busy) as server:
        report = asked(server.url, *many(200))

    assert report.stopped == "errors"
    assert (
        MAX_CONSECUTIVE_ERRORS
        <= len(report.outcomes)
        < MAX_CONSECUTIVE_ERRORS + IN_FLIGHT
    )


def judged(body: bytes, type_: str = EVENTS) -> Interaction:
    return Interaction(STREAMED, 200, {"content-type": type_}, body, 0.1)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_are_parted_as_their_standard_says(end):
    """Other line separators, such as U+2028, are part of the data."""
    lines = ["\ufeffevent: a", 'data: {"b":', "data:1}", "", ": x", "", "data: 1\u2028"]

    events = judged(end.join(each.encode() for each in lines)).events

    assert [(each.name, each.data) for each in events] == [
        ("a", {"b": 1}),
        (None, "1\u2028"),
    ]
    assert judged('data: "\u2028\x85"\n\n'.encode()).events == [
        ServerSentEvent(None, "\u2028\x85")
    ]


PASSED = ["page", "deep", "many values", "half a character", "bytes in a header"]
BROKEN = ["gigabyte that breaks off", "bad chunk", "endless headers", "no gzip"]


def test_a_proxy_before_it_goes_on():
    behaviours = [NOT_RIGHT[name][1] for name in PASSED] + [
        NOT_WHOLE[n] for n in BROKEN
    ]
    behaviours.append(at_address("{url}/{at}.png", saying(b"", "image/png"), 1000))

    async def through(upstream: str) -> tuple[int, bytes]:
        relay = Relay(PROVIDER, f"{upstream}/v1")
        async with serve_relay(relay) as url:
            body = json.dumps(PLAIN).encode()
            with suppress(OSError, http.client.HTTPException):  # not escaped
                await asyncio.to_thread(
                    ask, f"{url}/v1/images/generations", body=body, Content_Type=JSON
                )
            entries = await asyncio.to_thread(
                ask, f"{url}/__mock__/journal", method="GET", key=None
            )
            return entries.status, entries.body

    for behaviour in behaviours:
        with hostile(behaviour) as server:
            status, body = asyncio.run(through(server.url))

        assert status == 200
        (entry,) = json.loads(body)["entries"]
        assert entry["findings"] or entry["problem"] or entry["notes"]
        assert not any("a fault of ours" in each for each in entry["notes"])


def test_a_gateway_that_misbehaves_is_told_so_in_a_line():
    with hostile(NOT_RIGHT["control characters"][1]) as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "contracts", "sandwich", f"{server.url}/v1"),
                *("--upstream-dialect", "openai", "--key-env", "A_KEY", "--port", "0"),
            ],
            env={**os.environ, "A_KEY": KEY},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_the_time_of_an_exchange_is_bounded_while_a_request_is_sent():
    """A server that does not read the request."""

    async def send() -> Interaction:
        body = [bytes(64 * MEGABYTE)]
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
            async with aiohttp.ClientSession() as session:
                return await send_request(
                    session, VALID, "POST", url, body, {}, timeout=HASTE
                )

    assert asyncio.run(send()).problem == f"no complete response within {HASTE:g} s"
