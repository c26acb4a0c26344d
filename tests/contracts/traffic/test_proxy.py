"""The proxy changes nothing, asks nobody else, and tells what it saw."""

import asyncio
import gzip
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from click.testing import CliRunner
from PIL import Image
from support import raw_http as raw
from support.http import (
    FORM,
    KEY,
    ask,
    data_uri,
    edit,
    eventually,
    form,
    generation,
    saved,
    url_of,
)
from support.independent import serving as independent

import contracts.cli.traffic.proxy
import contracts.traffic.exchange
import contracts.traffic.proxy
import contracts.traffic.proxy.open_exchange
import mockserver
import specs
from contracts.traffic.proxy import MAX_HEADER_LENGTH, Relay, serve_relay
from mockserver.embedded.starter import serve_in_thread
from mockserver.pipeline.request.body_parsing import parse_body
from mockserver.recordings.cassettes import Cassettes
from mockserver.recordings.recorder import Recorder
from mockserver.settings import Settings

pytestmark = pytest.mark.slow

SECRET = "sk-live-0123456789abcdef"
PICTURE = saved(Image.radial_gradient("L").convert("RGB"))


@dataclass(frozen=True)
class Running:
    """A proxy that is being served."""

    url: str
    provider: specs.Provider
    relay: Relay

    @property
    def base_url(self) -> str:
        return f"{self.url}/{self.provider.id}{self.provider.base_path}"

    @property
    def journal(self) -> list[dict[str, Any]]:
        return ask(f"{self.url}/__mock__/journal", method="GET", key=None).json[
            "entries"
        ]

    @property
    def kinds(self) -> set[tuple[str, str]]:
        """The kinds of findings, without undocumented fields."""
        return {
            (found["kind"], found["check"])
            for entry in self.journal
            for found in entry["findings"]
            if found["kind"] != "undocumented"
        }


