"""Tests that share a server are isolated by namespace, by header or by key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.http import ask, control, events, generation, url_of, watching

import specs
from mockserver.simulation.namespaces import is_namespace, namespace_of

BY_HEADER = {"a": {"X_Mock_Namespace": "a"}, "b": {"X_Mock_Namespace": "b"}}
BY_KEY = {"a": {"key": "sk-ns-a"}, "b": {"key": "sk-ns-b"}}
names = st.from_regex(r"[A-Za-z0-9._]{1,64}", fullmatch=True)


@pytest.fixture(params=[BY_HEADER, BY_KEY], ids=["header", "key"])
def slates(request, running):
    """An empty server, and a function that adds a namespace to a request."""
    control(running, "/reset", "POST")
    return request.param


@pytest.fixture(scope="module")
def lone():
    """Any provider: namespaces do not depend on it."""
    return specs.load("tokenhub")


def status(running, provider, **asked):
    return ask(url_of(running, provider), body=generation(provider), **asked).status


def count(running, query=""):
    return control(running, f"/journal/count{query}").json["count"]


def test_entries_are_found_by_their_namespace(running, slates, provider):
    for name, times in (("a", 2), ("b", 1)):
        for _ in range(times):
            assert status(running, provider, **slates[name]) == 200
    assert status(running, provider) == 200

    assert count(running, "?namespace=a") == 2
    assert count(running, "?namespace=b") == 1
    assert count(running, "?namespace=") == 1
    assert count(running, "?namespace=none") == 0
    assert count(running) == 4


def test_a_refusal_is_in_its_namespace_whatever_was_wrong(running, lone):
    """The header counts even without a key, or with a body that is too large."""
    control(running, "/reset", "POST")
    url, header = url_of(running, lone), BY_HEADER["a"]
    ask(url, body=generation(lone), key=None, **header)
    ask(url, body=generation(lone), key=None, Authorization="Basic x", **header)
    ask(url, body="{", Content_Type="application/json", **header)
    ask(url, body=generation(lone), X_Mock_Error="none_such", **header)

    found = running.journal(namespace="a")

    assert [each["status"] for each in found] == [401, 401, 400, 400]


def test_a_script_is_for_its_namespace_only(running, slates, lone):
    items = [{"error": "rate_limited"}]
    control(running, f"/script/{lone.id}?namespace=a", "POST", items)

    assert status(running, lone) == 200
    assert status(running, lone, **slates["b"]) == 200
    assert control(running, f"/script/{lone.id}?namespace=a").json["items"] == items
    assert control(running, f"/script/{lone.id}").json["items"] == []
    assert status(running, lone, **slates["a"]) == 429
    assert status(running, lone, **slates["a"]) == 200


def test_counts_of_triggers_are_each_namespaces_own(running, slates, lone):
    asked = {"X_Mock_Error": "server_error;times=1;id=same"}

    found = [
        status(running, lone, **asked, **slates[name]) for name in ("a", "a", "b", "b")
    ]

    assert found == [500, 200, 500, 200]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/reset"), ("DELETE", "/journal")]
)
def test_the_slate_of_one_is_wiped_and_the_others_stay(
    running, slates, lone, method, path
):
    for name in "ab":
        control(running, f"/script/{lone.id}?namespace={name}", "POST", [{"times": 3}])
        assert status(running, lone, **slates[name]) == 200
    spent = control(running, "/costs").json

    assert control(running, f"{path}?namespace=a", method).status == 200

    left = [control(running, f"/script/{lone.id}?namespace={each}").json["items"]
            for each in "ab"]  # fmt: skip
    is_reset = path == "/reset"
    assert [len(each) for each in left] == [0 if is_reset else 2, 2]
    assert (count(running, "?namespace=a"), count(running, "?namespace=b")) == (0, 1)
    assert control(running, "/costs").json == spent


def test_a_reset_lets_its_own_triggers_count_anew(running, slates, lone):
    asked = {"X_Mock_Error": "server_error;times=1;id=same"}
    for name in "ab":
        assert status(running, lone, **asked, **slates[name]) == 500

    control(running, "/reset?namespace=a", "POST")

    assert status(running, lone, **asked, **slates["a"]) == 500
    assert status(running, lone, **asked, **slates["b"]) == 200


@pytest.mark.parametrize("name", ["*", "a*", "a|b", "a%20b", "x" * 65, "[a]", "%00"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/reset"), ("DELETE", "/journal"), ("POST", "/script/tokenhub"),
     ("GET", "/script/tokenhub")],
)  # fmt: skip
def test_a_namespace_that_is_no_name_wipes_nothing(running, lone, name, method, path):
    """An invalid name does not reset all namespaces."""
    status(running, lone, X_Mock_Namespace="a")
    before = count(running)

    answer = control(running, f"{path}?namespace={name}", method, "[]")

    assert answer.status == 400
    assert count(running) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/reset"), ("DELETE", "/journal"), ("POST", "/script/tokenhub")],
)
def test_a_slip_of_the_pen_does_not_wipe_the_whole_slate(running, lone, method, path):
    status(running, lone)

    answer = control(running, f"{path}?namespaec=a", method, "[]")

    assert answer.status == 400
    assert "unknown parameter 'namespaec'" in answer.json["error"]["message"]
    assert count(running) > 0


def test_who_waits_for_a_namespace_is_not_woken_by_another(running, slates, lone):
    status(running, lone, **slates["b"])

    path = "/journal/wait?namespace=a&timeout_ms=50"
    assert control(running, path).status == 408
    status(running, lone, **slates["a"])
    assert control(running, path).status == 200


def test_events_can_be_those_of_a_namespace(running, slates, lone):
    with watching(running, "?namespace=b") as lines:
        status(running, lone, **slates["a"])
        status(running, lone, **slates["b"])

        assert '"namespace":"b"' in next(lines)


def test_a_stream_has_its_namespace_too(running, slates):
    provider = specs.load("openai")
    body = generation(provider, stream=True)

    answer = ask(url_of(running, provider), body=body, **slates["a"])

    assert events(answer.body)
    assert running.journal("openai")[-1]["namespace"] == "a"


def test_the_header_counts_before_the_key(running, lone):
    status(running, lone, X_Mock_Namespace="a", key="sk-ns-b")

    assert running.journal()[-1]["namespace"] == "a"


@given(names, st.sampled_from(["sk-ns-{}", "ns-{}", "ns-{}-mock-x", "a-ns-{}-b"]))
def test_a_key_names_a_namespace_anywhere(name, form):
    assert namespace_of({}, form.format(name)) == name
    assert is_namespace(name)


@given(names)
def test_a_header_names_a_namespace(name):
    assert namespace_of({"X-Mock-Namespace": name}, "sk-ns-other") == name
