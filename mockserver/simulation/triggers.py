"""
Errors, faults and delays that a request triggers.

Four sources, by precedence: the script of the control API, `X-Mock-…` headers, markers
in the prompt, the end of the API key. The first source that names an error or a fault
determines it. The first source that names a latency determines the latency. Headers,
markers and keys share a syntax: `NAME;times=2;id=A;retry-after=1;seconds=5`.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from multidict import istr

from mockserver.errors import Rejected
from mockserver.simulation.faults import FAULTS, MAX_DELAY, Fault
from mockserver.state.memory import StateStore
from specs import Operation

ERROR_HEADER, FAULT_HEADER = istr("X-Mock-Error"), istr("X-Mock-Fault")
LATENCY_HEADER = istr("X-Mock-Latency")
MAX_NAME_LENGTH = 80
DIRECTIVE_PARAMETERS = ("times", "id", "retry-after", "seconds")
MARKER_START = "[[mock:"
KEY_TRIGGER = "mock-"  # in a key, before the name of an error
_PROMPT_MARKER = re.compile(r"\[\[mock:([^\[\]]{1,200})\]\]")


@dataclass(frozen=True, slots=True)
class Directive:
    """
    One requested error, fault or latency, and its source.

    `latency`, `retry_after` and `seconds` (the duration of a fault) are in seconds.
    With `times` it applies to that many requests with the same `id`; without an `id`,
    to requests with the same API key.
    """

    source: str
    error: str | None = None
    fault: str | None = None
    latency: float | None = None
    retry_after: float | None = None
    seconds: float | None = None
    times: int | None = None
    id: str = ""


@dataclass(slots=True, eq=False)
class Behavior:
    """The simulated error, fault and latency of one response; durations in seconds."""

    source: str = ""
    error: str | None = None
    fault: Fault | None = None
    latency: float | None = None
    retry_after: float | None = None
    seconds: float | None = None


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
    item = await store.pop(provider, namespace, operation.id)
    directives = [] if item is None else [script_directive(item)]
    if ERROR_HEADER in headers or FAULT_HEADER in headers or LATENCY_HEADER in headers:
        directives += _header_directives(headers, operation)
    prompt = payload.get("prompt") if payload else None
    if isinstance(prompt, str) and MARKER_START in prompt:
        directives += _prompt_directives(prompt, operation)
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
        names_outcome = directive.error is not None or directive.fault is not None
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
        if names_outcome:
            behavior.source = directive.source
            behavior.error = behavior.error or directive.error
            behavior.fault = behavior.fault or (
                FAULTS[directive.fault] if directive.fault is not None else None
            )
            behavior.retry_after = _first_not_none(
                behavior.retry_after, directive.retry_after
            )
            behavior.seconds = _first_not_none(behavior.seconds, directive.seconds)
    return behavior


def _first_not_none(*values: float | None) -> float | None:
    return next((each for each in values if each is not None), None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def script_directive(item: Mapping[str, Any]) -> Directive:
    """The directive of a script item that `validate_script` accepted."""
    latency = item.get("latency_ms")
    return Directive(
        "script",
        error=item.get("error"),
        fault=item.get("fault"),
        latency=None if latency is None else latency / 1000,
        retry_after=item.get("retry_after"),
        seconds=item.get("seconds"),
    )


def _header_directives(
    headers: Mapping[str, str], operation: Operation
) -> Iterator[Directive]:
    if ERROR_HEADER in headers:
        name, parameters = _parse_parameters(headers[ERROR_HEADER], ERROR_HEADER)
        _check_known(name, operation.errors, "error", ERROR_HEADER)
        yield Directive("header", error=name, **parameters)
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
    name, parameters = _parse_parameters(text, source)
    if name.startswith("latency="):
        latency = _parse_latency(name.removeprefix("latency="), source)
        return Directive(source, latency=latency, **parameters)
    if name in FAULTS:
        return Directive(source, fault=name, **parameters)
    known = [*operation.errors, *FAULTS, "latency=MS"]
    _check_known(name, known, "error or fault", source)
    return Directive(source, error=name, **parameters)


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
        else:
            number = _parse_number(value, source, parameter)
            parameters[parameter.replace("-", "_")] = min(number, MAX_DELAY)
    return name, parameters


def _parse_latency(text: str, source: str) -> float:
    """A latency in milliseconds as seconds, at most `MAX_DELAY`."""
    return min(_parse_number(text, source, "latency") / 1000, MAX_DELAY)


def _parse_number(text: str, source: str, name: str) -> float:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        raise _rejection(
            f"{name} must be a number of 0 or more (from {source}).", source
        )
    return float(text)


def _check_known(name: str, known: Collection[str], kind: str, source: str) -> None:
    if name in known:
        return
    # The end of a key may be a secret: it is not repeated.
    shown = "" if source == "key" else f" '{name[:MAX_NAME_LENGTH]}'"
    raise _rejection(
        f"Unknown mock {kind}{shown} (from {source}); known: {', '.join(known)}",
        source,
    )


def _rejection(message: str, source: str) -> Rejected:
    param = source if source in {ERROR_HEADER, FAULT_HEADER, LATENCY_HEADER} else None
    return Rejected("invalid_request", message, param=param, status=400)
