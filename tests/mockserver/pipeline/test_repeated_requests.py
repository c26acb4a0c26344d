"""Repeated requests reuse interpretations, images and JSON."""

import asyncio
import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.http import JSON, ask, delivered, eventually, generation, opened, url_of
from support.properties import examples

import mockserver
import specs
from mockserver.media.image import output
from mockserver.media.payloads import JsonTemplate, placeholder
from mockserver.pipeline.request.interpretation import MAX_INTERPRETATIONS
from mockserver.state.journal import Journal, LazyEntry

pytestmark = pytest.mark.slow

OWN = ("id", "at", "request_id", "seconds")  # what two alike entries differ in
NOON = 1_777_896_000.0


@pytest.fixture
def own(provider):
    with mockserver.running(provider) as running:
        yield running


def test_a_request_seen_before_is_answered_alike(own, provider):
    body = generation(provider, n=2)

    first, again = (ask(url_of(own, provider), body=body) for _ in range(2))

    pictures_ = [
        [delivered(each) for each in answer.json["data"]] for answer in (first, again)
    ]
    assert pictures_[0] == pictures_[1]
    one, other = own.journal(operation="createImage")
    assert one["request_id"] != other["request_id"]
    for name in OWN:
        del one[name], other[name]
    assert one == other


def test_a_request_seen_before_is_created_now(provider):
    with mockserver.running(provider, frozen=NOON) as own:
        created = []
        for _ in range(2):
            answer = ask(url_of(own, provider), body=generation(provider))
            created.append(answer.json["created"])
            own.advance(60)

    assert created == [NOON, NOON + 60]


def test_answers_that_overlap_are_each_of_their_own_time(monkeypatch):
    """The clock advances while two requests wait for the same image."""
    gate, encoded = threading.Event(), output.render_image
    monkeypatch.setattr(
        output, "render_image", lambda plan: gate.wait(20) and encoded(plan)
    )
    body = generation(specs.load("openai"))
    slow = mockserver.running("openai", frozen=NOON, realistic=True)

    with slow as own, ThreadPoolExecutor() as pool:
        (service,) = own._context.provider_contexts.values()

        def asked():
            return ask(f"{own.base_url}/images/generations", body=body).json["created"]

        first = pool.submit(asked)
        eventually(lambda: service.pending_renders)
        own.advance(60)
        second = pool.submit(asked)
        gate.set()

        assert [first.result(20), second.result(20)] == [NOON, NOON + 60]
        assert asked() == NOON + 60


def test_a_fault_leaves_nothing_behind(own, provider):
    body = generation(provider)

    def members(**headers):
        answer = ask(url_of(own, provider), body=body, **headers)
        return set(answer.json["data"][0])

    plain = members()
    both = members(**{"X-Mock-Fault": "both-deliveries"})

    assert both > plain
    assert members() == plain


def test_headers_and_keys_count_for_a_request_seen_before(own, provider):
    body = generation(provider)
    ask(url_of(own, provider), body=body)

    for more in (
        {"X-Mock-Error": "rate_limited"},
        {"key": "sk-mock-rate_limited"},
        {"X-Mock-Error": "unauthenticated"},
    ):
        assert ask(url_of(own, provider), body=body, **more).status in {401, 429}
    assert ask(url_of(own, provider), body=body).status == 200


def test_a_request_refused_before_is_refused_alike(own, provider):
    body = {**generation(provider), "prompt": ["not", "a", "text"]}

    answers = [ask(url_of(own, provider), body=body) for _ in range(3)]

    (status,) = {each.status for each in answers}
    assert 400 <= status < 500
    entries = own.journal(operation="createImage")
    ids = [each["request_id"] for each in entries]
    texts = [
        each.body.decode().replace(id, "ID")
        for each, id in zip(answers, ids, strict=True)
    ]
    assert texts[0] == texts[1] == texts[2]
    assert len({*ids}) == 3
    names = [sorted(name.lower() for name in each.headers) for each in answers]
    assert names[0] == names[1] == names[2]
    for entry in entries:
        for name in OWN:
            del entry[name]
    assert entries[0] == entries[1] == entries[2]
    assert entries[0]["decision"]["violations"]


@pytest.mark.parametrize("name", ["ark", "huawei"])
def test_a_refusal_has_the_id_of_its_own_request(name):
    provider = specs.load(name)
    body = {**generation(provider), "prompt": ["not", "a", "text"]}
    with mockserver.running(provider) as own:
        answers = [ask(url_of(own, provider), body=body) for _ in range(3)]
        ids = [each["request_id"] for each in own.journal()]

    assert len({*ids}) == 3
    for answer, id in zip(answers, ids, strict=True):
        assert id.encode() in answer.body


