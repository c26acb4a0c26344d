"""The control API: providers, journal, reset, and rejected origins."""

import contextlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from support.http import ask, eventually, generation, url_of, watching
from support.providers import IMAGE_PROVIDERS

import mockserver
import specs
from mockserver.control import access
from mockserver.settings import Quotas
from mockserver.state.journal import Query

pytestmark = pytest.mark.slow


@pytest.fixture
def control(running):
    def send(path, method="GET", **more):
        return ask(f"{running.url}/__mock__{path}", method=method, key=None, **more)

    send("/reset", "POST")
    return send


def test_health_names_what_is_served(control):
    answer = control("/health")

    assert answer.status == 200
    assert answer.json == {
        "status": "ok",
        "providers": list(specs.names()),
        "trouble": None,
    }


def test_providers_say_where_they_are_and_what_they_know(running, control, provider):
    found = {each["id"]: each for each in control("/providers").json["providers"]}

    described = found[provider.id]
    assert described["base_url"] == running.base_urls[provider.id]
    assert described["title"] == provider.title
    for operation in provider.all_operations.values():
        base = "" if operation.server_url else described["base_url"]
        method, path = described["operations"][operation.id].split(" ")
        url = f"{base or running.url}{path}"
        assert method == operation.method
        assert url == described["urls"][operation.id]
        assert ask(url, method="TRACE").status == 405  # it is served there
        assert described["errors"][operation.id] == sorted(operation.errors)


def test_providers_list_the_web_pages_of_their_sources(control, provider):
    found = {each["id"]: each for each in control("/providers").json["providers"]}

    assert found[provider.id]["sources"] == {
        source.id: {"title": source.title, "url": source.url}
        for source in provider.sources.values()
        if source.url.startswith("http")
    }


def test_the_journal_can_be_read_by_provider_and_by_number(running, control):
    names = list(IMAGE_PROVIDERS)
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
    """Control characters, lone surrogates and huge numbers are valid in it."""
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


def test_another_scheme_of_the_same_host_is_another_origin(running, control):
    _, _, host = running.url.partition("://")
    for scheme in ("https", "ws", "chrome-extension"):
        assert control("/health", Origin=f"{scheme}://{host}").status == 403


def test_a_page_of_the_same_origin_is_welcome(running, control):
    assert control("/health", Origin=running.url).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/nothing"), ("POST", "/health"), ("DELETE", "/reset")],
)
def test_an_unknown_control_is_a_404_that_lists_the_known(control, method, path):
    answer = control(path, method)

    assert answer.status == 404
    assert "POST /__mock__/reset" in answer.json["error"]["message"]


def test_the_control_api_is_not_in_its_own_journal(control):
    control("/health")

    assert control("/journal").json["entries"] == []


# Waiting and watching.


@pytest.fixture(scope="module")
def lone():
    """Any provider: the control API does not depend on it."""
    return specs.load("tokenhub")


def send(running, provider, **asked):
    return ask(url_of(running, provider), body=generation(provider), **asked)


def test_who_waits_is_answered_by_a_later_request(running, control, lone):
    send(running, lone)
    with ThreadPoolExecutor(1) as pool:
        path = f"/journal/wait?count=2&status=429&provider={lone.id}&timeout_ms=30000"
        waiting = pool.submit(control, path)
        send(running, lone, X_Mock_Error="rate_limited")
        send(running, lone, X_Mock_Error="server_error")
        assert not waiting.done()
        send(running, lone, X_Mock_Error="rate_limited")

        answer = waiting.result()

    assert (answer.status, answer.json["count"]) == (200, 2)
    assert [each["status"] for each in answer.json["entries"]] == [429, 429]


def test_who_waits_in_vain_is_told_what_there_is(running, control, lone):
    send(running, lone)

    answer = control("/journal/wait?count=2&timeout_ms=30")

    assert (answer.status, answer.json["count"]) == (408, 1)
    assert len(answer.json["entries"]) == 1


def test_what_is_there_already_is_not_waited_for(running, control, lone):
    send(running, lone)

    assert control("/journal/wait?timeout_ms=0").status == 200
    assert control("/journal/wait?timeout_ms=0&count=0&status=500").status == 200


def test_entries_are_found_by_each_of_their_members(running, control, lone):
    send(running, lone)
    send(running, lone, X_Mock_Error="rate_limited", X_Mock_Namespace="a")
    send(running, lone, X_Mock_Fault="html")
    other = specs.load("openai")
    ask(url_of(running, other), body=generation(other, n=2))
    first, second, third, fourth = running.journal()

    for query, expected in [
        (f"provider={lone.id}", [first, second, third]),
        ("namespace=a", [second]),
        ("operation=createImage", [first, second, third, fourth]),
        ("operation=createImageEdit", []),
        ("status=429", [second]),
        ("status=502", [third]),
        ("error=rate_limited", [second]),
        ("fault=html", [third]),
        (f"request={first['request']}", [first, second, third]),
        (f"request={fourth['request']}&status=200", [fourth]),
        (f"since={second['id']}", [third, fourth]),
        (f"since={first['id']}&error=rate_limited&namespace=a", [second]),
    ]:
        found = control(f"/journal?{query}").json["entries"]

        assert found == expected, query
        assert control(f"/journal/count?{query}").json == {"count": len(expected)}


