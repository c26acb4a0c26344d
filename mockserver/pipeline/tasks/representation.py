"""The JSON of a task, in the form of the document's examples."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from mockserver.media.base import Output
from mockserver.media.registry import MEDIA
from mockserver.media.templates import OUTPUT, fill, placeholders
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.provider_context import ResponseRenderer
from mockserver.pipeline.public_url import root_url
from mockserver.pipeline.tasks.lookup import Task
from mockserver.state.tasks import TaskRecord
from specs import JSON, Operation, Phase, Role

DEFAULT_RESULT_LIFETIME = 3600.0  # seconds, for documents without one
MEDIUM = "medium"  # beside the facts of an output in a record


async def represent(exchange: Exchange, task: Task, template: Any) -> Any:
    """The template filled with the facts of a task and of its outputs."""
    names = set(placeholders(template))
    facts, outputs = task_facts(exchange, task), []
    if any(each.startswith(OUTPUT) for each in names):
        if task.progress.state.phase is Phase.SUCCEEDED:
            outputs = await _output_facts(exchange, task, names)
        else:
            facts |= _planned_facts(task)
    return fill(template, facts, outputs)


async def represent_read(exchange: Exchange, task: Task) -> Any:
    """The body of the response to a read of the task."""
    operations = exchange.provider_context.provider.operations_on(
        task.kind.name, Role.READ
    )
    body = operations[0].success.bodies[JSON]
    if exchange.operation in operations:
        body = exchange.operation.success.bodies[JSON]
    return await represent(exchange, task, body.examples[task.progress.state.name])


def task_facts(exchange: Exchange, task: Task) -> dict[str, Any]:
    """The values of all placeholders but those of outputs."""
    record, progress, kind = task.record, task.progress, task.kind
    times = {
        "now": exchange.provider_context.clock(),
        "created": record.created_at,
        "updated": progress.updated_at,
        "completed": progress.finished_at,
        "expires": task.result_expires_at(),
    }
    facts: dict[str, Any] = {
        "id": record.id,
        "state": progress.state.name,
        "request_id": exchange.request_id,
        "model": record.model,
        "progress": _progress(task),
    }
    for name, time in times.items():
        facts[f"{name}_s"] = None if time is None else int(time)
        facts[f"{name}_ms"] = None if time is None else int(time * 1000)
        facts[f"{name}_iso"] = None if time is None else _iso(time)
    facts |= {f"request.{name}": value for name, value in record.request.items()}
    failure = dict(record.failure) if progress.state.phase is Phase.FAILED else {}
    facts |= {f"error.{name}": value for name, value in failure.items()}
    facts |= {f"usage.{name}": value for name, value in record.usage.items()}
    facts["source.id"] = record.source
    if kind.id.alias is not None:
        facts[f"request.{kind.id.alias}"] = record.alias
    return facts


def _progress(task: Task) -> float | int:
    place, fraction = task.kind.progress, task.progress.fraction
    low, high = (place.minimum, place.maximum) if place else (0, 100)
    value = low + (high - low) * fraction
    return int(value) if high > 1 else round(value, 2)


def _iso(time: float) -> str:
    return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def outputs_of(task: Task) -> list[Output]:
    """The outputs of a task, made again from its record."""
    found = []
    for facts in task.record.outputs:
        own = {name: value for name, value in facts.items() if name != MEDIUM}
        found.append(MEDIA[facts[MEDIUM]].output_from(own))
    return found


def output_ids(record: TaskRecord) -> list[str]:
    """The ids of the outputs of a task: always the same for the same task."""
    return [_output_id(record, index) for index in range(len(record.outputs))]


def _output_id(record: TaskRecord, index: int) -> str:
    text = f"{record.id} {index}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _planned_facts(task: Task) -> dict[str, Any]:
    """The placeholders of the first output that are known before it is made."""
    for output in outputs_of(task)[:1]:
        return {f"{OUTPUT}{name}": value for name, value in output.details.items()}
    return {}


async def _output_facts(
    exchange: Exchange, task: Task, names: set[str]
) -> list[dict[str, Any]]:
    """The placeholders of each output of a task that has succeeded."""
    found = []
    for index, output in enumerate(outputs_of(task)):
        facts: dict[str, Any] = {
            "index": index,
            "id": _output_id(task.record, index),
            "media_type": output.media_type,
            "format": output.extension,
            **output.details,
            **_asked_seed(task),
            **await _file_facts(exchange, task, names, output, index),
        }
        found.append({f"{OUTPUT}{name}": value for name, value in facts.items()})
    return found


def _asked_seed(task: Task) -> dict[str, int]:
    """The seed of the request; empty if it leaves the seed to the server."""
    seed = task.record.request.get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        return {}
    return {"seed": seed}


async def _file_facts(
    exchange: Exchange, task: Task, names: set[str], output: Output, index: int
) -> dict[str, Any]:
    """The forms in which the document delivers an output to this request."""
    results = [
        each for each in task.kind.results if each.applies_to(task.record.request)
    ]
    forms = {each.form for each in results}
    context = exchange.provider_context
    until = task.result_expires_at() or (
        (task.progress.finished_at or context.clock()) + DEFAULT_RESULT_LIFETIME
    )
    root = root_url(exchange.request, context.settings)
    renderer = ResponseRenderer(
        context, root, exchange.namespace or "", expires_at=until
    )
    facts: dict[str, Any] = {}
    if not forms or "url" in forms:
        facts["url"] = await renderer.url_of(output)
    if "output.b64_json" in names and "b64_json" in forms:
        facts["b64_json"] = (await renderer.base64_of(output)).decode()
    if "output.data_uri" in names and "data_uri" in forms:
        text = (await renderer.base64_of(output)).decode()
        facts["data_uri"] = f"data:{output.media_type};base64,{text}"
    if "output.content_url" in names:
        facts["content_url"] = _content_url(exchange, task, index, root)
    for name, still in output.stills().items():
        facts[name] = await renderer.url_of(still)
    return facts


def _content_url(exchange: Exchange, task: Task, index: int, root: str) -> str | None:
    """The URL at which the content operation of the document returns an output."""
    provider = exchange.provider_context.provider
    operation: Operation | None = next(
        iter(provider.operations_on(task.kind.name, Role.CONTENT)), None
    )
    if operation is None or operation.task is None:
        return None
    selector, query = operation.task.index, only_values(operation)
    path = f"/{provider.id}{provider.full_path(operation)}"
    for name in operation.path_parameters:
        is_output = name == selector
        value = _output_id(task.record, index) if is_output else task.record.id
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    if selector is not None and selector not in operation.path_parameters:
        query[selector] = _output_id(task.record, index)
    text = f"?{urlencode(query)}" if query else ""
    return f"{root}{path}{text}"


def only_values(operation: Operation) -> dict[str, Any]:
    """The required query parameters that have one value only, such as `alt=media`."""
    body = operation.parameters.get("query")
    if body is None or not isinstance(body.schema, dict):
        return {}
    required = body.schema.get("required", ())
    values = {name: body.properties[name].get("enum", ()) for name in required}
    return {name: found[0] for name, found in values.items() if len(found) == 1}


def request_facts(request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request that responses may repeat: short values, no files."""
    return {name: value for name, value in request.items() if _is_short(value)}


MAX_TEXT = 40_000  # characters of a repeated value


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    if isinstance(value, list):
        return len(value) <= 20 and all(
            _is_short(each) and not isinstance(each, (list, dict)) for each in value
        )
    return not isinstance(value, dict)
