"""Create a task: its outputs are planned now, and made when they are fetched."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.quotas import enforce_output_quotas
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.pipeline.request.interpretation import CacheKey, Interpretation
from mockserver.pipeline.request.interpreter import interpret
from mockserver.pipeline.tasks.ids import new_id
from mockserver.pipeline.tasks.lookup import Task, kind_of, owner_of, role_of, task_of
from mockserver.pipeline.tasks.representation import (
    MEDIUM,
    represent,
    represent_read,
    request_facts,
)
from mockserver.pipeline.tasks.responses import json_response
from mockserver.pipeline.tasks.source import find_source, inherited_fields
from mockserver.pipeline.tasks.webhooks import as_provider_sees_it, start_webhooks
from mockserver.simulation.task_mode import TaskMode
from mockserver.simulation.task_progress import TaskOutcome, first_progress
from mockserver.state.tasks import TaskRecord
from specs import JSON, TaskKind

CREATED = "created"  # the name of the example of a response
IMMEDIATE = TaskMode("immediate", 0)
BILLED = {TaskOutcome.SUCCEEDED, TaskOutcome.STUCK, TaskOutcome.FLAPPING}


async def create_task(
    exchange: Exchange, parsed_body: ParsedBody, cache_key: CacheKey | None
) -> web.Response:
    """
    Create a task, and respond with it.

    A request that the document does not answer asynchronously gets its finished task.
    Raises `Rejected` as other operations do.
    """
    judged = as_provider_sees_it(exchange, parsed_body)
    source = await find_source(exchange, parsed_body)
    inherited = inherited_fields(exchange, source)
    # The cache would mix up requests whose bodies are the same.
    is_plain = judged is parsed_body and role_of(exchange).source is None
    interpretation = await interpret(
        exchange, judged, cache_key if is_plain else None, inherited
    )
    await enforce_output_quotas(exchange, interpretation.planned.meter)
    exchange.ignored = interpretation.ignored
    context, owner = exchange.provider_context, owner_of(exchange)
    is_later = role_of(exchange).is_asynchronous(interpretation.request)
    record = await _new_record(
        exchange, parsed_body, interpretation, source, is_later=is_later
    )
    await context.store.tasks.add(owner, record)
    task = task_of(exchange, owner, record)
    if task is None:  # it is lost at once
        kind = kind_of(exchange)
        task = Task(record, kind, owner, first_progress(record, kind))
    exchange.outputs, exchange.cost = interpretation.planned.outputs, record.cost
    exchange.task_id, exchange.task_state = record.id, task.progress.state.name
    context.recent_outputs.add(exchange.request_id, exchange.outputs, parsed_body.files)
    exchange.billed = len(exchange.outputs) if record.outcome in BILLED else 0
    exchange.delivered = exchange.billed
    if is_later:
        start_webhooks(exchange, task, parsed_body.payload)
    else:
        return json_response(exchange, await represent_read(exchange, task))
    examples = exchange.operation.success.bodies[JSON].examples
    template = examples.get(task.progress.state.name)
    if template is None:
        # The document shows a new task: one that has ended would lack its results.
        progress = first_progress(record, task.kind)
        task, template = replace(task, progress=progress), examples[CREATED]
    return json_response(exchange, await represent(exchange, task, template))


async def _new_record(
    exchange: Exchange,
    parsed_body: ParsedBody,
    interpretation: Interpretation,
    source: TaskRecord | None,
    *,
    is_later: bool,
) -> TaskRecord:
    context, kind = exchange.provider_context, kind_of(exchange)
    planned, request = interpretation.planned, interpretation.request
    now = context.clock()
    wanted = exchange.behavior.task
    mode = (wanted and wanted.mode) or context.settings.tasks
    outcome = wanted.outcome if wanted else TaskOutcome.SUCCEEDED
    outputs = []
    for output in planned.outputs:
        small = await context.with_small_uploads(output)
        outputs.append({MEDIUM: small.medium, **small.facts()})
    model = str(request.get("model", ""))
    alias = parsed_body.payload.get(kind.id.alias) if kind.id.alias else None
    cost = interpretation.cost
    return TaskRecord(
        id=new_id(
            kind.id.form, context.request_ids, now, model, exchange.path_parameters
        ),
        kind=kind.name,
        operation=exchange.operation.id,
        created_at=now,
        mode=(mode if is_later else IMMEDIATE).name,
        amount=mode.amount,
        medium=kind.medium,
        alias=alias if isinstance(alias, str) else None,
        model=model,
        request=request_facts(request),
        request_hash=planned.outputs[0].request if planned.outputs else "",
        request_id=exchange.request_id,
        outputs=outputs,
        outcome=str(outcome),
        failure=_failure(kind, wanted.error if wanted else None),
        cost=dict(cost) if outcome in BILLED else _unbilled(cost),
        usage=dict(planned.usage),
        source=None if source is None else source.id,
    )


def _unbilled(cost: Mapping[str, Any]) -> dict[str, Any]:
    """No amount, in the currency of the prices; unknown without documented prices."""
    return {**cost, "amount": None if cost["currency"] is None else 0.0}


def _failure(kind: TaskKind, name: str | None) -> Mapping[str, Any]:
    """
    The code and message of a failure, by default of the first in the document.

    Raises `Rejected` for a name that the document does not have.
    """
    if name is not None and name not in kind.failures:
        known = ", ".join(kind.failures) or "none"
        message = f"Unknown failure of a task '{name}'; known: {known}"
        raise Rejected("invalid_request", message, status=400)
    name = name or next(iter(kind.failures), None)
    if name is None:
        return {"code": None, "message": "The task failed."}
    return {**kind.failures[name], "name": name}
