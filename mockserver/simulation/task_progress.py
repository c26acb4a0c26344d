"""The state of a task: it follows from its record, the time and the number of reads."""

from dataclasses import dataclass
from enum import StrEnum

from mockserver.state.tasks import TaskRecord
from specs import Phase, TaskKind, TaskState

FLAPPING_SECONDS = 1.0  # for which a state lasts
FIRST_PART = 1 / 3  # of the time that a task waits before it runs


class TaskOutcome(StrEnum):
    """The ways in which a simulated task ends, or fails to end."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    STUCK = "stuck"
    FLAPPING = "flapping"
    LOST = "lost"

    @property
    def is_endless(self) -> bool:
        """True if only a request to cancel the task ends it."""
        return self in {TaskOutcome.STUCK, TaskOutcome.FLAPPING}


@dataclass(frozen=True, slots=True)
class Progress:
    """
    The state of a task at a time.

    `fraction` is the part of the work that is done, from 0 to 1. Times are in seconds
    since 1970; `finished_at` is None while the task has no final state.
    """

    state: TaskState
    fraction: float
    updated_at: float
    finished_at: float | None = None

    @property
    def is_final(self) -> bool:
        return self.finished_at is not None


def progress_of(record: TaskRecord, kind: TaskKind, now: float) -> Progress | None:
    """The progress of a task at a time; None if the task is lost."""
    waiting = _first(kind, Phase.WAITING, Phase.RUNNING)
    running = _first(kind, Phase.RUNNING, Phase.WAITING)
    created, end = record.created_at, _end(record)
    if record.cancelled_at is not None and record.cancelled_at <= now:
        state = _first(kind, Phase.CANCELLED, Phase.FAILED)
        at = record.cancelled_at
        return Progress(state, min(_fraction(record, at), 0.99), at, at)
    deadline = _deadline(record, kind)
    if deadline is not None and _is_late(record, end, deadline) and deadline <= now:
        state = _first(kind, Phase.EXPIRED, Phase.FAILED)
        return Progress(state, min(_fraction(record, deadline), 0.99), *[deadline] * 2)
    fraction = _fraction(record, now)
    started = created + (end - created) * FIRST_PART if end is not None else created
    is_waiting = fraction <= FIRST_PART
    current = Progress(
        waiting if is_waiting else running,
        min(fraction, 0.99),
        created if is_waiting else min(started, now),
    )
    if record.outcome == TaskOutcome.FLAPPING:
        turn = int((now - created) / FLAPPING_SECONDS) + record.reads
        return Progress(running if turn % 2 else waiting, 0.5, now)
    if fraction < 1:
        return current
    if record.outcome == TaskOutcome.LOST:
        return None
    if record.outcome == TaskOutcome.STUCK:
        return Progress(running, 0.99, min(started, now))
    finished = now if end is None else min(end, now)
    final = _first(kind, Phase(record.outcome), Phase.FAILED)
    done = 1.0 if final.phase is Phase.SUCCEEDED else 0.99
    return Progress(final, done, finished, finished)


def first_progress(record: TaskRecord, kind: TaskKind) -> Progress:
    """The progress of a task that has just been created, and is not at work yet."""
    return Progress(_first(kind, Phase.WAITING, Phase.RUNNING), 0, record.created_at)


def progress_between(
    record: TaskRecord, kind: TaskKind, after: float, now: float
) -> list[Progress]:
    """
    The states that a task had since `after`, up to the present one, in their order.

    Times are in seconds since 1970. Empty if the task is lost.
    """
    times = [now]
    if record.mode == "seconds":
        middle = record.created_at + record.amount * 0.5
        times = [each for each in (record.created_at, middle) if after < each < now]
        times.append(now)
    found = (progress_of(record, kind, each) for each in times)
    return [each for each in found if each is not None]


def _end(record: TaskRecord) -> float | None:
    """The time at which the work is done, if it is known."""
    if record.mode == "seconds":
        return record.created_at + record.amount
    if record.mode == "immediate":
        return record.created_at
    return record.finished_at


def _deadline(record: TaskRecord, kind: TaskKind) -> float | None:
    """The time at which a task that has not ended expires; None without one."""
    seconds = record.request.get(kind.deadline) if kind.deadline else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return record.created_at + seconds


def _is_late(record: TaskRecord, end: float | None, deadline: float) -> bool:
    """True if the work of a task is not done at its deadline."""
    return TaskOutcome(record.outcome).is_endless or end is None or end > deadline


def _fraction(record: TaskRecord, now: float) -> float:
    if record.mode == "immediate":
        return 1.0
    if record.mode == "polls":
        return min(1.0, record.reads / record.amount)
    if record.amount <= 0:
        return 1.0
    return min(1.0, max(0.0, (now - record.created_at) / record.amount))


def _first(kind: TaskKind, *phases: Phase) -> TaskState:
    """The first state of one of the phases. Every document has one that succeeded."""
    found = kind.first(*phases, Phase.SUCCEEDED)
    if found is None:
        raise LookupError(f"{kind.name} has no state of a phase in {phases}")
    return found
