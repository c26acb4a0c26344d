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
from mockserver.simulation.faults import FAULTS, LONGEST, Fault
from mockserver.state.memory import MAX_SCRIPT, Memory
from specs import Operation

ERROR, FAULT = istr("X-Mock-Error"), istr("X-Mock-Fault")
LATENCY, NAMESPACE = istr("X-Mock-Latency"), istr("X-Mock-Namespace")
MAX_NAME = 80
PARAMETERS = ("times", "id", "retry-after", "seconds")
MARK = "[[mock:"
TRIGGER = "mock-"  # in a key, before the name of an error
_MARKER = re.compile(r"\[\[mock:([^\[\]]{1,200})\]\]")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IN_KEY = re.compile(r"(?:^|-)ns-([A-Za-z0-9._]{1,64})(?=-|$)")


@dataclass(frozen=True, slots=True)
class Wish:
    """
    One thing that was asked for, and by what.

    `latency` and `seconds` (how long a slow fault takes) are in seconds. With `times`
    it holds for so many requests that bear the same `id`.
    """

    by: str
    error: str | None = None
    fault: str | None = None
    latency: float | None = None
    retry_after: float | None = None
    seconds: float | None = None
    times: int | None = None
    id: str = ""


@dataclass(slots=True, eq=False)
class Trigger:
    """What one answer has to suffer, and what asked for it."""

    by: str = ""
    error: str | None = None
    fault: Fault | None = None
    latency: float | None = None
    retry_after: float | None = None
    seconds: float | None = None


NOTHING = Trigger()


