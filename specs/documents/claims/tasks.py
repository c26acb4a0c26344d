"""The claims of a document about its long-running tasks."""

from collections.abc import Iterator

from specs.documents.model import Operation, Provider
from specs.documents.tasks import Role, TaskKind
from specs.validation.evidence import Basis, Evidence

TaskClaim = tuple[str, str, Evidence, str]
"""The end of the id, the sentence, the evidence, and the JSON pointer."""

TASK = "task"  # the second part of the id of a claim


def task_claims(provider: Provider, operation: Operation) -> Iterator[TaskClaim]:
    """Yield the claims that the responses of an operation on tasks test."""
    role = operation.task
    if role is None or role.kind not in provider.tasks:
        return
    kind = provider.tasks[role.kind]
    evidence, place = operation.evidence, operation.pointer
    if role.role is Role.READ:
        yield from _read_claims(kind)
    elif role.role is Role.LIST:
        yield "list", "the list has the tasks that were created", evidence, place
    elif role.role is Role.CANCEL:
        for verb, states in (("cancels", role.cancels), ("deletes", role.deletes)):
            if states:
                sentence = f"it {verb} a task that is {' or '.join(states)}"
                yield verb, sentence, evidence, place
        yield "refuses", "it refuses a task in any other state", evidence, place
    elif role.role is Role.EVENTS:
        sentence = f"each change of a task is an event {role.event or ''}".rstrip()
        yield "events", f"{sentence}, the last one with its end", evidence, place
        sentence = f"a comment or an event comes every {role.heartbeat:g} seconds"
        yield "heartbeat", sentence, evidence, place
    elif role.role is Role.CONTENT:
        yield "content", "it returns the result of a task", evidence, place


def _read_claims(kind: TaskKind) -> Iterator[TaskClaim]:
    own = kind.evidence
    names = ", ".join(kind.states)
    id_place, state = kind.id.place, kind.state
    yield "id", "the id of a task stays the same", id_place.evidence, id_place.pointer
    yield "states", f"the state is one of: {names}", state.evidence, state.pointer
    moves = kind.moves
    yield (
        "moves",
        "states change only in the described order, and a final state stays",
        moves.evidence if moves else Evidence(own.source, Basis.ASSUMED),
        moves.pointer if moves else kind.pointer,
    )
    for name, time in kind.times.items():
        sentence = {
            "created": "the time of creation stays the same",
            "updated": "the time of the last change does not go back",
            "completed": "the time of completion is set when the task has ended",
            "expires": "the time of expiry is set when the task has ended",
        }[name]
        yield name, sentence, time.evidence, time.pointer
    if kind.progress is not None:
        progress = kind.progress
        sentence = f"the progress goes from {progress.minimum} to {progress.maximum}"
        yield (
            "progress",
            f"{sentence} and does not fall",
            progress.evidence,
            (progress.pointer),
        )
    for result in kind.results[:1]:
        yield (
            "result",
            "a task has results exactly when it has succeeded; they are as requested",
            result.place.evidence,
            result.place.pointer,
        )
    if kind.error is not None:
        yield (
            "error",
            "a failed task says why",
            kind.error.evidence,
            kind.error.pointer,
        )
    for name, lifetime in (
        ("result-lifetime", kind.result_lifetime),
        ("task-lifetime", kind.task_lifetime),
    ):
        if lifetime is not None:
            noun = name.partition("-")[0]
            sentence = f"a {noun} is kept for {lifetime.value:g} seconds"
            yield name, sentence, lifetime.evidence, lifetime.pointer
