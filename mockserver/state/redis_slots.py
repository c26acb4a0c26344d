"""Concurrent requests of an API key, counted in Redis over all replicas."""

import asyncio
import logging
import secrets
from contextlib import suppress

from mockserver.state.memory import StateError
from mockserver.state.redis_access import RedisAccess
from mockserver.state.redis_journal import PREFIX

LEASE_SECONDS = 10.0
RENEWAL_INTERVAL = 3.0  # seconds

log = logging.getLogger("mockserver")

# A key is a sorted set: the slots, with the time at which the lease of each expires.
ACQUIRE_LUA = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2])))
return redis.call('ZCARD', KEYS[1])
"""
RENEW_LUA = """
local time = redis.call('TIME')
local expires_at = time[1] + time[2] / 1000000 + tonumber(ARGV[1])
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], expires_at, ARGV[at]) end
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[1])))
"""


class RedisSlots:
    """
    The slots of all replicas, one for each request in progress.

    A slot has a lease, which this replica renews while the request is in progress. So
    the slots of a replica that was killed are free again after `LEASE_SECONDS`.
    """

    def __init__(self, access: RedisAccess) -> None:
        self._access = access
        self._acquire_script = access.client.register_script(ACQUIRE_LUA)
        self._renew_script = access.client.register_script(RENEW_LUA)
        self._held: dict[str, list[str]] = {}  # the slots of this replica, by key
        self._renewal: asyncio.Task[None] | None = None

    async def acquire(self, key: str) -> int:
        """Return the slots of a key, the new one included. Raises `StateError`."""
        slot = secrets.token_hex(8)
        with self._access.errors():
            number = await self._acquire_script(
                keys=[_redis_key(key)], args=[slot, LEASE_SECONDS]
            )
        self._held.setdefault(key, []).append(slot)
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew_while_held())
        return int(number)

    async def release(self, key: str) -> bool:
        """
        Free a slot of this replica; False if it has none.

        If Redis does not respond, the slot is free when its lease expires.
        """
        held = self._held.get(key)
        if not held:
            return False
        slot = held.pop()
        if not held:
            del self._held[key]
        try:
            with self._access.errors():
                await self._access.client.zrem(_redis_key(key), slot)
        except StateError as error:
            log.warning("A slot stays until its lease expires: %s", error)
        return True

    async def close(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewal

    async def _renew_while_held(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL)
            if not self._held:
                return
            try:
                with self._access.errors():
                    for key, slots in list(self._held.items()):
                        await self._renew_script(
                            keys=[_redis_key(key)], args=[LEASE_SECONDS, *slots]
                        )
            except StateError as error:
                log.warning("Leases of slots are not renewed: %s", error)


def _redis_key(key: str) -> str:
    return f"{PREFIX}:slots:{key}"
