"""Connections that close, are refused, or have no valid TLS."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys

import pytest
from support.hostile_servers import dot, picture
from support.http import ask
from support.raw_server import Request, raw_server, response

import specs
from contracts.execution.sending.client import Sender, Unreachable
from contracts.execution.sending.target import Target
from contracts.judging.interaction import Interaction, ProblemKind
from contracts.planning.case import Case
from mockserver.json_text import dumps
from specs import State

pytestmark = pytest.mark.slow

OPERATION = specs.load("openai").operations["createImage"]
PAYLOAD = {"model": "gpt-image-1", "prompt": "A red cube"}
VALID = Case("plain", "createImage", "probe", State.VALID, payload=PAYLOAD)
IMAGE = response(dumps(picture(dot())).encode())
END = (b"", False)
KEPT = ("authorization", "content-type")


def send(url: str, *at_once: int) -> list[Interaction]:
    """The interactions of as many requests at once, one group after the other."""

    async def send_all() -> list[Interaction]:
        found = []
        async with Sender(Target(f"{url}/v1", "a-key")) as sender:
            for number in at_once:
                sending = (sender.send(VALID, OPERATION) for _ in range(number))
                found += await asyncio.gather(*sending)
        return found

    return asyncio.run(send_all())


def closes_second(request: Request) -> tuple[bytes, bool]:
    """An image for the first request on a connection; then the end."""
    return (IMAGE, True) if request.number == 1 else (b"", False)


def test_a_reused_connection_that_closes_is_replaced_by_a_new_one():
    with raw_server(closes_second) as server:
        found = send(server.url, 1, 1)

    assert [each.status for each in found] == [200, 200]
    assert server.places == [(1, 1), (1, 2), (2, 1)]


def test_no_other_reused_connection_takes_its_place():
    with raw_server(closes_second) as server:
        found = send(server.url, 4, 1)

    assert [each.status for each in found] == [200] * 5
    assert server.places[-1] == (5, 1)
    assert len(server.places) == 6


def test_a_new_connection_that_closes_is_not_replaced():
    with raw_server(lambda _: (b"", False)) as server:
        (found,) = send(server.url, 1)

    assert (found.status, found.problem_kind) == (None, ProblemKind.CLOSED)
    assert not found.is_unsent
    assert server.places == [(1, 1)]


def test_a_request_is_sent_again_only_once():
    def first_only(request: Request) -> tuple[bytes, bool]:
        return (IMAGE, True) if (request.connection, request.number) == (1, 1) else END

    with raw_server(first_only) as server:
        _, found = send(server.url, 1, 1)

    assert found.problem_kind is ProblemKind.CLOSED
    assert server.places == [(1, 1), (1, 2), (2, 1)]


def test_a_response_that_began_is_not_asked_for_again():
    def half_a_head(request: Request) -> tuple[bytes, bool]:
        return (IMAGE, True) if request.number == 1 else (IMAGE[:12], False)

    with raw_server(half_a_head) as server:
        _, found = send(server.url, 1, 1)

    assert found.problem_kind is ProblemKind.INCOMPLETE
    assert server.places == [(1, 1), (1, 2)]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that no authority signed; its file is in `path`."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    key, file = folder / "key.pem", folder / "certificate.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", *words.split(), *names, "-keyout", str(key), "-out", str(file)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    context.path = str(file)
    return context


def check(url: str) -> None:
    async def connect() -> None:
        async with Sender(Target(f"{url}/v1", "a-key")) as sender:
            await sender.check_reachable()

    asyncio.run(connect())


@pytest.mark.parametrize("way", [check, lambda url: send(url, 1)])
def test_a_certificate_that_is_not_trusted_names_the_variable(certificate, way):
    with (
        raw_server(lambda _: (IMAGE, True), certificate) as server,
        pytest.raises(Unreachable, match=r"self-signed certificate.*SSL_CERT_FILE"),
    ):
        way(server.url)

    assert server.requests == []


def test_a_server_without_tls_names_the_variable():
    with (
        raw_server(lambda _: (IMAGE, True)) as server,
        pytest.raises(Unreachable, match=r"no TLS connection.*SSL_CERT_FILE"),
    ):
        check(server.url.replace("http:", "https:"))


def test_a_server_with_tls_at_an_http_url_is_told(certificate):
    with (
        raw_server(lambda _: (IMAGE, True), certificate) as server,
        pytest.raises(Unreachable, match=r"use https://.*SSL_CERT_FILE"),
    ):
        send(server.url.replace("https:", "http:"), 2)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nobody.invalid"])
@pytest.mark.parametrize("way", [check, lambda url: send(url, 1)])
def test_a_server_that_does_not_listen_ends_the_run(url, way):
    with pytest.raises(Unreachable, match=url):
        way(url)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_connection_refused_later_is_marked():
    async def send_twice() -> list[Interaction]:
        async with Sender(Target(f"http://127.0.0.1:{port}/v1", "a-key")) as sender:
            with raw_server(lambda _: (IMAGE, False), port=port):
                first = await sender.send(VALID, OPERATION)
            return [first, await sender.send(VALID, OPERATION)]

    port = free_port()
    one, two = asyncio.run(send_twice())

    assert (one.status, one.is_unsent) == (200, False)
    assert (two.status, two.is_unsent) == (None, True)
    assert two.problem_kind is ProblemKind.NO_CONNECTION


def test_a_tls_failure_later_is_marked(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificate.path)

    async def send_twice() -> list[Interaction]:
        async with Sender(Target(f"https://127.0.0.1:{port}/v1", "a-key")) as sender:
            with raw_server(lambda _: (IMAGE, False), certificate, port):
                first = await sender.send(VALID, OPERATION)
            with raw_server(lambda _: (IMAGE, False), port=port):
                return [first, await sender.send(VALID, OPERATION)]

    port = free_port()
    one, two = asyncio.run(send_twice())

    assert (one.status, one.is_unsent) == (200, False)
    assert (two.problem_kind, two.is_unsent) == (ProblemKind.NO_TLS, True)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_command_trusts_the_certificates_of_the_variable(
    mock, certificate, is_trusted, tmp_path
):
    def forward(request: Request) -> tuple[bytes, bool]:
        answer = ask(
            mock.url + request.path,
            method=request.method,
            body=request.body,
            key=None,
            **{name: request.headers[name] for name in KEPT if name in request.headers},
        )
        number = f"X-Request-Id: {answer.headers['X-Request-Id']}"
        type_, status = answer.headers["Content-Type"], f"{answer.status} Any"
        return response(answer.body, number, status=status, type_=type_), True

    variables = {**os.environ, "OPENAI_API_KEY": "a-key"}
    if is_trusted:
        variables["SSL_CERT_FILE"] = certificate.path
    with raw_server(forward, certificate) as server:
        words = ["run", "openai", "--against", f"{server.url}/openai/v1", "--no-fuzz"]
        done = subprocess.run(
            [sys.executable, "-m", "contracts", *words, "--only", "/request/n/"],
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == (0 if is_trusted else 2), done.stdout + done.stderr
    assert bool(server.requests) is is_trusted
    if not is_trusted:
        assert "SSL_CERT_FILE" in done.stderr.splitlines()[-1]