@contextmanager
def proxied(name: str, upstream: str, folder: Path | None = None) -> Iterator[Running]:
    """The proxy of a provider on a thread of its own."""
    provider = specs.load(name)
    recorder = Recorder(folder) if folder else None
    relay = Relay(provider, upstream, recorder=recorder)
    begun: queue.Queue[Any] = queue.Queue()

    async def run() -> None:
        stop = asyncio.Event()
        async with serve_relay(relay) as url:
            begun.put((url, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    url, loop, stop = begun.get(timeout=30)
    try:
        yield Running(url, provider, relay)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def app_of(answer: Any) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


@contextmanager
def upstream_of(answer: Any) -> Iterator[str]:
    """An upstream with one handler for everything."""
    with serve_in_thread(app_of(answer)) as (url, _):
        yield f"{url}/v1"


def ok(**more: Any) -> web.Response:
    return web.json_response({"created": 1, "data": []}, **more)


# Nothing is changed.

VARYING = {"date", "x-request-id", "openai-processing-ms"}


def facts(answer: Any) -> tuple[Any, ...]:
    headers = [(k, v) for k, v in answer.headers.items() if k.lower() not in VARYING]
    return answer.status, headers, answer.body


def questions(provider: specs.Provider) -> Iterator[tuple[str, dict[str, Any]]]:
    plain = generation(provider)
    yield "/images/generations", {"body": plain}
    yield "/images/generations", {"body": {**plain, "n": 0}}
    yield "/images/generations", {"body": plain, "key": None}
    yield "/images/generations", {"body": "{", "Content_Type": "application/json"}
    yield "/images/generations", {"body": "é", "Content_Type": "text/plain"}
    yield "/images/edits", edit(provider, FORM, PICTURE)
    yield "/images/generations?a=%2F&b=%C3%A9+%20", {"method": "GET"}
    yield "/models", {"method": "GET"}
    yield "/nowhere/../%2e%2e", {"method": "DELETE"}


def test_a_client_sees_what_it_would_see_without(provider):
    settings = Settings(seed=3, frozen=1_777_896_000.0)
    with (
        mockserver.running(provider, settings=settings) as mock,
        proxied(provider.id, mock.base_url) as proxy,
    ):
        bare = f"{proxy.url}{provider.base_path}"
        for path, question in questions(provider):
            direct = ask(mock.base_url + path, **question)
            for base in (proxy.base_url, bare):
                through = ask(base + path, **question)

                assert facts(through) == facts(direct), path


class Raw:
    """An upstream that keeps the bytes it was sent, and answers with given bytes."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.got = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while b"--end--" not in self.got:
                self.got += connection.recv(65536)
            connection.sendall(self.answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=30)
        self._listener.close()


def exchanged(port: int, request: bytes) -> bytes:
    """The bytes that come back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def lines(message: bytes) -> list[str]:
    head = message.partition(b"\r\n\r\n")[0]
    return head.decode().split("\r\n")


REQUEST = (
    b"POST /v1/images/generations?q=%20a HTTP/1.1\r\nHost: here.example\r\n"
    b"Connection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n"
    b"Proxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\nX-Twice: 1\r\nX-Twice: 2\r\n"
    b"Expect: 100-continue\r\nX-Empty: \r\nContent-Length: 7\r\n\r\n--end--"
)
ANSWER = (
    b"HTTP/1.1 299 Quite All Right\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    b"Connection: X-Own\r\nX-Own: 1\r\nKeep-Alive: 5\r\nX-Odd:  spaced \r\n"
    b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 5\r\n\r\nbytes"
)


def test_only_what_is_of_the_connection_is_left_out():
    with (
        Raw(ANSWER) as upstream,
        proxied("openai", f"http://127.0.0.1:{upstream.port}/base") as proxy,
    ):
        answer = exchanged(urlsplit(proxy.url).port, REQUEST)

    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert lines(upstream.got) == [
        "POST /base/images/generations?q=%20a HTTP/1.1",
        f"Host: 127.0.0.1:{upstream.port}",
        "X-Twice: 1",
        "X-Twice: 2",
        "X-Empty: ",
        "Content-Length: 7",
        "Connection: close",
    ]
    assert lines(answer) == [
        "HTTP/1.1 299 Quite All Right",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "X-Odd: spaced",
        "Date: Thu, 01 Jan 1970 00:00:00 GMT",
        "Content-Length: 5",
        "Connection: close",
    ]
    assert answer.endswith(b"\r\n\r\nbytes")


def test_a_chunked_request_stays_one_and_a_coded_body_is_not_unpacked():
    packed = gzip.compress(json.dumps(generation(specs.load("openai"))).encode())
    request = (
        b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
        b"Authorization: Bearer key\r\nTransfer-Encoding: chunked\r\n\r\n"
        + f"{len(packed):x}\r\n".encode()
        + packed
        + b"\r\n0\r\n\r\n"
    )

    async def answer(got: web.Request) -> web.Response:
        seen.append((got.headers, await got.read()))
        body = gzip.compress(b'{"created": 1, "data": []}')
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=body, headers=headers)

    seen: list[Any] = []
    with upstream_of(answer) as upstream, proxied("openai", upstream) as proxy:
        back = exchanged(urlsplit(proxy.url).port, request)
        (entry,), kinds = proxy.journal, proxy.kinds

    headers, _ = seen[0]
    assert headers["Transfer-Encoding"] == "chunked"
    assert headers["Content-Encoding"] == "gzip"
    assert b"Content-Encoding: gzip" in back
    body = gzip.decompress(back.partition(b"\r\n\r\n")[2])
    assert body == b'{"created": 1, "data": []}'
    assert entry["decision"]["state"] == "valid"
    assert ("wrong-response", "count-equals-n") in kinds


def test_long_headers_and_large_bodies_pass():
    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        return web.Response(body=body, headers={"X-Long": "x" * 8000})

    app = web.Application(client_max_size=2**28)
    app.router.add_route("*", "/{path:.*}", answer)
    sent = bytes(range(256)) * 40_000
    with serve_in_thread(app) as (url, _), proxied("openai", f"{url}/v1") as proxy:
        got = ask(f"{proxy.base_url}/anything", body=sent, X_Long="y" * 8000)

    assert MAX_HEADER_LENGTH > 8000
    assert (got.status, got.body) == (200, sent)
    assert got.headers["X-Long"] == "x" * 8000


@pytest.mark.parametrize("status", [204, 304, 302, 404, 503])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answers_without_a_body_and_redirections_pass_as_they_are(method, status):
    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/v1/elsewhere"})

    asked: list[str] = []
    with upstream_of(answer) as upstream, proxied("openai", upstream) as proxy:
        direct = ask(f"{upstream}/models", method=method)
        through = ask(f"{proxy.base_url}/models", method=method)

    assert facts(through) == facts(direct)
    assert asked == ["/v1/models", "/v1/models"]


# As it comes.


def test_events_pass_one_by_one():
    """The upstream says the next only when the client has told it of the last."""
    acknowledged = threading.Semaphore(0)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/ack"):
            acknowledged.release()
            return ok()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(5):
            await response.write(f"data: {number}\n\n".encode())
            arrived = await asyncio.to_thread(acknowledged.acquire, timeout=20)
            if not arrived:
                break
        await response.write_eof()
        return response

    with upstream_of(answer) as upstream, proxied("openai", upstream) as proxy:
        parts = urlsplit(proxy.url)
        import http.client

        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        connection.request("POST", "/v1/images/generations", body=b"{}")
        response = connection.getresponse()
        got = []
        for _ in range(5):
            got.append(response.readline())
            response.readline()
            ask(f"{upstream}/ack", method="GET")
        rest = response.read()
        connection.close()

    assert got == [f"data: {number}\n".encode() for number in range(5)]
    assert rest == b""


def test_a_request_passes_while_it_is_still_being_sent():
    async def answer(request: web.Request) -> web.Response:
        first = await request.content.readexactly(5)
        seen.put(first)
        return ok(headers={"X-All": str(len(first + await request.read()))})

    seen: queue.Queue[bytes] = queue.Queue()
    with upstream_of(answer) as upstream, proxied("openai", upstream) as proxy:
        port = urlsplit(proxy.url).port
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            head = "POST /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            connection.sendall(f"{head}Content-Length: 10\r\n\r\nfirst".encode())
            assert seen.get(timeout=20) == b"first"
            connection.sendall(b"later")
            answered = connection.recv(65536)

    assert b"X-All: 10" in answered


def test_an_upstream_learns_that_the_client_left():
    left = threading.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b"data: {}\n\n")
                await asyncio.sleep(0.01)
        finally:
            left.set()

    with upstream_of(answer) as upstream, proxied("openai", upstream) as proxy:
        body = json.dumps({**generation(proxy.provider), "stream": True}).encode()
        port = urlsplit(proxy.url).port
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(
                b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\n"
                b"Authorization: Bearer key\r\nContent-Type: application/json\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            assert b"data: {}" in connection.recv(65536) + connection.recv(65536)

        assert left.wait(20)
        (entry,) = eventually(lambda: proxy.journal)

    assert entry["notes"] == [
        "the response is not judged: the client disconnected before the end"
    ]
    assert entry["findings"] == []


@pytest.mark.parametrize(
    "head", [b"Content-Length: 100", b"Transfer-Encoding: chunked"]
)
def test_an_answer_that_breaks_off_breaks_off_for_the_client(head):
    body = b"5\r\nfirst\r\n" if b"chunked" in head else b"first"
    broken = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    with (
        Raw(broken + head + b"\r\n\r\n" + body) as upstream,
        proxied("openai", f"http://127.0.0.1:{upstream.port}") as proxy,
    ):
        prompt = json.dumps({**generation(proxy.provider), "user": "--end--"})
        request = (
            f"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(prompt)}\r\n\r\n{prompt}"
        )
        back = exchanged(urlsplit(proxy.url).port, request.encode())
        kinds = proxy.kinds

    assert back.endswith(body)  # no end of chunks, and the connection closed
    assert ("crash", "answers") in kinds


def test_an_upstream_that_is_not_there_gives_one_clear_error():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with proxied("openai", f"http://127.0.0.1:{port}/v1") as proxy:
        answer = ask(
            f"{proxy.base_url}/images/generations", body=generation(proxy.provider)
        )
        (entry,) = proxy.journal

    assert answer.status == 502
    assert f"127.0.0.1:{port}" in answer.json["error"]["message"]
    assert entry["status"] is None
    assert entry["findings"] == []
    (note,) = entry["notes"]
    assert "cannot be reached" in note
    assert entry["decision"]["state"] == "valid"


def test_a_body_that_comes_after_its_head_is_judged_though_it_goes_nowhere():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with proxied("openai", f"http://127.0.0.1:{port}/v1") as proxy:
        url = f"{proxy.base_url}/images/generations"
        head, _, body = raw.good(url, proxy.provider).partition(b"\r\n\r\n")
        with raw.connected(url) as connection:
            connection.sendall(head + b"\r\n\r\n")
            time.sleep(0.2)  # it is refused long before
            connection.sendall(body)
            received, _ = raw.everything(connection)
        (entry,) = proxy.journal

    (answer,) = raw.answers(received)
    assert answer.status == 502
    assert entry["decision"]["state"] == "valid"
    assert len(entry["notes"]) == 1


# Nobody else is asked.


@contextmanager
def trap() -> Iterator[tuple[str, list[str]]]:
    """A server that nobody should ask."""
    caught: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        caught.append(request.path)
        return web.Response(body=PICTURE, content_type="image/png")

    with upstream_of(answer) as url:
        yield url, caught


def test_nobody_but_the_upstream_is_contacted(monkeypatch, tmp_path):
    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, request.headers.get("Authorization")))
        if request.path == "/own.png":
            return web.Response(body=PICTURE, content_type="image/png")
        if request.path == "/far.png":
            raise web.HTTPFound(f"{elsewhere}/redirected.png")
        own = f"{request.scheme}://{request.host}"
        urls = [f"{elsewhere}/a.png", f"{own}/own.png", f"{own}/far.png"]
        return web.json_response({"created": 1, "data": [{"url": u} for u in urls]})

    asked: list[Any] = []
    with trap() as (elsewhere, caught), upstream_of(answer) as upstream:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, elsewhere)
        with proxied("openai", upstream, tmp_path) as proxy:
            ask(
                f"{proxy.base_url}/images/generations",
                body={"model": "dall-e-2", "prompt": "A boat", "n": 3},
                key=SECRET,
            )
            (entry,) = proxy.journal

    assert caught == []
    assert asked[0] == ("/v1/images/generations", f"Bearer {SECRET}")
    assert sorted(asked[1:]) == [("/far.png", None), ("/own.png", None)]
    recorded = Cassettes.open(tmp_path).recordings[0]
    assert len(recorded.unrecorded) == 2
    assert entry["recorded"] == recorded.path.name


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("CONNECT example.org:443 HTTP/1.1", 404),
        ("GET http://example.org/v1/models HTTP/1.1", 404),
        ("GET /elsewhere HTTP/1.1", 404),
        ("GET /v1x/models HTTP/1.1", 404),
        ("GET //example.org/v1/models HTTP/1.1", 404),
        ("GET /v1/models HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket", 501),
    ],
)
def test_what_is_not_of_the_base_path_is_refused(line, status):
    with trap() as (elsewhere, caught), proxied("openai", elsewhere) as proxy:
        request = f"{line}\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        answer = exchanged(urlsplit(proxy.url).port, request)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert caught == []


