"""Tasks of several replicas in one Redis, and of a server that ends."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, aclosing
from types import SimpleNamespace

import pytest
import redis
from support.http import control
from support.processes import serving
from support.redis_servers import RedisServer
from support.tasks import (
    AT_NOON,
    KINDS,
    NOON,
    PROVIDERS,
    Tasks,
    assert_error,
    kinds_with,
    operations_in_phases,
)

import mockserver
from mockserver.errors import unavailable
from mockserver.media.templates import placeholders
from mockserver.state.clock import Clock
from mockserver.state.factory import open_state_store
from mockserver.state.redis_tasks import BATCH
from mockserver.state.tasks import MAX_TASKS, TaskKey, TaskRecord, TaskStore
from specs import JSON, Phase, Role

OWNER = TaskKey("provider", "", "client")


@pytest.fixture(scope="module")
def servers(redis_url):
    options = {"state": redis_url, "tasks": "seconds=20", "frozen": NOON}
    with (
        mockserver.running(*PROVIDERS, **options) as one,
        mockserver.running(*PROVIDERS, **options) as other,
    ):
        yield one, other


@pytest.fixture
def replicas(servers):
    servers[0].reset()
    return servers


def plain(body):
    """A body without the address of the server and the id of the request."""
    return re.sub(r"127\.0\.0\.1:\d+|req_[0-9a-f]{24}", "", json.dumps(body))


def advance(running, seconds):
    control(running, "/clock", "POST", {"advance_s": seconds})


def has_pages(of):
    """True if a list of these tasks has pages, and not the number of all tasks."""
    operation = of.operations(Role.LIST)[0]
    role, template = operation.task, operation.success.bodies[JSON].examples["page"]
    has_total = "total" in placeholders(template)
    return (role.page or role.cursor) and not has_total


# Replicas


@pytest.mark.redis
@pytest.mark.parametrize("of", kinds_with(Role.READ))
def test_replicas_agree_on_a_task(replicas, of):
    one, other = (Tasks(each, of) for each in replicas)
    id = one.created()
    phases = []
    for _ in range(3):
        assert one.state(id) == other.state(id)
        phases.append(other.phase(id))
        advance(replicas[1], 10)

    then = of.phase_of(Phase.RUNNING, Phase.WAITING)
    assert phases == [of.first_phase, then, Phase.SUCCEEDED]
    for operation in of.operations(Role.LIST):
        assert plain(one.send(operation).json) == plain(other.send(operation).json)


@pytest.mark.redis
def test_replicas_count_reads_together(replicas):
    of = KINDS[0]
    one, other = (Tasks(each, of) for each in replicas)
    id = one.created(X_Mock_Task="polls=4")

    phases = [tasks.phase(id) for tasks in (one, other, one, other)]

    assert [each.is_final for each in phases] == [False, False, False, True]
    advance(replicas[0], 5)
    assert plain(one.body(id)) == plain(other.body(id))
    completed = of.kind.times.get("completed")
    assert completed is None or completed.value(one.body(id)) == AT_NOON


def can_be_ended(of, operation, phase):
    """True for the phases that are tested, if a task in it is cancelled or deleted."""
    is_tested = phase in {of.first_phase, Phase.SUCCEEDED}
    return is_tested and of.state(phase) in (
        *operation.task.cancels,
        *operation.task.deletes,
    )


@pytest.mark.redis
@pytest.mark.parametrize(
    ("of", "operation", "phase"), operations_in_phases(Role.CANCEL, can_be_ended)
)
def test_one_of_several_cancels_wins(replicas, of, operation, phase):
    clients = [Tasks(each, of) for each in replicas] * 4
    id = clients[0].created()
    advance(replicas[0], 20 if phase is Phase.SUCCEEDED else 0)
    role = operation.task

    with ThreadPoolExecutor(len(clients)) as threads:
        answers = [threads.submit(each.send, operation, id) for each in clients]
        statuses = [each.result().status for each in answers]

    won = [each for each in statuses if each < 300]
    # Deleting it again may be documented for a task that was cancelled.
    most = 2 if role.cancels and set(role.cancels) & set(role.deletes) else 1
    assert 1 <= len(won) <= most


@pytest.mark.redis
@pytest.mark.parametrize("of", kinds_with(Role.READ)[:3])
def test_a_task_goes_on_when_the_replica_that_made_it_is_killed(redis_url, of):
    options = (of.provider.id, "--state", redis_url, "--tasks", "seconds=20")
    with ExitStack() as stack:
        process, started = stack.enter_context(serving(*options))
        other, also_started = stack.enter_context(serving(*options))
        one = Tasks(SimpleNamespace(url=started["url"]), of)
        left = Tasks(SimpleNamespace(url=also_started["url"]), of)
        control(left.running, "/reset", "POST")
        id = one.created()
        assert not left.phase(id).is_final
        process.kill()
        process.wait()
        control(left.running, "/clock", "POST", {"advance_s": 20})

        assert left.phase(id) is Phase.SUCCEEDED
        assert other.poll() is None
        control(left.running, "/reset", "POST")


@pytest.mark.redis
def test_tasks_get_a_documented_error_while_redis_is_away(tmp_path, caplog):
    """Each operation of each kind of tasks; and the tasks go on when it is back."""
    with RedisServer(tmp_path, "--appendonly", "yes") as redis:
        options = {"state": redis.url, "tasks": "polls=2"}
        with mockserver.running(*PROVIDERS, **options) as running:
            clients = [Tasks(running, of) for of in KINDS if of.operations(Role.READ)]
            ids = [each.created() for each in clients]
            redis.kill()
            for client, id in zip(clients, ids, strict=True):
                create, read = client.of.create, client.of.operations(Role.READ)[0]
                for operation, answer in (
                    (create, client.create()),
                    (read, client.read(id)),
                    *(
                        (each, client.send(each))
                        for each in client.of.operations(Role.LIST)
                    ),
                ):
                    statuses = {each.status for each in operation.errors.values()}
                    name = unavailable(operation, "").name
                    assert answer.status == (503 if 503 in statuses else 500)
                    assert_error(operation, name, answer)
                    assert b"Redis does not respond" in answer.body
            redis.start()

            for client, id in zip(clients, ids, strict=True):
                phases = [client.phase(id) for _ in range(3)]
                assert phases[-1] is Phase.SUCCEEDED
                assert client.phase(client.created()) is not None
    assert "Traceback" not in caplog.text
    assert caplog.text.count("uses its own memory") == 1
    assert caplog.text.count("responds again") == 1


@pytest.mark.parametrize("of", kinds_with(Role.READ)[:1])
def test_a_restart_forgets_tasks_in_memory(of):
    with mockserver.running(of.provider) as running:
        id = Tasks(running, of).created()
    with mockserver.running(of.provider) as running:
        read = of.operations(Role.READ)[0]
        assert_error(read, read.task.unknown, Tasks(running, of).read(id))


@pytest.mark.redis
@pytest.mark.parametrize("of", kinds_with(Role.READ)[:1])
def test_a_restart_keeps_tasks_in_redis(redis_url, of):
    options = {"state": redis_url, "tasks": "seconds=0"}
    with mockserver.running(of.provider, **options) as running:
        id = Tasks(running, of).created()
    with mockserver.running(of.provider, **options) as running:
        assert Tasks(running, of).phase(id) is Phase.SUCCEEDED
        running.reset()


@pytest.mark.redis
@pytest.mark.parametrize("of", kinds_with(Role.READ)[:1])
def test_a_reset_of_one_replica_is_for_all(replicas, of):
    one = Tasks(replicas[0], of)
    kept = Tasks(replicas[0], of, namespace="kept")
    id, also = one.created(), kept.created()
    replicas[1].reset("")

    read = of.operations(Role.READ)[0]
    assert_error(read, read.task.unknown, one.read(id))
    assert not kept.phase(also).is_final


# The stores


def record(number, **more):
    return TaskRecord(
        id=f"t{number}",
        kind="kind",
        operation="create",
        created_at=AT_NOON + number,
        mode="seconds",
        amount=3,
        outputs=more.pop("outputs", []),
        **more,
    )


async def in_both(redis_url, check):
    """Run a check with a store in memory and with one in Redis."""
    await check(TaskStore())
    state = open_state_store(redis_url, Clock())
    try:
        await state.reset()
        await check(state.tasks)
        await state.reset()
    finally:
        await state.close()


@pytest.mark.redis
def test_both_stores_keep_the_same(redis_url):
    async def check(store):
        for number in range(3):
            await store.add(OWNER, record(number, alias=f"own-{number}"))
        other = TaskKey("provider", "elsewhere", "client")
        await store.add(other, record(9, request={"n": 2}, outputs=[{"a": [1]}]))

        assert [each.id for each in await store.all(OWNER)] == ["t0", "t1", "t2"]
        assert await store.get(OWNER, "t1") == record(1, alias="own-1")
        assert await store.find_alias(OWNER, "own-2") == record(2, alias="own-2")
        assert await store.find_alias(OWNER, "own-9") is None
        await store.add(OWNER, record(3, alias="own-2"))
        assert (await store.find_alias(OWNER, "own-2")).id == "t2"
        assert await store.remove(OWNER, "t3")
        assert await store.get(other, "t1") is None
        assert await store.get(other, "t9") == record(
            9, request={"n": 2}, outputs=[{"a": [1]}]
        )
        assert [await store.count_read(OWNER, "t1") for _ in range(2)] == [1, 2]
        assert (await store.get(OWNER, "t1")).reads == 2
        assert await store.remove(OWNER, "t1")
        assert not await store.remove(OWNER, "t1")
        assert await store.find_alias(OWNER, "own-1") is None
        assert [each.id for each in await store.all(OWNER)] == ["t0", "t2"]
        await store.clear("elsewhere")
        assert await store.all(other) == []
        assert len(await store.all(OWNER)) == 2
        await store.clear()
        assert await store.all(OWNER) == []
        assert await store.find_alias(OWNER, "own-0") is None

    asyncio.run(in_both(redis_url, check))


@pytest.mark.redis
def test_a_walk_yields_each_task_once_in_either_order(redis_url):
    async def check(store):
        count = 2 * BATCH + 1
        for number in range(count):
            await store.add(OWNER, record(number))
        found = [each.id async for each in store.walk(OWNER, newest_first=False)]
        assert found == [f"t{number}" for number in range(count)]

        found = []
        async for task in store.walk(OWNER, newest_first=True):
            if not found:  # while it is walked
                await store.add(OWNER, record(count))
                await store.remove(OWNER, "t1")
            found.append(task.id)
        assert found[0] == f"t{count - 1}"
        assert found[-1] == "t0"
        assert len(found) == len(set(found))

    asyncio.run(in_both(redis_url, check))


@pytest.mark.redis
def test_redis_gets_as_many_commands_for_one_task_of_many(redis_url):
    async def commands(count):
        state = open_state_store(redis_url, Clock())
        try:
            await state.reset()
            for number in range(count):
                await state.tasks.add(OWNER, record(number, alias=f"own-{number}"))
            with redis.Redis.from_url(redis_url) as client:
                client.config_resetstat()
                await state.tasks.add(OWNER, record(count, alias="own"))
                await state.tasks.get(OWNER, "t1")
                await state.tasks.find_alias(OWNER, "own-1")
                async with aclosing(state.tasks.walk(OWNER, newest_first=True)) as all:
                    await anext(all)
                await state.tasks.remove(OWNER, "t1")
                await state.reset("elsewhere")
                return {
                    name: stats["calls"]
                    for name, stats in client.info("commandstats").items()
                }
        finally:
            await state.reset()
            await state.close()

    few, many = (asyncio.run(commands(BATCH * by)) for by in (1, 8))

    few.pop("cmdstat_scan")
    # One by the number of keys; more while Redis has not reduced its table of keys.
    assert many.pop("cmdstat_scan") < 40
    assert many == few


@pytest.mark.redis
@pytest.mark.parametrize("of", kinds_with(Role.LIST, where=has_pages)[:1])
def test_a_page_of_a_list_does_not_read_all_tasks(replicas, redis_url, of):
    tasks = Tasks(replicas[0], of)
    for _ in range(BATCH + 10):
        tasks.created()
    with redis.Redis.from_url(redis_url) as client:
        client.config_resetstat()
        answer = tasks.send(of.operations(Role.LIST)[0])
        reads = client.info("commandstats")["cmdstat_hgetall"]["calls"]

    assert answer.status == 200
    assert reads == BATCH


@pytest.mark.redis
def test_a_task_ends_once_in_either_way(redis_url):
    async def check(store):
        await store.add(OWNER, record(0))
        ends = [
            store.end(OWNER, "t0", "cancelled_at" if at % 2 else "finished_at", at)
            for at in range(20)
        ]
        won = await asyncio.gather(*ends)
        ended = await store.get(OWNER, "t0")

        assert won.count(True) == 1
        times = {ended.cancelled_at, ended.finished_at}
        assert times == {None, float(won.index(True))}
        assert not await store.end(OWNER, "unknown", "finished_at", 1)

    asyncio.run(in_both(redis_url, check))


@pytest.mark.redis
def test_beyond_a_number_of_tasks_the_oldest_is_forgotten(redis_url, monkeypatch):
    async def check(store):
        monkeypatch.setattr("mockserver.state.tasks.MAX_TASKS", 3)
        for number in range(5):
            await store.add(OWNER, record(number))
        assert [each.id for each in await store.all(OWNER)] == ["t2", "t3", "t4"]

    asyncio.run(check(TaskStore()))
    assert MAX_TASKS == 10_000
