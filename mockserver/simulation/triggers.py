"""
Errors, faults and delays on demand.

What is asked for may come from four places. The first of them that names an error or
a fault decides it, and the first that names a latency decides that: the script of the
control API, `X-Mock-…` headers, markers in the prompt, the end of a key. All but the
script write it alike: `NAME;times=2;id=A;retry-after=1;seconds=5`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from multidict import istr

from mockserver.errors import Rejected
from mockserver.simulation.faults import FAULTS, MAX_DELAY, Fault
from mockserver.state.memory import MAX_SCRIPT_ITEMS, StateStore
from specs import Operation

ERROR_HEADER, FAULT_HEADER = istr("X-Mock-Error"), istr("X-Mock-Fault")
LATENCY_HEADER, NAMESPACE_HEADER = istr("X-Mock-Latency"), istr("X-Mock-Namespace")
MAX_NAME_LENGTH = 80
DIRECTIVE_PARAMETERS = ("times", "id", "retry-after", "seconds")
MARKER_START = "[[mock:"
KEY_TRIGGER = "mock-"  # in a key, before the name of an error
_PROMPT_MARKER = re.compile(r"\[\[mock:([^\[\]]{1,200})\]\]")
_NAMESPACE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAMESPACE_IN_KEY = re.compile(r"(?:^|-)ns-([A-Za-z0-9._]{1,64})(?=-|$)")


@dataclass(frozen=True, slots=True)
class Directive:
    """
    One thing that was asked for, and by what.

    `latency` and `seconds` (how long a slow fault takes) are in seconds. With `times`
    it holds for so many requests that bear the same `id`.
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
    """What one answer has to suffer, and what asked for it."""

    source: str = ""
    error: str | None = None
    fault: Fault | None = None
    latency: float | None = None
    retry_after: float | None = None
    seconds: float | None = None


NO_BEHAVIOR = Behavior()


def is_namespace(name: str) -> bool:
    return _NAMESPACE_NAME.fullmatch(name) is not None


