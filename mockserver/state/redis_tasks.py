"""The long-running tasks of a mock in Redis, shared by all replicas."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mockserver.state.memory import StateError
from mockserver.state.redis_journal import PREFIX, delete_keys, redis_errors
from mockserver.state.tasks import (
    ENDINGS,
    MAX_TASKS,
    Ending,
    TaskKey,
    TaskRecord,
    TaskStore,
)

if TYPE_CHECKING:
    import redis.asyncio

TASK_TTL = 30 * 24 * 3600  # seconds that Redis keeps the tasks of an owner unused

# A task is a hash: its record, and what changes later, each set at most once.
ADD_LUA = f"""
redis.call('HSET', KEYS[1], 'record', ARGV[1])
redis.call('EXPIRE', KEYS[1], {TASK_TTL})
redis.call('RPUSH', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[2], {TASK_TTL})
if redis.call('LLEN', KEYS[2]) > {MAX_TASKS} then
  return redis.call('LPOP', KEYS[2])
end
return false
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

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        super().__init__()
        self._redis = client
        self._add_script = client.register_script(ADD_LUA)
        self._end_script = client.register_script(END_LUA)
        self._count_script = client.register_script(COUNT_LUA)

    async def add(self, owner: TaskKey, record: TaskRecord) -> None:
        keys = [_task_key(owner, record.id), _list_key(owner)]
        with redis_errors():
            oldest = await self._add_script(
                keys=keys, args=[json.dumps(record.to_json()), record.id]
            )
            if oldest:
                await self._redis.delete(_task_key(owner, oldest.decode()))

    async def get(self, owner: TaskKey, id_: str) -> TaskRecord | None:
        with redis_errors():
            found = await self._redis.hgetall(_task_key(owner, id_))
        return _record(found)

    async def all(self, owner: TaskKey) -> list[TaskRecord]:
        with redis_errors():
            ids: list[Any] = await self._redis.lrange(_list_key(owner), 0, -1)
            async with self._redis.pipeline(transaction=False) as pipe:
                for id_ in ids:
                    pipe.hgetall(_task_key(owner, id_.decode()))
                found = await pipe.execute()
        return [each for each in map(_record, found) if each is not None]

    async def count_read(self, owner: TaskKey, id_: str) -> int:
        with redis_errors():
            return int(await self._count_script(keys=[_task_key(owner, id_)]))

    async def end(self, owner: TaskKey, id_: str, ending: Ending, at: float) -> bool:
        args = [ending, json.dumps(at), *ENDINGS]
        with redis_errors():
            return bool(await self._end_script(keys=[_task_key(owner, id_)], args=args))

    async def remove(self, owner: TaskKey, id_: str) -> bool:
        with redis_errors():
            async with self._redis.pipeline() as pipe:
                pipe.delete(_task_key(owner, id_))
                pipe.lrem(_list_key(owner), 1, id_)
                removed, _ = await pipe.execute()
        return bool(removed)

    async def clear(self, namespace: str | None = None) -> None:
        await delete_keys(self._redis, {"task", "tasks"}, namespace)


def _task_key(owner: TaskKey, id_: str) -> str:
    return f"{PREFIX}:task:{owner}|{id_}"


def _list_key(owner: TaskKey) -> str:
    return f"{PREFIX}:tasks:{owner}"


def _record(fields: Mapping[Any, Any]) -> TaskRecord | None:
    if b"record" not in fields:
        return None
    try:
        record = TaskRecord.from_json(json.loads(fields[b"record"]))
        changes = {
            name.decode(): json.loads(value)
            for name, value in fields.items()
            if name != b"record"
        }
        return replace(record, **changes)
    except (ValueError, TypeError):
        raise StateError("Redis has a task that no server has written") from None
