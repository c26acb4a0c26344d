"""Where the journal lives: in this process, or in Redis for all replicas."""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mockserver.journal import MAX_ENTRIES, Journal, latest, written

MEMORY = "memory"
BATCH_SECONDS = 0.02
KEY = "imageparity:journal"

log = logging.getLogger("mockserver")


class StateError(ValueError):
    """A state that cannot be had; the message says what to do."""


def check_state(state: str) -> None:
    """Raises `StateError` for an unknown state, or a Redis that does not answer."""
    if state == MEMORY:
        return
    if not state.startswith(("redis://", "rediss://", "unix://")):
        raise StateError(f"--state takes memory or redis://HOST:PORT/DB, not '{state}'")
    try:
        import redis
    except ImportError:
        raise StateError(
            "--state redis://… needs a package: pip install 'imageparity[redis]'"
        ) from None
    try:
        with redis.Redis.from_url(state, socket_connect_timeout=3) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise StateError(f"no Redis answers at {state}: {error}") from None


@contextmanager
def _answering() -> Iterator[None]:
    """Raises `StateError` when Redis has gone away since `check_state`."""
    import redis

    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise StateError(f"Redis does not answer: {error}") from None


def journal_at(state: str) -> Journal:
    """The journal of a state that `check_state` has found good."""
    return Journal() if state == MEMORY else RedisJournal(state)


class RedisJournal(Journal):
    """
    A journal that all replicas share.

    Entries are written in batches, a few milliseconds late; reading writes what is
    still waiting first, so that a caller always finds its own requests.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        import redis.asyncio

        self._redis = redis.asyncio.from_url(url)
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._task: asyncio.Task[None] | None = None

    def record(self, provider: str, entry: Mapping[str, Any]) -> None:
        self._waiting.append((provider, dict(entry)))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._soon())

    async def entries(
        self, *, provider: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        with _answering():
            await self._write()
            texts = await self._redis.lrange(KEY, 0, -1)
        found = [json.loads(text) for text in texts]
        if provider is not None:
            found = [each for each in found if each["provider"] == provider]
        return latest(found, limit)

    async def clear(self) -> None:
        self._waiting.clear()
        with _answering():
            await self._redis.delete(KEY)

    async def close(self) -> None:
        if self._task is not None:
            await self._task
        await self._redis.aclose()

    async def _soon(self) -> None:
        await asyncio.sleep(BATCH_SECONDS)
        try:
            with _answering():
                await self._write()
        except StateError as error:
            log.warning("entries of the journal are lost: %s", error)

    async def _write(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        last = await self._redis.incrby(f"{KEY}:count", len(batch))
        first = last - len(batch) + 1
        texts = [
            written({"id": number, "provider": provider, **entry})
            for number, (provider, entry) in enumerate(batch, first)
        ]
        async with self._redis.pipeline() as pipe:
            pipe.rpush(KEY, *texts)
            pipe.ltrim(KEY, -MAX_ENTRIES, -1)
            await pipe.execute()