# What it saw.

TOKENHUB = {"model": "gpt-image-2", "prompt": "A paper boat"}
AIHUBMIX = {"model": "gpt-image-2", "prompt": "A paper boat"}
DALLE = {"model": "dall-e-3", "prompt": "A paper boat"}
STREAM = {**AIHUBMIX, "stream": True, "partial_images": 2}
JSON_DEFECTS = [
    ("tokenhub", "wrong-size", TOKENHUB, ("wrong-response", "size-as-asked")),
    (
        "tokenhub",
        "n-ignored",
        {**TOKENHUB, "n": 2},
        ("wrong-response", "count-equals-n"),
    ),
    ("tokenhub", "n-above-accepted", {**TOKENHUB, "n": 11}, ("accepts-invalid", None)),
    (
        "tokenhub",
        "webp-refused",
        {**TOKENHUB, "format": "webp"},
        ("rejects-valid", None),
    ),
    ("tokenhub", "crash-on-unicode", {**TOKENHUB, "prompt": "ж"}, ("crash", None)),
    ("tokenhub", "error-html", {**TOKENHUB, "n": 11}, ("wrong-error", "error-is-json")),
    (
        "tokenhub",
        "error-key-echo",
        {**TOKENHUB, "n": 11},
        ("wrong-error", "keeps-secrets"),
    ),
    (
        "tokenhub",
        "error-wrong-param",
        {"model": "gpt-image-2"},
        ("wrong-error", "error-param"),
    ),
    ("tokenhub", "nan-in-body", TOKENHUB, ("wrong-response", "is-json")),
    ("aihubmix", "url-dead", DALLE, ("wrong-response", "decodes")),
    ("aihubmix", "usage-sum", AIHUBMIX, ("wrong-response", "usage-adds-up")),
    (
        "aihubmix",
        "stream-two-completed",
        STREAM,
        ("wrong-response", "one-completed-event"),
    ),
    ("aihubmix", "stream-ignored", STREAM, ("wrong-response", "streams-when-asked")),
]


