"""One journal for all replicas, when it lives in Redis."""

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager

import pytest
from asking import ask, eventually, generation, url_of

import mockserver
import specs
from mockserver.journal import MAX_ENTRIES
from mockserver.state import KEY, StateError, check_state


@contextmanager
def redis_server(folder):
    """A Redis of our own on a free port: its address, and its process."""
    binary = shutil.which("redis-server")
    if binary is None and os.environ.get("CI"):
        pytest.fail("redis-server is missing, and CI has to have it")
    if binary is None:
        pytest.skip("redis-server is missing")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}/0"
    try:
        eventually(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None, "redis-server ended at once"
        yield url, process
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as (url, _):
        yield url


def answers(url):
    try:
        check_state(url)
    except StateError:
        return False
    return True


@pytest.fixture(scope="module")
def lone():
    """Any; the journal does not care."""
    return specs.load(specs.names()[0])


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
    ask(f"{replicas[0].url}/__mock__/reset", key=None)
    return replicas


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
        client.rpush(KEY, *['{"provider": "old"}'] * (MAX_ENTRIES + 50))
        ask(url_of(one, lone), body=generation(lone))
        one.journal()

        assert client.llen(KEY) == MAX_ENTRIES
    assert one.journal(lone.id)[-1]["status"] == 200


def test_keys_are_not_in_the_shared_journal_either(pair, redis_url, lone):
    import redis

    one, _ = pair
    ask(url_of(one, lone), body=generation(lone), key="sk-5ecret")
    one.journal()

    with redis.Redis.from_url(redis_url) as client:
        (text,) = client.lrange(KEY, 0, -1)
    assert b"5ecret" not in text


def test_a_redis_that_goes_away_takes_no_answer_with_it(tmp_path, lone):
    """Requests are answered as before; only what would have been recorded is lost."""
    with (
        redis_server(tmp_path) as (url, process),
        mockserver.running(lone, settings=mockserver.Settings(state=url)) as running,
    ):
        first = ask(url_of(running, lone), body=generation(lone))
        process.terminate()
        process.wait()

        second = ask(url_of(running, lone), body=generation(lone))
        shown = ask(f"{running.url}/__mock__/journal", method="GET", key=None)

    assert (first.status, second.status) == (200, 200)
    assert shown.status == 503
    assert "Redis" in shown.json["error"]["message"]


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
    check_state("memory")
