"""List tasks in pages, by page numbers or by a cursor."""

from typing import Any

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.media.templates import fill
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.pipeline.tasks.lookup import Task, owner_of, role_of, task_of
from mockserver.pipeline.tasks.representation import represent_read
from mockserver.pipeline.tasks.responses import json_response
from specs import JSON, values_at

PAGE = "page"  # the name of the example of a response
DEFAULT_SIZE = 20
REQUEST = "request."  # before the name of a field of the request of a task
INVALID_CURSOR = "invalid_cursor"  # the error of a document, if it has one


async def list_tasks(exchange: Exchange, query: ParsedBody | None) -> web.Response:
    """A page of the tasks of the client, the latest first."""
    parameters = query.payload if query else {}
    owner, role = owner_of(exchange), role_of(exchange)
    records = await exchange.provider_context.store.tasks.all(owner)
    found = [task_of(exchange, owner, each) for each in records]
    tasks = [each for each in found if each and each.kind.name in role.kinds]
    tasks = [each for each in tasks if _is_selected(each, exchange, parameters)]
    if parameters.get(role.cursor.get("order", "")) != "asc":
        tasks.reverse()
    start, size = _page(exchange, parameters, tasks)
    shown = tasks[start : start + size]
    has_more = start + size < len(tasks)
    items = []
    for task in shown:
        body = await represent_read(exchange, task)
        items.append(next(values_at(body, role.item), None))
    facts: dict[str, Any] = {
        "items": items,
        "total": len(tasks),
        "has_more": has_more,
        "first_id": shown[0].record.id if shown else None,
        "last_id": shown[-1].record.id if shown else None,
        "next_after": shown[-1].record.id if has_more else None,
        "request_id": exchange.request_id,
    }
    template = exchange.operation.success.bodies[JSON].examples[PAGE]
    return json_response(exchange, fill(template, facts, ()))


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


def _page(
    exchange: Exchange, parameters: dict[str, Any], tasks: list[Task]
) -> tuple[int, int]:
    """The position of the first task of the page, and the size of the page."""
    role = role_of(exchange)
    name = role.cursor.get("limit") or role.page.get("size")
    size = len(tasks) if name is None else _number(exchange, parameters, name)
    after = parameters.get(role.cursor.get("after", ""))
    if after is not None:
        ids = [each.record.id for each in tasks]
        if after not in ids:
            known = INVALID_CURSOR in exchange.operation.errors
            name = INVALID_CURSOR if known else "invalid_request"
            parameter = role.cursor["after"]
            message = f"{parameter}: there is no such task in this list."
            raise Rejected(name, message, param=parameter)
        return ids.index(after) + 1, size
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
