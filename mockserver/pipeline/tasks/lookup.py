"""Find the task that a request is about."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mockserver.errors import Rejected
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.simulation.task_progress import Progress, TaskOutcome, progress_of
from mockserver.simulation.triggers import KEY_TRIGGER
from mockserver.state.tasks import TaskKey, TaskRecord
from specs import TaskKind, TaskRole, values_at

MAX_ID_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Task:
    """A task with its kind, its owner and its present progress."""

    record: TaskRecord
    kind: TaskKind
    owner: TaskKey
    progress: Progress

    def result_expires_at(self) -> float | None:
        """The time until which the results are kept, in seconds since 1970, or None."""
        lifetime, finished = self.kind.result_lifetime, self.progress.finished_at
        if lifetime is None or finished is None:
            return None
        return finished + lifetime.value


def role_of(exchange: Exchange) -> TaskRole:
    """The role of the operation. Raises `TypeError` for one that has none."""
    role = exchange.operation.task
    if role is None:
        raise TypeError(f"{exchange.operation.id} is no operation on tasks")
    return role


def kind_of(exchange: Exchange) -> TaskKind:
    return exchange.provider_context.provider.tasks[role_of(exchange).kind]


def owner_of(exchange: Exchange) -> TaskKey:
    """
    The owner of the tasks that a request can see: those of the same API key.

    The end of a key that triggers an error does not count.
    """
    key, marker, _ = exchange.key.rpartition(KEY_TRIGGER)
    client = key if marker else exchange.key
    digest = hashlib.sha256(client.encode("utf-8", "replace")).hexdigest()[:16]
    provider = exchange.provider_context.provider.id
    return TaskKey(provider, exchange.namespace or "", digest)


async def find_task(exchange: Exchange, parsed_body: ParsedBody | None) -> Task:
    """
    The task of a request.

    Raises `Rejected` with the error of the document for an id that is unknown, or whose
    task is no longer kept.
    """
    store, owner = exchange.provider_context.store.tasks, owner_of(exchange)
    id_ = requested_id(exchange, parsed_body.payload if parsed_body else {})
    record = await store.get(owner, id_) if id_ else None
    if record is None and kind_of(exchange).id.alias is not None and id_:
        record = await store.find_alias(owner, id_)
    task = None if record is None else task_of(exchange, owner, record)
    if task is None or task.kind.name not in role_of(exchange).kinds:
        shown = id_[:MAX_ID_LENGTH]
        raise Rejected(
            role_of(exchange).unknown, f"The task '{shown}' was not found.", param="id"
        )
    exchange.task_id = task.record.id
    exchange.task_state = task.progress.state.name
    return task


def task_of(exchange: Exchange, owner: TaskKey, record: TaskRecord) -> Task | None:
    """A task with its progress; None if it is lost, or no longer kept."""
    context = exchange.provider_context
    kind, now = context.provider.tasks.get(record.kind), context.clock()
    if kind is None:
        return None
    lifetime = kind.task_lifetime
    if lifetime is not None and now >= record.created_at + lifetime.value:
        return None
    progress = progress_of(record, kind, now)
    if progress is None:
        return None
    kept, ended = kind.state_lifetimes.get(progress.state.name), progress.finished_at
    if kept is not None and ended is not None and now >= ended + kept.value:
        return None
    return Task(record, kind, owner, progress)


async def count_read(exchange: Exchange, task: Task) -> Task:
    """The task after a read, where the number of reads decides its progress."""
    record = task.record
    if record.mode != "polls" or task.progress.is_final:
        return task
    store = exchange.provider_context.store.tasks
    reads = await store.count_read(task.owner, record.id)
    record = replace(record, reads=reads)
    if reads >= record.amount and not TaskOutcome(record.outcome).is_endless:
        now = exchange.provider_context.clock()
        if await store.end(task.owner, record.id, "finished_at", now):
            record = replace(record, finished_at=now)
        else:
            record = await store.get(task.owner, record.id) or record
    changed = task_of(exchange, task.owner, record)
    if changed is None:
        raise Rejected(role_of(exchange).unknown, f"The task '{record.id}' is lost.")
    exchange.task_state = changed.progress.state.name
    return changed


def requested_id(exchange: Exchange, payload: Mapping[str, Any]) -> str:
    """The id in a request: in its path, its query or its body; empty without one."""
    place, parameters = role_of(exchange).id, exchange.path_parameters
    if place is None:
        return next(reversed(list(parameters.values())), "")
    if place.startswith("/"):
        return str(next(values_at(payload, place), ""))
    if "{" in place:
        for name, value in parameters.items():
            place = place.replace(f"{{{name}}}", value)
        return place
    return parameters.get(place) or exchange.request.query.get(place, "")
