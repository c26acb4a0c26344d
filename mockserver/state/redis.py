"""The state of a mock in Redis, shared by all replicas."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from mockserver.state.clock import Clock
from mockserver.state.memory import (
    MAX_SCRIPT_ITEMS,
    ScriptFull,
    ScriptItem,
    StateError,
    StateStore,
)
from mockserver.state.rate_limit import TOLERANCE_SECONDS, BucketState, bucket_state
from mockserver.state.redis_access import NoResponse, RedisAccess
from mockserver.state.redis_journal import (
    OUTPUTS_PREFIX,
    PREFIX,
    TOTALS_KEY,
    RedisJournal,
    delete_keys,
)
from mockserver.state.redis_slots import RedisSlots
from mockserver.state.redis_tasks import KINDS_OF_KEYS, RedisTaskStore
from mockserver.state.statistics import (
    IMAGE_OPERATION,
    StatusTotals,
    Totals,
    add_counts,
)

COUNTER_TTL = 3600  # seconds
CHECK_TIMEOUT = 1  # seconds
CLOCK_KEY = f"{PREFIX}:clock"
CHECK_KEY = f"{PREFIX}:check"
NO_RESPONSE = ""  # beside the names of steps that fail while Redis responds
SECRET_KEY = f"{PREFIX}:secret"  # of image URLs; a reset keeps it

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("mockserver")

# Scripts read and write in one step, since replicas run them concurrently.
POP_LUA = """
local item = redis.call('LINDEX', KEYS[1], 0)
if not item then return false end
local fields = cjson.decode(item)
local operation, task = fields['operation'], fields['task']
if task ~= nil and task ~= cjson.null and ARGV[3] == '0' then return false end
if operation == nil or operation == cjson.null then
  if ARGV[1] == ARGV[2] then return false end
elseif operation ~= ARGV[1] then
  return false
end
return redis.call('LPOP', KEYS[1])
"""
PUSH_LUA = f"""
if redis.call('LLEN', KEYS[1]) + #ARGV > {MAX_SCRIPT_ITEMS} then return -1 end
for _, item in ipairs(ARGV) do redis.call('RPUSH', KEYS[1], item) end
return redis.call('LLEN', KEYS[1])
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


