"""The two ends of a request through a gateway, each by a response or by a task."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.outcome import describe_outcome, error_object, error_text
from contracts.judging.tasks.results import decode_result
from contracts.traffic.gateway.diff import delivered_image, summarize_error
from contracts.traffic.gateway.exchange import (
    GatewayExchange,
    UpstreamTask,
    interaction_of,
    upstream_task,
    upstream_tasks,
)
from contracts.traffic.gateway.upstream import UpstreamRequest
from specs import Phase, Provider, TaskKind


@dataclass(frozen=True)
class End:
    """
    The end of a request, as one side of the gateway sees it.

    `files` are the hashes of its results, or their URLs if they were not fetched.
    `error` describes what came instead of a success, "" for a success; `reason` is the
    message of that error. `is_clean` is false for an error that no client can read.
    `status` is that of HTTP, None without a response, and `pause` its Retry-After.
    `state` is the last state of a task, "" without one.
    """

    files: tuple[str, ...] = ()
    error: str = ""
    reason: str = ""
    is_clean: bool = True
    status: int | None = None
    state: str = ""
    pause: str = ""

    @property
    def is_success(self) -> bool:
        return not self.error


def linked_files(
    provider: Provider, exchange: GatewayExchange
) -> dict[str, UpstreamRequest | None]:
    """The URLs of files at both ends, each with the request that has the key for it."""
    found: dict[str, UpstreamRequest | None] = {}
    for item in exchange.interaction.items:
        image = delivered_image(item)
        if image and image[1].startswith("http"):
            found[image[1]] = None
    for created in exchange.upstream_requests:
        for item in interaction_of(created, exchange).items:
            image = delivered_image(item)
            if image and image[1].startswith("http"):
                found[image[1]] = created
    for task in upstream_tasks(provider, exchange):
        for place, value in task.result_values():
            if place.form in {"url", "content"}:
                found[str(value)] = task.created
    return found


def upstream_end(provider: Provider, exchange: GatewayExchange) -> End | None:
    """
    The end at the upstream; None if no request reached it.

    Of several requests, the successes together; the last one if there is none.
    """
    ends = [_upstream_end(provider, exchange, e) for e in exchange.upstream_requests]
    good = [each for each in ends if each.is_success]
    if not good:
        return ends[-1] if ends else None
    return End(tuple(file for each in good for file in each.files), status=200)


def _upstream_end(
    provider: Provider, exchange: GatewayExchange, request: UpstreamRequest
) -> End:
    response = interaction_of(request, exchange)
    task = upstream_task(provider, request, exchange.task_requests)
    if task is not None:
        return _task_end(task, exchange)
    if not request.is_success:
        reason = error_text(response) if error_object(response) else ""
        return End(
            error=summarize_error(response),
            reason=reason,
            status=request.status,
            pause=response.headers.get("retry-after", ""),
        )
    return End(_files(response, exchange), status=request.status)


def _task_end(task: UpstreamTask, exchange: GatewayExchange) -> End:
    body, kind = task.last_body, task.kind
    state = kind.state_of(body)
    name = state.name if state else ""
    if state is None or not state.is_final:
        return End(error="a task that nobody read to its end", state=name)
    if state.phase is not Phase.SUCCEEDED:
        return _failed_end(kind, name, body)
    files = []
    for place, value in task.result_values():
        if place.form in {"url", "content"}:
            files.append(exchange.files.get(str(value), str(value)))
        else:
            medium = place.medium or kind.medium
            output = decode_result(medium, place.form, value).output
            files.append(_hash(output.data) if output else str(value))
    return End(tuple(files), status=task.created.status, state=name)


def _failed_end(kind: TaskKind, state: str, body: Any) -> End:
    """The end of a task that has no result, with the reason that it tells."""
    reason = _message(kind.error.value(body) if kind.error else None)
    text = f"a task that ended as {state}"
    error = f"{text}: {reason}" if reason else text
    return End(error=error, reason=reason, state=state)


def _message(reason: Any) -> str:
    """The message of an error that is a text, or an object with one."""
    if isinstance(reason, dict):
        texts: Iterable[Any] = (reason.get("message"), reason.get("code"))
        return next((each for each in texts if isinstance(each, str)), "")
    return reason if isinstance(reason, str) else ""


def client_end(exchange: GatewayExchange) -> End:
    """The end at the caller of the gateway."""
    response, talk = exchange.interaction, exchange.talk
    if response.problem or not response.is_success:
        is_clean = not response.problem and error_object(response) is not None
        return End(
            error=describe_outcome(response),
            reason=error_text(response) if is_clean else "",
            is_clean=is_clean,
            status=response.status,
            pause=response.headers.get("retry-after", ""),
        )
    if exchange.question.operation.task is None:
        return End(_files(response, exchange), status=response.status)
    if talk is None:
        text = f"{response.status}, without the id of a task"
        return End(error=text, is_clean=False, status=response.status)
    if talk.final is None:
        text = talk.not_finished or "a task without a final state"
        return End(error=text, is_clean=False, status=response.status)
    step, state = talk.final
    if state.phase is not Phase.SUCCEEDED:
        return _failed_end(talk.kind, state.name, step.body)
    # A task may have each output in several forms.
    results = [each for each in talk.results if each.form == talk.results[0].form]
    outputs = [each.output for each in results]
    broken = [each.problem for each in results if each.output is None]
    if broken:
        text = f"a result that {broken[0]}"
        return End(error=text, is_clean=False, state=state.name)
    files = tuple(_hash(each.data) for each in outputs if each is not None)
    return End(files, status=response.status, state=state.name)


def _files(response: Interaction, exchange: GatewayExchange) -> tuple[str, ...]:
    items = response.final_events if response.is_stream else response.items
    images = (delivered_image(each) for each in items)
    found = (image[1] for image in images if image)
    return tuple(exchange.files.get(each, each) for each in found)


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()