@pytest.mark.parametrize(("name", "defect", "body", "expected"), JSON_DEFECTS)
def test_a_planted_defect_is_in_the_journal(name, defect, body, expected):
    kind, check = expected
    with (
        independent(name, defect) as upstream,
        proxied(name, upstream) as proxy,
    ):
        ask(f"{proxy.base_url}/images/generations", body=body, key=SECRET)
        (entry,) = proxy.journal

    found = [each for each in entry["findings"] if each["kind"] == kind]
    assert found
    assert check is None or check in {each["check"] for each in found}
    assert SECRET not in json.dumps(entry)
    assert entry["findings"][0]["source"]
    assert entry["findings"][0]["curl"].startswith("curl -sS -X POST")


@pytest.mark.parametrize("name", ["tokenhub", "aihubmix"])
def test_a_right_server_is_not_accused(name):
    with independent(name) as upstream, proxied(name, upstream) as proxy:
        for server, _, body, _ in JSON_DEFECTS:
            if server == name:
                ask(f"{proxy.base_url}/images/generations", body=body)
        ask(f"{proxy.base_url}/images/generations", body=TOKENHUB, key=None)
        ask(
            f"{proxy.base_url}/images/generations",
            body="{",
            Content_Type="application/json",
        )
        ask(f"{proxy.base_url}/images/edits", **edit(proxy.provider, FORM, PICTURE))
        accused = [
            found
            for entry in proxy.journal
            for found in entry["findings"]
            if found["breaks"]
        ]

    assert accused == []


