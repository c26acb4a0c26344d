"""List tasks in pages, by page numbers or by a cursor."""

from contextlib import aclosing
from dataclasses import dataclass
from math import inf
from typing import Any

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.media.templates import fill, placeholders
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.pipeline.tasks.lookup import Task, owner_of, role_of, task_of
from mockserver.pipeline.tasks.representation import represent_read
from mockserver.pipeline.tasks.responses import json_response
from specs import JSON, values_at

PAGE = "page"  # the name of the example of a response
TOTAL = "total"  # the placeholder of the number of tasks
DEFAULT_SIZE = 20
REQUEST = "request."  # before the name of a field of the request of a task
INVALID_CURSOR = "invalid_cursor"  # the error of a document, if it has one


async def list_tasks(exchange: Exchange, query: ParsedBody | None) -> web.Response:
    """
    A page of the tasks of the client, the latest first.

    Tasks behind the page are not read, unless the response has their total number.
    """
    parameters = query.payload if query else {}
    role = role_of(exchange)
    template = exchange.operation.success.bodies[JSON].examples[PAGE]
    page = await _read_page(
        exchange, parameters, counts=TOTAL in placeholders(template)
    )
    items = []
    for task in page.tasks:
        body = await represent_read(exchange, task)
        items.append(next(values_at(body, role.item), None))
    ids = [each.record.id for each in page.tasks]
    facts: dict[str, Any] = {
        "items": items,
        TOTAL: page.total,
        "has_more": page.has_more,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "next_after": ids[-1] if ids and page.has_more else None,
        "request_id": exchange.request_id,
    }
    return json_response(exchange, fill(template, facts, ()))


@dataclass(frozen=True, slots=True)
class _Page:
    """The tasks of a page; `total` is the number of those that were read."""

    tasks: list[Task]
    total: int
    has_more: bool


async def _read_page(
    exchange: Exchange, parameters: dict[str, Any], *, counts: bool
) -> _Page:
    """
    Read the tasks up to the one behind the page, or all if `counts` is True.

    Raises `Rejected` for a cursor that is no task of the list.
    """
    store, role = exchange.provider_context.store.tasks, role_of(exchange)
    owner, after = owner_of(exchange), parameters.get(role.cursor.get("after", ""))
    newest_first = parameters.get(role.cursor.get("order", "")) != "asc"
    start, size = _bounds(exchange, parameters)
    tasks, total, is_begun = [], 0, after is None
    async with aclosing(store.walk(owner, newest_first=newest_first)) as records:
        async for record in records:
            task = task_of(exchange, owner, record)
            if task is None or task.kind.name not in role.kinds:
                continue
            if not _is_selected(task, exchange, parameters):
                continue
            total += 1
            if not is_begun:
                is_begun, start = record.id == after, total
            elif start < total <= start + size:
                tasks.append(task)
            elif total > start and not counts:
                break
    if not is_begun:
        known = INVALID_CURSOR in exchange.operation.errors
        name = INVALID_CURSOR if known else "invalid_request"
        parameter = role.cursor["after"]
        message = f"{parameter}: there is no such task in this list."
        raise Rejected(name, message, param=parameter)
    return _Page(tasks, total, has_more=total > start + size)


def _is_selected(task: Task, exchange: Exchange, parameters: dict[str, Any]) -> bool:
    values = {
        "state": task.progress.state.name,
        "id": task.record.id,
        "model": task.record.model,
        "kind": task.kind.medium,
    }
    for name, fact in role_of(exchange).filters.items():
        wanted = parameters.get(name)
        if wanted is None:
            continue
        wanted = wanted if isinstance(wanted, list) else [wanted]
        field = fact.removeprefix(REQUEST)
        value = values[fact] if field == fact else task.record.request.get(field)
        if value not in wanted:
            return False
    return True


def _bounds(exchange: Exchange, parameters: dict[str, Any]) -> tuple[int, float]:
    """The number of tasks before the page, without a cursor, and of those on it."""
    role = role_of(exchange)
    name = role.cursor.get("limit") or role.page.get("size")
    if name is None:
        return 0, inf
    size = _number(exchange, parameters, name)
    number = _number(exchange, parameters, role.page.get("number"), 1)
    return (max(1, number) - 1) * size, size


def _number(
    exchange: Exchange,
    parameters: dict[str, Any],
    name: str | None,
    otherwise: int = DEFAULT_SIZE,
) -> int:
    """The value of a query parameter, else its documented default."""
    if name is None:
        return otherwise
    value = parameters.get(name)
    if value is None:
        schema = exchange.operation.parameters["query"].properties.get(name, {})
        value = schema.get("default", otherwise)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number else otherwise
