"""The journal says what came and why it was answered so; no more, and no secrets."""

import asyncio
import hashlib
import json

import pytest
from asking import FORM, JSON, ask, edit, generation, picture, url_of
from hypothesis import given
from hypothesis import strategies as st

import mockserver
import specs
from mockserver.journal import MAX_ENTRY, Journal, summarised

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(scope="module")
def running():
    with mockserver.running() as running:
        yield running


@pytest.fixture
def own(running):
    """A server whose journal is empty, and which no other test writes to."""
    ask(f"{running.url}/__mock__/reset", key=None)
    return running


def entries(journal, **which):
    return asyncio.run(journal.entries(**which))


def test_an_entry_says_what_came_and_what_was_answered(own, provider):
    ask(url_of(own, provider), body=generation(provider, n=2), User_Agent="a-client/1")

    (entry,) = own.journal()
    assert entry["provider"] == provider.id
    assert (entry["operation"], entry["method"]) == ("createImage", "POST")
    assert entry["path"] == f"/{provider.id}{provider.base_path}/images/generations"
    assert (entry["media_type"], entry["client"]) == (JSON, "a-client/1")
    assert entry["payload"] == generation(provider, n=2)
    assert (entry["status"], entry["images"]) == (200, 2)
    assert entry["decision"]["state"] in {"valid", "unspecified"}
    assert entry["seconds"] >= 0


def test_an_entry_says_why_a_request_was_refused_and_where_that_stands(own):
    provider = specs.load("tokenhub")

    ask(url_of(own, provider), body=generation(provider, n=11))

    decision = own.journal()[0]["decision"]
    assert (decision["state"], decision["error"]) == ("invalid", "invalid_request")
    assert decision["because"] == "n: must be at most 10"
    assert decision["violations"] == [
        {"param": "n", "claim": "n/maximum", "source": "S4#n", "basis": "documented"}
    ]


def test_an_entry_says_what_asked_for_an_error(own, provider):
    ask(url_of(own, provider), body=generation(provider), X_Mock_Error="server_error")

    decision = own.journal()[0]["decision"]
    assert (decision["trigger"], decision["error"]) == ("header", "server_error")


def test_an_entry_says_what_it_would_have_cost(own):
    provider = specs.load("tokenhub")

    ask(url_of(own, provider), body=generation(provider, n=2, size="2048x2048"))

    assert own.journal()[0]["cost"] == {"amount": 0.5, "currency": "USD"}


def test_a_refused_request_costs_nothing(own):
    provider = specs.load("tokenhub")

    ask(url_of(own, provider), body=generation(provider, n=11))

    assert own.journal()[0]["cost"] == {}


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("sk-5ecret-5ecret", "***"),
        ("sk-5ecret-mock-rate_limited", "***mock-rate_limited"),
        ("sk-mock-5ecret", "***"),
        ("sk-mock-", "***"),
    ],
)
def test_a_key_is_never_written_down(own, provider, key, written):
    ask(url_of(own, provider), body=generation(provider), key=key)

    (entry,) = own.journal()
    assert entry["key"] == written
    assert "5ecret" not in json.dumps(entry)


def test_without_a_key_there_is_none_in_the_entry(own, provider):
    ask(url_of(own, provider), body=generation(provider), key=None)

    (entry,) = own.journal()
    assert (entry["key"], entry["status"]) == ("", 401)


def test_an_upload_is_kept_as_its_facts(own, provider):
    data = picture(40, 30)

    ask(
        url_of(own, provider, "createImageEdit"),
        **edit(provider, FORM, data),
    )

    (entry,) = own.journal()
    assert entry["payload"]["image"] == {
        "filename": "a.png",
        "content_type": "image/png",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "format": "png",
        "width": 40,
        "height": 30,
        "alpha": False,
    }


def test_a_data_uri_is_cut(own):
    provider = specs.load("tokenhub")
    sent = edit(provider, JSON, picture(900, 900, colour="white"))

    ask(url_of(own, provider, "createImageEdit"), **sent)

    kept = own.journal()[0]["payload"]["image"]
    assert kept.startswith("data:image/png;base64,")
    assert len(kept) < 400 < len(sent["body"]["image"])


def test_a_body_that_cannot_be_read_is_recorded_all_the_same(own, provider):
    ask(url_of(own, provider), body="{", Content_Type=JSON)

    (entry,) = own.journal()
    assert (entry["status"], entry["payload"]) == (400, None)
    assert "cannot be read" in entry["decision"]["because"]


def test_entries_are_numbered_in_the_order_of_their_coming(own, provider):
    for n in (1, 2, 3):
        ask(url_of(own, provider), body=generation(provider, n=n))

    found = own.journal(provider.id)
    first = found[0]["id"]
    assert [each["id"] for each in found] == [first, first + 1, first + 2]
    assert [each["payload"]["n"] for each in found] == [1, 2, 3]
    assert own.journal("nobody") == []


@given(st.lists(st.integers(0, 3000), max_size=60))
def test_a_journal_is_bounded_by_count_and_by_bytes(lengths):
    journal = Journal(max_entries=20, max_bytes=10_000)
    for length in lengths:
        journal.record("one", {"payload": "x" * length})

    kept = entries(journal)
    assert len(kept) <= 20
    assert sum(len(text) for _, text in journal._entries) <= 10_000
    assert journal._bytes == sum(len(text) for _, text in journal._entries)
    numbers = [each["id"] for each in kept]
    assert numbers == list(range(len(lengths) + 1))[len(lengths) - len(kept) + 1 :]


def test_an_entry_of_any_length_leaves_room_for_others():
    """It keeps what was decided, and gives up its payload and its reasons."""
    journal = Journal()
    decision = {"state": "invalid", "violations": [{"param": "x" * 50}] * 5000}

    journal.record("one", {"payload": ["x" * 90_000], "decision": decision})

    (entry,) = entries(journal)
    assert len(json.dumps(entry)) < MAX_ENTRY
    assert entry["decision"] == {"state": "invalid", "violations": []}
    assert "characters" in entry["payload"]


@pytest.mark.parametrize(
    ("limit", "numbers"), [(0, []), (2, [4, 5]), (9, [1, 2, 3, 4, 5])]
)
def test_a_limit_gives_the_latest(limit, numbers):
    journal = Journal()
    for _ in range(5):
        journal.record("one", {})

    assert [each["id"] for each in entries(journal, limit=limit)] == numbers


@given(anything)
def test_a_summary_can_always_be_written_and_is_never_long(value):
    text = json.dumps(summarised(value))

    assert len(text) <= len(json.dumps(value)) + 40 * (1 + text.count("…"))


@given(st.dictionaries(st.text(), st.text(max_size=300), max_size=64))
def test_a_summary_of_a_short_payload_is_the_payload(payload):
    assert summarised(payload) == payload


def test_a_summary_cuts_what_is_long_or_deep():
    deep = value = {}
    for _ in range(20):
        value["x"] = value = {}

    assert summarised("x" * 1000) == "x" * 300 + "… (+700 characters)"
    assert len(summarised(list(range(1000)))) == 32
    assert len(summarised({str(each): each for each in range(1000)})) == 64
    assert json.dumps(summarised(deep)).count("{") == 8
