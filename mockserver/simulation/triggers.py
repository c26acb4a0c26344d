"""
Errors, faults, delays and the course of tasks that a request triggers.

Four sources, by precedence: the script of the control API, `X-Mock-…` headers, markers
in texts of the request, and the end of the API key. The first source that names an
error or a fault determines it. The first source that names a latency determines the
latency. Headers, markers and keys share a syntax:
`NAME;times=2;id=A;retry-after=1;seconds=5`. A status, such as `503`, is the name of an
error, too.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from multidict import istr

from mockserver.errors import Rejected
from mockserver.simulation.faults import FAULTS, MAX_DELAY, Fault
from mockserver.simulation.own_responses import (
    NO_CHANGES,
    ErrorChanges,
    OwnResponse,
    error_with_status,
    has_fault_status,
    is_error_status,
    own_response,
)
from mockserver.simulation.task_progress import TaskOutcome
from mockserver.simulation.task_triggers import (
    SYNTAX,
    TASK_HEADER,
    TASK_MARKER,
    TaskRequest,
    parse_task,
    rejection,
)
from mockserver.state.memory import StateStore
from specs import Operation, Role

ERROR_HEADER, FAULT_HEADER = istr("X-Mock-Error"), istr("X-Mock-Fault")
LATENCY_HEADER = istr("X-Mock-Latency")
MAX_NAME_LENGTH = 80
MAX_RETRY_AFTER = 604_800.0  # seconds; a longer one is rejected
DIRECTIVE_PARAMETERS = ("times", "id", "retry-after", "seconds", "status")
MARKER_START = "[[mock:"
KEY_TRIGGER = "mock-"  # in a key, before the name of an error
_PROMPT_MARKER = re.compile(r"\[\[mock:([^\[\]]{1,200})\]\]")


@dataclass(frozen=True, slots=True)
class Directive:
    """
    One requested error, response, fault or latency, and its source.

    `latency`, `retry_after` and `seconds` (the duration of a fault) are in seconds.
    `status` is that of a fault that takes one. With `times` it applies to that many
    requests with the same `id`; without an `id`, to requests with the same API key.
    """

    source: str
    error: str | None = None
    fault: str | None = None
    latency: float | None = None
    retry_after: float | None = None
    seconds: float | None = None
    status: int | None = None
    times: int | None = None
    id: str = ""
    changes: ErrorChanges = NO_CHANGES
    own: OwnResponse | None = None
    task: TaskRequest | None = None

    @property
    def names_outcome(self) -> bool:
        return not (self.error is None and self.fault is None and self.own is None)


@dataclass(slots=True, eq=False)
class Behavior:
    """The simulated error, fault and latency of one response; durations in seconds."""

    source: str = ""
    error: str | None = None
    fault: Fault | None = None
    latency: float | None = None
    retry_after: float | None = None
    seconds: float | None = None
    status: int | None = None
    changes: ErrorChanges = NO_CHANGES
    own: OwnResponse | None = None
    task: TaskRequest | None = None

    @property
    def is_from_document(self) -> bool:
        return self.own is None and self.changes == NO_CHANGES


NO_BEHAVIOR = Behavior()


async def requested_behavior(
    headers: Mapping[str, str],
    key: str,
    payload: Mapping[str, Any] | None,
    operation: Operation,
    store: StateStore,
    provider: str,
    namespace: str,
) -> Behavior:
    """
    The behavior that a request triggers, by precedence of the sources.

    Raises `Rejected` for an unknown name or parameter, and lists the known ones.
    """
    item = await store.pop(
        provider, namespace, operation.id, creates_task=_creates_tasks(operation)
    )
    directives = [] if item is None else [script_directive(item, operation)]
    if ERROR_HEADER in headers or FAULT_HEADER in headers or LATENCY_HEADER in headers:
        directives += _header_directives(headers, operation)
    if TASK_HEADER in headers:
        directives.append(_task_directive(headers[TASK_HEADER], operation, "header"))
    for text in marked_texts(payload) if payload else ():
        directives += _prompt_directives(text, operation)
    if KEY_TRIGGER in key:
        directives += _key_directives(key, operation)
    if not directives:
        return NO_BEHAVIOR
    return await resolve(directives, store, key, namespace)


async def resolve(
    directives: list[Directive], store: StateStore, key: str, namespace: str
) -> Behavior:
    """Combine the first directives of each kind that still have `times` left."""
    behavior = Behavior()
    for directive in directives:
        names_outcome = directive.names_outcome
        if names_outcome and behavior.source not in {"", directive.source}:
            continue
        if directive.latency is not None and behavior.latency is not None:
            continue
        if directive.times is not None and directive.source != "script":
            client = directive.id or _digest(key)
            counter = f"{namespace}|{directive.source}|{client}"
            uses = await store.increment(f"{counter}|{_digest(str(directive))}")
            if uses > directive.times:
                continue
        if directive.latency is not None:
            behavior.latency = directive.latency
        behavior.task = behavior.task or directive.task
        if names_outcome:
            behavior.source = directive.source
            if behavior.error is None:
                behavior.error, behavior.changes = directive.error, directive.changes
            behavior.own = behavior.own or directive.own
            behavior.fault = behavior.fault or (
                FAULTS[directive.fault] if directive.fault is not None else None
            )
            behavior.retry_after = _first_not_none(
                behavior.retry_after, directive.retry_after
            )
            behavior.seconds = _first_not_none(behavior.seconds, directive.seconds)
            behavior.status = behavior.status or directive.status
    return behavior


def _first_not_none(*values: float | None) -> float | None:
    return next((each for each in values if each is not None), None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def script_directive(item: Mapping[str, Any], operation: Operation) -> Directive:
    """The directive of a script item that `validate_script` accepted."""
    latency = item.get("latency_ms")
    own, headers = own_response(item), item.get("headers")
    error, status = item.get("error"), item.get("status")
    fault_status = status if has_fault_status(item) else None
    if own is not None or fault_status is not None:
        status = None
    elif error is None and status is not None:
        error, status = error_with_status(status, operation)
    elif error is not None:
        error, status = _error_named(error, operation, status)
    task = item.get("task")
    return Directive(
        "script",
        task=None if task is None else parse_task(task, "script")[0],
        error=error,
        own=own,
        changes=ErrorChanges(status, item.get("message"), headers),
        fault=item.get("fault"),
        latency=None if latency is None else latency / 1000,
        retry_after=item.get("retry_after"),
        seconds=item.get("seconds"),
        status=fault_status,
    )


def _header_directives(
    headers: Mapping[str, str], operation: Operation
) -> Iterator[Directive]:
    if ERROR_HEADER in headers:
        name, parameters = _parse_parameters(headers[ERROR_HEADER], ERROR_HEADER)
        directive = Directive("header", **parameters)
        known = operation.errors
        yield _with_error(directive, name, operation, known, "error", ERROR_HEADER)
    if FAULT_HEADER in headers:
        name, parameters = _parse_parameters(headers[FAULT_HEADER], FAULT_HEADER)
        _check_known(name, FAULTS, "fault", FAULT_HEADER)
        yield Directive("header", fault=name, **parameters)
    if LATENCY_HEADER in headers:
        value, parameters = _parse_parameters(headers[LATENCY_HEADER], LATENCY_HEADER)
        latency = _parse_latency(value, LATENCY_HEADER)
        yield Directive("header", latency=latency, **parameters)


def _prompt_directives(prompt: str, operation: Operation) -> Iterator[Directive]:
    for text in _PROMPT_MARKER.findall(prompt):
        yield _parse_directive(text, operation, "prompt")


def _key_directives(key: str, operation: Operation) -> Iterator[Directive]:
    _, marker, text = key.rpartition(KEY_TRIGGER)
    if marker and text:
        yield _parse_directive(text, operation, "key")


def _parse_directive(text: str, operation: Operation, source: str) -> Directive:
    """The directive of a marker or a key, in which the name alone shows the kind."""
    if text.strip().startswith(TASK_MARKER):
        return _task_directive(
            text.strip().removeprefix(TASK_MARKER), operation, source
        )
    name, parameters = _parse_parameters(text, source)
    if name.startswith("latency="):
        latency = _parse_latency(name.removeprefix("latency="), source)
        return Directive(source, latency=latency, **parameters)
    if name in FAULTS:
        return Directive(source, fault=name, **parameters)
    is_of_tasks = operation.task is not None and name not in operation.errors
    if is_of_tasks and name in list(TaskOutcome):
        return _task_directive(text.strip(), operation, source)
    known = [*operation.errors, *FAULTS, "latency=MS"]
    if _creates_tasks(operation):
        known.append(f"{TASK_MARKER}{SYNTAX}")
    directive = Directive(source, **parameters)
    return _with_error(directive, name, operation, known, "error or fault", source)


def _task_directive(text: str, operation: Operation, source: str) -> Directive:
    task, parameters = parse_task(text, source)
    if operation.task is None:
        raise rejection(f"{operation.id} creates no long-running task", source)
    if not _creates_tasks(operation):  # a client may send a header with all requests
        return Directive(source)
    return Directive(source, task=task, **parameters)


def _creates_tasks(operation: Operation) -> bool:
    return operation.task is not None and operation.task.role is Role.CREATE


def marked_texts(payload: Any) -> Iterator[str]:
    """Yield the texts in a payload, at any depth, that have a marker."""
    if isinstance(payload, str):
        if MARKER_START in payload:
            yield payload
    elif isinstance(payload, dict):
        for value in payload.values():
            yield from marked_texts(value)
    elif isinstance(payload, list):
        for value in payload:
            yield from marked_texts(value)


def _with_error(
    directive: Directive,
    name: str,
    operation: Operation,
    known: Collection[str],
    kind: str,
    source: str,
) -> Directive:
    """The directive with an error. Raises `Rejected`, which lists the known names."""
    if not is_error_status(name):
        _check_known(name, known, kind, source, "; or a status such as 503")
    error, status = _error_named(name, operation)
    return replace(directive, error=error, changes=ErrorChanges(status))


def _error_named(
    name: str, operation: Operation, status: int | None = None
) -> tuple[str, int | None]:
    """A documented error by its name or status; the status if it gets another one."""
    documented = operation.errors.get(name)
    if documented is None and is_error_status(name):
        return error_with_status(int(name), operation)
    if documented is not None and status == documented.status:
        status = None
    return name, status


def _parse_parameters(text: str, source: str) -> tuple[str, dict[str, Any]]:
    """A name, and its parameters as arguments of `Directive`. Raises `Rejected`."""
    name, *rest = (each.strip() for each in text.split(";"))
    parameters: dict[str, Any] = {}
    for assignment in filter(None, rest):
        parameter, _, value = (each.strip() for each in assignment.partition("="))
        if parameter not in DIRECTIVE_PARAMETERS:
            known = ", ".join(DIRECTIVE_PARAMETERS)
            raise _rejection(
                f"Unknown mock parameter (from {source}); known: {known}", source
            )
        if parameter == "id":
            parameters["id"] = value[:MAX_NAME_LENGTH]
        elif parameter == "times":
            parameters["times"] = int(_parse_number(value, source, "times"))
        elif parameter == "retry-after":
            number = _parse_number(value, source, parameter)
            if number > MAX_RETRY_AFTER:
                most = f"{MAX_RETRY_AFTER:.0f}"
                message = f"retry-after must be 0 to {most} seconds (from {source})."
                raise _rejection(message, source)
            parameters["retry_after"] = number
        elif parameter == "status":
            parameters["status"] = _parse_status(value, name, source)
        else:
            number = _parse_number(value, source, parameter)
            parameters[parameter] = min(number, MAX_DELAY)
    return name, parameters


def _parse_latency(text: str, source: str) -> float:
    """A latency in milliseconds as seconds, at most `MAX_DELAY`."""
    return min(_parse_number(text, source, "latency") / 1000, MAX_DELAY)


def _parse_status(text: str, fault: str, source: str) -> int:
    """The status of a fault. Raises `Rejected` for a fault or error without one."""
    if fault not in FAULTS or not FAULTS[fault].takes_status:
        known = " and ".join(each.name for each in FAULTS.values() if each.takes_status)
        raise _rejection(f"status is for {known} only (from {source}).", source)
    if not re.fullmatch(r"[45]\d\d", text, re.ASCII):
        raise _rejection(f"status must be 400 to 599 (from {source}).", source)
    return int(text)


def _parse_number(text: str, source: str, name: str) -> float:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        raise _rejection(
            f"{name} must be a number of 0 or more (from {source}).", source
        )
    return float(text)


def _check_known(
    name: str, known: Collection[str], kind: str, source: str, more: str = ""
) -> None:
    if name in known:
        return
    # The end of a key may be a secret: it is not repeated.
    shown = "" if source == "key" else f" '{name[:MAX_NAME_LENGTH]}'"
    raise _rejection(
        f"Unknown mock {kind}{shown} (from {source}); known: {', '.join(known)}{more}",
        source,
    )


def _rejection(message: str, source: str) -> Rejected:
    param = source if source in {ERROR_HEADER, FAULT_HEADER, LATENCY_HEADER} else None
    return Rejected("invalid_request", message, param=param, status=400)
