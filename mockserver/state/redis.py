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
    MATCH_ALL,
    MAX_BYTES,
    MAX_ENTRIES,
    Journal,
    Query,
    entry_namespace,
    entry_to_json,
    select_latest,
)
from mockserver.state.memory import (
    MAX_SCRIPT_ITEMS,
    ScriptFull,
    ScriptItem,
    StateError,
    StateStore,
)
from mockserver.state.rate_limit import TOLERANCE_SECONDS, BucketState, bucket_state
from mockserver.state.statistics import StatusTotals, Totals

BATCH_INTERVAL = 0.02
POLL_INTERVAL = 0.1
REDIS_TIMEOUT = 3
COUNTER_TTL = 3600
SLOT_TTL = 700  # longer than the longest answer
PREFIX = "imageparity"
JOURNAL_KEY = f"{PREFIX}:journal"
JOURNAL_COUNT_KEY = f"{JOURNAL_KEY}:count"
JOURNAL_BYTES_KEY = f"{JOURNAL_KEY}:bytes"
CLOCK_KEY = f"{PREFIX}:clock"
TOTALS_KEY = f"{PREFIX}:totals"

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("mockserver")

# Read, decide and write as one step, since replicas ask at the same time.
POP_LUA = """
local item = redis.call('LINDEX', KEYS[1], 0)
if not item then return false end
local meant = cjson.decode(item)['operation']
if meant and meant ~= cjson.null and meant ~= ARGV[1] then return false end
return redis.call('LPOP', KEYS[1])
"""
PUSH_LUA = f"""
if redis.call('LLEN', KEYS[1]) + #ARGV > {MAX_SCRIPT_ITEMS} then return -1 end
for _, item in ipairs(ARGV) do redis.call('RPUSH', KEYS[1], item) end
return redis.call('LLEN', KEYS[1])
"""
RECORD_LUA = f"""
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
REMOVE_LUA = """
for _, text in ipairs(ARGV) do
  if redis.call('LREM', KEYS[1], 1, text) > 0 then
    redis.call('DECRBY', KEYS[2], #text)
  end
end
"""
RELEASE_SLOT_LUA = """
if redis.call('DECR', KEYS[1]) <= 0 then redis.call('DEL', KEYS[1]) end
"""
TAKE_QUOTA_LUA = """
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
def redis_errors() -> Iterator[None]:
    """Raises `StateError` when Redis has gone away since the start."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise StateError(f"Redis does not answer: {error}") from None


def fall_back_to_memory(
    step: Callable[Concatenate["RedisStateStore", P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["RedisStateStore", P], Coroutine[Any, Any, T]]:
    """A step of answering a request, which goes by this process's memory at need."""

    @wraps(step)
    async def taken(
        memory: "RedisStateStore", /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            with redis_errors():
                return await step(memory, *args, **kwargs)
        except StateError as error:
            log.warning("This replica goes on alone: %s", error)
            own = getattr(StateStore, step.__name__)
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
        self._record_script = client.register_script(RECORD_LUA)
        self._remove = client.register_script(REMOVE_LUA)
        self._pending: list[Mapping[str, Any]] = []
        self._write_lock = asyncio.Lock()
        self._flush_task: asyncio.Task[None] | None = None

    def record(self, entry: Mapping[str, Any]) -> None:
        self._pending.append(dict(entry))
        if self._flush_task is None or self._flush_task.done():
            self._flush_task = asyncio.create_task(self._flush_later())

    async def entries(
        self, query: Query = MATCH_ALL, *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        with redis_errors():
            await self.flush()
            texts = await self._redis.lrange(JOURNAL_KEY, 0, -1)
        return select_latest([_decode_text(each) for each in texts], query, limit)

    async def size(self) -> int:
        with redis_errors():
            await self.flush()
            return int(await self._redis.llen(JOURNAL_KEY))

    async def clear(self, namespace: str | None = None) -> None:
        with redis_errors():
            await self.flush()
            if namespace is None:
                await self._redis.delete(JOURNAL_KEY, JOURNAL_BYTES_KEY)
                return
            texts = map(_decode_text, await self._redis.lrange(JOURNAL_KEY, 0, -1))
            gone = [each for each in texts if entry_namespace(each) == namespace]
            if gone:
                await self._remove(keys=[JOURNAL_KEY, JOURNAL_BYTES_KEY], args=gone)

    async def close(self) -> None:
        await super().close()
        if self._flush_task is not None:
            await self._flush_task

    async def _wait_for_change(self) -> None:
        await asyncio.sleep(POLL_INTERVAL)

    async def _flush_later(self) -> None:
        while self._pending:  # also for what came while others were being written
            await asyncio.sleep(BATCH_INTERVAL)
            try:
                with redis_errors():
                    await self.flush()
            except StateError as error:
                log.warning("entries of the journal are lost: %s", error)

    async def flush(self) -> None:
        """Write what is waiting; when it returns, all that was recorded is there."""
        async with self._write_lock:
            batch, self._pending = self._pending, []
            if not batch:
                return
            sums = Totals()
            for entry in batch:
                sums.add(entry)
            texts = [entry_to_json(each) for each in batch]
            await self._record_script(
                keys=[JOURNAL_KEY, JOURNAL_COUNT_KEY, JOURNAL_BYTES_KEY], args=texts
            )
            async with self._redis.pipeline() as pipe:
                for field, amount in _increments(sums):
                    pipe.hincrbyfloat(TOTALS_KEY, field, amount)
                await pipe.execute()


def _decode_text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()


def _increments(totals: Totals) -> Iterator[tuple[str, float]]:
    """The numbers of sums, each with the name of its field."""
    for key, row in totals.rows.items():
        for name, value in asdict(row).items():
            if name != "currency" and value:
                yield json.dumps([*key, row.currency, name]), value


class RedisStateStore(StateStore):
    """A memory that all replicas share; every step is one round trip."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._redis = redis.asyncio.from_url(
            url,
            retry=Retry(NoBackoff(), 1),  # a connection that has died; then go on alone
            socket_connect_timeout=REDIS_TIMEOUT,
            socket_timeout=REDIS_TIMEOUT,
        )
        self._pop_script = self._redis.register_script(POP_LUA)
        self._take_quota_script = self._redis.register_script(TAKE_QUOTA_LUA)
        self._push_script = self._redis.register_script(PUSH_LUA)
        self._release_slot_script = self._redis.register_script(RELEASE_SLOT_LUA)
        self._shared_journal = RedisJournal(self._redis)
        super().__init__(clock, self._shared_journal)

    @fall_back_to_memory
    async def sync_clock(self) -> None:
        text = await self._redis.get(CLOCK_KEY)
        if text is None:
            self.clock.reset()
        else:
            self.clock.load(json.loads(text))

    async def publish_clock(self) -> None:
        with redis_errors():
            await self._redis.set(CLOCK_KEY, json.dumps(self.clock.state()))

    def record(self, entry: Mapping[str, Any]) -> None:
        self._totals.add(entry)
        self.journal.record(entry)

    async def totals(self) -> Totals:
        with redis_errors():
            await self._shared_journal.flush()
            numbers = await self._redis.hgetall(TOTALS_KEY)
        totals = Totals()
        for field, number in numbers.items():
            provider, operation, status, currency, name = json.loads(field)
            row = totals.rows.setdefault((provider, operation, status), StatusTotals())
            row.currency = currency or row.currency
            kind = type(getattr(row, name))
            setattr(row, name, getattr(row, name) + kind(float(number)))
        return totals

    async def push(
        self, provider: str, namespace: str, items: Sequence[ScriptItem]
    ) -> int:
        with redis_errors():
            texts = [json.dumps(each) for each in items]
            waiting = int(
                await self._push_script(
                    keys=[_script_key(provider, namespace)], args=texts
                )
            )
        if waiting < 0:
            raise ScriptFull
        return waiting

    @fall_back_to_memory
    async def pop(
        self, provider: str, namespace: str, operation: str
    ) -> ScriptItem | None:
        text = await self._pop_script(
            keys=[_script_key(provider, namespace)], args=[operation]
        )
        found: ScriptItem | None = json.loads(text) if text else None
        return found

    async def scripts(self, provider: str, namespace: str) -> list[ScriptItem]:
        with redis_errors():
            texts = await self._redis.lrange(_script_key(provider, namespace), 0, -1)
        return [json.loads(text) for text in texts]

    @fall_back_to_memory
    async def increment(self, counter: str) -> int:
        return await self._increment_key(f"{PREFIX}:count:{counter}", COUNTER_TTL)

    @fall_back_to_memory
    async def take_quota(self, bucket: str, amount: int, limit: int) -> BucketState:
        now = self.clock.monotonic()
        full_at, excess = await self._take_quota_script(
            keys=[f"{PREFIX}:bucket:{bucket}"],
            args=[now, amount, limit, TOLERANCE_SECONDS],
        )
        return bucket_state(float(full_at), float(excess), now, limit)

    @fall_back_to_memory
    async def acquire_slot(self, key: str) -> int:
        return await self._increment_key(f"{PREFIX}:present:{key}", SLOT_TTL)

    @fall_back_to_memory
    async def release_slot(self, key: str) -> None:
        await self._release_slot_script(keys=[f"{PREFIX}:present:{key}"])

    async def _increment_key(self, name: str, seconds: int) -> int:
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
        with redis_errors():
            for pattern in patterns:
                names = [each async for each in self._redis.scan_iter(pattern)]
                if names:
                    await self._redis.delete(*names)
            if namespace is None:
                await self._redis.delete(CLOCK_KEY, TOTALS_KEY)
                self.clock.reset()

    async def close(self) -> None:
        await super().close()
        await self._redis.aclose()


def _script_key(provider: str, namespace: str) -> str:
    return f"{PREFIX}:script:{namespace}|{provider}"
