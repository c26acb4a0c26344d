"""The journal: requests, decisions and reasons, without secrets."""

import asyncio
import hashlib
import http.client
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.http import (
    FORM,
    JSON,
    ask,
    control,
    edit,
    generation,
    picture,
    url_of,
    watching,
)

import specs
from mockserver.state.journal import (
    MAX_ENTRY_LENGTH,
    Journal,
    LazyEntry,
    Query,
    summarize,
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture
def own(running):
    """A server of this test, with an empty journal."""
    ask(f"{running.url}/__mock__/reset", key=None)
    return running


@pytest.fixture(scope="module")
def lone():
    """Any provider: secrets do not depend on it."""
    return specs.load("openai")


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
        {
            "param": "n",
            "claim": "n/maximum",
            "says": "n: must be at most 10",
            "accepts": {"maximum": 10},
            "source": "S4#n",
            "basis": "documented",
        }
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


@given(st.lists(st.integers(0, 3000), max_size=60))
def test_a_journal_is_bounded_by_count_and_by_bytes(lengths):
    journal = Journal(max_entries=20, max_bytes=10_000)
    for length in lengths:
        journal.record({"payload": "x" * length})

    kept = entries(journal)
    assert len(kept) <= 20
    assert sum(len(text) for _, text in journal._entries) <= 10_000
    assert journal._bytes == sum(len(text) for _, text in journal._entries)
    numbers = [each["id"] for each in kept]
    assert numbers == list(range(len(lengths) + 1))[len(lengths) - len(kept) + 1 :]


def test_an_entry_of_any_length_leaves_room_for_others():
    """A large entry keeps the decision, but not the payload and the violations."""
    journal = Journal()
    decision = {"state": "invalid", "violations": [{"param": "x" * 50}] * 5000}

    journal.record({"payload": ["x" * 90_000], "decision": decision})

    (entry,) = entries(journal)
    assert len(json.dumps(entry)) < MAX_ENTRY_LENGTH
    assert entry["decision"] == {"state": "invalid", "violations": []}
    assert "characters" in entry["payload"]


@pytest.mark.parametrize(
    ("limit", "numbers"), [(0, []), (2, [4, 5]), (9, [1, 2, 3, 4, 5])]
)
def test_a_limit_gives_the_latest(limit, numbers):
    journal = Journal()
    for _ in range(5):
        journal.record({})

    assert [each["id"] for each in entries(journal, limit=limit)] == numbers


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "provider": st.sampled_from("ab"),
                "namespace": st.sampled_from(["", "x"]),
                "operation": st.sampled_from(["one", None]),
                "status": st.sampled_from([200, 429, None]),
                "request": st.sampled_from(["r", None]),
                "decision": st.fixed_dictionaries(
                    {
                        "error": st.sampled_from(["e", None]),
                        "fault": st.sampled_from(["f", None]),
                    }
                ),
            }
        ),
        max_size=20,
    ),
    st.builds(
        Query,
        provider=st.sampled_from(["a", None]),
        namespace=st.sampled_from(["", "x", None]),
        operation=st.sampled_from(["one", None]),
        status=st.sampled_from([200, None]),
        error=st.sampled_from(["e", None]),
        fault=st.sampled_from(["f", None]),
        request=st.sampled_from(["r", None]),
        since=st.integers(0, 25),
    ),
)
def test_a_query_gives_what_matches_in_every_field(written, query):
    journal = Journal()
    for entry in written:
        journal.record(entry)

    found = entries(journal, query=query)

    expected = [
        number
        for number, each in enumerate(written, 1)
        if number > query.since
        and query.provider in {None, each["provider"]}
        and query.namespace in {None, each["namespace"]}
        and query.operation in {None, each["operation"]}
        and query.status in {None, each["status"]}
        and query.error in {None, each["decision"]["error"]}
        and query.fault in {None, each["decision"]["fault"]}
        and query.request in {None, each["request"]}
    ]
    assert [each["id"] for each in found] == expected


def test_clearing_a_namespace_builds_no_entry():
    def build():
        raise AssertionError("it was built")

    journal = Journal()
    for name in ("a", "b", "a", ""):
        journal.record(LazyEntry({"namespace": name}, build, 1))
    asyncio.run(journal.clear("a"))

    assert asyncio.run(journal.size()) == 2


def test_a_watcher_misses_nothing_that_comes_while_it_is_busy():
    """An entry recorded during the delivery of another one is delivered next."""

    async def watched():
        journal, seen = Journal(), []
        journal.record({"n": 1})
        async for entry in journal.watch():
            seen.append(entry["n"])
            if entry["n"] < 5:
                journal.record({"n": entry["n"] + 1})  # while we are not waiting
                await asyncio.sleep(0)
            else:
                await journal.close()
        return seen

    assert asyncio.run(asyncio.wait_for(watched(), 30)) == [1, 2, 3, 4, 5]


def test_who_waits_is_woken_by_the_last_of_what_it_waits_for():
    async def waited():
        journal = Journal()
        query = Query(provider="a")
        waiting = asyncio.create_task(journal.wait(query, count=2, seconds=600))
        for provider in ("a", "b", "a"):
            await asyncio.sleep(0)
            assert not waiting.done()
            journal.record({"provider": provider})
        return await waiting

    assert [each["id"] for each in asyncio.run(waited())] == [1, 3]


