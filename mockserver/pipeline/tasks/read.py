"""Read one task, cancel or delete it, and return the file of a result."""

from contextlib import aclosing
from typing import Any

from aiohttp import hdrs, web

from mockserver.errors import Rejected
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.pipeline.tasks.lookup import (
    Task,
    count_read,
    find_task,
    owner_of,
    role_of,
    task_of,
)
from mockserver.pipeline.tasks.representation import (
    output_ids,
    outputs_of,
    represent,
    represent_read,
)
from mockserver.pipeline.tasks.responses import empty_response, json_response
from specs import JSON, Phase

CANCELLED, DELETED = "cancelled", "deleted"  # names of examples of responses


async def read_task(exchange: Exchange, parsed_body: ParsedBody | None) -> web.Response:
    task = await count_read(exchange, await find_task(exchange, parsed_body))
    return json_response(exchange, await represent_read(exchange, task))


async def cancel_task(
    exchange: Exchange, parsed_body: ParsedBody | None
) -> web.Response:
    """Cancel or delete a task. Raises `Rejected` in a state that allows neither."""
    role, task = role_of(exchange), await find_task(exchange, parsed_body)
    store, now = (
        exchange.provider_context.store.tasks,
        exchange.provider_context.clock(),
    )
    state, is_done = task.progress.state.name, False
    if state in role.cancels:
        is_done = await store.end(task.owner, task.record.id, "cancelled_at", now)
        example = CANCELLED
    elif state in role.deletes:
        is_done = await store.remove(task.owner, task.record.id)
        example = DELETED
    if not is_done:
        message = f"The task is {state} and cannot be cancelled or deleted."
        raise Rejected(role.refused, message)
    if example == CANCELLED:
        record = await store.get(task.owner, task.record.id)
        changed = record and task_of(exchange, task.owner, record)
        task = changed or task
        exchange.task_state = task.progress.state.name
        exchange.cost = _refund(task)
    body = exchange.operation.success.bodies.get(JSON)
    if body is None:
        return empty_response(exchange)
    template: Any = body.examples.get(example)
    if template is None:
        template = next(iter(body.examples.values()), {})
    return json_response(exchange, await represent(exchange, task, template))


def _refund(task: Task) -> dict[str, object]:
    """The amount that the task was billed, as a negative cost."""
    amount = task.record.cost.get("amount")
    if not amount:
        return {}
    return {"amount": -amount, "currency": task.record.cost.get("currency")}


async def find_task_of_output(exchange: Exchange) -> Task:
    """
    The task that has an output, by the id of the output in the path.

    Raises `Rejected` for an output of no task.
    """
    store, owner = exchange.provider_context.store.tasks, owner_of(exchange)
    role = role_of(exchange)
    wanted = exchange.path_parameters[role.index or ""]
    async with aclosing(store.walk(owner, newest_first=True)) as records:
        async for record in records:
            if wanted not in output_ids(record):
                continue
            task = task_of(exchange, owner, record)
            if task is None or task.kind.name not in role.kinds:
                continue
            exchange.task_id = record.id
            exchange.task_state = task.progress.state.name
            return task
    raise Rejected(role.unknown, "The file was not found.", param=role.index)


async def read_content(
    exchange: Exchange, parsed_body: ParsedBody | None
) -> web.Response:
    """
    The file of a result.

    Raises `Rejected`, with the errors of the document, before the task has succeeded,
    after its results have expired, and for an unknown result.
    """
    role, context = role_of(exchange), exchange.provider_context
    if exchange.operation.path_parameters == (role.index,):
        task = await find_task_of_output(exchange)
    else:
        task = await find_task(exchange, parsed_body)
    if task.progress.state.phase is not Phase.SUCCEEDED:
        message = f"The task is {task.progress.state.name}: it has no result."
        raise Rejected(role.not_ready, message)
    until = task.result_expires_at()
    if until is not None and context.clock() >= until:
        raise Rejected(role.expired, "The result has expired.")
    outputs, number = outputs_of(task), 0
    if role.index is not None:
        wanted = exchange.path_parameters.get(role.index)
        wanted = wanted or exchange.request.query.get(role.index)
        known = output_ids(task.record)
        if wanted is not None:
            if wanted not in known:
                name = "result_not_found"
                name = name if name in exchange.operation.errors else role.unknown
                raise Rejected(name, "The result was not found.", param=role.index)
            number = known.index(wanted)
    output = outputs[number]
    media_type = role.variants.get(exchange.request.query.get(role.variant or "", ""))
    if media_type is not None:
        output = output.poster(media_type) or output
    return web.Response(
        body=await context.render(output),
        content_type=output.media_type,
        headers={hdrs.ACCEPT_RANGES: "none"},
    )
