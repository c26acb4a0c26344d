"""The journal of a mock in Redis, shared by all replicas."""

import asyncio
import json
import logging
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from mockserver.state.journal import (
    MATCH_ALL,
    MAX_BYTES,
    MAX_ENTRIES,
    Journal,
    Query,
    entry_to_json,
    is_in_namespace,
    select_latest,
)
from mockserver.state.memory import StateError
from mockserver.state.redis_access import RedisAccess
from mockserver.state.statistics import Totals

log = logging.getLogger("mockserver")

BATCH_INTERVAL = 0.02  # seconds
POLL_INTERVAL = 0.1  # seconds
KEYS_OF_A_SCAN = 1000  # by default Redis looks at 10, which takes 100 times the replies
PREFIX = "imageparity"
JOURNAL_KEY = f"{PREFIX}:journal"
JOURNAL_COUNT_KEY = f"{JOURNAL_KEY}:count"
JOURNAL_BYTES_KEY = f"{JOURNAL_KEY}:bytes"
KEYS = [JOURNAL_KEY, JOURNAL_COUNT_KEY, JOURNAL_BYTES_KEY]  # of scripts
TOTALS_KEY = f"{PREFIX}:totals"
OUTPUTS_PREFIX = "outputs."  # of a field with the number of outputs of a unit

# Scripts read and write in one step, since replicas run them concurrently.
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
# The ids of entries go on after a reset, unless the count is no number.
RESET_LUA = """
redis.call('DEL', KEYS[1], KEYS[3], KEYS[4])
local count = redis.pcall('INCRBY', KEYS[2], 0)
if type(count) == 'table' then redis.call('DEL', KEYS[2]) end
"""
REMOVE_LUA = """
for _, text in ipairs(ARGV) do
  if redis.call('LREM', KEYS[1], 1, text) > 0 then
    redis.call('DECRBY', KEYS[2], #text)
  end
end
"""


async def delete_keys(
    access: RedisAccess, kinds: Container[str], namespace: str | None = None
) -> None:
    """
    Delete the keys of these kinds, all or those of a namespace.

    The name of such a key is `PREFIX:kind:namespace|…`. Raises `StateError`.
    """
    start = "" if namespace is None else f"{namespace}|"
    pattern = f"{PREFIX}:*:{start}*"
    with access.errors():
        names = [
            name
            async for name in access.client.scan_iter(pattern, count=KEYS_OF_A_SCAN)
            if _is_key_of(name.decode(errors="replace"), kinds, start)
        ]
        if names:
            await access.client.unlink(*names)


def _is_key_of(name: str, kinds: Container[str], start: str) -> bool:
    _, kind, rest = name.split(":", 2)
    return kind in kinds and rest.startswith(start)


class RedisJournal(Journal):
    """
    A journal that all replicas share, with the totals of its entries.

    Entries are written in batches, a few milliseconds late. Reading writes pending
    entries first, so that a caller always finds its own requests.
    """

    def __init__(self, access: RedisAccess) -> None:
        super().__init__()
        self._access = access
        self._redis = client = access.client
        self._record_script = client.register_script(RECORD_LUA)
        self._reset_script = client.register_script(RESET_LUA)
        self._remove_script = client.register_script(REMOVE_LUA)
        self._pending: list[Mapping[str, Any]] = []
        self._is_losing = False
        self._write_lock = asyncio.Lock()
        self._flush_task: asyncio.Task[None] | None = None

    def record(self, entry: Mapping[str, Any]) -> None:
        self._pending.append(dict(entry))
        if self._flush_task is None or self._flush_task.done():
            self._flush_task = asyncio.create_task(self._flush_later())

    async def entries(
        self, query: Query = MATCH_ALL, *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        await self.flush()
        with self._access.errors():
            found = await self._redis.lrange(JOURNAL_KEY, 0, -1)
            texts = [_decode_text(each) for each in found]
        return select_latest(texts, query, limit)

    async def size(self) -> int:
        await self.flush()
        with self._access.errors():
            return int(await self._redis.llen(JOURNAL_KEY))

    async def clear(self, namespace: str | None = None) -> None:
        await self.flush()
        with self._access.errors():
            if namespace is None:
                await self._redis.delete(JOURNAL_KEY, JOURNAL_BYTES_KEY)
                return
            texts = map(_decode_text, await self._redis.lrange(JOURNAL_KEY, 0, -1))
            removed = [each for each in texts if is_in_namespace(each, namespace)]
            if removed:
                await self._remove_script(
                    keys=[JOURNAL_KEY, JOURNAL_BYTES_KEY], args=removed
                )

    async def reset(self) -> None:
        """Delete all entries and totals, whatever else is in their place."""
        async with self._write_lock:
            self._pending = []
            with self._access.errors():
                await self._reset_script(keys=[*KEYS, TOTALS_KEY])

    async def close(self) -> None:
        await super().close()
        if self._flush_task is not None:
            await self._flush_task

    async def _wait_for_change(self) -> None:
        await asyncio.sleep(POLL_INTERVAL)

    async def _flush_later(self) -> None:
        while self._pending:  # entries may be added while others are written
            await asyncio.sleep(BATCH_INTERVAL)
            with suppress(StateError):  # logged by flush
                await self.flush()

    async def flush(self) -> None:
        """
        Write all entries recorded before this call.

        Raises `StateError` if they are lost, and logs the first of such failures.
        """
        async with self._write_lock:
            batch, self._pending = self._pending, []
            if not batch:
                return
            try:
                await self._write(batch)
            except StateError as error:
                if not self._is_losing:
                    log.warning("Journal entries are lost: %s", error)
                self._is_losing = True
                raise
            self._is_losing = False

    async def _write(self, batch: Sequence[Mapping[str, Any]]) -> None:
        totals = Totals()
        for entry in batch:
            totals.add(entry)
        texts = [entry_to_json(each) for each in batch]
        with self._access.errors():
            await self._record_script(keys=KEYS, args=texts)
            async with self._redis.pipeline() as pipe:
                for field, amount in _increments(totals):
                    pipe.hincrbyfloat(TOTALS_KEY, field, amount)
                await pipe.execute()


def _decode_text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


def _increments(totals: Totals) -> Iterator[tuple[str, float]]:
    """Yield the nonzero numbers of totals with the names of their Redis fields."""
    for key, row in totals.rows.items():
        numbers = asdict(row)
        outputs, currency = numbers.pop("outputs"), numbers.pop("currency")
        numbers |= {f"{OUTPUTS_PREFIX}{unit}": count for unit, count in outputs.items()}
        for name, value in numbers.items():
            if value:
                yield json.dumps([*key, currency, name]), value
