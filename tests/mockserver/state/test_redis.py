"""One memory for all replicas, when it lives in Redis."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.http import ask, control, eventually, generation, url_of, watching
from support.properties import examples
from support.redis_servers import redis_server

import mockserver
import specs
from mockserver.settings import Quotas
from mockserver.state.clock import Clock
from mockserver.state.factory import check_state, open_state_store
from mockserver.state.journal import MAX_BYTES, MAX_ENTRIES, MAX_ENTRY_LENGTH
from mockserver.state.memory import (
    MAX_SCRIPT_ITEMS,
    StateError,
    StateStore,
)
from mockserver.state.redis_journal import JOURNAL_BYTES_KEY, JOURNAL_KEY

pytestmark = pytest.mark.redis

NOON = 1_777_896_000.0


@pytest.fixture(scope="module")
def lone():
    """Any with a price; the memory does not care."""
    return specs.load("tokenhub")


@pytest.fixture(scope="module")
def replicas(redis_url, lone):
    settings = mockserver.Settings(state=redis_url)
    with (
        mockserver.running(lone, settings=settings) as one,
        mockserver.running(lone, settings=settings) as other,
    ):
        yield one, other


@pytest.fixture
def pair(replicas):
    """Two replicas, and an empty journal."""
    control(replicas[0], "/reset", "POST")
    return replicas


@contextmanager
def limited(redis_url, *providers, **limits):
    """Two replicas with quotas, at noon."""
    settings = mockserver.Settings(
        state=redis_url, quotas=Quotas(**limits), frozen=NOON
    )
    with (
        mockserver.running(*providers, settings=settings) as one,
        mockserver.running(*providers, settings=settings) as other,
    ):
        control(one, "/reset", "POST")
        yield one, other


def statuses(provider, *replicas, **asked):
    """The statuses of one request to each of these, in order."""
    return [
        ask(url_of(each, provider), body=generation(provider), **asked).status
        for each in replicas
    ]


def test_two_replicas_share_one_journal(pair, lone):
    """Each shows what came to either, in one order, with one numbering."""
    for running, n in zip(pair * 2, (1, 2, 3, 4), strict=True):
        ask(url_of(running, lone), body=generation(lone, n=n))
        running.journal()  # its own are written before it reads

    one, other = (running.journal() for running in pair)

    assert one == other
    assert [each["payload"]["n"] for each in one] == [1, 2, 3, 4]
    ids = [each["id"] for each in one]
    assert ids == list(range(ids[0], ids[0] + 4))


def test_a_replica_always_finds_its_own_requests(pair, lone):
    one, _ = pair
    for count in range(1, 6):
        ask(url_of(one, lone), body=generation(lone))

        assert len(one.journal(lone.id)) == count


def test_what_came_to_one_replica_reaches_the_other_by_itself(pair, lone):
    one, other = pair

    ask(url_of(one, lone), body=generation(lone))

    (entry,) = eventually(other.journal)
    assert entry["provider"] == lone.id


def test_a_replica_that_ends_leaves_its_entries(pair, redis_url, lone):
    settings = mockserver.Settings(state=redis_url)
    with mockserver.running(lone, settings=settings) as third:
        ask(url_of(third, lone), body=generation(lone))

    assert [each["provider"] for each in pair[0].journal()] == [lone.id]


def test_the_slate_is_wiped_for_all(pair, lone):
    one, other = pair
    ask(url_of(one, lone), body=generation(lone))
    one.journal()

    ask(f"{other.url}/__mock__/reset", key=None)

    assert one.journal() == other.journal() == []


def test_the_shared_journal_is_bounded(pair, redis_url, lone):
    import redis

    one, _ = pair
    with redis.Redis.from_url(redis_url) as client:
        client.rpush(
            JOURNAL_KEY, *['{"id": 0, "provider": "old"}'] * (MAX_ENTRIES + 50)
        )
        ask(url_of(one, lone), body=generation(lone))
        one.journal()

        assert client.llen(JOURNAL_KEY) == MAX_ENTRIES
    assert one.journal(lone.id)[-1]["status"] == 200


def test_the_shared_journal_is_bounded_by_bytes_as_well(redis_url):
    """Also while namespaces are wiped from it, and once it was wiped as a whole."""
    import redis.asyncio

    async def lengths():
        journal = open_state_store(redis_url, Clock()).journal
        entry = {"provider": "a", "operation": "b", "status": 200, "images": 0,
                 "cost": {}, "seconds": 0.0, "namespace": ""}  # fmt: skip
        large = {**entry, "payload": "x" * (MAX_ENTRY_LENGTH - 500)}
        found = []
        await journal.clear()
        for namespace in ("a", "b", "a"):
            for _ in range(150):
                journal.record({**large, "namespace": namespace})
            await journal.entries(limit=0)
            found.append((await journal.size(), await kept()))
        await journal.clear("a")
        found.append((await journal.size(), await kept()))
        await journal.clear()
        journal.record(entry)
        found.append((await journal.size(), await kept()))
        await journal.close()
        await journal._redis.aclose()
        return found

    async def kept():
        async with redis.asyncio.from_url(redis_url) as client:
            texts = await client.lrange(JOURNAL_KEY, 0, -1)
            assert int(await client.get(JOURNAL_BYTES_KEY)) == sum(map(len, texts))
            return sum(map(len, texts))

    *full, without_a, few = asyncio.run(lengths())

    assert full[0][0] == 150
    for count, size in full[1:]:
        assert MAX_BYTES - MAX_ENTRY_LENGTH < size <= MAX_BYTES
        assert count == MAX_BYTES // (size // count)
    assert 100 < without_a[0] < 150
    assert few == (1, pytest.approx(150, abs=80))


def test_keys_are_not_in_the_shared_journal_either(pair, redis_url, lone):
    import redis

    one, _ = pair
    ask(url_of(one, lone), body=generation(lone), key="sk-5ecret")
    one.journal()

    with redis.Redis.from_url(redis_url) as client:
        (text,) = client.lrange(JOURNAL_KEY, 0, -1)
    assert b"5ecret" not in text


def test_a_replica_finds_its_own_while_it_writes(pair, lone):
    """Each looks right after its answer, while others' entries are under way."""
    one, _ = pair
    url = url_of(one, lone)

    def seen(number):
        name = f"n{number}"
        ask(url, body=generation(lone), X_Mock_Namespace=name)
        path = f"/journal/count?namespace={name}"
        return control(one, path).json["count"]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(seen, range(48))) == {1}

    numbers = [each["id"] for each in one.journal()]
    assert numbers == list(range(numbers[0], numbers[0] + 48))


