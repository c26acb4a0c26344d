"""The cases about long-running tasks: whole conversations, and single requests."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

from contracts.media.files import with_file_facts
from contracts.planning.case import (
    Case,
    Follow,
    Origin,
)
from contracts.planning.rejections import (
    Address,
    key_cases,
    query_cases,
    rejected_case,
    triggered_error_cases,
)
from contracts.planning.request_model import RequestModel
from contracts.planning.tasks.addresses import task_path
from contracts.planning.values.field_values import PROMPT
from mockserver.pipeline.tasks.ids import new_id
from specs import (
    Operation,
    Phase,
    Provider,
    Role,
    State,
    TaskKind,
    request_name,
)

MAX_FOLLOWED = 6  # cases of one operation whose task is followed
UNKNOWN_AT = 1_600_000_000.0  # the time in an id that no server has


def followed(provider: Provider, cases: Iterable[Case]) -> Iterator[Case]:
    """
    The cases; the plain requests and some documented ones follow their task.

    No other request does: one task shows what all of a kind have in common.
    """
    counts: dict[str, int] = {}
    for case in cases:
        role = provider.all_operations[case.operation].task
        is_followed = (
            role is not None
            and role.role is Role.CREATE
            and case.expectation is State.VALID
            and (case.id.endswith("/plain") or case.origin is Origin.EXAMPLE)
            and counts.get(case.operation, 0) < MAX_FOLLOWED
        )
        if is_followed:
            counts[case.operation] = counts.get(case.operation, 0) + 1
        yield replace(case, follow=Follow.TO_THE_END) if is_followed else case


def conversation_cases(request_model: RequestModel, *, is_mock: bool) -> Iterator[Case]:
    """
    Cases whose task is cancelled, deleted, fails or sends events: one task for each.

    `is_mock` adds tasks that fail, which only our mock gives on demand.
    """
    provider, task = request_model.provider, request_model.operation.task
    plain = asynchronous_request(request_model)
    if task is None or plain is None:
        return
    kind = provider.tasks[task.kind]
    for operation in provider.operations_on(kind.name, Role.CANCEL):
        role = operation.task
        if role is not None and role.cancels:
            yield _conversation(request_model, "cancel", plain, Follow.CANCEL)
        running = {each.name for each in kind.states_in(Phase.RUNNING)}
        if role is not None and not running & {*role.cancels, *role.deletes}:
            yield _conversation(
                request_model, "cancel-running", plain, Follow.CANCEL_RUNNING
            )
        if role is not None and role.deletes:
            yield _conversation(request_model, "delete", plain, Follow.DELETE)
    if provider.operations_on(kind.name, Role.EVENTS):
        yield _conversation(request_model, "events", plain, Follow.EVENTS)
    if is_mock and kind.states_in(Phase.FAILED):
        marked = request_model.with_value(
            plain, "prompt", f"{PROMPT} [[mock:task=failed]]"
        )
        if marked is not None:
            yield _conversation(request_model, "failed", marked, Follow.TO_THE_END)


def asynchronous_request(request_model: RequestModel) -> Mapping[str, Any] | None:
    """The minimal request, else the first documented one, that creates a task."""
    provider, operation = request_model.provider, request_model.operation
    role = operation.task
    if role is None or request_model.problem:
        return None
    examples = request_model.body.examples.values()
    for payload in (request_model.minimal_request, *examples):
        if not isinstance(payload, dict):
            continue
        request = provider.canonical_request(
            operation.id, request_model.body.media_type, with_file_facts(payload)
        )
        is_valid = request_model.state(payload) is State.VALID
        if is_valid and role.is_asynchronous(request):
            return payload
    return None


def _conversation(
    request_model: RequestModel, label: str, payload: Mapping[str, Any], follow: Follow
) -> Case:
    name = request_model.name.replace("/request", "/task", 1)
    return Case(
        id=f"{name}/{label}",
        operation=request_model.operation.id,
        origin=Origin.TASK,
        expectation=State.VALID,
        media_type=request_model.body.media_type,
        payload=payload,
        claims=(f"{request_model.operation.id}/path",),
        follow=follow,
    )


def task_operation_cases(provider: Provider, *, is_mock: bool) -> Iterator[Case]:
    """
    Requests that operations on tasks must reject: unknown ids, keys, parameters.

    `is_mock` adds the other errors, which only our mock gives on demand.
    """
    for operation in provider.task_operations.values():
        role = operation.task
        if role is None:
            continue
        kind = provider.tasks[role.kind]
        address = _unknown_address(kind, operation)
        cases: list[Case] = []
        if operation.authentication is not None:
            cases += key_cases(operation, address)
        if role.role in {Role.READ, Role.CANCEL, Role.CONTENT}:
            error = role.unknown
            claim = f"{operation.id}/errors/{error}"
            cases.append(
                rejected_case(
                    operation, f"{operation.id}/unknown-id", claim, error, address
                )
            )
        cases += query_cases(operation, address)
        cases += _body_cases(operation, address)
        yield from cases
        if is_mock and role.role is not Role.CREATE:
            yield from triggered_error_cases(operation, address, cases)


def _unknown_address(kind: TaskKind, operation: Operation) -> Address:
    """The address of a task that no server has."""
    id_ = new_id(kind.id.form, Random(0), UNKNOWN_AT, "no-model")
    return task_path(operation, id_, {})


def _body_cases(operation: Operation, address: Address) -> Iterator[Case]:
    """Requests whose body has the id of a task in a wrong way."""
    path, payload = address
    for name in payload:
        wrong: dict[str, Any] = {name: [1]}
        changes: list[tuple[str, dict[str, Any]]] = [("required", {}), ("type", wrong)]
        for (keyword, changed), body in product(changes, operation.bodies.values()):
            if body.judge.is_invalid(changed):
                claim = f"{request_name(operation, body)}/{name}/{keyword}"
                yield rejected_case(
                    operation, claim, claim, "invalid_request", (path, changed)
                )
