"""The root of a server: the inspector for browsers, an error for other clients."""

import pytest
from support.http import ask

import mockserver
from mockserver.settings import Settings

pytestmark = pytest.mark.slow
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module", params=[(), ("tokenhub",)], ids=["all", "one"])
def server(request):
    with mockserver.running(*request.param) as running:
        yield running


@pytest.fixture(scope="module")
def guarded():
    with mockserver.running(settings=Settings(token="t0ken")) as running:
        yield running


def root(running, path="/", method="GET", **headers):
    return ask(running.url + path, method=method, key=None, **headers)


@pytest.mark.parametrize("accept", [BROWSER, "application/json, Text/HTML;q=0.1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_browser_is_sent_to_the_inspector(server, method, accept):
    answer = root(server, method=method, Accept=accept)

    assert answer.status == 302
    there = root(server, answer.headers["Location"])
    assert (there.status, there.headers.get_content_type()) == (200, "text/html")


def test_the_inspector_is_on_the_host_that_was_asked(server):
    answer = root(server, Accept=BROWSER, Host="tokenhub.localhost:80")

    assert (answer.status, answer.headers["Location"]) == (302, "/__mock__/")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/", {"Accept": "*/*"}),
        ("GET", "/", {"Accept": "application/json"}),
        ("GET", "/", {"Accept": "text/htmlx"}),
        ("POST", "/", {"Accept": BROWSER}),
        ("GET", "/x", {"Accept": BROWSER}),
    ],
)
def test_other_clients_get_an_error_with_the_base_url(server, method, path, headers):
    answer = root(server, path, method, **headers)

    assert answer.status == 404
    assert answer.headers.get_content_type() == "application/json"
    assert "/tokenhub/api/v1" in answer.body.decode()


def test_a_browser_does_not_appear_in_the_journal(server):
    server.reset()

    root(server, Accept=BROWSER)

    assert server.journal() == []


def test_a_page_says_that_the_inspector_needs_the_token(guarded):
    answer = root(guarded, Accept=BROWSER)

    text = answer.body.decode()
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")
    assert '<a href="/__mock__/">' in text
    assert "token" in text
    assert "t0ken" not in text


def test_a_page_says_that_a_host_name_is_rejected(server):
    answer = root(server, Accept=BROWSER, Host="<i>.example")

    text = answer.body.decode()
    assert (answer.status, answer.headers.get_content_type()) == (403, "text/html")
    assert "<b>&lt;i&gt;.example</b>" in text
    assert "localhost" in text
    assert root(server, "/__mock__/", Host="a.example").status == 403