def test_a_journal_that_closes_ends_whoever_waits():
    async def waited():
        journal = Journal()
        waiting = asyncio.create_task(journal.wait(Query(), count=1, seconds=600))
        await asyncio.sleep(0)
        await journal.close()
        return await waiting

    assert asyncio.run(asyncio.wait_for(waited(), 30)) == []


SECRET = "5ecret5ecret5ecret"


@pytest.mark.parametrize(
    "asked",
    [
        {"key": f"sk-{SECRET}"},
        {"key": f"sk-mock-{SECRET}"},
        {"key": f"{SECRET}-mock-rate_limited"},
        {"key": f"{SECRET}-mock-reset"},
        {"key": f"sk-mock-rate_limited;times={SECRET}"},
        {"key": f"sk-mock-rate_limited;{SECRET}=1"},
        {"key": f"sk-mock-latency={SECRET}"},
        {"key": None, "Authorization": f"Basic {SECRET}"},
        {"key": None, "Authorization": SECRET},
        {"key": f"sk-{SECRET}", "X_Mock_Token": SECRET, "Cookie": f"a={SECRET}"},
        {"key": f"sk-{SECRET}", "query": f"?api_key={SECRET}"},
        {"key": f"sk-{SECRET}", "query": f"?token={SECRET}", "method": "GET"},
    ],
)
def test_a_secret_is_nowhere(own, lone, asked, caplog):
    """Secrets are not in responses, journal, events, statistics and logs."""
    asked = dict(asked)
    caplog.set_level(0)
    url = url_of(own, lone) + asked.pop("query", "")
    try:
        answer = ask(url, body=generation(lone), **asked)
    except (ConnectionError, http.client.HTTPException):
        answer = None  # the key asked for it

    assert SECRET.encode() not in (answer.body if answer else b"")
    own.wait_for(1)
    for path in ("/journal", "/metrics", "/costs", f"/script/{lone.id}"):
        assert SECRET.encode() not in control(own, path).body
    with watching(own) as lines:
        assert SECRET not in next(lines)
    logged = [*caplog.messages, caplog.text, *map(repr, map(vars, caplog.records))]
    assert SECRET not in "".join(logged)
    assert [each for each in caplog.records if each.name == "mockserver.access"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"prompt": "\\ud800", "model": "m"}',
        b'{"prompt": "\\u0000\\u001b[31m"}',
        b'{"prompt": "' + b"x" * 3_000_000 + b'"}',
        b'{"x": ' * 5000 + b"1" + b"}" * 5000,
        b'{"x": ' * 60 + b"1" + b"}" * 60,
        b'{"' + b"k" * 100_000 + b'": 1}',
        json.dumps({f"k{each}": "v" * 400 for each in range(3000)}).encode(),
        b'{"n": 1' + b"0" * 4000 + b"}",
        b'{"n": 1e400}',
        b"\xff\xfe",
        b"",
        b"null",
        b'{"prompt": "</script><script>alert(1)</script>"}',
    ],
)
def test_a_poisonous_request_leaves_an_entry_that_can_be_read(own, lone, body):
    poison = "text/\xa0plain"
    for content_type in (JSON, poison, f"{FORM}; boundary={'b' * 300}"):
        ask(
            url_of(own, lone),
            body=body,
            Content_Type=content_type,
            User_Agent="\xff" * 5000,
            X_Stainless_Retry_Count="9" * 500,
        )

    found = control(own, "/journal")

    assert len(found.json["entries"]) == 3
    assert len(found.body) < 3 * MAX_ENTRY_LENGTH
    assert all(each["status"] for each in found.json["entries"])


def test_a_way_to_nowhere_is_recorded_too(own, provider):
    base = own.base_urls[provider.id]
    ask(f"{base}/models", method="GET", X_Mock_Namespace="a")
    ask(f"{base}/{'x' * 5000}", method="GET", key="sk-ns-b-5ecret")
    ask(url_of(own, provider), method="PUT", body="{}")

    models, nowhere, method = own.journal()
    assert (models["status"], models["namespace"]) == (200, "a")
    assert (nowhere["status"], nowhere["namespace"]) == (404, "b")
    assert len(nowhere["path"]) == 500
    assert (method["status"], method["decision"]["error"]) == (
        405,
        "method_not_allowed",
    )


@given(anything)
def test_a_summary_can_always_be_written_and_is_never_long(value):
    text = json.dumps(summarize(value))

    assert len(text) <= len(json.dumps(value)) + 40 * (1 + text.count("…"))


@given(st.dictionaries(st.text(), st.text(max_size=300), max_size=64))
def test_a_summary_of_a_short_payload_is_the_payload(payload):
    assert summarize(payload) == payload


def test_a_summary_cuts_what_is_long_or_deep():
    deep = value = {}
    for _ in range(20):
        value["x"] = value = {}

    assert summarize("x" * 1000) == "x" * 300 + "… (+700 characters)"
    assert len(summarize(list(range(1000)))) == 32
    assert len(summarize({str(each): each for each in range(1000)})) == 64
    assert json.dumps(summarize(deep)).count("{") == 8