def test_who_waits_at_one_replica_is_answered_by_what_comes_to_another(pair, lone):
    one, other = pair
    with ThreadPoolExecutor(1) as pool:
        path = "/journal/wait?status=429&timeout_ms=30000"
        waiting = pool.submit(control, other, path)
        statuses(lone, one, one, X_Mock_Error="rate_limited;times=1")

        answer = waiting.result(60)

    assert (answer.status, answer.json["count"]) == (200, 1)


def test_events_are_those_of_all_replicas_each_once_and_in_order(pair, lone):
    one, other = pair
    with watching(other) as lines:
        statuses(lone, one, other, one, other, one)
        numbers = [json.loads(next(lines))["id"] for _ in range(5)]

    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_a_script_is_consumed_by_all_in_order(pair, lone):
    one, other = pair
    items = [{"error": "rate_limited", "times": 2}, {"fault": "html"},
             {"error": "server_error", "operation": "createImage"}]  # fmt: skip
    answer = control(one, f"/script/{lone.id}", "POST", items)
    assert answer.json["waiting"] == 4
    assert len(control(other, f"/script/{lone.id}").json["items"]) == 4

    found = statuses(lone, other, one, other, one, other)

    assert found == [429, 429, 502, 500, 200]


def test_a_script_item_waits_for_its_operation(pair, lone):
    one, other = pair
    items = [{"error": "server_error", "operation": "createImageEdit"}]
    control(one, f"/script/{lone.id}", "POST", items)

    assert statuses(lone, one, other) == [200, 200]
    url = url_of(other, lone, "createImageEdit")
    assert ask(url, body="{}", Content_Type="application/json").status == 500


