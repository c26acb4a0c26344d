"""The OpenAPI document of operations on tasks that schemathesis reads, with links."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from contracts.judging.second_opinion.document import document_of, response_object
from contracts.planning.call_options import Auth
from contracts.planning.paths import listed_value
from contracts.planning.request_model import request_models
from contracts.planning.tasks.plan import asynchronous_request
from specs import JSON, Operation, Provider, Role

_FOLLOWED = {Role.READ, Role.LIST, Role.CANCEL, Role.CONTENT}


def linked_operations(
    provider: Provider, unserved: Collection[str] = ()
) -> Iterator[Operation]:
    """
    Yield the operations that create tasks, and those that they link to.

    Left out are those that read by a request body or by a part of the id, which links
    cannot express, and streams of events.
    """
    creates = [
        each
        for each in provider.operations.values()
        if each.task is not None
        and each.id not in unserved
        and minimal_request(provider, each) is not None
    ]
    linked = {link.operation for each in creates for link in each.success.links}
    yield from creates
    for operation in provider.task_operations.values():
        role = operation.task
        is_followed = role is not None and role.role in _FOLLOWED
        is_followed = is_followed and "{" not in (role.id or "" if role else "")
        if is_followed and operation.id in linked and not operation.bodies:
            yield operation


def minimal_request(
    provider: Provider, operation: Operation
) -> Mapping[str, Any] | None:
    """The JSON body of a small request that creates a task; None if there is none."""
    model = request_models(provider).get((operation.id, JSON))
    return None if model is None else asynchronous_request(model)


def task_document(
    provider: Provider, unserved: Collection[str] = ()
) -> dict[str, Any] | None:
    """
    Plain OpenAPI 3.1 with the links of a provider's document; None without any.

    Each creation has one request only: how requests are validated is tested by others.
    """
    paths: dict[str, Any] = {}
    known = list(linked_operations(provider, unserved))
    if all(each.creates for each in known):
        return None
    for operation in known:
        item = paths.setdefault(operation.path, {})
        found = _operation_object(provider, operation)
        item.setdefault(operation.method.lower(), found)
    return document_of(provider, paths)


def _operation_object(provider: Provider, operation: Operation) -> dict[str, Any]:
    responses = {
        status: response_object(response)
        for status, response in operation.responses.items()
    }
    found: dict[str, Any] = {
        "operationId": operation.id,
        "security": [{str(Auth.of(each)): []} for each in operation.key_schemes],
        "parameters": [
            _parameter(operation, each) for each in operation.path_parameters
        ],
        "responses": responses,
    }
    request = minimal_request(provider, operation) if operation.bodies else None
    if request is not None:
        content = {JSON: {"schema": {"enum": [request]}}}
        found["requestBody"] = {"required": True, "content": content}
        followed = {each.id for each in linked_operations(provider)}
        responses[operation.success.status]["links"] = {
            link.name: {
                "operationId": link.operation,
                "parameters": dict(link.parameters),
            }
            for link in operation.success.links
            if link.operation in followed
        }
    return found


def _parameter(operation: Operation, name: str) -> dict[str, Any]:
    listed = listed_value(operation, name)
    schema = {"enum": [listed]} if listed else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}
