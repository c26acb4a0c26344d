"""The long-running tasks of a mock, kept in the memory of this process."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self, get_args

MAX_TASKS = 10_000
Ending = Literal["finished_at", "cancelled_at"]
ENDINGS: tuple[Ending, ...] = get_args(Ending)  # the fields of a task that ends once


class TaskKey(NamedTuple):
    """The owner of a task: only requests of the same owner find it."""

    provider: str
    namespace: str
    client: str

    def __str__(self) -> str:
        return f"{self.namespace}|{self.provider}|{self.client}"


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """
    A task as it was created, and what requests have changed since.

    The state is not here: it follows from the record, the time and the number of reads.

    * `kind`, `operation`: names in the document.
    * `request`: the fields of the request, in canonical names, that responses repeat.
    * `outputs`: what makes the outputs again, with their medium; JSON values.
    * `created_at`, `cancelled_at`: seconds since 1970.
    * `outcome`: how the task ends: a phase, or `stuck`, `flapping`, `lost`.
    * `failure`: the code and message of the error with which it fails.
    * `mode`, `amount`: `immediate`, `polls` or `seconds`, and how many of them.
    * `reads`: the number of reads, where these decide; `finished_at` is then the time
      of the one that found the end.
    * `source`: the id of the task whose result this one began with.
    * `cost`: the amount and currency that the task was billed.
    """

    id: str
    kind: str
    operation: str
    created_at: float
    mode: str
    amount: float
    medium: str = "image"
    alias: str | None = None
    model: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    request_hash: str = ""
    request_id: str = ""
    outputs: Sequence[Mapping[str, Any]] = ()
    outcome: str = "succeeded"
    failure: Mapping[str, Any] = field(default_factory=dict)
    reads: int = 0
    finished_at: float | None = None
    cancelled_at: float | None = None
    cost: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        return cls(**facts)


class TaskStore:
    """
    Tasks by owner and id, the oldest first.

    Beyond `MAX_TASKS` of an owner, the oldest is forgotten.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, dict[str, TaskRecord]] = {}
        self._ids_by_alias: dict[str, dict[str, list[str]]] = {}

    async def add(self, owner: TaskKey, record: TaskRecord) -> None:
        tasks = self._tasks.setdefault(str(owner), {})
        if record.id in tasks:
            self._forget(owner, record.id)
        elif len(tasks) >= MAX_TASKS:
            self._forget(owner, next(iter(tasks)))
        tasks[record.id] = record
        if record.alias is not None:
            ids_by_alias = self._ids_by_alias.setdefault(str(owner), {})
            ids_by_alias.setdefault(record.alias, []).append(record.id)

    async def get(self, owner: TaskKey, id_: str) -> TaskRecord | None:
        """The task with this id; None if the owner has none."""
        return self._tasks.get(str(owner), {}).get(id_)

    async def find_alias(self, owner: TaskKey, alias: str) -> TaskRecord | None:
        """
        The task that its client gave this id, the oldest if it gave it to several.

        None if the owner has none.
        """
        ids = self._ids_by_alias.get(str(owner), {}).get(alias)
        return self._tasks[str(owner)][ids[0]] if ids else None

    async def all(self, owner: TaskKey) -> list[TaskRecord]:
        return list(self._tasks.get(str(owner), {}).values())

    async def walk(
        self, owner: TaskKey, *, newest_first: bool
    ) -> AsyncGenerator[TaskRecord, None]:
        """
        Yield the tasks of an owner, as many as are asked for.

        Close the iterator if it is left before its end.
        """
        records = await self.all(owner)
        for record in reversed(records) if newest_first else records:
            yield record

    async def count_read(self, owner: TaskKey, id_: str) -> int:
        """Add one to the reads of a task, and return them."""
        record = self._tasks[str(owner)][id_]
        record = replace(record, reads=record.reads + 1)
        self._tasks[str(owner)][id_] = record
        return record.reads

    async def end(self, owner: TaskKey, id_: str, ending: Ending, at: float) -> bool:
        """
        Set the time at which a task was cancelled, or was found to be finished.

        Returns False, and changes nothing, if the task has ended before, in either way.
        """
        record = self._tasks.get(str(owner), {}).get(id_)
        if record is None or any(getattr(record, each) is not None for each in ENDINGS):
            return False
        changes: dict[str, Any] = {ending: at}
        self._tasks[str(owner)][id_] = replace(record, **changes)
        return True

    async def remove(self, owner: TaskKey, id_: str) -> bool:
        """Forget a task. Returns False if it was not there."""
        if id_ not in self._tasks.get(str(owner), {}):
            return False
        self._forget(owner, id_)
        return True

    def _forget(self, owner: TaskKey, id_: str) -> None:
        record = self._tasks[str(owner)].pop(id_)
        if record.alias is not None:
            ids_by_alias = self._ids_by_alias[str(owner)]
            ids_by_alias[record.alias].remove(id_)
            if not ids_by_alias[record.alias]:
                del ids_by_alias[record.alias]

    async def clear(self, namespace: str | None = None) -> None:
        """Forget the tasks of a namespace, or all."""
        for owner in list(self._tasks):
            if namespace is None or owner.startswith(f"{namespace}|"):
                del self._tasks[owner]
                self._ids_by_alias.pop(owner, None)