def test_an_edit_is_judged_by_its_files():
    """A mask without transparency, or of other dimensions, is the request's fault."""
    with (
        independent("tokenhub", "edit-mask-ignored") as upstream,
        proxied("tokenhub", upstream) as proxy,
    ):
        mask = saved(Image.new("RGBA", (256, 256), (0, 0, 0, 0)))
        plain = [("model", "gpt-image-2"), ("prompt", "A boat"), ("image", PICTURE)]
        url = f"{proxy.base_url}/images/edits"
        ask(url, **form(*plain))
        ask(url, **form(*plain, ("mask", mask)))
        first, second = proxy.journal

    assert first["payload"]["image"]["width"] == 256
    assert first["findings"] == [] or first["findings"][0]["kind"] == "undocumented"
    assert ("wrong-response", "mask-matters") in {
        (each["kind"], each["check"]) for each in second["findings"]
    }
    assert "-F 'image=@a.png'" in second["findings"][-1]["curl"] or (
        "-F image=@a.png" in second["findings"][-1]["curl"]
    )


@pytest.mark.parametrize("status", [401, 402, 403, 429])
def test_a_refusal_for_what_no_request_says_accuses_nobody(status):
    async def answer(request: web.Request) -> web.Response:
        error = {"message": "no", "type": "x", "param": None, "code": None}
        headers = {"Retry-After": "7", "x-request-id": "1"}
        return web.json_response({"error": error}, status=status, headers=headers)

    with upstream_of(answer) as upstream, proxied("openai", upstream) as proxy:
        ask(f"{proxy.base_url}/images/generations", body=generation(proxy.provider))
        (entry,) = proxy.journal

    assert entry["decision"]["state"] == "valid"
    assert [each for each in entry["findings"] if each["breaks"]] == []


def test_a_request_is_explained_by_rule_and_source():
    with (
        mockserver.running("openai") as mock,
        proxied("openai", mock.base_url) as proxy,
    ):
        body = {"model": "gpt-image-2", "prompt": "A boat", "n": 11}
        ask(f"{proxy.base_url}/images/generations", body=body)
        ask(f"{proxy.base_url}/images/generations", body=body, key=None)
        ask(f"{proxy.base_url}/models", method="GET")
        first, second, third = proxy.journal

    assert first["decision"]["state"] == "invalid"
    (violation,) = first["decision"]["violations"]
    assert (violation["param"], violation["claim"]) == ("n", "n/maximum")
    assert violation["source"]
    assert second["decision"]["violations"][0]["claim"] == "createImage/auth"
    assert third["operation"] is None
    assert third["notes"] == ["not in the document"]
    assert [first["id"], second["id"], third["id"]] == [1, 2, 3]


