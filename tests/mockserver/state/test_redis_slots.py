"""Slots of concurrent requests: of replicas in one Redis, and of one that is killed."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from support.redis_servers import redis_server

from mockserver.state import redis_slots
from mockserver.state.clock import Clock
from mockserver.state.factory import open_state_store

pytestmark = pytest.mark.redis

KEY = "|provider|key"


@asynccontextmanager
async def stores(*urls):
    """A store of a replica for each URL."""
    async with AsyncExitStack() as stack:
        opened = [open_state_store(url, Clock()) for url in urls]
        for store in opened:
            stack.push_async_callback(store.close)
        yield opened


async def in_use(store):
    """The number of slots of the key, before and after this call."""
    number = await store.acquire_slot(KEY) - 1
    await store.release_slot(KEY)
    return number


def test_slots_of_a_replica_that_is_killed_are_free_after_their_lease(
    redis_url, monkeypatch
):
    """Those of the other replica are renewed, and stay."""
    monkeypatch.setattr(redis_slots, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(redis_slots, "RENEWAL_INTERVAL", 0.05)

    async def numbers():
        async with stores(redis_url, redis_url) as (killed, other):
            acquired = [
                await each.acquire_slot(KEY) for each in (killed, other, killed)
            ]
            await asyncio.sleep(0.8)  # longer than a lease
            renewed = await in_use(other)
            await killed.close()  # it renews nothing, and frees nothing
            await asyncio.sleep(0.8)
            own = await in_use(other)
            await other.release_slot(KEY)
            return acquired, renewed, own, await in_use(other)

    assert asyncio.run(numbers()) == ([1, 2, 3], 3, 1, 0)


def test_a_slot_is_released_where_it_was_acquired(tmp_path):
    """In Redis or, while Redis is away, in the memory of the replica."""

    async def numbers(url, process):
        async with stores(url) as (store,):
            before = [await store.acquire_slot(KEY) for _ in range(2)]
            process.kill()
            process.wait()
            away = [await store.acquire_slot(KEY) for _ in range(2)]
            for _ in range(4):
                await store.release_slot(KEY)
            return before, away, await store.acquire_slot(KEY)

    with redis_server(tmp_path) as (url, process):
        assert asyncio.run(numbers(url, process)) == ([1, 2], [1, 2], 1)
