"""The cases about long-running tasks: whole conversations, and single requests."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from operator import itemgetter
from random import Random
from typing import Any
from urllib.parse import urlencode

from contracts.media.files import with_file_facts
from contracts.planning.case import (
    TARGET_KEY,
    WRONG_KEY,
    Case,
    ExpectedError,
    Follow,
    Origin,
)
from contracts.planning.paths import QUERY, required_query
from contracts.planning.request_model import RequestModel
from contracts.planning.tasks.addresses import task_path
from contracts.planning.values.field_values import PROMPT, all_of_parts
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
MAX_TRIGGERED = 40  # errors of one operation that are requested by a header
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
            cases += _key_cases(operation, address)
        if role.role in {Role.READ, Role.CANCEL, Role.CONTENT}:
            error = role.unknown
            claim = f"{operation.id}/errors/{error}"
            cases.append(
                _single(operation, f"{operation.id}/unknown-id", claim, error, address)
            )
        cases += _query_cases(operation, address)
        cases += _body_cases(operation, address)
        yield from cases
        if is_mock and role.role is not Role.CREATE:
            yield from _triggered_error_cases(operation, address, cases)


Address = tuple[str, Mapping[str, Any]]
"""A path, and the request body of an operation that has one."""


def _unknown_address(kind: TaskKind, operation: Operation) -> Address:
    """The address of a task that no server has."""
    id_ = new_id(kind.id.form, Random(0), UNKNOWN_AT, "no-model")
    return task_path(operation, id_, {})


def _key_cases(operation: Operation, address: Address) -> Iterator[Case]:
    claim, error = f"{operation.id}/auth", "unauthenticated"
    yield _single(operation, f"{claim}/none", claim, error, address, auth=None)
    wrong = f"{operation.id}/errors/{error}"
    yield _single(
        operation,
        f"{claim}/wrong-key",
        wrong,
        error,
        address,
        auth=f"Bearer {WRONG_KEY}",
    )


def _triggered_error_cases(
    operation: Operation, address: Address, cases: Iterable[Case]
) -> Iterator[Case]:
    """
    Each error that no other case gets, by the header that only our mock knows.

    Of more than `MAX_TRIGGERED` errors, those that share a status with many are left
    out: the creation of a task tests them.
    """
    found = {each.expected_error.error for each in cases if each.expected_error}
    counts: Counter[int] = Counter()
    ranked = []
    for name, error in operation.errors.items():
        if name not in found:
            ranked.append((counts[error.status], name))
            counts[error.status] += 1
    for _, name in sorted(ranked, key=itemgetter(0))[:MAX_TRIGGERED]:
        claim = f"{operation.id}/errors/{name}"
        case = _single(operation, f"{claim}/on-demand", claim, name, address)
        yield replace(case, origin=Origin.ERROR, headers={"X-Mock-Error": name})


def _query_cases(operation: Operation, address: Address) -> Iterator[Case]:
    """Requests without a required parameter, and just beyond each limit of one."""
    body = operation.parameters.get(QUERY)
    if body is None:
        return
    needed = required_query(operation)
    for name, schema in body.properties.items():
        parts = [each for each in all_of_parts(schema) if "x-rule" not in each]
        changes = [change for part in parts for change in _beyond_limits(part)]
        if name in needed:
            changes.append(("required", None))
        for keyword, value in changes:
            given = {**needed, name: value}
            query = {key: each for key, each in given.items() if each is not None}
            if body.judge.is_invalid(query):
                claim = f"{operation.id}/{QUERY}/{name}/{keyword}"
                path = f"{address[0].partition('?')[0]}?{urlencode(query)}"
                yield _single(
                    operation, claim, claim, "invalid_request", (path, address[1])
                )


def _body_cases(operation: Operation, address: Address) -> Iterator[Case]:
    """Requests whose body has the id of a task in a wrong way."""
    path, payload = address
    for name in payload:
        wrong: dict[str, Any] = {name: [1]}
        changes: list[tuple[str, dict[str, Any]]] = [("required", {}), ("type", wrong)]
        for (keyword, changed), body in product(changes, operation.bodies.values()):
            if body.judge.is_invalid(changed):
                claim = f"{request_name(operation, body)}/{name}/{keyword}"
                yield _single(
                    operation, claim, claim, "invalid_request", (path, changed)
                )


def _beyond_limits(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if schema.get("type") == "integer":
        yield "type", "imageparity"
    if "minimum" in schema:
        yield "minimum", schema["minimum"] - 1
    if "maximum" in schema:
        yield "maximum", schema["maximum"] + 1
    if "enum" in schema:
        yield "enum", "imageparity"


def _single(
    operation: Operation,
    id_: str,
    claim: str,
    error: str,
    address: Address,
    *,
    auth: str | None = TARGET_KEY,
) -> Case:
    path, payload = address
    media_type = next(iter(operation.bodies), None)
    return Case(
        id=id_,
        operation=operation.id,
        origin=Origin.AUTH if "/auth/" in id_ else Origin.TASK,
        expectation=State.INVALID,
        media_type=media_type,
        payload=payload if media_type else {},
        claims=(claim,),
        expected_error=ExpectedError(claim, error),
        auth=auth,
        path=path,
    )
