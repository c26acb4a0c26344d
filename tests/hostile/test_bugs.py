"""A bug becomes the provider's own error; only the log has the details."""

import json
import logging

import pytest
from support.http import JSON, ask, events, generation, request_for, url_of, wire
from support.raw_http import good, only

import mockserver
import specs
from mockserver.media.image.planning import plans
from mockserver.pipeline.provider_context import ProviderContext

pytestmark = pytest.mark.slow

WORDS = "the words of a bug"


@pytest.fixture(scope="module")
def server():
    with mockserver.running() as running:
        yield running


@pytest.fixture(autouse=True)
def unhurt():
    """Disabled: these tests log errors."""


def broken(*_, **__):
    raise RuntimeError(WORDS)


def break_handlers(server, provider, monkeypatch):
    """Let the handlers of all operations of a provider raise."""
    context = server._context.provider_contexts[provider.id]
    routes = server._context.routes
    for route, (_, operation, known) in [*routes.items()]:
        if known is context:
            monkeypatch.setitem(routes, route, (broken, operation, known))


def incident_in(answer, caplog):
    """The incident id: alone in the response, with a traceback in the log."""
    assert WORDS.encode() not in answer.body
    assert b"Traceback" not in answer.body
    named = answer.headers["X-Mock-Incident"]
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert named in record.getMessage()
    assert str(record.exc_info[1]) == WORDS
    return named


@pytest.mark.parametrize("operation", ["createImage", "createImageEdit"])
def test_in_an_operation(server, provider, operation, monkeypatch, caplog):
    monkeypatch.setattr("mockserver.media.image.planning.plans", broken)
    url = url_of(server, provider, operation)

    answer = ask(url, **request_for(provider, operation))

    expected = provider.operations[operation].errors["server_error"]
    assert answer.status == expected.status
    response = provider.operations[operation].response_for(expected.status)
    assert not response.bodies[JSON].judge.is_invalid(answer.json)
    named = incident_in(answer, caplog)
    assert named in json.dumps(server.journal()[-1])
    monkeypatch.setattr("mockserver.media.image.planning.plans", plans)
    assert ask(url, **request_for(provider, operation)).status == 200


@pytest.mark.parametrize("path", ["/models", "/nowhere", "/images/generations"])
def test_on_the_way_to_an_operation(server, provider, path, monkeypatch, caplog):
    monkeypatch.setattr("mockserver.pipeline.dispatch.record_unrouted", broken)
    break_handlers(server, provider, monkeypatch)

    answer = ask(f"{server.base_urls[provider.id]}{path}", body=generation(provider))

    assert answer.status == 500
    assert answer.headers["Content-Type"].startswith(JSON)
    incident_in(answer, caplog)


@pytest.mark.parametrize("path", ["/__mock__/journal", "/__mock__/nothing",
                                  "/_images/x.png"])  # fmt: skip
def test_beside_the_operations(server, path, monkeypatch, caplog):
    monkeypatch.setattr("mockserver.control.access._access_error", broken)
    monkeypatch.setattr("mockserver.pipeline.dispatch.record_download", broken)

    answer = ask(f"{server.url}{path}", method="GET", key=None)

    assert answer.status == 500
    incident_in(answer, caplog)


def test_the_connection_is_closed_after_a_bug(server, monkeypatch):
    """Its state is unknown."""
    openai = specs.load("openai")
    break_handlers(server, openai, monkeypatch)
    url = url_of(server, openai)

    assert only(url, good(url, openai, close=False)).status == 500


def test_in_the_middle_of_an_answer(server, monkeypatch, caplog):
    """A response that has begun is aborted, visibly for the client."""
    drawn = ProviderContext.render
    drawings = iter([drawn, broken])

    async def draw(*args, **more):
        return await next(drawings, broken)(*args, **more)

    monkeypatch.setattr(ProviderContext, "render", draw)
    openai = specs.load("openai")
    asked = {**generation(openai), "stream": True, "partial_images": 2}

    answer = wire(url_of(server, openai), body=asked)

    assert answer.status == 200
    assert not answer.is_whole
    assert len(events(answer.payload)) == 1
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert str(record.exc_info[1]) == WORDS


def test_in_the_reading_of_a_body(server, monkeypatch, caplog):
    monkeypatch.setattr("mockserver.pipeline.request.body_parsing.upload_facts", broken)
    openai = specs.load("openai")

    answer = ask(
        url_of(server, openai, "createImageEdit"),
        **request_for(openai, "createImageEdit"),
    )

    assert answer.status == 500
    incident_in(answer, caplog)


def test_who_leaves_is_no_bug(server, caplog):
    openai = specs.load("openai")
    for fault in ("reset", "empty", "truncate"):
        wire(url_of(server, openai), body=generation(openai), X_Mock_Fault=fault)

    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_a_line_of_the_log_is_one_line(server, lone, caplog):
    """A path cannot inject lines or terminal sequences into the log."""
    caplog.set_level(logging.INFO)
    ask(f"{server.base_urls[lone.id]}/a%0aERROR%20forged%1b%5b31m", method="GET")

    (said,) = [each for each in caplog.messages if "forged" in each]
    assert said.isprintable()