def fall_back_to_memory(
    step: Callable[Concatenate["RedisStateStore", P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["RedisStateStore", P], Coroutine[Any, Any, T]]:
    """Decorate a method so that it uses the state in memory if Redis fails."""

    @wraps(step)
    async def wrapper(
        store: "RedisStateStore", /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            with store.access.errors():
                result = await step(store, *args, **kwargs)
        except StateError as error:
            store.note_failure(step.__name__, error)
            in_memory = getattr(StateStore, step.__name__)
            result = await in_memory(store, *args, **kwargs)
        else:
            store.note_success(step.__name__)
        return result

    return wrapper


class RedisStateStore(StateStore):
    """The state that all replicas share; every operation is one round trip."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.access = RedisAccess(url)
        self._redis = self.access.client
        self._pop_script = self._redis.register_script(POP_LUA)
        self._take_quota_script = self._redis.register_script(TAKE_QUOTA_LUA)
        self._push_script = self._redis.register_script(PUSH_LUA)
        self._shared_slots = RedisSlots(self.access)
        self._shared_journal = RedisJournal(self.access)
        self._failing: set[str] = set()
        super().__init__(clock, self._shared_journal, RedisTaskStore(self.access))

    def note_failure(self, step: str, error: StateError) -> None:
        """Log once that Redis does not respond, or that a step cannot use it."""
        cause = NO_RESPONSE if isinstance(error, NoResponse) else step
        if cause not in self._failing:
            self._failing.add(cause)
            log.warning("This replica uses its own memory: %s", error)

    def note_success(self, step: str) -> None:
        """Log once that Redis responds again, or that a step can use it again."""
        ended = self._failing & {NO_RESPONSE, step}
        if ended:
            self._failing -= ended
            log.warning("Redis responds again: this replica shares its memory")

    @fall_back_to_memory
    async def sync_clock(self) -> None:
        text = await self._redis.get(CLOCK_KEY)
        if text is None:
            self.clock.reset()
        else:
            self.clock.load(json.loads(text))

    async def publish_clock(self) -> None:
        with self.access.errors():
            await self._redis.set(CLOCK_KEY, json.dumps(self.clock.state()))

    def record(self, entry: Mapping[str, Any]) -> None:
        self._totals.add(entry)
        self.journal.record(entry)

    async def totals(self) -> Totals:
        await self._shared_journal.flush()
        with self.access.errors():
            return _totals(await self._redis.hgetall(TOTALS_KEY))

    async def push(
        self, provider: str, namespace: str, items: Sequence[ScriptItem]
    ) -> int:
        with self.access.errors():
            texts = [json.dumps(each) for each in items]
            size = int(
                await self._push_script(
                    keys=[_script_key(provider, namespace)], args=texts
                )
            )
        if size < 0:
            raise ScriptFull
        return size

    @fall_back_to_memory
    async def pop(
        self,
        provider: str,
        namespace: str,
        operation: str,
        *,
        creates_task: bool = False,
    ) -> ScriptItem | None:
        text = await self._pop_script(
            keys=[_script_key(provider, namespace)],
            args=[operation, IMAGE_OPERATION, int(creates_task)],
        )
        return _script_item(text) if text else None

    async def scripts(self, provider: str, namespace: str) -> list[ScriptItem]:
        with self.access.errors():
            texts = await self._redis.lrange(_script_key(provider, namespace), 0, -1)
            return [_script_item(each) for each in texts]

    @fall_back_to_memory
    async def increment(self, counter: str) -> int:
        name = f"{PREFIX}:count:{counter}"
        async with self._redis.pipeline() as pipe:
            pipe.incr(name)
            pipe.expire(name, COUNTER_TTL)
            number, _ = await pipe.execute()
        return int(number)

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
        return await self._shared_slots.acquire(key)

    async def release_slot(self, key: str) -> None:
        if not await self._shared_slots.release(key):
            await super().release_slot(key)

    async def check_available(self) -> None:
        # A write: also a Redis that cannot keep anything more is of no use.
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                with self.access.errors():
                    await self._redis.set(CHECK_KEY, 1, ex=COUNTER_TTL)
        except TimeoutError:
            raise StateError(
                f"Redis does not respond within {CHECK_TIMEOUT} s"
            ) from None

    async def reset(self, namespace: str | None = None) -> None:
        if namespace is None:
            with self.access.errors():
                await self._redis.delete(CLOCK_KEY)
            self.clock.reset()
            await self._shared_journal.reset()
        else:
            await self.journal.clear(namespace)
        kinds = {"script", "bucket", "count", *KINDS_OF_KEYS}
        await delete_keys(self.access, kinds, namespace)

    async def close(self) -> None:
        await super().close()
        await self._shared_slots.close()
        await self.access.close()


def _script_key(provider: str, namespace: str) -> str:
    return f"{PREFIX}:script:{namespace}|{provider}"


def _script_item(text: bytes | str) -> ScriptItem:
    item = json.loads(text)
    if not isinstance(item, dict):
        raise TypeError(f"a script item is an object, not {item!r:.80}")
    return item


def _totals(numbers: Mapping[bytes | str, bytes | str]) -> Totals:
    """The totals in a hash of Redis, whose fields `RedisJournal` increments."""
    totals = Totals()
    for field, number in numbers.items():
        provider, operation, status, currency, name = json.loads(field)
        row = totals.rows.setdefault((provider, operation, status), StatusTotals())
        row.currency = currency or row.currency
        if name.startswith(OUTPUTS_PREFIX):
            unit = name.removeprefix(OUTPUTS_PREFIX)
            add_counts(row.outputs, {unit: int(float(number))})
            continue
        kind = type(getattr(row, name))
        setattr(row, name, getattr(row, name) + kind(float(number)))
    return totals
