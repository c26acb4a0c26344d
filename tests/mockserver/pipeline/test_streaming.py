"""Streams consist of the document's own events."""

import base64
import http.client
import json
from urllib.parse import urlsplit

import pytest
from support.http import (
    FORM,
    KEY,
    ask,
    edit,
    events,
    eventually,
    form,
    generation,
    opened,
    picture,
    url_of,
)
from support.providers import IMAGE_OPERATIONS

import mockserver
import specs
from mockserver.settings import Quotas
from specs import EVENT_STREAM

pytestmark = pytest.mark.slow

STREAMS = [
    pytest.param(name, operation.id, id=f"{name}-{operation.id}")
    for name, operation in IMAGE_OPERATIONS
    if operation.supports_streaming
]


def request_for(provider, operation_id, **more):
    fields = {"stream": True, **more}
    if operation_id == "createImage":
        return {"body": generation(provider, **fields)}
    fields = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in fields.items()
    }
    return edit(provider, FORM, picture(), **fields)


def kinds(body):
    """The event types of a stream: of a preview, and of a finished image."""
    return (
        body.examples["partial_image"]["type"],
        body.examples["completed"]["type"],
    )


@pytest.mark.parametrize("partials", [0, 1, 2, 3])
@pytest.mark.parametrize(("name", "operation_id"), STREAMS)
def test_a_stream_has_its_previews_and_then_its_picture(
    mock, name, operation_id, partials
):
    provider = specs.load(name)
    body = provider.operations[operation_id].success.bodies[EVENT_STREAM]
    partial, completed = kinds(body)
    sent = request_for(provider, operation_id, partial_images=partials)

    answer = ask(url_of(mock, provider, operation_id), **sent)

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(EVENT_STREAM)
    found = events(answer.body)
    assert [event for event, _ in found] == [partial] * partials + [completed]
    indices = [data["partial_image_index"] for _, data in found[:-1]]
    assert indices == list(range(partials))


@pytest.mark.parametrize(("name", "operation_id"), STREAMS)
def test_every_event_keeps_its_schema_and_its_example(mock, name, operation_id):
    provider = specs.load(name)
    body = provider.operations[operation_id].success.bodies[EVENT_STREAM]
    examples = dict(zip(kinds(body), ("partial_image", "completed"), strict=True))
    sent = request_for(provider, operation_id, partial_images=2)

    found = events(ask(url_of(mock, provider, operation_id), **sent).body)

    for event, data in found:
        assert data["type"] == event
        assert body.events[event].judge.is_valid(data), data
        # The request has no such identifier that could come back.
        example = body.examples[examples[event]].keys() - {"safety_identifier"}
        assert data.keys() == example


@pytest.mark.parametrize(("name", "operation_id"), STREAMS)
def test_previews_are_pictures_of_the_final_size_and_differ(mock, name, operation_id):
    provider = specs.load(name)
    sent = request_for(provider, operation_id, partial_images=3, size="1536x1024")

    found = events(ask(url_of(mock, provider, operation_id), **sent).body)

    pictures = [base64.b64decode(data["b64_json"]) for _, data in found]
    assert {opened(each).size for each in pictures} == {(1536, 1024)}
    assert len(set(pictures)) == 4


@pytest.mark.parametrize(("name", "operation_id"), STREAMS)
def test_the_usage_of_a_stream_adds_up_and_counts_previews(mock, name, operation_id):
    provider = specs.load(name)
    table = provider.dialect.usage
    each = table.partial_image_tokens if table else 0

    def usage(partials):
        sent = request_for(provider, operation_id, partial_images=partials)
        answer = ask(url_of(mock, provider, operation_id), **sent)
        return events(answer.body)[-1][1]["usage"]

    plain, with_two = usage(0), usage(2)

    for found in (plain, with_two):
        total = found["input_tokens"] + found["output_tokens"]
        assert found["total_tokens"] == total
    assert with_two["output_tokens"] - plain["output_tokens"] == 2 * each