def test_a_refusal_keeps_nothing_of_its_requests(own, provider):
    """An exception that is raised again would keep every frame that it passed."""
    body = {**generation(provider), "prompt": ["not", "a", "text"]}
    ask(url_of(own, provider), body=body)
    (service,) = own._context.provider_contexts.values()
    ((refusal, _),) = service.interpretations._cache._values.values()

    assert refusal.rejected.__traceback__ is None


@pytest.mark.parametrize(
    ("name", "trigger", "status"),
    [("X-Mock-Error", "rate_limited", 429), ("X-Mock-Fault", "error-as-200", 200)],
)
def test_a_trigger_counts_for_a_request_refused_before(
    own, provider, name, trigger, status
):
    body = {**generation(provider), "prompt": ["not", "a", "text"]}
    ask(url_of(own, provider), body=body)

    assert ask(url_of(own, provider), body=body, **{name: trigger}).status == status
    assert ask(url_of(own, provider), body=body).status >= 400


def test_a_server_forgets_what_it_saw_long_ago(own, provider):
    (service,) = own._context.provider_contexts.values()
    for number in range(MAX_INTERPRETATIONS + 8):
        service.interpretations.add(
            ("createImage", JSON, b"%d" % number), meaning(provider)
        )

    assert len(service.interpretations._cache) == MAX_INTERPRETATIONS
    assert service.interpretations.get(("createImage", JSON, b"0")) is None


def meaning(provider):
    from mockserver.pipeline.request.body_parsing import parse_body
    from mockserver.pipeline.request.interpretation import build_interpretation

    operation = provider.operations["createImage"]
    data = json.dumps(generation(provider)).encode()
    return build_interpretation(
        parse_body(data, JSON, operation),
        specs.Verdict(specs.State.VALID),
        provider,
        operation,
        seed=0,
        realistic=False,
    )


def test_an_answer_of_megabytes_comes_whole():
    with mockserver.running("openai", realistic=True) as own:
        body = generation(specs.load("openai"), n=2)
        first, again = (
            ask(own.base_url + "/images/generations", body=body) for _ in range(2)
        )

    assert len(first.body) > 4_000_000
    assert first.json["data"] == again.json["data"]
    for item in first.json["data"]:
        assert opened(delivered(item)).size == (1024, 1024)


@pytest.mark.parametrize("leaves", [False, True])
def test_what_many_want_at_once_is_drawn_once(monkeypatch, leaves):
    """Also if the first request is cancelled."""
    drawn, encoded, gate = [], output.render_image, threading.Event()

    def counted(plan):
        gate.wait(10)
        drawn.append(plan)
        return encoded(plan)

    monkeypatch.setattr(output, "render_image", counted)
    plan = output.ImageOutput("A boat", 64, 64, realistic=True)

    async def draw():
        async with mockserver.running("openai") as own:
            (service,) = own._context.provider_contexts.values()
            tasks = [asyncio.create_task(service.render(plan)) for _ in range(6)]
            await asyncio.sleep(0)
            if leaves:
                tasks[0].cancel()
            gate.set()
            with suppress(asyncio.CancelledError):
                await tasks[0]
            found = await asyncio.gather(*tasks[1:])
            assert not service.pending_renders
            return found

    assert len({*asyncio.run(draw())}) == 1
    assert drawn == [plan]


texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values, st.lists(st.binary(max_size=30), max_size=4))
@settings(max_examples=examples(100))
def test_json_around_pictures_is_that_with_them_inside(value, raw):
    encoded = [base64.b64encode(each) for each in raw]
    places = [
        {"picture": f"data:{placeholder(at)}"} for at in reversed(range(len(raw)))
    ]

    parts = JsonTemplate({"value": value, "data": places}).fill(encoded)

    assert json.loads(b"".join(parts)) == {
        "value": value,
        "data": [{"picture": f"data:{each.decode()}"} for each in reversed(encoded)],
    }
    assert all(each in parts for each in encoded)  # and none of them was copied


def test_a_deferred_entry_is_made_when_it_is_read_and_once():
    journal, made = Journal(), []

    def make(number):
        made.append(number)
        return {"provider": "a", "number": number}

    for number in range(3):
        entry = LazyEntry({"provider": "a"}, lambda at=number: make(at), weight=500)
        journal.record(entry)
        assert entry["provider"] == "a"
    assert made == []
    assert journal._bytes == 1500

    first, again = (asyncio.run(journal.entries()) for _ in range(2))

    assert first == again
    assert [each["number"] for each in first] == made == [0, 1, 2]
    assert journal._bytes == sum(len(json.dumps(each)) for each in first)


def test_deferred_entries_are_bounded_by_what_they_hold():
    journal = Journal(max_bytes=10_000)
    for _ in range(50):
        journal.record(LazyEntry({}, dict, weight=1000))

    assert asyncio.run(journal.size()) == 10