def test_what_is_too_large_passes_unjudged(monkeypatch):
    for module in (contracts.traffic.proxy.open_exchange, contracts.traffic.exchange):
        monkeypatch.setattr(module, "MAX_BODY_BYTES", 2000)

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"data": "x" * (len(await request.read()) - 50)})

    with upstream_of(answer) as upstream, proxied("openai", upstream) as proxy:
        url = f"{proxy.base_url}/images/generations"
        large = ask(url, body={**generation(proxy.provider), "user": "x" * 3000})
        ask(url, body={**generation(proxy.provider), "user": "x" * 1900})
        first, second = proxy.journal

    assert len(large.body) > 2000
    assert first["decision"]["state"] is None
    assert first["findings"] == []
    assert "the request is not judged: it was not kept completely" in first["notes"]
    assert second["decision"]["state"] == "valid"


def test_the_journal_keeps_the_order_in_which_exchanges_ended():
    """Though the first has a picture that takes its time."""
    released = threading.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/slow.png":
            await asyncio.to_thread(released.wait, 20)
            return web.Response(body=PICTURE, content_type="image/png")
        if request.path == "/v1/models":
            return ok()
        url = f"{request.scheme}://{request.host}/slow.png"
        return web.json_response({"created": 1, "data": [{"url": url}]})

    with upstream_of(answer) as upstream, proxied("openai", upstream) as proxy:
        body = {"model": "dall-e-2", "prompt": "A boat"}
        ask(f"{proxy.base_url}/images/generations", body=body)
        ask(f"{proxy.base_url}/models", method="GET")
        released.set()
        entries = proxy.journal

    assert [each["path"] for each in entries] == ["/images/generations", "/models"]


PLAIN = b"to be packed " * 100
RAW = zlib.compressobj(wbits=-15)
PACKED = [
    ("gzip", gzip.compress(PLAIN, mtime=0)),
    ("x-gzip", gzip.compress(PLAIN, mtime=0)),
    ("deflate", zlib.compress(PLAIN)),
    ("Deflate", RAW.compress(PLAIN) + RAW.flush()),
    ("identity", PLAIN),
    ("", PLAIN),
]


@pytest.mark.parametrize(("coding", "data"), PACKED)
def test_a_content_coding_is_undone(coding, data, monkeypatch):
    assert contracts.traffic.exchange.decode_content(data, coding) == PLAIN
    if coding not in {"", "identity"}:
        with pytest.raises(
            contracts.traffic.exchange.Unreadable, match="is not complete"
        ):
            contracts.traffic.exchange.decode_content(data[:-9], coding)
        monkeypatch.setattr(contracts.traffic.exchange, "MAX_BODY_BYTES", 100)
        with pytest.raises(
            contracts.traffic.exchange.Unreadable, match="more than 100 bytes"
        ):
            contracts.traffic.exchange.decode_content(data, coding)


def test_the_journal_is_for_this_machine_and_no_page():
    with trap() as (upstream, _), proxied("openai", upstream) as proxy:
        url = f"{proxy.url}/__mock__/journal"
        page = ask(url, method="GET", Origin="http://evil.example")
        rebound = ask(url, method="GET", Host="evil.example")
        wrong = ask(f"{url}?limit=x", method="GET")
        unknown = ask(f"{proxy.url}/__mock__/reset", method="POST")
        ask(f"{proxy.base_url}/models", method="GET")
        before = len(proxy.journal)
        cleared = ask(url, method="DELETE")
        after = proxy.journal
        health = ask(f"{proxy.url}/__mock__/health", method="GET")

    assert (page.status, rebound.status, wrong.status) == (403, 403, 400)
    assert (unknown.status, cleared.status, health.status) == (404, 200, 200)
    assert (before, after) == (1, [])


# What is recorded is found again.


def everything(folder: Path) -> bytes:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return b"".join(str(each).encode() + each.read_bytes() for each in files)


def replayed(folder: Path, provider: specs.Provider, path: str, question: Any) -> Any:
    """The recording for a request, as a mock would look for it."""
    (operation,) = [each for each in provider.operations.values() if each.path == path]
    body = question["body"]
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    content_type = question.get("Content_Type", "application/json")
    payload = parse_body(body, content_type, operation).payload
    return Cassettes.open(folder).find(operation.id, payload, provider=provider.id)