def test_a_shared_script_is_bounded(pair, lone):
    one, other = pair
    path = f"/script/{lone.id}"

    first = control(one, path, "POST", [{"times": MAX_SCRIPT_ITEMS}])
    second = control(other, path, "POST", [{}])

    assert (first.status, second.status) == (200, 400)
    assert "at most 10000" in second.json["error"]["message"]


def test_a_namespace_is_a_slate_of_its_own(pair, lone):
    one, other = pair
    for name in "ab":
        control(one, f"/script/{lone.id}?namespace={name}", "POST", [{"times": 2}])
        statuses(lone, one, X_Mock_Namespace=name)
    one.journal()  # its own are written before it reads

    control(other, "/reset?namespace=a", "POST")

    left = [
        len(control(one, f"/script/{lone.id}?namespace={name}").json["items"])
        for name in "ab"
    ]
    assert left == [0, 1]
    assert [each["namespace"] for each in one.journal()] == ["b"]
    assert control(one, "/costs").json["total"]["requests"] == 2


def test_times_are_counted_together(pair, lone):
    one, other = pair
    asked = {"X_Mock_Error": "rate_limited;times=2;id=a"}

    assert statuses(lone, one, other, one, other, **asked) == [429, 429, 200, 200]


def test_quotas_are_kept_together(redis_url, lone):
    with limited(redis_url, lone, requests_per_minute=3) as (one, other):
        assert statuses(lone, one, other, one, other) == [200, 200, 200, 429]
        refused = ask(url_of(one, lone), body=generation(lone))
        assert refused.headers["Retry-After"] == "20"
        control(other, "/clock", "POST", {"advance_s": 19})
        assert statuses(lone, one) == [429]
        control(other, "/clock", "POST", {"advance_s": 1})
        assert statuses(lone, one, other) == [200, 429]
        control(one, "/reset", "POST")
        assert statuses(lone, other) == [200]


def test_who_is_inside_is_counted_together(redis_url, lone):
    import redis

    with (
        limited(redis_url, lone, concurrency=1) as (one, other),
        redis.Redis.from_url(redis_url) as client,
    ):
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(statuses, lone, one, X_Mock_Latency="3000")
            eventually(lambda: client.keys("imageparity:slots:*"))
            assert statuses(lone, other) == [429]
            assert held.result(30) == [200]
        eventually(lambda: statuses(lone, other) == [200])


@settings(max_examples=examples(20), deadline=None)
@given(
    limit=st.integers(1, 300),
    steps=st.lists(
        st.tuples(st.integers(0, 40_000), st.integers(1, 12)), min_size=1, max_size=12
    ),
)
def test_a_shared_bucket_is_the_bucket_of_one_process(redis_url, limit, steps):
    """Both count alike, whoever does the sums."""

    async def levels(memory):
        await memory.reset()
        memory.clock.freeze(NOON)
        found = []
        for milliseconds, amount in steps:
            memory.clock.advance(milliseconds / 1000)
            found.append(await memory.take_quota("|bucket", amount, limit))
        await memory.close()
        return found

    shared = asyncio.run(levels_of(redis_url, levels))
    alone = asyncio.run(levels(StateStore(Clock())))

    for one, other in zip(shared, alone, strict=True):
        assert (one.is_admitted, one.limit) == (other.is_admitted, other.limit)
        assert (one.remaining, one.retry_after) == (other.remaining, other.retry_after)
        assert one.wait == pytest.approx(other.wait, abs=1e-4)
        assert one.reset == pytest.approx(other.reset, abs=1e-4)


async def levels_of(redis_url, levels):
    return await levels(open_state_store(redis_url, Clock()))


