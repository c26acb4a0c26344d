"""The long-running tasks of a mock in Redis, shared by all replicas."""

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mockserver.state.redis_access import RedisAccess
from mockserver.state.redis_journal import PREFIX, delete_keys
from mockserver.state.tasks import (
    ENDINGS,
    MAX_TASKS,
    Ending,
    TaskKey,
    TaskRecord,
    TaskStore,
)

TASK_TTL = 30 * 24 * 3600  # seconds that Redis keeps the tasks of an owner unused

KINDS_OF_KEYS = {"task", "tasks", "task-alias"}
BATCH = 50  # tasks that are read at once: a page of most lists

# A task is a hash: its record, and what changes later, each set at most once. Its field
# ALIASES is the key of a list: the ids of the tasks that have the same alias.
ALIASES = "aliases"
NO_CHANGES = {b"record", ALIASES.encode()}
FORGET_LUA = f"""
local function forget(task, id)
  local aliases = redis.call('HGET', task, '{ALIASES}')
  if aliases then redis.call('LREM', aliases, 1, id) end
  return redis.call('DEL', task)
end
"""
ADD_LUA = f"""
{FORGET_LUA}
redis.call('HSET', KEYS[1], 'record', ARGV[1])
redis.call('EXPIRE', KEYS[1], {TASK_TTL})
redis.call('RPUSH', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[2], {TASK_TTL})
if KEYS[3] then
  redis.call('HSET', KEYS[1], '{ALIASES}', KEYS[3])
  redis.call('RPUSH', KEYS[3], ARGV[2])
  redis.call('EXPIRE', KEYS[3], {TASK_TTL})
end
if redis.call('LLEN', KEYS[2]) > {MAX_TASKS} then
  local oldest = redis.call('LPOP', KEYS[2])
  forget(ARGV[3] .. oldest, oldest)
end
"""
REMOVE_LUA = f"""
{FORGET_LUA}
redis.call('LREM', KEYS[2], 1, ARGV[1])
return forget(KEYS[1], ARGV[1])
"""
END_LUA = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for at = 3, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[at]) == 1 then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""
COUNT_LUA = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[1], 'reads', 1)
"""


class RedisTaskStore(TaskStore):
    """Tasks that all replicas share. Every method raises `StateError`."""

    def __init__(self, access: RedisAccess) -> None:
        super().__init__()
        self._access = access
        self._redis = client = access.client
        self._add_script = client.register_script(ADD_LUA)
        self._remove_script = client.register_script(REMOVE_LUA)
        self._end_script = client.register_script(END_LUA)
        self._count_script = client.register_script(COUNT_LUA)

    async def add(self, owner: TaskKey, record: TaskRecord) -> None:
        keys = [_task_key(owner, record.id), _list_key(owner)]
        if record.alias is not None:
            keys.append(_alias_key(owner, record.alias))
        text = json.dumps(record.to_json())
        with self._access.errors():
            await self._add_script(
                keys=keys, args=[text, record.id, _task_key(owner, "")]
            )

    async def get(self, owner: TaskKey, id_: str) -> TaskRecord | None:
        with self._access.errors():
            return _record(await self._redis.hgetall(_task_key(owner, id_)))

    async def find_alias(self, owner: TaskKey, alias: str) -> TaskRecord | None:
        with self._access.errors():
            found: list[Any] = await self._redis.lrange(_alias_key(owner, alias), 0, -1)
            ids = [each.decode() for each in found]
        for id_ in ids:
            record = await self.get(owner, id_)
            if record is not None:  # else it has expired
                return record
        return None

    async def all(self, owner: TaskKey) -> list[TaskRecord]:
        return await self._records(owner, await self._ids(owner, 0, -1))

    async def walk(
        self, owner: TaskKey, *, newest_first: bool
    ) -> AsyncGenerator[TaskRecord, None]:
        step = -1 if newest_first else 1
        bounds = (-BATCH, -1) if newest_first else (0, BATCH - 1)
        ids = (await self._ids(owner, *bounds))[::step]
        for record in await self._records(owner, ids):
            yield record
        if len(ids) < BATCH:
            return
        # All ids, since those of the first batch may have moved in the meantime.
        seen = set(ids)
        ids = [each for each in await self._ids(owner, 0, -1) if each not in seen]
        ids = ids[::step]
        for at in range(0, len(ids), BATCH):
            for record in await self._records(owner, ids[at : at + BATCH]):
                yield record

    async def _ids(self, owner: TaskKey, first: int, last: int) -> list[str]:
        with self._access.errors():
            ids: list[Any] = await self._redis.lrange(_list_key(owner), first, last)
            return [each.decode() for each in ids]

    async def _records(self, owner: TaskKey, ids: Sequence[str]) -> list[TaskRecord]:
        """The tasks with these ids; those that have expired are left out."""
        with self._access.errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                for id_ in ids:
                    pipe.hgetall(_task_key(owner, id_))
                found = await pipe.execute()
            return [each for each in map(_record, found) if each is not None]

    async def count_read(self, owner: TaskKey, id_: str) -> int:
        with self._access.errors():
            return int(await self._count_script(keys=[_task_key(owner, id_)]))

    async def end(self, owner: TaskKey, id_: str, ending: Ending, at: float) -> bool:
        args = [ending, json.dumps(at), *ENDINGS]
        with self._access.errors():
            return bool(await self._end_script(keys=[_task_key(owner, id_)], args=args))

    async def remove(self, owner: TaskKey, id_: str) -> bool:
        keys = [_task_key(owner, id_), _list_key(owner)]
        with self._access.errors():
            return bool(await self._remove_script(keys=keys, args=[id_]))

    async def clear(self, namespace: str | None = None) -> None:
        await delete_keys(self._access, KINDS_OF_KEYS, namespace)


def _task_key(owner: TaskKey, id_: str) -> str:
    return f"{PREFIX}:task:{owner}|{id_}"


def _list_key(owner: TaskKey) -> str:
    return f"{PREFIX}:tasks:{owner}"


def _alias_key(owner: TaskKey, alias: str) -> str:
    # A digest, since an alias may be text that is not Unicode.
    digest = hashlib.sha256(alias.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{PREFIX}:task-alias:{owner}|{digest}"


def _record(fields: Mapping[Any, Any]) -> TaskRecord | None:
    if b"record" not in fields:
        return None
    record = TaskRecord.from_json(json.loads(fields[b"record"]))
    changes = {
        name.decode(): json.loads(value)
        for name, value in fields.items()
        if name not in NO_CHANGES
    }
    return replace(record, **changes)
