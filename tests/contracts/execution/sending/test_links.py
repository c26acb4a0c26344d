"""Links to images: fetched from the target and from allowed hosts, without a key."""

import asyncio
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from support.hostile_servers import dot
from support.raw_server import Answer, Request, raw_server, response

import contracts
import specs
from contracts.cli.main import main
from contracts.execution.sending.client import MAX_ATTEMPTS, Sender
from contracts.execution.sending.recording import CassetteSession
from contracts.execution.sending.target import Target
from contracts.judging.interaction import Interaction
from contracts.planning.case import Case
from contracts.testing import imageparity_conformance
from mockserver.json_text import dumps
from specs import State

pytestmark = pytest.mark.slow

OPERATION = specs.load("openai@2026-08-21").operations["createImage"]
PAYLOAD = {"model": "dall-e-3", "prompt": "A red cube"}
VALID = Case("plain", "createImage", "probe", State.VALID, payload=PAYLOAD)
IMAGE = response(dot(), type_="image/png")


def linking(*urls: str) -> Answer:
    """A server whose images are at these URLs; it returns its own images itself."""
    body = dumps({"created": 1, "data": [{"url": each} for each in urls]}).encode()

    def answer(request: Request) -> tuple[bytes, bool]:
        return (IMAGE if request.method == "GET" else response(body)), True

    return answer


def send(url: str, **options) -> Interaction:
    async def send_one() -> Interaction:
        async with Sender(Target(f"{url}/v1", "a-key"), **options) as sender:
            return await sender.send(VALID, OPERATION)

    return asyncio.run(send_one())


@pytest.fixture
def other():
    """A server of images, and its URL at another host name than that of the target."""
    with raw_server(lambda _: (IMAGE, True)) as server:
        yield server, f"http://localhost:{server.port}/a.png"


def test_links_to_other_hosts_are_recorded_as_not_fetched(other):
    server, url = other
    with raw_server(linking(url)) as target:
        found = send(target.url, fetch_from=frozenset({"images.example.com"}))

    assert (found.unfetched, found.fetched) == ((url,), {})
    assert found.outputs == [None]
    assert server.requests == []


def test_links_to_allowed_hosts_are_fetched_without_the_key(other):
    server, url = other
    with raw_server(linking(url)) as target:
        found = send(target.url, fetch_from=frozenset({"localhost"}))

    assert (found.unfetched, found.fetched) == ((), {url: dot()})
    (request,) = server.requests
    assert "authorization" not in request.headers
    assert "a-key" not in f"{request}"


def of_status(status: str) -> Callable[[Request], tuple[bytes, bool]]:
    return lambda _: (response(b"{}", "Retry-After: 0", status=status), True)


def test_a_link_that_stays_rate_limited_is_not_fetched():
    with raw_server(of_status("429 Too Many Requests")) as server:
        url = f"http://localhost:{server.port}/a.png"
        with raw_server(linking(url)) as target:
            found = send(target.url, fetch_from=frozenset({"localhost"}))

    assert (found.unfetched, found.fetched) == ((url,), {})
    assert not found.is_rate_limited
    assert len(server.requests) == MAX_ATTEMPTS


def test_a_link_without_a_connection_is_not_fetched():
    urls = ("http://localhost:1/a.png", "http://nobody.invalid/a.png")
    with raw_server(linking(*urls)) as target:
        hosts = frozenset({"localhost", "nobody.invalid"})
        found = send(target.url, fetch_from=hosts)

    assert (found.unfetched, found.fetched) == (urls, {})


def test_a_link_that_gives_an_error_has_a_problem():
    with raw_server(of_status("404 Not Found")) as server:
        url = f"http://localhost:{server.port}/a.png"
        with raw_server(linking(url)) as target:
            found = send(target.url, fetch_from=frozenset({"localhost"}))

    assert found.unfetched == ()
    assert found.fetched == {url: "was not returned by its URL: 404"}


def test_a_replay_knows_what_was_not_fetched(other, tmp_path):
    _, url = other
    with raw_server(linking(url)) as target:
        first = send(target.url, cassette=CassetteSession.recording("openai", tmp_path))
    again = send(
        "http://127.0.0.1:1", cassette=CassetteSession.replaying("openai", tmp_path)
    )

    assert first.unfetched == again.unfetched == (url,)


@pytest.mark.parametrize("is_allowed", [True, False])
def test_the_command_fetches_from_the_hosts_of_its_option(
    other, is_allowed, monkeypatch, tmp_path
):
    server, url = other
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    monkeypatch.chdir(tmp_path)
    with raw_server(linking(url)) as target:
        words = ["run", "openai", "--against", f"{target.url}/v1", "--no-fuzz"]
        words += ["--only", "createImage/request/plain"]
        words += ["--fetch-from", "LOCALHOST"] * is_allowed
        done = CliRunner().invoke(main, words)

    assert done.exit_code in {0, 1}, done.output
    assert bool(server.requests) is is_allowed


@pytest.mark.parametrize(
    "hosts", [(), "LOCALHOST", ["images.example.com", "localhost"]]
)
def test_the_function_fetches_from_the_hosts_of_its_argument(other, hosts):
    server, url = other
    with raw_server(linking(url)) as target:
        report = contracts.run(
            "openai",
            against=f"{target.url}/v1",
            key="a-key",
            only="createImage/request/plain",
            fuzz=False,
            fetch_from=hosts,
        )

    assert report.outcomes
    assert bool(server.requests) is bool(hosts)


@pytest.mark.parametrize("start", [contracts.run, imageparity_conformance])
def test_the_functions_take_hosts_alone(start):
    address = "base_url" if start is imageparity_conformance else "against"

    with pytest.raises(ValueError, match="is not a host alone"):
        start(
            "openai",
            **{address: "http://127.0.0.1:1/v1"},
            fetch_from=["a.example", "https://a.example"],
        )


@pytest.mark.parametrize("host", ["https://a.example", "a.example:80", "a/b", ""])
def test_the_option_takes_a_host_alone(host):
    done = CliRunner().invoke(main, ["run", "openai", "--fetch-from", host])

    assert done.exit_code == 2
    assert "is not a host alone" in done.output
