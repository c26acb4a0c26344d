"""Responses that are not from the document, and errors by their status."""

import json

import pytest
from support.http import WAYS, ask, control, generation, provoked, url_of

import specs
from mockserver.state.transcript import transcript

pytestmark = pytest.mark.slow

PAGE = "<h1>A timeout occurred</h1>"


@pytest.fixture(scope="module")
def openai():
    return specs.load("openai")


def scripted(running, provider, item, **asked):
    """The response to a request after a script, and its journal entry."""
    answer = control(running, f"/script/{provider.id}", "POST", [item])
    assert answer.status == 200, answer.body
    sent = {"body": generation(provider), **asked}
    return ask(url_of(running, provider), **sent), running.journal(provider.id)[-1]


def test_a_page_of_a_proxy(own, openai):
    item = {"status": 524, "headers": {"content-type": "text/html"}, "body": PAGE}

    answer, entry = scripted(own, openai, item)

    assert (answer.status, answer.body.decode()) == (524, PAGE)
    assert answer.headers.get_all("Content-Type") == ["text/html"]
    assert answer.headers["x-request-id"]
    assert entry["status"] == 524
    assert entry["decision"]["undocumented"] is True
    assert "not from the document" in entry["decision"]["because"]
    assert "not from the document" in transcript([entry])


def test_json_is_sent_as_json(own, openai):
    body = {"created": 1, "data": []}

    answer, entry = scripted(own, openai, {"status": 200, "body": body})

    assert (answer.status, answer.json) == (200, body)
    assert answer.headers["Content-Type"] == "application/json"
    assert (entry["images"], entry["cost"]) == (0, {})


def test_a_response_without_a_body(own, openai):
    answer, _ = scripted(own, openai, {"status": 204})

    assert (answer.status, answer.body) == (204, b"")