def test_what_was_recorded_is_answered_to_the_byte(provider, tmp_path):
    prompts = {"prompt": f"A boat, {SECRET}"}
    exchanges = [
        ("/images/generations", {"body": generation(provider)}),
        ("/images/generations", {"body": generation(provider, n=0)}),
        ("/images/edits", edit(provider, FORM, PICTURE)),
    ]
    with (
        mockserver.running(provider) as mock,
        proxied(provider.id, mock.base_url, tmp_path) as proxy,
    ):
        answers = [
            ask(proxy.base_url + path, key=SECRET, **question)
            for path, question in exchanges
        ]
        secret = generation(provider, **prompts)
        ask(f"{proxy.base_url}/images/generations", key=SECRET, body=secret)
        entries = proxy.journal

    assert all(each["recorded"] for each in entries), entries
    for (path, question), answer in zip(exchanges, answers, strict=True):
        found = replayed(tmp_path, provider, path, question)
        assert (found.status, found.body()) == (answer.status, answer.body)
        assert ("Content-Type", answer.headers["Content-Type"]) in found.headers
        assert found.replay_header == "hit"
    assert SECRET not in json.dumps(entries)
    disk = everything(tmp_path)
    assert SECRET.encode() not in disk
    assert PICTURE not in disk
    assert data_uri(PICTURE)[50:250].encode() not in disk


def test_a_stream_is_recorded_with_its_pace(tmp_path):
    with mockserver.running("openai") as mock:
        body = generation(specs.load("openai"), stream=True, partial_images=2)
        with proxied("openai", mock.base_url, tmp_path) as proxy:
            answer = ask(f"{proxy.base_url}/images/generations", body=body)
            (entry,) = proxy.journal

    found = replayed(tmp_path, proxy.provider, "/images/generations", {"body": body})
    assert entry["findings"] == []
    assert found.is_stream
    assert found.body() == answer.body
    assert len(found.timed_chunks()) == 3
    assert all(piece.endswith(b"\n\n") for _, piece in found.timed_chunks())


def test_a_coded_answer_is_recorded_plain(tmp_path):
    plain = json.dumps({"created": 1, "data": [], "note": SECRET}).encode()

    async def answer(request: web.Request) -> web.Response:
        headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
        body = gzip.compress(plain) if coding == "gzip" else b"??"
        return web.Response(body=body, headers=headers)

    coding = "gzip"
    with (
        upstream_of(answer) as upstream,
        proxied("openai", upstream, tmp_path) as proxy,
    ):
        body = generation(proxy.provider)
        ask(f"{proxy.base_url}/images/generations", body=body, key=SECRET)
        coding = "zstd"
        ask(f"{proxy.base_url}/images/generations", body=body, key=SECRET)
        first, second = proxy.journal

    (recording,) = Cassettes.open(tmp_path).recordings
    assert recording.body() == plain.replace(SECRET.encode(), b"*" * len(SECRET))
    assert "content-encoding" not in {name.lower() for name, _ in recording.headers}
    assert first["recorded"]
    assert second["recorded"] is None
    assert any("'zstd'" in each for each in second["notes"])


def test_a_refused_key_is_not_recorded(tmp_path):
    with (
        mockserver.running("openai") as mock,
        proxied("openai", mock.base_url, tmp_path) as proxy,
    ):
        body = generation(proxy.provider)
        ask(f"{proxy.base_url}/images/generations", body=body, key=None)
        (entry,) = proxy.journal

    assert entry["recorded"] is None
    assert list(tmp_path.glob("*.json")) == []


def test_a_full_disk_fails_the_recording_and_not_the_answer(tmp_path, capsys):
    with (
        mockserver.running("openai") as mock,
        proxied("openai", mock.base_url, tmp_path / "x") as proxy,
    ):
        (tmp_path / "x" / "pictures").rmdir()
        (tmp_path / "x").rmdir()
        (tmp_path / "x").write_text("in the way")
        url = f"{proxy.base_url}/images/generations"
        answers = [ask(url, body=generation(proxy.provider)) for _ in range(2)]
        entries = proxy.journal

    assert [each.status for each in answers] == [200, 200]
    assert [each["recorded"] for each in entries] == [None, None]
    assert entries[0]["notes"][-1].startswith("not recorded: ")
    assert capsys.readouterr().err.count("Warning") == 1


# With a client that knows nothing of it, and from the command line.


