"""The claims that are tested when a case follows its task."""

from collections.abc import Iterator

from contracts.planning.case import Case, Follow
from contracts.planning.tasks.addresses import linked_operation
from specs import Operation, Phase, Provider, Role

FAILED = "failed"  # the last part of the id of the case whose task fails
_CANCEL_CLAIMS = {
    Follow.CANCEL: {"cancels"},
    Follow.CANCEL_RUNNING: {"refuses"},
    Follow.DELETE: {"deletes"},
}


def followed_operations(provider: Provider, case: Case) -> Iterator[Operation]:
    """Yield the operations that a case sends requests to after its creation."""
    create = provider.all_operations[case.operation]
    if case.follow is None or create.task is None:
        return
    kind = provider.tasks[create.task.kind]
    if case.follow is Follow.TO_THE_END:
        yield from provider.operations_on(kind.name, Role.READ)
        yield from provider.operations_on(kind.name, Role.LIST)
        roles = [Role.CONTENT] if _succeeds(case) else []
    else:
        is_heard = case.follow is Follow.EVENTS
        roles = [Role.READ, Role.EVENTS if is_heard else Role.CANCEL]
    for role in roles:
        found = linked_operation(provider, create, kind, role)
        if found is not None:
            yield found


def claims_of_step(
    provider: Provider, operation: Operation, case: Case
) -> Iterator[str]:
    """Yield the ends of the claims that requests to a followed operation test."""
    role = operation.task
    if role is None:
        return
    kind = provider.tasks[role.kind]
    yield "path"
    if role.role is Role.READ:
        yield from ("task/id", "task/states", "task/moves")
        yield from (f"task/{name}" for name in kind.times)
        if kind.progress is not None:
            yield "task/progress"
        if _succeeds(case):
            yield "task/result"
        elif kind.states_in(Phase.FAILED):
            yield "task/error"
    elif role.role is Role.CANCEL and case.follow is not None:
        yield from (f"task/{name}" for name in _CANCEL_CLAIMS.get(case.follow, ()))
    elif role.role is Role.EVENTS:
        yield from ("task/events", "task/heartbeat")
    else:
        yield f"task/{role.role}"
    if role.role is Role.CONTENT:
        yield f"errors/{role.not_ready}"


def _succeeds(case: Case) -> bool:
    return case.id.rpartition("/")[2] != FAILED