def test_the_clock_is_everybodys(pair, lone):
    one, other = pair

    def created(running):
        answer = ask(url_of(running, lone), body=generation(lone))
        return answer.json["created"]

    control(one, "/clock", "POST", {"freeze": "2026-05-04T12:00:00Z"})
    assert [created(each) for each in pair] == [NOON, NOON]

    control(other, "/clock", "POST", {"advance_s": 60})
    assert [created(each) for each in pair] == [NOON + 60, NOON + 60]
    assert control(one, "/clock").json["now"] == NOON + 60

    control(other, "/reset", "POST")
    assert abs(created(one) - created(other)) < 60
    assert created(one) != NOON + 60


def test_an_address_expires_at_every_replica(redis_url):
    provider = specs.load("tikhub")
    shared = mockserver.Settings(state=redis_url, secret=b"known to both")
    with (
        mockserver.running(provider, settings=shared) as one,
        mockserver.running(provider, settings=shared) as other,
    ):
        control(one, "/reset", "POST")
        control(one, "/clock", "POST", {"freeze": "2026-05-04T12:00:00Z"})
        body = generation(provider, response_format="url")
        answer = ask(url_of(one, provider), body=body)
        path = answer.json["data"][0]["url"].removeprefix(one.url)

        def status():
            return ask(f"{other.url}{path}", method="GET", key=None).status

        control(one, "/clock", "POST", {"advance_s": 3599})
        assert status() == 200
        control(one, "/clock", "POST", {"advance_s": 1})
        assert status() == 403
        control(one, "/reset", "POST")


def test_costs_are_summed_over_all(pair, lone):
    for running, n in zip(pair * 2, (1, 2, 3, 4), strict=True):
        ask(url_of(running, lone), body=generation(lone, n=n, size="1024x1024"))
    statuses(lone, *pair, X_Mock_Error="server_error")

    pair[1].journal()  # its own are written before it reads
    entries = pair[0].journal()

    found = [control(each, "/costs").json for each in pair]

    assert found[0] == found[1]
    total = found[0]["total"]
    assert (total["requests"], total["images"]) == (6, 10)
    assert total["amounts"] == {
        "USD": pytest.approx(sum(each["cost"].get("amount", 0) for each in entries))
    }
    control(pair[0], "/journal", "DELETE")
    assert control(pair[1], "/costs").json == found[0]
    control(pair[0], "/reset", "POST")
    assert control(pair[1], "/costs").json["total"]["requests"] == 0


def test_outputs_of_other_media_are_summed_by_unit(redis_url):
    entry = {
        "provider": "a",
        "operation": "make",
        "status": 200,
        "images": 0,
        "cost": {},
        "seconds": 1.0,
        "outputs": {"videos": 2},
    }

    async def record_twice():
        store = open_state_store(redis_url, Clock(None))
        try:
            before = await store.totals()
            for _ in range(2):
                store.record(entry)
            return before, await store.totals()
        finally:
            await store.close()

    before, after = asyncio.run(record_twice())
    assert "outputs" not in before.costs()["total"]
    assert after.costs()["total"]["outputs"] == {"videos": 4}
    assert after.costs()["total"]["unpriced_images"] == 4


def test_a_redis_that_goes_away_takes_no_answer_with_it(tmp_path, lone, caplog):
    """
    Requests are answered as before, and each replica keeps count by itself; the control
    API says what is wrong.
    """
    limits = Quotas(requests_per_minute=3, concurrency=1)
    with redis_server(tmp_path) as (url, process):
        settings = mockserver.Settings(state=url, quotas=limits)
        with mockserver.running(lone, settings=settings) as running:
            first = statuses(lone, running)
            process.terminate()
            process.wait()

            rest = statuses(lone, *[running] * 4)
            once = statuses(
                lone, *[running] * 2, X_Mock_Error="server_error;times=1", key="other"
            )
            shown = [
                control(running, path, method)
                for method, path in [("GET", "/journal"), ("POST", "/reset"),
                                     ("GET", "/costs"), ("GET", "/script/tokenhub")]
            ]  # fmt: skip
            health, ready = (control(running, each) for each in ("/health", "/ready"))

    assert first == [200]
    assert rest == [200, 200, 200, 429]
    assert once == [500, 200]
    assert [each.status for each in shown] == [503] * 4
    assert "Redis does not respond" in shown[0].json["error"]["message"]
    assert (health.status, ready.status) == (200, 503)
    assert "Redis does not respond" in ready.json["error"]["message"]
    assert "uses its own memory" in caplog.text


