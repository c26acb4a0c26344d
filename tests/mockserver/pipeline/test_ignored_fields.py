"""Fields without effect are named in a header of the response."""

import pytest
from support.http import ask, edit, generation, picture, url_of

import mockserver
import specs

HEADER = "X-Mock-Ignored"


def send(running, provider, **more):
    return ask(url_of(running, provider), body=generation(provider, **more))


def test_a_misspelt_field_is_named(mock, provider):
    for _ in range(2):  # the second response comes from the cache
        answer = send(mock, provider, promt="x", qualty="high")

        if answer.status == 200:
            assert answer.headers[HEADER] == "promt, qualty"
            entry = mock.journal(provider.id)[-1]
            assert entry["decision"]["ignored"] == ["promt", "qualty"]


def test_at_least_one_provider_accepts_it(mock):
    assert send(mock, specs.load("tokenhub"), promt="x").headers[HEADER] == "promt"


def test_a_valid_request_has_no_such_header(mock, provider):
    assert HEADER not in send(mock, provider).headers


@pytest.mark.parametrize("name", ["tikhub", "tokenhub"])
def test_a_stream_that_is_not_documented_is_named(mock, name):
    answer = send(mock, specs.load(name), stream=True)

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers[HEADER] == "stream"


@pytest.mark.parametrize("name", ["aihubmix", "llmapi"])
def test_a_stream_of_edits_is_named(mock, name):
    provider = specs.load(name)
    media_type = next(iter(provider.operations["createImageEdit"].bodies))
    sent = edit(provider, media_type, picture(), stream="true")

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    assert (answer.status, answer.headers[HEADER]) == (200, "stream")


def test_a_field_with_an_effect_is_not_named(mock):
    """The document does not list it, and the image is drawn as it says."""
    answer = send(mock, specs.load("tokenhub"), background="transparent")

    assert answer.status == 200
    assert HEADER not in answer.headers


def test_a_strict_server_refuses_it():
    provider = specs.load("tokenhub")
    with mockserver.running("tokenhub", strict=True) as running:
        answer = send(running, provider, promt="x")

    assert answer.status == 400
    assert HEADER not in answer.headers


def test_a_name_cannot_break_the_header(mock):
    provider = specs.load("tokenhub")

    answer = send(mock, provider, **{"a\r\nb: c,": 1, "ä": 2, "x" * 200: 3})

    assert answer.status == 200
    names = answer.headers[HEADER].split(", ")
    assert names == ["a%0D%0Ab%3A%20c%2C", "%C3%A4", "x" * 80]
