"""One memory for all replicas: journal, script, quotas, sums and clock in Redis."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from mockserver.state.clock import Clock
from mockserver.state.journal import (
    EVERYTHING,
    MAX_BYTES,
    MAX_ENTRIES,
    Journal,
    Query,
    latest,
    namespace_in,
    written,
)
from mockserver.state.memory import MAX_SCRIPT, Item, Memory, ScriptFull, StateError
from mockserver.state.rate_limit import ROUNDING, Level, level_of
from mockserver.state.statistics import Row, Totals

BATCH_SECONDS = 0.02
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 3
KEPT_SECONDS = 3600
STALE_SECONDS = 700  # longer than the longest answer
PREFIX = "imageparity"
KEY = f"{PREFIX}:journal"
NUMBER = f"{KEY}:count"
BYTES = f"{KEY}:bytes"
CLOCK = f"{PREFIX}:clock"
TOTALS = f"{PREFIX}:totals"

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("mockserver")

# Read, decide and write as one step, since replicas ask at the same time.
POP = """
local item = redis.call('LINDEX', KEYS[1], 0)
if not item then return false end
local meant = cjson.decode(item)['operation']
if meant and meant ~= cjson.null and meant ~= ARGV[1] then return false end
return redis.call('LPOP', KEYS[1])
"""
PUSH = f"""
if redis.call('LLEN', KEYS[1]) + #ARGV > {MAX_SCRIPT} then return -1 end
for _, item in ipairs(ARGV) do redis.call('RPUSH', KEYS[1], item) end
return redis.call('LLEN', KEYS[1])
"""
RECORD = f"""
local bytes = tonumber(redis.call('GET', KEYS[3]) or '')
if not bytes then
  bytes = 0
  for _, text in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    bytes = bytes + #text
  end
end
for _, text in ipairs(ARGV) do
  local number = redis.call('INCR', KEYS[2])
  text = '{{"id": ' .. number .. ', ' .. string.sub(text, 2)
  redis.call('RPUSH', KEYS[1], text)
  bytes = bytes + #text
end
local count = redis.call('LLEN', KEYS[1])
while count > {MAX_ENTRIES} or (bytes > {MAX_BYTES} and count > 1) do
  bytes = bytes - #redis.call('LPOP', KEYS[1])
  count = count - 1