def test_a_header_of_the_script_replaces_the_documented_one(own, openai):
    headers = {"X-Request-Id": "mine", "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}

    answer, entry = scripted(
        own, openai, {"error": "rate_limited", "retry_after": 1, "headers": headers}
    )

    assert answer.status == 429
    for name, value in headers.items():
        assert answer.headers.get_all(name) == [value]
    assert entry["decision"]["undocumented"] is True


def test_an_error_with_a_message_of_the_script(own, provider):
    item = {"error": "rate_limited", "message": "Slow down,\nplease."}

    answer, entry = scripted(own, provider, item)

    documented = provider.operations["createImage"].errors["rate_limited"]
    assert answer.status == documented.status
    assert json.dumps("Slow down,\nplease.") in answer.body.decode()
    assert json.loads(answer.body).keys() == documented.body.keys()
    assert entry["decision"]["undocumented"] is True
    assert entry["decision"]["error"] == "rate_limited"


def test_a_status_with_a_message(own, openai):
    item = {"status": 403, "message": "Your organization must be verified."}

    answer, _ = scripted(own, openai, item)

    assert answer.status == 403
    assert answer.json["error"]["message"] == item["message"]


def test_an_error_with_another_status(own, openai):
    answer, entry = scripted(own, openai, {"error": "server_error", "status": 502})

    documented = openai.operations["createImage"].errors["server_error"]
    assert (answer.status, answer.json) == (502, documented.body)
    assert entry["decision"]["undocumented"] is True


def test_a_response_of_the_script_can_be_damaged_and_delayed(own, openai):
    item = {"status": 200, "body": "x" * 100, "latency_ms": 20, "times": 2}

    scripted(own, openai, item)
    ask(url_of(own, openai), body=generation(openai))

    delays = [each["decision"]["latency_ms"] for each in own.journal("openai")]
    assert delays == [20, 20]
    answer, entry = scripted(own, openai, {"status": 503, "fault": "html"})
    assert (answer.status, entry["decision"]["fault"]) == (503, "html")
    answer, entry = scripted(own, openai, {"status": 200, "fault": "html"})
    assert (answer.status, entry["decision"]["fault"]) == (502, "html")


@pytest.mark.parametrize("way", WAYS)
def test_an_error_by_its_status_is_the_documented_one(own, provider, way):
    for error in ("unauthenticated", "rate_limited", "server_error"):
        documented = provider.operations["createImage"].errors[error]
        asked = provoked(own, provider, way, str(documented.status))
        body = generation(provider, prompt=asked.pop("prompt", "A boat"))

        answer = ask(url_of(own, provider), body=body, **asked)

        decision = own.journal(provider.id)[-1]["decision"]
        assert answer.status == documented.status
        assert decision["error"] == error
        assert decision["undocumented"] is False


@pytest.mark.parametrize("way", WAYS)
def test_a_status_that_is_not_documented_has_the_body_of_a_server_error(own, way):
    provider = specs.load("tokenhub")
    asked = provoked(own, provider, way, "503")
    body = generation(provider, prompt=asked.pop("prompt", "A boat"))

    answer = ask(url_of(own, provider), body=body, **asked)

    operation = provider.operations["createImage"]
    assert 503 not in {each.status for each in operation.errors.values()}
    assert answer.status == 503
    assert answer.json.keys() == operation.errors["server_error"].body.keys()
    entry = own.journal(provider.id)[-1]
    assert entry["decision"]["undocumented"] is True
    assert way != "key" or entry["key"] == "***mock-503"


def test_a_script_takes_a_bare_status(own, provider):
    answer, _ = scripted(own, provider, {"status": 429})

    assert answer.status == 429


@pytest.mark.parametrize("name", ["200", "399", "600", "50", "5033", "٥٠٣"])
def test_what_is_no_status_of_an_error_is_refused(own, openai, name):
    prompt = f"A boat [[mock:{name}]]"

    answer = ask(url_of(own, openai), body=generation(openai, prompt=prompt))

    assert answer.status == 400
    assert "or a status such as 503" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"status": 99}, "status takes 200 to 599, not 99"),
        ({"status": "503"}, "status takes 200 to 599, not '503'"),
        ({"status": True}, "status takes 200 to 599, not True"),
        ({"body": "x"}, "body needs a status"),
        ({"headers": {"a": "b"}}, "headers needs an error or a status"),
        ({"status": 500, "headers": {"a b": "c"}}, "headers takes "),
        ({"status": 500, "headers": {"a": "b\r\nc: d"}}, "headers takes "),
        ({"status": 500, "headers": {"a": 1}}, "headers takes "),
        ({"status": 500, "headers": {"CONTENT-length": "1"}}, "headers: the server"),
        ({"message": "x"}, "message needs an error"),
        ({"status": 200, "message": "x"}, "message needs an error"),
        ({"status": 500, "body": "x", "message": "y"}, "message needs an error"),
        ({"error": "rate_limited", "body": "x", "status": 429}, "exclude each other"),
        ({"error": "rate_limited", "status": 200}, "a status from 400, not 200"),
        ({"error": "503", "status": 503}, "are both a status"),
        ({"error": "302"}, "unknown error '302'"),
    ],
)
def test_an_invalid_item_is_refused_and_its_field_named(own, openai, item, said):
    answer = control(own, f"/script/{openai.id}", "POST", [item])

    assert answer.status == 400
    assert "item 0: " in answer.json["error"]["message"]
    assert said in answer.json["error"]["message"]


@pytest.mark.parametrize("body", ['[{"status": 500, "body": NaN}]',
                                  '[{"status": 500, "body": "\\ud800"}]'])  # fmt: skip
def test_a_body_that_is_no_json_is_refused(own, openai, body):
    answer = control(own, f"/script/{openai.id}", "POST", body)

    assert answer.status == 400


def test_a_response_of_the_script_counts_against_no_limit():
    import mockserver

    with mockserver.running("openai", requests_per_minute=1) as own:
        provider = specs.load("openai")
        own.script([{"status": 403, "body": "no"}, {"error": "503"}])
        url = url_of(own, provider)
        found = [ask(url, body=generation(provider)).status for _ in range(4)]

    assert found == [403, 503, 200, 429]