@pytest.mark.parametrize("path", ["/journal", "/journal/count", "/journal/wait",
                                  "/events"])  # fmt: skip
def test_an_unknown_parameter_is_refused_with_the_known(control, path):
    answer = control(f"{path}?statuss=429")

    message = answer.json["error"]["message"]
    assert answer.status == 400
    assert "unknown parameter 'statuss'; known: " in message
    assert all(name in message for name in Query.__slots__)


@pytest.mark.parametrize(
    "query", ["count=1001", "timeout_ms=600001", "count=x", "timeout_ms=-1",
              "since=x", "status=2xx", "status=1000"]
)  # fmt: skip
def test_a_wait_that_makes_no_sense_is_refused(control, query):
    assert control(f"/journal/wait?{query}").status == 400


def test_events_come_live_and_in_order(running, control, lone):
    with watching(running) as lines:
        for n in (1, 2, 3):
            ask(url_of(running, lone), body=generation(lone, n=n))

            entry = json.loads(next(lines))
            assert entry == running.journal()[-1]
            assert entry["payload"]["n"] == n


def test_events_are_those_since_a_number_and_of_a_filter(running, control, lone):
    for status in ("rate_limited", "server_error", "rate_limited", "rate_limited"):
        send(running, lone, X_Mock_Error=status)
    numbers = [each["id"] for each in running.journal()]

    with watching(running, f"?since={numbers[0]}&status=429") as lines:
        found = [json.loads(next(lines))["id"] for _ in range(2)]
        send(running, lone, X_Mock_Error="server_error")
        send(running, lone, X_Mock_Error="rate_limited")
        found.append(json.loads(next(lines))["id"])

    assert found == [numbers[2], numbers[3], numbers[3] + 2]


def test_a_client_hears_the_numbers_so_that_it_can_come_back(running, control, lone):
    send(running, lone)
    with watching(running) as lines:
        number = json.loads(next(lines))["id"]
    send(running, lone)
    with watching(running, f"?since={number}") as lines:
        assert json.loads(next(lines))["id"] == number + 1


def test_who_watches_and_who_waits_does_not_hold_up_the_end(lone):
    """The stream of events ends with its last chunk; otherwise `list` raises."""
    with ThreadPoolExecutor(2) as pool, contextlib.ExitStack() as watchers:
        with mockserver.running(lone) as own:
            send(own, lone)
            lines = watchers.enter_context(watching(own))
            assert next(lines)
            path = f"{own.url}/__mock__/journal/wait?count=9&timeout_ms=600000"
            waiting = pool.submit(ask, path, method="GET", key=None)
            ending = pool.submit(list, lines)
            eventually(lambda: len(watched(own)) == 2)

        assert ending.result(30) == []
        assert waiting.result(30).status == 408


def watched(running):
    """The tasks that wait for new journal entries."""
    news = running._context.store.journal._changed
    return news._waiters if news else ()


# Who may control.

CONTROLS = [("GET", "/health"), ("GET", "/journal"), ("GET", "/journal/wait"),
            ("DELETE", "/journal"), ("GET", "/events"), ("POST", "/reset"),
            ("GET", "/script/tokenhub"), ("POST", "/script/tokenhub"),
            ("GET", "/costs"), ("GET", "/clock"), ("POST", "/clock"),
            ("GET", "/metrics"), ("GET", "/pictures/x/0"), ("GET", "/uploads/x"),
            ("GET", "/faults"), ("GET", "/providers"), ("GET", "/"),
            ("GET", "/openapi.json"),
            ("GET", "/none")]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CONTROLS)
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "",
             "evil.example:80", "[::1", "localhost@evil.example"]
)  # fmt: skip
def test_a_name_that_is_not_ours_is_refused(control, host, method, path):
    """DNS rebinding would make a foreign page same-origin."""
    for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
        answer = control(path, method, **headers)

        assert answer.status in {400, 403}, answer.body
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1:9", "[::1]:80", "10.1.2.3",
             "tokenhub.localhost:8080"]
)  # fmt: skip
def test_addresses_and_localhost_are_ours(control, host):
    assert control("/health", Host=host).status == 200