def is_namespace(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def namespace_of(headers: Mapping[str, str], key: str) -> str:
    """Whose slate a request belongs to; empty when it names none. Raises `Rejected`."""
    name = headers.get(NAMESPACE)
    if name is None:
        found = _IN_KEY.search(key)
        return found[1] if found else ""
    if not is_namespace(name):
        raise Rejected(
            "invalid_request",
            f"{NAMESPACE} takes up to 64 letters, digits, '.', '_' and '-'.",
            param=NAMESPACE,
            status=400,
        )
    return name


async def trigger_of(
    headers: Mapping[str, str],
    key: str,
    payload: Mapping[str, Any] | None,
    operation: Operation,
    memory: Memory,
    provider: str,
    namespace: str,
) -> Trigger:
    """
    What was asked for, by precedence.

    Raises `Rejected` for an unknown name or parameter, with the known ones.
    """
    item = await memory.pop(provider, namespace, operation.id)
    wishes = [] if item is None else [scripted(item)]
    if ERROR in headers or FAULT in headers or LATENCY in headers:
        wishes += _in_headers(headers, operation)
    prompt = payload.get("prompt") if payload else None
    if isinstance(prompt, str) and MARK in prompt:
        wishes += _in_prompt(prompt, operation)
    if TRIGGER in key:
        wishes += _in_key_end(key, operation)
    if not wishes:
        return NOTHING
    return await _granted(wishes, memory, key, namespace)


async def _granted(
    wishes: list[Wish], memory: Memory, key: str, namespace: str
) -> Trigger:
    """The first wish of each kind whose times are not used up."""
    trigger = Trigger()
    for wish in wishes:
        names_outcome = wish.error is not None or wish.fault is not None
        if names_outcome and trigger.by not in {"", wish.by}:
            continue
        if wish.latency is not None and trigger.latency is not None:
            continue
        if wish.times is not None and wish.by != "script":
            who = (
                f"{namespace}|{wish.by}|{wish.id or _digest(key)}|{_digest(str(wish))}"
            )
            if await memory.count(who) > wish.times:
                continue
        if wish.latency is not None:
            trigger.latency = wish.latency
        if names_outcome:
            trigger.by = wish.by
            trigger.error = trigger.error or wish.error
            trigger.fault = trigger.fault or (
                FAULTS[wish.fault] if wish.fault is not None else None
            )
            trigger.retry_after = _first(trigger.retry_after, wish.retry_after)
            trigger.seconds = _first(trigger.seconds, wish.seconds)
    return trigger


def _first(*values: float | None) -> float | None:
    return next((each for each in values if each is not None), None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def scripted(item: Mapping[str, Any]) -> Wish:
    """The wish of an item of a script, as `checked` let it in."""
    latency = item.get("latency_ms")
    return Wish(
        "script",
        error=item.get("error"),
        fault=item.get("fault"),
        latency=None if latency is None else latency / 1000,
        retry_after=item.get("retry_after"),
        seconds=item.get("seconds"),
    )


def _in_headers(headers: Mapping[str, str], operation: Operation) -> Iterator[Wish]:
    if ERROR in headers:
        name, parameters = _read(headers[ERROR], ERROR)
        _known(name, operation.errors, "error", ERROR)
        yield Wish("header", error=name, **parameters)
    if FAULT in headers:
        name, parameters = _read(headers[FAULT], FAULT)
        _known(name, FAULTS, "fault", FAULT)
        yield Wish("header", fault=name, **parameters)
    if LATENCY in headers:
        value, parameters = _read(headers[LATENCY], LATENCY)
        latency = _number(value, LATENCY, "milliseconds") / 1000
        yield Wish("header", latency=min(latency, LONGEST), **parameters)


def _in_prompt(prompt: str, operation: Operation) -> Iterator[Wish]:
    for text in _MARKER.findall(prompt):
        yield _named(text, operation, "prompt")


def _in_key_end(key: str, operation: Operation) -> Iterator[Wish]:
    _, found, text = key.rpartition(TRIGGER)
    if found and text:
        yield _named(text, operation, "key")


def _named(text: str, operation: Operation, by: str) -> Wish:
    """A wish where nothing but its name says of what kind it is."""
    name, parameters = _read(text, by)
    if name.startswith("latency="):
        latency = _number(name.removeprefix("latency="), by, "milliseconds") / 1000
        return Wish(by, latency=min(latency, LONGEST), **parameters)
    if name in FAULTS:
        return Wish(by, fault=name, **parameters)
    known = [*operation.errors, *FAULTS, "latency=MS"]
    _known(name, known, "error or fault", by)
    return Wish(by, error=name, **parameters)


def _read(text: str, by: str) -> tuple[str, dict[str, Any]]:
    """A name and its parameters, as arguments of a `Wish`. Raises `Rejected`."""
    name, *rest = (each.strip() for each in text.split(";"))
    parameters: dict[str, Any] = {}
    for each in filter(None, rest):
        parameter, _, value = (part.strip() for part in each.partition("="))
        if parameter not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise _refused(f"No such parameter (asked for by {by}); known: {known}", by)
        if parameter == "id":
            parameters["id"] = value[:MAX_NAME]
        elif parameter == "times":
            parameters["times"] = int(_number(value, by, "times"))
        else:
            number = _number(value, by, parameter)
            parameters[parameter.replace("-", "_")] = min(number, LONGEST)
    return name, parameters


def _number(text: str, by: str, what: str) -> float:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        raise _refused(f"{what} takes a number of 0 or more (asked for by {by}).", by)
    return float(text)


def _known(name: str, known: Any, what: str, by: str) -> None:
    if name in known:
        return
    # The end of a key may be a secret: it is not repeated.
    shown = "" if by == "key" else f" '{name[:MAX_NAME]}'"
    raise _refused(
        f"No such {what}{shown} (asked for by {by}); known are: {', '.join(known)}", by
    )


def _refused(message: str, by: str) -> Rejected:
    param = by if by in {ERROR, FAULT, LATENCY} else None
    return Rejected("invalid_request", message, param=param, status=400)


class BadScript(ValueError):
    """A script that cannot be followed; names the item, the member and the remedy."""


def checked(items: Any, errors: Mapping[str, Any]) -> list[dict[str, Any]]:
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
        unknown = sorted(set(item) - set(_MEMBERS))
        if unknown:
            known = ", ".join(_MEMBERS)
            raise BadScript(f"item {at}: unknown member '{unknown[0]}'; known: {known}")
        for name, value in item.items():
            reason = _MEMBERS[name](value)
            if reason:
                raise BadScript(f"item {at}: {name} {reason}, not {value!r:.80}")
        _fitting(at, item, errors)
        times = item.get("times", 1)
        if len(found) + times > MAX_SCRIPT:
            raise BadScript(f"item {at}: a script holds at most {MAX_SCRIPT} items")
        rest = {name: value for name, value in item.items() if name != "times"}
        found += [rest] * times
    return found


def _fitting(at: int, item: Mapping[str, Any], errors: Mapping[str, Any]) -> None:
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


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "takes a text"


def _fault(value: Any) -> str:
    return (
        ""
        if isinstance(value, str) and value in FAULTS
        else f"takes one of {', '.join(FAULTS)}"
    )


def _whole(value: Any) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool)
    return "" if fits and 1 <= value <= 10_000 else "takes 1 to 10000"


def _seconds(most: float) -> Any:
    def check(value: Any) -> str:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        return "" if fits and 0 <= value <= most else f"takes 0 to {most:.0f}"

    return check


_MEMBERS = {
    "error": _text,
    "fault": _fault,
    "latency_ms": _seconds(LONGEST * 1000),
    "times": _whole,
    "retry_after": _seconds(LONGEST),
    "seconds": _seconds(LONGEST),
    "operation": _text,
}
