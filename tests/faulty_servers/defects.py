"""
Faults of an operation: each makes a correct one wrong in one way.

`COMMON` are the faults of generations in any dialect; those of one dialect have a
module of their own.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp import hdrs, web
from faulty_servers.minimal import (
    Asked,
    Check,
    Members,
    Operation,
    Refusal,
    Service,
    anything,
    encoded,
    integer,
    opened,
)

Defect = Callable[[Operation], None]
Events = list[tuple[str, Members]]


def changed(step: str, change: Callable[..., Any]) -> Defect:
    """Change the result of a step: `change(result, *arguments)`."""

    def apply(operation: Operation) -> None:
        right = getattr(operation, step)
        setattr(operation, step, lambda *given: change(right(*given), *given))

    return apply


def before(step: str, change: Callable[..., Any]) -> Defect:
    """Do something before a step."""

    def apply(operation: Operation) -> None:
        right = getattr(operation, step)

        def wrapped(*given: Any) -> Any:
            change(*given)
            return right(*given)

        setattr(operation, step, wrapped)

    return apply


def both(*defects: Defect) -> Defect:
    """A fault of several changes."""

    def apply(operation: Operation) -> None:
        for defect in defects:
            defect(operation)

    return apply


def having(name: str, value: Any) -> Defect:
    """Replace an attribute of the operation."""
    return lambda operation: setattr(operation, name, value)


def taking(name: str, check: Check = anything) -> Defect:
    """Accept other values of a field, by default any."""
    return lambda operation: operation.members.update({name: check})


def without_rule(*names: str) -> Defect:
    def apply(operation: Operation) -> None:
        for name in names:
            del operation.rules[name]

    return apply


def with_rule(name: str, rule: Callable[[Asked], None]) -> Defect:
    return lambda operation: operation.rules.update({name: rule})


def not_requiring(name: str) -> Defect:
    return lambda operation: operation.required.remove(name)


def ignoring(name: str) -> Defect:
    """Validate a field, then ignore it."""
    return changed("judge", lambda _, asked: asked.members.pop(name, None))


def refusing(is_refused: Callable[[Asked], bool], param: str | None = None) -> Defect:
    def refuse(asked: Asked) -> None:
        if is_refused(asked):
            raise Refusal("This is not taken.", param)

    return with_rule("planted", refuse)


def crashing(is_too_much: Callable[[Asked], bool]) -> Defect:
    """Crash on a request before it is validated."""

    def crash(asked: Asked) -> None:
        if is_too_much(asked):
            raise ValueError("planted")

    return before("judge", crash)


def in_body(**members: Any) -> Defect:
    return changed("body", lambda body, *_: body | members)


def in_items(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Defect:
    return changed("item", lambda item, *_: change(item))


def in_pictures(change: Callable[[bytes], bytes]) -> Defect:
    return changed("picture", lambda picture, *_: change(picture))


def in_error(change: Callable[[dict[str, Any]], Any]) -> Defect:
    """Change the object in `error`."""
    return changed("error", lambda body, *_: body | {"error": change(body["error"])})


def in_events(change: Any) -> Defect:
    return changed("events", lambda events, *_: change(events))


def renamed(events: Events, old: str, new: str) -> Events:
    return [
        (name.replace(old, new), data | {"type": data["type"].replace(old, new)})
        for name, data in events
    ]


def numbered_from_one(events: Events) -> Events:
    return [
        (name, data | {"partial_image_index": data["partial_image_index"] + 1})
        if "partial_image_index" in data
        else (name, data)
        for name, data in events
    ]


def in_usage(**counts: int) -> Defect:
    return changed("usage", lambda usage, *_: usage | counts)


def url_kept_nowhere(operation: Operation) -> None:
    changed("kept_at", lambda url, *_: f"{url}.gone")(operation)


def url_of_a_page(operation: Operation) -> None:
    def item(item: Members, asked: Asked, data: bytes) -> Members:
        for name in operation.files:
            operation.files[name] = b"<html>Sign in</html>", "text/html"
        return item

    changed("item", item)(operation)


def inverted(asked: Asked) -> None:
    if asked.mask is None:
        return
    image = opened(asked.mask, "mask").convert("RGBA")
    alpha = image.getchannel("A").point(lambda value: 255 - value)
    image.putalpha(alpha)
    asked.mask = encoded(image, "png")


def forget(name: str, value: Any) -> Defect:
    """Validate a property of the uploads, then ignore it."""
    return changed("judge", lambda _, asked: setattr(asked, name, value(asked)))


def refuse_if(is_refused: bool, param: str) -> None:
    if is_refused:
        raise Refusal("This is not taken.", param, code="invalid_value")


def any_scheme(operation: Operation) -> None:
    def authenticate(header: str) -> str:
        if not header:
            raise operation.unauthenticated()
        return header

    having("authenticate", authenticate)(operation)


def key_after_body(operation: Operation) -> None:
    right = operation.authenticate
    having("authenticate", lambda header: header)(operation)
    changed("judge", lambda _, asked: right(asked.key))(operation)


def same_for_every_prompt(operation: Operation) -> None:
    right = operation.seed

    def seed(asked: Asked, index: int) -> bytes:
        blind = replace(asked, members={**asked.members, "prompt": ""})
        return right(blind, index)

    having("seed", seed)(operation)


def bodies_of_any_label(operation: Operation) -> None:
    async def read(request: web.Request) -> Asked:
        origin = f"{request.scheme}://{request.host}"
        asked = Asked(operation.name, operation.from_json(await request.read()), origin)
        operation.take_images(asked)
        return asked

    having("read", read)(operation)


def paths_by_prefix(operation: Operation) -> None:
    having("is_at", lambda path: path.startswith(operation.path))(operation)


def n_as_text(value: Any) -> None:
    if not (isinstance(value, str) and value.isdecimal()):
        integer(1, 10, null=True)(value)


def n_as_fraction(value: Any) -> None:
    is_fraction = isinstance(value, float) and 1 <= value <= 10
    integer(1, 10, null=True)(int(value) if is_fraction else value)


def n_as_flag(value: Any) -> None:
    integer(1, 10, null=True)(int(value) if isinstance(value, bool) else value)


def crash_on_a_list(operation: Operation) -> None:
    right = operation.from_json

    def from_json(body: bytes) -> Members:
        if body.lstrip().startswith(b"["):
            raise TypeError("planted")
        return right(body)

    having("from_json", from_json)(operation)


def trace_shown(error: dict[str, Any]) -> dict[str, Any]:
    trace = 'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in draw'
    return error | {"message": trace}


def closing_midway(operation: Operation) -> None:
    """Close the connection in the middle of each success response."""
    right = operation.handle

    async def handle(request: web.Request) -> web.StreamResponse:
        whole = await right(request)
        if whole.status != 200:
            return whole
        body = bytes(whole.body)
        part = web.StreamResponse(headers={hdrs.CONTENT_LENGTH: str(len(body))})
        part.content_type = whole.content_type
        await part.prepare(request)
        await part.write(body[: len(body) // 2])
        request.transport.close()
        return part

    having("handle", handle)(operation)


def accepted_with(status: int) -> Defect:
    """Send success responses with another status."""

    def apply(operation: Operation) -> None:
        right = operation.answer

        async def answer(asked: Asked) -> web.Response:
            response = await right(asked)
            response.set_status(status)
            return response

        having("answer", answer)(operation)

    return apply


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: {key: value[key] for key in value if key != name}


COMMON: dict[str, Defect] = {
    # requests
    "no-key-needed": having("authenticate", lambda header: header or "nobody"),
    "any-scheme-will-do": any_scheme,
    "prompt-not-needed": not_requiring("prompt"),
    "prompt-of-any-type": taking("prompt"),
    "n-of-zero": taking("n", integer(0, 10)),
    "n-as-text": taking("n", n_as_text),
    "n-as-fraction": taking("n", n_as_fraction),
    "n-as-flag": taking("n", n_as_flag),
    "size-of-any-type": taking("size"),
    "two-refused": refusing(lambda asked: asked.get("n") == 2, "n"),
    "bodies-of-any-label": bodies_of_any_label,
    "any-method-will-do": having("methods", hdrs.METH_ALL),
    "paths-by-prefix": paths_by_prefix,
    # responses
    "n-ignored": ignoring("n"),
    "one-too-many": changed("count", lambda count, _: count + 1),
    "one-picture-n-times": changed("pictures", lambda each, _: each[:1] * len(each)),
    "sides-swapped": changed("size", lambda size, _: size[::-1]),
    "one-pixel-short": changed("size", lambda size, _: (size[0] - 1, size[1])),
    "size-ignored": ignoring("size"),
    "cut-short": in_pictures(lambda data: data[: len(data) * 2 // 3]),
    "no-picture-at-all": in_pictures(lambda data: b"<html>Busy</html>"),
    "created-in-milliseconds": changed("created", lambda created: created * 1000),
    "created-as-text": changed("created", str),
    "created-yesterday": changed("created", lambda created: created - 86400),
    "data-no-list": changed("body", lambda body, *_: body | {"data": body["data"][0]}),
    "data-empty": in_body(data=[]),
    "same-for-every-prompt": same_for_every_prompt,
    "labelled-as-text": having("success_type", "text/plain"),
    "not-a-number": in_body(score=float("nan")),
    "connection-closed": closing_midway,
    "status-202": accepted_with(202),
    "body-is-a-list": changed("body", lambda body, *_: body["data"]),
    "field-of-the-upstream": in_body(upstream="eu-1"),
    "more-after-the-end": changed("written", lambda text, _: f'{text}\n{{"ok": true}}'),
    # error responses
    "error-without-envelope": changed("error", lambda body, *_: body["error"]),
    "error-as-page": having("error_type", "text/html"),
    "error-without-message": in_error(without("message")),
    "trace-shown": in_error(trace_shown),
    "key-echoed": changed(
        "error",
        lambda body, _, key: (
            body | {"error": body["error"] | {"message": f"Refused: {key}"}}
        ),
    ),
    "forbidden-not-unauthenticated": having(
        "status", lambda refusal: 403 if refusal.status == 401 else refusal.status
    ),
    "refused-with-success": having(
        "status", lambda refusal: 200 if refusal.status == 400 else refusal.status
    ),
    "crash-on-every-refusal": having(
        "status", lambda refusal: 500 if refusal.status == 400 else refusal.status
    ),
    # crashes
    "crash-on-unicode": crashing(
        lambda asked: not str(asked.members.get("prompt")).isascii()
    ),
    "crash-on-broken-json": having("from_json", json.loads),
    "crash-on-a-list": crash_on_a_list,
    "crash-without-prompt": crashing(lambda asked: "prompt" not in asked.members),
}


def with_defect(service: Service, name: str, defects: dict[str, Defect]) -> Service:
    """The service with one fault, by name, in one operation."""
    defects[name](service[name.partition("/")[0]])
    return service