def test_no_control_is_open_to_other_origins(control):
    for method, path in CONTROLS:
        if path not in {"/events", "/journal/wait"}:
            answer = control(path, method)
            names = [name.lower() for name in answer.headers]
            assert not [name for name in names if "access-control" in name]


@pytest.fixture(scope="module")
def guarded():
    settings = mockserver.Settings(token="t0ken")
    with mockserver.running(settings=settings) as running:
        yield running


def ask_guarded(guarded, path="/health", method="GET", **headers):
    return ask(f"{guarded.url}/__mock__{path}", method=method, key=None, **headers)


OPEN = [("GET", "/health"), ("GET", "/ready"), ("GET", "/openapi.json"), ("GET", "/")]


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_supervisors_and_the_page_itself_need_no_token(guarded, method, path):
    """Requests of other origins are rejected, with or without a token."""
    assert ask_guarded(guarded, path, method).status == 200
    foreign = ask_guarded(guarded, path, method, Origin="http://evil.example")
    assert foreign.status == 403


@pytest.mark.parametrize(("method", "path"), [e for e in CONTROLS if e not in OPEN])
@pytest.mark.parametrize(
    "headers",
    [{}, {"X_Mock_Token": ""}, {"X_Mock_Token": "t0ke"}, {"X_Mock_Token": "t0kenn"},
     {"X_Mock_Token": "\xff"}, {"Authorization": "Bearer x"},
     {"Authorization": "Basic t0ken"}, {"Authorization": "t0ken"}],
)  # fmt: skip
def test_without_its_token_nothing_is_controlled(guarded, method, path, headers):
    answer = ask_guarded(guarded, path, method, **headers)

    assert answer.status == 401
    assert "t0ken" not in answer.body.decode()


@pytest.mark.parametrize(
    ("query", "headers"),
    [("", {"X_Mock_Token": "t0ken"}), ("", {"Authorization": "Bearer t0ken"}),
     ("", {"Authorization": "bearer  t0ken"}), ("?token=t0ken", {})],
)  # fmt: skip
def test_a_token_may_be_given_in_three_ways(guarded, query, headers):
    for path in ("/health", "/journal", "/journal/count", "/clock", "/costs"):
        assert ask_guarded(guarded, path + query, **headers).status == 200
    assert ask_guarded(guarded, f"/reset{query}", "POST", **headers).status == 200


def test_a_token_does_not_open_it_to_other_origins(guarded):
    answer = ask_guarded(guarded, "/health?token=t0ken", Origin="https://evil.example")

    assert answer.status == 403


def test_with_a_token_any_name_will_do(guarded):
    """A server with a token can be reached by any host name."""
    answer = ask_guarded(guarded, X_Mock_Token="t0ken", Host="mock.example")

    assert answer.status == 200


def test_pictures_and_answers_need_no_token(guarded, lone):
    assert send(guarded, lone).status == 200


def test_a_token_is_compared_in_constant_time(monkeypatch):
    compared = []

    def compare(one, other):
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)

    assert access._is_token("a", "a")
    assert not access._is_token("\udcff", "a")
    assert compared[0] == (b"a", b"a")


# Newer documents.


def test_trouble_is_told_until_newer_documents_are_good(lone):
    with mockserver.running(lone) as own:
        own._context.reload_error = "specs/x: the place, and what to do"
        bad = ask_guarded(own).json
        own._context.load([lone])
        good = ask_guarded(own).json

    assert (bad["status"], bad["trouble"]) == (
        "degraded",
        "specs/x: the place, and what to do",
    )
    assert (good["status"], good["trouble"]) == ("ok", None)


def test_documents_change_while_requests_are_answered(lone):
    """No request fails, and open requests continue with the previous documents."""
    limited = replace(lone.dialect, mock=replace(lone.dialect.mock, max_images=1))
    newer = replace(lone, dialect=limited)
    other = specs.load("openai")
    settings = mockserver.Settings(quotas=Quotas(concurrency=100))
    with (
        mockserver.running(lone, settings=settings) as own,
        ThreadPoolExecutor(3) as pool,
    ):
        slow = pool.submit(
            ask,
            url_of(own, lone),
            body=generation(lone, n=2),
            X_Mock_Latency="500",
        )
        eventually(lambda: own._context.store._slots)  # it is being answered
        work = [pool.submit(send, own, lone) for _ in range(60)]
        for _ in range(30):
            own._context.load([newer, other])
            own._context.load([lone])
        own._context.load([newer, other])
        answers = [each.result(30) for each in work]
        refused = ask(url_of(own, lone), body=generation(lone, n=2))
        added = ask(f"{own.url}/openai/v1/images/generations", body=generation(other))
        assert slow.result(30).status == 200
        health = ask_guarded(own).json

    assert {each.status for each in answers} == {200}
    assert (refused.status, added.status) == (400, 200)
    assert health["providers"] == ["tokenhub", "openai"]