def test_a_client_library_works_through_it():
    import openai

    with (
        mockserver.running("openai") as mock,
        proxied("openai", mock.base_url) as proxy,
    ):
        with openai.OpenAI(base_url=proxy.base_url, api_key=SECRET) as client:
            made = client.images.generate(model="gpt-image-2", prompt="A boat", n=2)
            changed = client.images.edit(
                model="gpt-image-2", prompt="A boat", image=[("a.png", PICTURE)]
            )
            streamed = list(
                client.images.generate(
                    model="gpt-image-2", prompt="x", stream=True, partial_images=1
                )
            )
            with pytest.raises(openai.BadRequestError):
                client.images.generate(model="gpt-image-2", prompt="A boat", n=11)
        entries, kinds = proxy.journal, proxy.kinds

    assert len(made.data) == 2
    assert len(changed.data) == 1
    assert [each.type.rpartition(".")[2] for each in streamed] == [
        "partial_image",
        "completed",
    ]
    assert [each["status"] for each in entries] == [200, 200, 200, 400]
    assert kinds == set()


@contextmanager
def command(*words: str) -> Iterator[subprocess.Popen[str]]:
    code = "from contracts.cli.traffic.proxy import proxy; proxy()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("fail", "status"), [((), 0), (("--fail",), 1)])
def test_the_command_tells_what_it_saw(fail, status, tmp_path):
    with (
        independent("tokenhub", "wrong-size") as upstream,
        command(
            *("tokenhub", "--upstream", upstream, "--port", "0", "--json"),
            *("--record", str(tmp_path / "c"), *fail),
        ) as process,
    ):
        ready = json.loads(process.stdout.readline())
        base = ready["providers"]["tokenhub"]
        ask(f"{base}/images/generations", body=TOKENHUB)
        exchange = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        stopped = json.loads(process.stdout.readline())
        assert process.wait(timeout=30) == status

    assert ready["event"] == "ready"
    assert base == f"{ready['url']}/tokenhub/api/v1"
    assert exchange["event"] == "exchange"
    assert exchange["decision"]["state"] == "valid"
    assert stopped["exchanges"] == stopped["recorded"] == 1
    assert stopped["findings"]["wrong-response"] == 1
    assert stopped["broken"] == 1


def test_the_command_speaks_to_people():
    with (
        independent("tokenhub", "wrong-size") as upstream,
        command("tokenhub", "--upstream", upstream, "--port", "0") as process,
    ):
        head = [process.stdout.readline() for _ in range(4)]
        base = head[1].split()[-1]
        ask(f"{base}/images/generations", body=TOKENHUB)
        ask(f"{base}/images/generations", body={**TOKENHUB, "n": 11})
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        assert process.wait(timeout=30) == 0

    assert head[0].startswith(f"Forwarding to {upstream}")
    assert "POST /images/generations  200  request valid" in said
    assert "failed, wrong-response: image 0 is PNG 512x512" in said
    assert "request: n: must be at most 10 (S4#n, documented)" in said
    last = said.strip().splitlines()[-1]
    assert last.startswith("2 requests; findings: ")
    assert "1 wrong-response" in last


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("openai", "--upstream", "api.example/v1"), "must be a base URL"),
        (("openai", "--upstream", "http://h:x/v1"), "must be a base URL"),
        (("openai", "--upstream", "ftp://h/v1"), "must be a base URL"),
        (("openai", "--upstream", "http://u:p@h/v1"), "no key"),
        (("openai", "--upstream", "http://h/v1?key=1"), "no query"),
        (("openia", "--upstream", "http://h/v1"), "is not a known provider"),
        (("openai", "--upstream", "http://h/v1", "--record", __file__), "--record"),
        (("openai", "--upstream", "http://h/v1", "--host", "192.0.2.1"), "listen"),
        (("openai",), "--upstream"),
    ],
)
def test_a_mistake_is_one_line_with_status_2(words, said):
    result = CliRunner().invoke(
        contracts.cli.traffic.proxy.proxy, [*words, "--port", "0"]
    )

    assert result.exit_code == 2
    assert said in result.output


def test_url_of_is_kept_in_step(mock):
    """The proxy's paths are those of `serve`."""
    provider = specs.load("tokenhub")
    relay = Relay(provider, "http://127.0.0.1:1")
    target = urlsplit(url_of(mock, provider)).path

    assert relay.path_below_base(target) == "/images/generations"
    assert relay.path_below_base("/api/v1") == ""
    assert relay.path_below_base("/api/v1?x=1") == "?x=1"
    assert relay.path_below_base("/api/v11/images") is None