end
redis.call('SET', KEYS[3], string.format('%d', bytes))
"""
FORGET = """
for _, text in ipairs(ARGV) do
  if redis.call('LREM', KEYS[1], 1, text) > 0 then
    redis.call('DECRBY', KEYS[2], #text)
  end
end
"""
LEAVE = """
if redis.call('DECR', KEYS[1]) <= 0 then redis.call('DEL', KEYS[1]) end
"""
TAKE = """
local now, amount, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local after = full_at + amount * 60 / limit
local excess = math.max(0, after - now - math.max(60, amount * 60 / limit))
if excess < tonumber(ARGV[4]) then
  redis.call('SET', KEYS[1], string.format('%.6f', after), 'EX', 3600)
  return {string.format('%.6f', after), '0'}
end
return {string.format('%.6f', full_at), string.format('%.9f', excess)}
"""


@contextmanager
def answering() -> Iterator[None]:
    """Raises `StateError` when Redis has gone away since the start."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise StateError(f"Redis does not answer: {error}") from None


def alone_if_lost(
    step: Callable[Concatenate["RedisMemory", P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["RedisMemory", P], Coroutine[Any, Any, T]]:
    """A step of answering a request, which goes by this process's memory at need."""

    @wraps(step)
    async def taken(memory: "RedisMemory", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with answering():
                return await step(memory, *args, **kwargs)
        except StateError as error:
            log.warning("This replica goes on alone: %s", error)
            own = getattr(Memory, step.__name__)
            found: T = await own(memory, *args, **kwargs)
            return found

    return taken


class RedisJournal(Journal):
    """
    A journal that all replicas share, and the sums beside it.

    Entries are written in batches, a few milliseconds late; reading writes what is
    still waiting first, so that a caller always finds its own requests.
    """

    def __init__(self, client: redis.asyncio.Redis) -> None:
        super().__init__()
        self._redis = client
        self._record = client.register_script(RECORD)
        self._forget = client.register_script(FORGET)
        self._waiting: list[Mapping[str, Any]] = []
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def record(self, entry: Mapping[str, Any]) -> None:
        self._waiting.append(dict(entry))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._soon())

    async def entries(
        self, query: Query = EVERYTHING, *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        with answering():
            await self.flush()
            texts = await self._redis.lrange(KEY, 0, -1)
        return latest([_text(each) for each in texts], query, limit)

    async def size(self) -> int:
        with answering():
            await self.flush()
            return int(await self._redis.llen(KEY))

    async def clear(self, namespace: str | None = None) -> None:
        with answering():
            await self.flush()
            if namespace is None:
                await self._redis.delete(KEY, BYTES)
                return
            texts = map(_text, await self._redis.lrange(KEY, 0, -1))
            gone = [each for each in texts if namespace_in(each) == namespace]
            if gone:
                await self._forget(keys=[KEY, BYTES], args=gone)

    async def close(self) -> None:
        await super().close()
        if self._task is not None:
            await self._task

    async def _next(self) -> None:
        await asyncio.sleep(POLL_SECONDS)

    async def _soon(self) -> None:
        while self._waiting:  # also for what came while others were being written
            await asyncio.sleep(BATCH_SECONDS)
            try:
                with answering():
                    await self.flush()
            except StateError as error:
                log.warning("entries of the journal are lost: %s", error)

    async def flush(self) -> None:
        """Write what is waiting; when it returns, all that was recorded is there."""
        async with self._writing:
            batch, self._waiting = self._waiting, []
            if not batch:
                return
            sums = Totals()
            for entry in batch:
                sums.add(entry)
            texts = [written(each) for each in batch]
            await self._record(keys=[KEY, NUMBER, BYTES], args=texts)
            async with self._redis.pipeline() as pipe:
                for field, amount in _summed(sums):
                    pipe.hincrbyfloat(TOTALS, field, amount)
                await pipe.execute()


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()


def _summed(totals: Totals) -> Iterator[tuple[str, float]]:
    """The numbers of sums, each with the name of its field."""
    for key, row in totals.rows.items():
        for name, value in asdict(row).items():
            if name != "currency" and value:
                yield json.dumps([*key, row.currency, name]), value


class RedisMemory(Memory):
    """A memory that all replicas share; every step is one round trip."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._redis = redis.asyncio.from_url(
            url,
            retry=Retry(NoBackoff(), 1),  # a connection that has died; then go on alone
            socket_connect_timeout=PATIENCE_SECONDS,
            socket_timeout=PATIENCE_SECONDS,
        )
        self._pop = self._redis.register_script(POP)
        self._take = self._redis.register_script(TAKE)
        self._push = self._redis.register_script(PUSH)
        self._leave = self._redis.register_script(LEAVE)
        self._shared = RedisJournal(self._redis)
        super().__init__(clock, self._shared)

    @alone_if_lost
    async def refresh(self) -> None:
        text = await self._redis.get(CLOCK)
        if text is None:
            self.clock.reset()
        else:
            self.clock.adopt(json.loads(text))

    async def set_clock(self) -> None:
        with answering():
            await self._redis.set(CLOCK, json.dumps(self.clock.state()))

    def record(self, entry: Mapping[str, Any]) -> None:
        self._totals.add(entry)
        self.journal.record(entry)

    async def totals(self) -> Totals:
        with answering():
            await self._shared.flush()
            numbers = await self._redis.hgetall(TOTALS)
        totals = Totals()
        for field, number in numbers.items():
            provider, operation, status, currency, name = json.loads(field)
            row = totals.rows.setdefault((provider, operation, status), Row())
            row.currency = currency or row.currency
            kind = type(getattr(row, name))
            setattr(row, name, getattr(row, name) + kind(float(number)))
        return totals

    async def push(self, provider: str, namespace: str, items: Sequence[Item]) -> int:
        with answering():
            texts = [json.dumps(each) for each in items]
            waiting = int(
                await self._push(keys=[_script(provider, namespace)], args=texts)
            )
        if waiting < 0:
            raise ScriptFull
        return waiting

    @alone_if_lost
    async def pop(self, provider: str, namespace: str, operation: str) -> Item | None:
        text = await self._pop(keys=[_script(provider, namespace)], args=[operation])
        found: Item | None = json.loads(text) if text else None
        return found

    async def scripts(self, provider: str, namespace: str) -> list[Item]:
        with answering():
            texts = await self._redis.lrange(_script(provider, namespace), 0, -1)
        return [json.loads(text) for text in texts]

    @alone_if_lost
    async def count(self, what: str) -> int:
        return await self._counted(f"{PREFIX}:count:{what}", KEPT_SECONDS)

    @alone_if_lost
    async def take(self, bucket: str, amount: int, limit: int) -> Level:
        now = self.clock.steady()
        full_at, excess = await self._take(
            keys=[f"{PREFIX}:bucket:{bucket}"], args=[now, amount, limit, ROUNDING]
        )
        return level_of(float(full_at), float(excess), now, limit)

    @alone_if_lost
    async def enter(self, key: str) -> int:
        return await self._counted(f"{PREFIX}:present:{key}", STALE_SECONDS)

    @alone_if_lost
    async def leave(self, key: str) -> None:
        await self._leave(keys=[f"{PREFIX}:present:{key}"])

    async def _counted(self, name: str, seconds: int) -> int:
        """One more; forgotten when nothing was counted for so long."""
        async with self._redis.pipeline() as pipe:
            pipe.incr(name)
            pipe.expire(name, seconds)
            number, _ = await pipe.execute()
        return int(number)

    async def reset(self, namespace: str | None = None) -> None:
        await self.journal.clear(namespace)
        kinds = ("script", "bucket", "count")
        patterns = (
            [f"{PREFIX}:{kind}:*" for kind in kinds]
            if namespace is None
            else [f"{PREFIX}:{kind}:{namespace}|*" for kind in kinds]
        )
        with answering():
            for pattern in patterns:
                names = [each async for each in self._redis.scan_iter(pattern)]
                if names:
                    await self._redis.delete(*names)
            if namespace is None:
                await self._redis.delete(CLOCK, TOTALS)
                self.clock.reset()

    async def close(self) -> None:
        await super().close()
        await self._redis.aclose()


def _script(provider: str, namespace: str) -> str:
    return f"{PREFIX}:script:{namespace}|{provider}"
