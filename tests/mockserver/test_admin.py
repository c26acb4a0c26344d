"""The control API: what is served, what came, a clean slate, and nobody else's page."""

import pytest
from asking import ask, generation, url_of

import mockserver
import specs


@pytest.fixture(scope="module")
def running():
    """A server whose journal no other module writes into."""
    with mockserver.running() as running:
        yield running


@pytest.fixture
def control(running):
    def send(path, method="GET", **headers):
        return ask(f"{running.url}/__mock__{path}", method=method, key=None, **headers)

    send("/reset", "POST")
    return send


def test_health_names_what_is_served(control):
    answer = control("/health")

    assert answer.status == 200
    assert answer.json == {"status": "ok", "providers": list(specs.names())}


def test_providers_say_where_they_are_and_what_they_know(running, control, provider):
    found = {each["id"]: each for each in control("/providers").json["providers"]}

    described = found[provider.id]
    assert described["base_url"] == running.base_urls[provider.id]
    assert described["title"] == provider.title
    for operation in provider.operations.values():
        place = f"{operation.method} {operation.path}"
        assert described["operations"][operation.id] == place
        assert described["errors"][operation.id] == sorted(operation.errors)


def test_the_journal_can_be_read_by_provider_and_by_number(running, control):
    names = list(specs.names())
    for name in names * 2:
        provider = specs.load(name)
        ask(url_of(running, provider), body=generation(provider))

    def shown(query=""):
        return [
            each["provider"] for each in control(f"/journal{query}").json["entries"]
        ]

    assert shown() == names * 2
    assert shown("?limit=3") == names[-3:]
    assert shown("?limit=0") == []
    assert shown(f"?provider={names[0]}") == [names[0]] * 2
    assert shown(f"?provider={names[0]}&limit=1") == [names[0]]


@pytest.mark.parametrize(
    "query",
    ["provider=nobody", "limit=x", "limit=-1", "limit=1.5", "limit=", "limit=%C2%B2",
     "limit=99999999"],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(control, query):
    answer = control(f"/journal?{query}")

    assert answer.status == 400
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/journal"), ("POST", "/reset")]
)
def test_the_slate_can_be_wiped(running, control, provider, method, path):
    ask(url_of(running, provider), body=generation(provider))
    before = control("/journal").json["entries"]

    answer = control(path, method)

    assert (len(before), answer.status) == (1, 200)
    assert control("/journal").json["entries"] == []


def test_the_journal_can_be_shown_whatever_came(running, control, provider):
    """Control characters, half pairs and huge numbers do not spoil it."""
    for text in ("\x00\x1b", "\ud83d", "\N{FROG FACE}"):
        ask(url_of(running, provider), body=generation(provider, prompt=text))
    ask(
        url_of(running, provider),
        body='{"prompt": 1e999}',
        Content_Type="application/json",
    )

    assert len(control("/journal").json["entries"]) == 4


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", "", "file://"],
)
def test_a_page_of_another_origin_is_refused(control, origin):
    for method, path in [
        ("GET", "/health"),
        ("GET", "/journal"),
        ("DELETE", "/journal"),
        ("POST", "/reset"),
        ("GET", "/providers"),
        ("OPTIONS", "/reset"),
        ("GET", "/nothing"),
    ]:
        answer = control(path, method, Origin=origin)

        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_of_the_same_origin_is_welcome(running, control):
    assert control("/health", Origin=running.url).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/"), ("GET", "/nothing"), ("POST", "/health")],
)
def test_an_unknown_control_is_a_404_that_lists_the_known(control, method, path):
    answer = control(path, method)

    assert answer.status == 404
    assert "POST /__mock__/reset" in answer.json["error"]["message"]


def test_the_control_api_is_not_in_its_own_journal(control):
    control("/health")

    assert control("/journal").json["entries"] == []