@pytest.mark.parametrize(("name", "operation_id"), STREAMS)
def test_a_stream_of_several_pictures_completes_each(mock, name, operation_id):
    """Each image has its own events; documents leave this unspecified."""
    provider = specs.load(name)
    partial, completed = kinds(
        provider.operations[operation_id].success.bodies[EVENT_STREAM]
    )
    sent = request_for(provider, operation_id, partial_images=1, n=2)

    found = events(ask(url_of(mock, provider, operation_id), **sent).body)

    assert [event for event, _ in found] == [partial, completed] * 2
    assert len({data["b64_json"] for _, data in found}) == 4


@pytest.mark.parametrize(("name", "operation_id"), STREAMS)
def test_an_error_instead_of_a_stream_is_no_stream(mock, name, operation_id):
    provider = specs.load(name)
    sent = request_for(provider, operation_id, prompt="[[mock:server_error]]")

    answer = ask(url_of(mock, provider, operation_id), **sent)

    assert answer.status == 500
    assert answer.headers["Content-Type"].startswith("application/json")


def test_a_picture_that_cannot_be_read_is_refused_before_a_stream_begins(mock):
    provider = specs.load("openai")
    broken = picture(400, 400, mode="RGB")[:-40]
    fields = generation(provider, stream="true", partial_images=1)
    sent = form(*fields.items(), ("image", broken))

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    assert answer.status == 400
    assert answer.json["error"]["param"] == "image"


@pytest.mark.parametrize("value", ["abc", [], True])
def test_an_odd_number_of_previews_is_refused_where_it_is_not_ruled_out(mock, value):
    provider = specs.load("llmapi")
    body = generation(provider, stream=True, partial_images=value)

    answer = ask(url_of(mock, provider), body=body)

    assert answer.status == 400
    assert "partial_images" in answer.json["error"]["message"]


def test_an_event_keeps_its_schema_whatever_quality_was_asked_for(mock):
    provider = specs.load("llmapi")
    body = generation(provider, stream=True, quality="ultra", background="odd")

    ((event, data),) = events(ask(url_of(mock, provider), body=body).body)

    stream = provider.operations["createImage"].success.bodies[EVENT_STREAM]
    assert stream.events[event].judge.is_valid(data)


def test_without_a_documented_stream_one_answer_comes(mock, provider):
    """A provider without `stream` ignores the field."""
    if provider.operations["createImage"].supports_streaming:
        return
    body = generation(provider, stream=True, partial_images="odd")

    answer = ask(url_of(mock, provider), body=body)

    assert answer.status == 200
    assert len(answer.json["data"]) == 1


def test_a_stream_carries_the_providers_headers(mock):
    provider = specs.load("openai")

    answer = ask(url_of(mock, provider), **request_for(provider, "createImage"))

    entry = mock.journal("openai")[-1]
    assert answer.headers["x-request-id"] == entry["request_id"]
    assert answer.headers["Cache-Control"] == "no-cache"


def test_a_client_that_leaves_ends_the_drawing_and_is_in_the_journal():
    """The client reads one event and disconnects; the server continues."""
    provider = specs.load("openai")
    limits = Quotas(concurrency=1)
    settings = mockserver.Settings(quotas=limits)
    with mockserver.running(provider, settings=settings) as running:
        parts = urlsplit(url_of(running, provider))
        payload = generation(
            provider, stream=True, partial_images=3, n=8, size="2048x2048"
        )
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection.request("POST", parts.path, json.dumps(payload), headers)
        response = connection.getresponse()
        assert response.readline().startswith(b"event: ")
        response.close()
        connection.close()

        (first,) = eventually(running.journal)
        after = ask(url_of(running, provider), body=generation(provider))
    assert (first["status"], first["outcome"]) == (200, "aborted")
    assert first["images"] < 8
    assert after.status == 200  # its place was free


def test_a_whole_stream_is_counted_as_such(mock):
    provider = specs.load("llmapi")
    body = generation(provider, stream=True, partial_images=1, n=2)

    ask(url_of(mock, provider), body=body)

    entry = mock.journal("llmapi")[-1]
    assert (entry["outcome"], entry["images"]) == ("answered", 2)