def namespace_of(headers: Mapping[str, str], key: str) -> str:
    """Whose slate a request belongs to; empty when it names none. Raises `Rejected`."""
    name = headers.get(NAMESPACE_HEADER)
    if name is None:
        found = _NAMESPACE_IN_KEY.search(key)
        return found[1] if found else ""
    if not is_namespace(name):
        raise Rejected(
            "invalid_request",
            f"{NAMESPACE_HEADER} takes up to 64 letters, digits, '.', '_' and '-'.",
            param=NAMESPACE_HEADER,
            status=400,
        )
    return name


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
    What was asked for, by precedence.

    Raises `Rejected` for an unknown name or parameter, with the known ones.
    """
    item = await store.pop(provider, namespace, operation.id)
    wishes = [] if item is None else [script_directive(item)]
    if ERROR_HEADER in headers or FAULT_HEADER in headers or LATENCY_HEADER in headers:
        wishes += _header_directives(headers, operation)
    prompt = payload.get("prompt") if payload else None
    if isinstance(prompt, str) and MARKER_START in prompt:
        wishes += _prompt_directives(prompt, operation)
    if KEY_TRIGGER in key:
        wishes += _key_directives(key, operation)
    if not wishes:
        return NO_BEHAVIOR
    return await resolve(wishes, store, key, namespace)


async def resolve(
    directives: list[Directive], store: StateStore, key: str, namespace: str
) -> Behavior:
    """The first wish of each kind whose times are not used up."""
    trigger = Behavior()
    for wish in directives:
        names_outcome = wish.error is not None or wish.fault is not None
        if names_outcome and trigger.source not in {"", wish.source}:
            continue
        if wish.latency is not None and trigger.latency is not None:
            continue
        if wish.times is not None and wish.source != "script":
            who = f"{namespace}|{wish.source}|{wish.id or _digest(key)}|{_digest(str(wish))}"
            if await store.increment(who) > wish.times:
                continue
        if wish.latency is not None:
            trigger.latency = wish.latency
        if names_outcome:
            trigger.source = wish.source
            trigger.error = trigger.error or wish.error
            trigger.fault = trigger.fault or (
                FAULTS[wish.fault] if wish.fault is not None else None
            )
            trigger.retry_after = _first_not_none(trigger.retry_after, wish.retry_after)
            trigger.seconds = _first_not_none(trigger.seconds, wish.seconds)
    return trigger


def _first_not_none(*values: float | None) -> float | None:
    return next((each for each in values if each is not None), None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def script_directive(item: Mapping[str, Any]) -> Directive:
    """The wish of an item of a script, as `checked` let it in."""
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
        latency = _parse_number(value, LATENCY_HEADER, "milliseconds") / 1000
        yield Directive("header", latency=min(latency, MAX_DELAY), **parameters)


def _prompt_directives(prompt: str, operation: Operation) -> Iterator[Directive]:
    for text in _PROMPT_MARKER.findall(prompt):
        yield _parse_directive(text, operation, "prompt")


def _key_directives(key: str, operation: Operation) -> Iterator[Directive]:
    _, found, text = key.rpartition(KEY_TRIGGER)
    if found and text:
        yield _parse_directive(text, operation, "key")


def _parse_directive(text: str, operation: Operation, source: str) -> Directive:
    """A wish where nothing but its name says of what kind it is."""
    name, parameters = _parse_parameters(text, source)
    if name.startswith("latency="):
        latency = (
            _parse_number(name.removeprefix("latency="), source, "milliseconds") / 1000
        )
        return Directive(source, latency=min(latency, MAX_DELAY), **parameters)
    if name in FAULTS:
        return Directive(source, fault=name, **parameters)
    known = [*operation.errors, *FAULTS, "latency=MS"]
    _check_known(name, known, "error or fault", source)
    return Directive(source, error=name, **parameters)


def _parse_parameters(text: str, source: str) -> tuple[str, dict[str, Any]]:
    """A name and its parameters, as arguments of a `Wish`. Raises `Rejected`."""
    name, *rest = (each.strip() for each in text.split(";"))
    parameters: dict[str, Any] = {}
    for each in filter(None, rest):
        parameter, _, value = (part.strip() for part in each.partition("="))
        if parameter not in DIRECTIVE_PARAMETERS:
            known = ", ".join(DIRECTIVE_PARAMETERS)
            raise _rejection(
                f"No such parameter (asked for by {source}); known: {known}", source
            )
        if parameter == "id":
            parameters["id"] = value[:MAX_NAME_LENGTH]
        elif parameter == "times":
            parameters["times"] = int(_parse_number(value, source, "times"))
        else:
            number = _parse_number(value, source, parameter)
            parameters[parameter.replace("-", "_")] = min(number, MAX_DELAY)
    return name, parameters


def _parse_number(text: str, source: str, what: str) -> float:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        raise _rejection(
            f"{what} takes a number of 0 or more (asked for by {source}).", source
        )
    return float(text)


def _check_known(name: str, known: Any, what: str, source: str) -> None:
    if name in known:
        return
    # The end of a key may be a secret: it is not repeated.
    shown = "" if source == "key" else f" '{name[:MAX_NAME_LENGTH]}'"
    raise _rejection(
        f"No such {what}{shown} (asked for by {source}); known are: {', '.join(known)}",
        source,
    )


def _rejection(message: str, source: str) -> Rejected:
    param = source if source in {ERROR_HEADER, FAULT_HEADER, LATENCY_HEADER} else None
    return Rejected("invalid_request", message, param=param, status=400)


class BadScript(ValueError):
    """A script that cannot be followed; names the item, the member and the remedy."""


def validate_script(items: Any, errors: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    The items of a script, one for each request it is meant for.

    `errors` holds the names of each operation. Raises `BadScript`.
    """
    if not isinstance(items, list):
        raise BadScript('a script is a list, such as [{"error": "rate_limited"}]')
    found: list[dict[str, Any]] = []
    for at, item in enumerate(items):
        if not isinstance(item, dict):
            raise BadScript(f"item {at}: is no object")
        unknown = sorted(set(item) - set(_FIELD_CHECKS))
        if unknown:
            known = ", ".join(_FIELD_CHECKS)
            raise BadScript(f"item {at}: unknown member '{unknown[0]}'; known: {known}")
        for name, value in item.items():
            reason = _FIELD_CHECKS[name](value)
            if reason:
                raise BadScript(f"item {at}: {name} {reason}, not {value!r:.80}")
        _check_names(at, item, errors)
        times = item.get("times", 1)
        if len(found) + times > MAX_SCRIPT_ITEMS:
            raise BadScript(
                f"item {at}: a script holds at most {MAX_SCRIPT_ITEMS} items"
            )
        rest = {name: value for name, value in item.items() if name != "times"}
        found += [rest] * times
    return found


def _check_names(at: int, item: Mapping[str, Any], errors: Mapping[str, Any]) -> None:
    operation = item.get("operation")
    if operation is not None and operation not in errors:
        raise BadScript(
            f"item {at}: no operation '{operation}'; known: {', '.join(errors)}"
        )
    named = [operation] if operation else list(errors)
    known = dict.fromkeys(each for name in named for each in errors[name])
    if item.get("error") is not None and item["error"] not in known:
        raise BadScript(
            f"item {at}: no error '{item['error']}'; known: {', '.join(known)}"
        )


def _check_text(value: Any) -> str:
    return "" if isinstance(value, str) else "takes a text"


def _check_fault(value: Any) -> str:
    return (
        ""
        if isinstance(value, str) and value in FAULTS
        else f"takes one of {', '.join(FAULTS)}"
    )


def _check_count(value: Any) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool)
    return "" if fits and 1 <= value <= 10_000 else "takes 1 to 10000"


def _range_check(maximum: float) -> Any:
    def check(value: Any) -> str:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        return "" if fits and 0 <= value <= maximum else f"takes 0 to {maximum:.0f}"

    return check


_FIELD_CHECKS = {
    "error": _check_text,
    "fault": _check_fault,
    "latency_ms": _range_check(MAX_DELAY * 1000),
    "times": _check_count,
    "retry_after": _range_check(MAX_DELAY),
    "seconds": _range_check(MAX_DELAY),
    "operation": _check_text,
}
