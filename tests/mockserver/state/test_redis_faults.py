"""A Redis that is slow, full, restarted or wrong takes no response from a client."""

import asyncio
import os
import signal

import pytest
import redis
from support.http import ask, control, eventually, generation, url_of
from support.processes import free_port
from support.redis_servers import Lies, RedisServer, redis_server
from support.tasks import Tasks, kinds_with

import mockserver
import specs
from mockserver.settings import Quotas
from mockserver.state import redis_access
from mockserver.state.memory import StateError
from mockserver.state.redis import SECRET_KEY
from mockserver.state.redis_access import RedisAccess
from mockserver.state.redis_journal import RedisJournal
from specs import Role

pytestmark = pytest.mark.redis

QUOTAS = Quotas(requests_per_minute=10_000, concurrency=100)
OF = kinds_with(Role.READ)[0].values[0]
SHOWN = ("journal", "costs", "clock", "metrics", "providers", "health", "ready")

STRANGE = {
    "text": lambda client, key: client.set(key, "garbage"),
    "bytes": lambda client, key: client.set(key, b"\xff\xfe"),
    "null": lambda client, key: client.set(key, "null"),
    "infinite": lambda client, key: client.set(key, "1e999"),
    "times": lambda client, key: client.set(
        key, '{"frozen": "x", "advanced": 1e999, "jumped": null}'
    ),
    "beyond time": lambda client, key: client.set(
        key, '{"frozen": null, "advanced": 1e300, "jumped": 0}'
    ),
    "list": lambda client, key: client.rpush(key, "[]", "garbage", "{}"),
    "hash": lambda client, key: client.hset(key, "field", "garbage"),
    "record": lambda client, key: client.hset(key, "record", "{}"),
    "amounts": lambda client, key: client.hset(
        key, '["openai", "createImage", 200, "USD", "nothing"]', "1"
    ),
    "scores": lambda client, key: client.zadd(key, {"member": 1}),
}
REPLIES = {
    "status": b"+OK\r\n",
    "number": b":1\r\n",
    "nothing": b"$-1\r\n",
    "empty": b"*0\r\n",
    "text": b"$7\r\ngarbage\r\n",
    "list": b"*2\r\n:1\r\n$2\r\n[]\r\n",
    "error": b"-ERR no\r\n",
    "full": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "no number": b":garbage\r\n",
    "no protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.fixture(scope="module")
def lone():
    return specs.load("tokenhub")


@pytest.fixture
def running(redis_url, lone):
    """A mock with tasks and quotas; its state is empty."""
    with serving(redis_url, lone) as running:
        control(running, "/reset", "POST")
        yield running


def serving(state, lone):
    settings = mockserver.Settings(state=state, quotas=QUOTAS)
    return mockserver.running(lone, OF.provider, settings=settings)


def used(running, lone):
    """Use all of the state; the statuses of images, and those of the control API."""
    items = [{"error": "rate_limited"}]
    pushed = control(running, f"/script/{lone.id}", "POST", items).status
    task = Tasks(running, OF)
    created = task.create()
    if created.status < 400:
        task.read(task.id_in(created.json))
    shown = [control(running, f"/{each}").status for each in SHOWN]
    images = [
        ask(url_of(running, lone), body=generation(lone), **asked).status
        for asked in ({}, {}, {"X_Mock_Error": "rate_limited;times=1"})
    ]
    return images, [pushed, *shown]


@pytest.mark.parametrize("strange", STRANGE)
def test_what_no_mock_has_written_takes_no_answer(
    redis_url, running, lone, strange, caplog
):
    """A reset deletes it, whatever key it has but that of the secret."""
    control(running, "/clock", "POST", {"advance_s": 5})
    normal = used(running, lone)
    with redis.Redis.from_url(redis_url) as client:
        keys = sorted(set(client.keys("*")) - {SECRET_KEY.encode()})
        assert len(keys) > 9
        for key in keys:
            with client.pipeline() as pipe:  # at once: the mock may use the key now
                pipe.delete(key)
                STRANGE[strange](pipe, key)
                pipe.execute()

            images, shown = used(running, lone)

            assert set(images) <= {200, 429}, key
            assert set(shown) <= {200, 503}, key
            assert control(running, "/reset", "POST").status == 200, key
            assert used(running, lone) == normal, key
    assert "Traceback" not in caplog.text
    assert "incident" not in caplog.text


def test_nothing_waits_for_a_redis_that_stopped(tmp_path, lone, caplog):
    with redis_server(tmp_path) as (url, process), serving(url, lone) as running:
        used(running, lone)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            images, shown = used(running, lone)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        eventually(lambda: control(running, "/ready").status == 200)
        used(running, lone)

    assert images == [200, 200, 429]
    assert set(shown) <= {200, 503}
    assert caplog.text.count("uses its own memory") == 1
    assert caplog.text.count("entries are lost") == 1
    assert caplog.text.count("responds again") == 1


def test_lost_entries_are_logged_once(caplog):
    """Also if a reader of the journal fails to write them, as it does first."""
    entry = {"provider": None, "operation": None, "status": 404, "images": 0}
    entry |= {"seconds": 0.0, "cost": {}}

    async def lose_two():
        journal = RedisJournal(RedisAccess(f"redis://127.0.0.1:{free_port()}"))
        for _ in range(2):
            journal.record(entry)
            with pytest.raises(StateError):
                await journal.flush()
            await journal.flush()  # nothing is left to be written
        await journal.close()

    asyncio.run(lose_two())

    assert caplog.text.count("entries are lost") == 1


def test_only_one_request_waits_until_redis_responds(redis_url, lone, monkeypatch):
    monkeypatch.setattr(redis_access, "TIMEOUT", 0.5)
    with Lies(redis_url) as relay, serving(relay.url, lone) as running:
        used(running, lone)
        relay.reply = b""
        ask(url_of(running, lone), body=generation(lone))
        waited = len(relay.commands)

        images, _ = used(running, lone)

        asked = relay.commands[waited:]
        assert images == [200, 200, 429]
        assert all(b"PING" in each or b"CLIENT" in each for each in asked), asked
        relay.reply = REPLIES["no number"]
        eventually(lambda: len(relay.commands) > waited + len(asked))
        relay.reply = None
        eventually(lambda: control(running, "/ready").status == 200)


@pytest.mark.parametrize("reply", REPLIES)
def test_a_redis_that_lies_takes_no_answer(redis_url, lone, reply, caplog):
    with Lies(redis_url) as relay, serving(relay.url, lone) as running:
        used(running, lone)
        relay.reply = REPLIES[reply]

        images, shown = used(running, lone)

        relay.reply = None
        assert set(images) <= {200, 429}
        assert set(shown) <= {200, 503}
        eventually(lambda: control(running, "/ready").status == 200)
        assert control(running, "/reset", "POST").status == 200
        assert used(running, lone)[1] == [200] * (len(SHOWN) + 1)
    assert "Traceback" not in caplog.text
    assert "incident" not in caplog.text


def test_a_full_redis_takes_no_answer(tmp_path, lone, caplog):
    with (
        redis_server(tmp_path) as (url, _),
        serving(url, lone) as running,
        redis.Redis.from_url(url) as client,
    ):
        normal = used(running, lone)
        client.config_set("maxmemory", 1)  # byte
        images, shown = used(running, lone)
        not_ready = control(running, "/ready")
        client.config_set("maxmemory", 0)  # no limit
        control(running, "/reset", "POST")
        again = used(running, lone)

    assert images == [200, 200, 429]
    assert set(shown) <= {200, 503}
    assert not_ready.status == 503
    assert "maxmemory" in not_ready.json["error"]["message"]
    assert again == normal
    assert "Traceback" not in caplog.text


def test_a_redis_that_lost_everything_is_used_again(tmp_path, lone, caplog):
    with RedisServer(tmp_path) as server, serving(server.url, lone) as running:
        normal = used(running, lone)
        server.kill()
        images, _ = used(running, lone)
        server.start()

        assert images == [200, 200, 429]
        assert used(running, lone) == normal
    assert "Traceback" not in caplog.text