def test_what_no_server_has_written_leaves_the_journal_readable(pair, redis_url, lone):
    import redis

    strange = [b"garbage", b"\xff", b"[]", b"{}", b"null", b"[" * 100_000]
    strange += [b'{"id": "x"}', b'{"id": 1, "decision": 0}']
    strange += [b'{"id": 2, "provider": []}']
    with redis.Redis.from_url(redis_url) as client:
        client.rpush(JOURNAL_KEY, *strange)
    ask(url_of(pair[0], lone), body=generation(lone))

    assert [each["status"] for each in pair[0].journal(lone.id)] == [200]
    assert control(pair[1], "/journal?namespace=other", "DELETE").status == 200
    assert control(pair[0], "/journal").json["entries"][-1]["status"] == 200


@pytest.mark.parametrize("state", ["disk", "", "http://127.0.0.1:6379", "MEMORY"])
def test_an_unknown_state_is_refused_with_the_known(state):
    with pytest.raises(StateError, match="memory or redis"):
        check_state(state)


@pytest.mark.parametrize(
    "state", ["redis://127.0.0.1:1/0", "redis://127.0.0.1:x/0", "unix:///no/such"]
)
def test_a_redis_that_does_not_answer_is_refused(state):
    with pytest.raises(StateError, match="Redis"):
        check_state(state)


def test_memory_needs_nothing():
    assert check_state("memory") is None
    assert type(open_state_store("memory", Clock())) is StateStore


def test_replicas_and_restarts_share_the_secret_of_image_urls(redis_url):
    """It was made once, and a reset keeps it."""

    def image_url(running):
        tikhub = specs.load("tikhub")
        body = generation(tikhub, response_format="url")
        answer = ask(url_of(running, tikhub), body=body)
        return answer.json["data"][0]["url"]

    with mockserver.running("tikhub", state=redis_url) as one:
        url = image_url(one)
        one.reset()
        with mockserver.running("tikhub", state=redis_url) as other:
            for target, given in ((other, url), (one, image_url(other))):
                path = given.partition("/_images/")[2]
                moved = f"{target.url}/_images/{path}"
                assert ask(moved, method="GET", key=None).status == 200
    with mockserver.running("tikhub", state=redis_url) as later:
        moved = url.replace(one.url, later.url)
        assert ask(moved, method="GET", key=None).status == 200


@pytest.mark.parametrize("url", ["memory", None])
def test_a_download_takes_only_items_that_name_it(redis_url, url):
    async def popped():
        store = open_state_store(url or redis_url, Clock())
        items = [{"fault": "reset"}, {"operation": "image", "fault": "empty"}]
        await store.push("tikhub", "downloads", items)
        order = ("image", "createImage", "createImage", "image", "image")
        try:
            return [await store.pop("tikhub", "downloads", each) for each in order]
        finally:
            await store.close()

    found = [each and each["fault"] for each in asyncio.run(popped())]

    assert found == [None, "reset", None, "empty", None]


def test_the_requests_of_a_task_are_found_at_each_replica(redis_url):
    kling = specs.load("kling")
    body = {"model_name": kling.dialect.model, "prompt": "A paper boat"}
    with limited(redis_url, kling) as (one, other):
        create = url_of(one, kling, "createTextToVideo")
        id_ = ask(create, body=body).json["data"]["task_id"]
        one.journal()  # its own are written before it reads
        read = url_of(other, kling, "createTextToVideo")
        assert ask(f"{read}/{id_}", method="GET").status == 200
        other.journal()
        assert ask(create, body=body, X_Mock_Fault="html").status == 502

        found = [each.journal(task=id_) for each in (one, other)]

        assert found[0] == found[1]
        operations = [each["operation"] for each in found[0]]
        assert operations == ["createTextToVideo", "getTextToVideo"]
        assert other.journal(task="none-such") == []
        lost = [each.costs()["total"]["undelivered"] for each in (one, other)]
        assert lost == [1, 1]
