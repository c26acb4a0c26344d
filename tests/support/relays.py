"""
Servers with exactly one fault each: the mock behind a relay that tells one lie.

A lie sees the request on its way in and the answer on its way out.
"""

import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web
from PIL import Image


@dataclass(frozen=True)
class Message:
    """A request or an answer on its way through the relay."""

    body: bytes
    headers: dict[str, str]
    status: int = 200
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        return self.status == 200

    @property
    def is_stream(self) -> bool:
        return "event-stream" in self.headers.get("Content-Type", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def with_json(self, value: Any, **changes: Any) -> "Message":
        return replace(self, body=json.dumps(value).encode(), **changes)


Change = Callable[[Message], Message]


def relay(
    upstream: str, *, request: Change | None = None, answer: Change | None = None
):
    """An application that passes everything on to `upstream`, lying once."""

    async def handle(incoming: web.Request) -> web.Response:
        wanted = {"Authorization", "Content-Type", "X-Mock-Error"}
        headers = {
            key: value for key, value in incoming.headers.items() if key in wanted
        }
        said = Message(await incoming.read(), headers)
        asked = _asked(said)
        if request is not None:
            said = request(replace(said, asked=asked))
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                incoming.method,
                upstream + incoming.path_qs,
                data=io.BytesIO(said.body),
                headers=said.headers,
            ) as response,
        ):
            kept = {"Content-Type", "Retry-After", "X-Request-Id"}
            headers = {k: v for k, v in response.headers.items() if k.title() in kept}
            back = Message(await response.read(), headers, response.status, asked)
        if answer is not None:
            back = answer(back)
        return web.Response(body=back.body, status=back.status, headers=back.headers)

    app = web.Application(client_max_size=128 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def _asked(said: Message) -> dict[str, Any]:
    try:
        value = json.loads(said.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def on_success(change: Callable[[Any, Message], Any]) -> Change:
    """A lie about the JSON of a success."""

    def lie(said: Message) -> Message:
        if not said.is_success or said.is_stream:
            return said
        return said.with_json(change(said.json, said))

    return lie


def on_refusal(change: Callable[[Message], Message]) -> Change:
    return lambda said: change(said) if 400 <= said.status < 500 else said


def on_pictures(change: Callable[[bytes, Message], bytes]) -> Change:
    """A lie about each picture of a success, whichever way it comes."""

    def each(item: dict[str, Any], said: Message) -> dict[str, Any]:
        name = "b64_json" if "b64_json" in item else "url"
        head, comma, text = item[name].rpartition(",")
        if not head and name == "url":
            return item
        data = change(base64.b64decode(text), said)
        return {**item, name: head + comma + base64.b64encode(data).decode()}

    return on_success(
        lambda body, said: {**body, "data": [each(item, said) for item in body["data"]]}
    )


def on_events(change: Callable[[list[str]], list[str]]) -> Change:
    """A lie about the events of a stream, each given as its text."""

    def lie(said: Message) -> Message:
        if not said.is_stream:
            return said
        events = [each for each in said.body.decode().split("\n\n") if each]
        return replace(said, body="".join(f"{e}\n\n" for e in change(events)).encode())

    return lie


def recoded(
    data: bytes, *, format: str | None = None, size: Any = None, mode: Any = None
):
    """A picture, made another."""
    with Image.open(io.BytesIO(data)) as image:
        kept = image.format
        changed = image.convert(mode or ("RGB" if format == "JPEG" else "RGBA"))
        if size:
            changed = changed.resize(size)
        if (format or kept) == "JPEG":
            changed = changed.convert("RGB")
        out = io.BytesIO()
        changed.save(out, format or kept, compress_level=1)
        return out.getvalue()


def _shrunk(data: bytes, said: Message) -> bytes:
    return recoded(data, size=(512, 512))


def _first_answer_only() -> Change:
    seen: dict[str, bytes] = {}

    def lie(said: Message) -> Message:
        if not said.is_success or said.is_stream:
            return said
        rest = {key: value for key, value in said.asked.items() if key != "prompt"}
        key = json.dumps(rest, sort_keys=True)
        return replace(said, body=seen.setdefault(key, said.body))

    return lie


def _without(member: str) -> Change:
    """A request that loses a member on its way."""

    def lie(said: Message) -> Message:
        if member not in said.asked:
            return said
        return said.with_json({k: v for k, v in said.asked.items() if k != member})

    return lie


def _in_usage(**changes: Any) -> Change:
    return on_success(
        lambda body, said: (
            {**body, "usage": {**body["usage"], **changes}} if "usage" in body else body
        )
    )


def _trace(said: Message) -> Message:
    error = {"message": 'Traceback (most recent call last):\n  File "x.py", line 1'}
    return said.with_json({"error": {**error, "type": "invalid_request_error"}})


def _renumbered(events: list[str]) -> list[str]:
    pattern = r'"partial_image_index":(\d+)'
    return [
        re.sub(pattern, lambda m: f'"partial_image_index":{int(m[1]) + 1}', each)
        for each in events
    ]


def _is_partial(event: str) -> bool:
    return "partial_image" in event


@dataclass(frozen=True)
class Miniature:
    """A lie at one provider, and the check and kind that it is to be found by."""

    name: str
    provider: str
    kind: str
    check: str
    answer: Change | None = None
    request: Change | None = None
    only: tuple[str, ...] = (
        "createImage/request/plain",
        "createImage/request/other-prompt",
        "createImage/request/n/",
        "createImage/request/size/",
        "createImage/request/format/",
        "createImage/request/output_",
        "createImage/request/background/value",
        "createImage/request/quality/value",
        "createImage/request/streams/",
        "createImage/auth",
    )


TOKENHUB, OPENAI, AIHUBMIX = "tokenhub", "openai", "aihubmix"
SUCCESS, ERROR = "wrong-response", "wrong-error"

MINIATURES = (
    Miniature(
        "n-ignored",
        TOKENHUB,
        SUCCESS,
        "count-equals-n",
        on_success(lambda body, _: {**body, "data": body["data"][:1]}),
    ),
    Miniature(
        "one-picture-too-many",
        TOKENHUB,
        SUCCESS,
        "count-equals-n",
        on_success(lambda body, _: {**body, "data": [*body["data"], body["data"][0]]}),
    ),
    Miniature("wrong-size", TOKENHUB, SUCCESS, "size-as-asked", on_pictures(_shrunk)),
    Miniature(
        "always-png",
        OPENAI,
        SUCCESS,
        "format-as-asked",
        on_pictures(lambda data, _: recoded(data, format="PNG")),
    ),
    Miniature(
        "cut-picture",
        TOKENHUB,
        SUCCESS,
        "decodes",
        on_pictures(lambda data, _: data[: len(data) // 2]),
    ),
    Miniature(
        "bad-base64",
        TOKENHUB,
        SUCCESS,
        "decodes",
        on_success(
            lambda body, _: {
                **body,
                "data": [{"url": f"{each['url']}!"} for each in body["data"]],
            }
        ),
    ),
    Miniature(
        "opaque-although-transparent",
        OPENAI,
        SUCCESS,
        "alpha-as-asked",
        on_pictures(lambda data, _: recoded(data, mode="RGB")),
    ),
    Miniature(
        "created-in-milliseconds",
        TOKENHUB,
        SUCCESS,
        "created-is-now-in-seconds",
        on_success(lambda body, _: {**body, "created": body["created"] * 1000}),
    ),
    Miniature(
        "created-as-text",
        TOKENHUB,
        SUCCESS,
        "schema",
        on_success(lambda body, _: {**body, "created": str(body["created"])}),
    ),
    Miniature(
        "no-data",
        TOKENHUB,
        SUCCESS,
        "schema",
        on_success(lambda body, _: {"created": body["created"]}),
    ),
    Miniature(
        "url-where-base64-is-promised",
        OPENAI,
        SUCCESS,
        "delivery-as-documented",
        on_success(
            lambda body, _: {
                **body,
                "data": [
                    {"url": f"data:image/png;base64,{each['b64_json']}"}
                    if "b64_json" in each
                    else each
                    for each in body["data"]
                ],
            }
        ),
    ),
    Miniature(
        "both-url-and-base64",
        OPENAI,
        SUCCESS,
        "delivery-as-documented",
        on_success(
            lambda body, _: {
                **body,
                "data": [
                    {**each, "url": "https://cdn.example/x.png"}
                    for each in body["data"]
                ],
            }
        ),
    ),
    Miniature(
        "labelled-text",
        TOKENHUB,
        SUCCESS,
        "is-json",
        lambda said: (
            replace(said, headers={"Content-Type": "text/plain"})
            if said.is_success
            else said
        ),
    ),
    Miniature(
        "not-a-number",
        TOKENHUB,
        SUCCESS,
        "is-json",
        lambda said: (
            replace(said, body=said.body[:-1] + b',"x":NaN}')
            if said.is_success
            else said
        ),
    ),
    Miniature(
        "error-as-200",
        TOKENHUB,
        "accepts-invalid",
        "invalid-is-refused",
        on_refusal(lambda said: replace(said, status=200)),
    ),
    Miniature(
        "no-key-needed",
        TOKENHUB,
        "accepts-invalid",
        "invalid-is-refused",
        request=lambda said: replace(
            said, headers={**said.headers, "Authorization": "Bearer any"}
        ),
        only=("createImage/auth",),
    ),
    Miniature(
        "crash-on-bad-input",
        TOKENHUB,
        "crash",
        "invalid-is-refused",
        on_refusal(lambda said: replace(said, status=500)),
    ),
    Miniature(
        "crash-on-webp",
        TOKENHUB,
        "crash",
        "valid-is-accepted",
        lambda said: (
            replace(said, status=500) if said.asked.get("format") == "webp" else said
        ),
    ),
    Miniature(
        "ten-refused",
        TOKENHUB,
        "rejects-valid",
        "valid-is-accepted",
        lambda said: replace(said, status=400) if said.asked.get("n") == 10 else said,
    ),
    Miniature(
        "eleven-accepted",
        TOKENHUB,
        "accepts-invalid",
        "invalid-is-refused",
        request=lambda said: (
            said.with_json({**said.asked, "n": 1})
            if said.asked.get("n") == 11
            else said
        ),
    ),
    Miniature(
        "two-key-error",
        AIHUBMIX,
        ERROR,
        "error-envelope",
        on_refusal(lambda said: said.with_json({"code": "bad", "message": "no"})),
    ),
    Miniature(
        "error-as-page",
        AIHUBMIX,
        ERROR,
        "error-is-json",
        on_refusal(
            lambda said: replace(
                said, body=b"<html>Bad</html>", headers={"Content-Type": "text/html"}
            )
        ),
    ),
    Miniature(
        "wrong-member-blamed",
        OPENAI,
        ERROR,
        "error-param",
        on_refusal(
            lambda said: said.with_json(
                {"error": {**said.json["error"], "param": "user"}}
            )
        ),
    ),
    Miniature(
        "wrong-status",
        AIHUBMIX,
        ERROR,
        "error-status",
        on_refusal(
            lambda said: replace(said, status=418) if said.status == 400 else said
        ),
    ),
    Miniature("trace-shown", OPENAI, ERROR, "keeps-secrets", on_refusal(_trace)),
    Miniature(
        "usage-does-not-add-up",
        OPENAI,
        SUCCESS,
        "usage-adds-up",
        _in_usage(total_tokens=1),
    ),
    Miniature(
        "negative-usage", OPENAI, SUCCESS, "usage-adds-up", _in_usage(input_tokens=-1)
    ),
    Miniature(
        "quality-misreported",
        OPENAI,
        SUCCESS,
        "echoes-agree",
        on_success(
            lambda body, _: {**body, "quality": "low"} if "quality" in body else body
        ),
    ),
    Miniature(
        "one-picture-for-all",
        TOKENHUB,
        SUCCESS,
        "pictures-differ",
        _first_answer_only(),
    ),
    Miniature(
        "compression-ignored",
        OPENAI,
        SUCCESS,
        "compression-as-asked",
        request=_without("output_compression"),
    ),
    Miniature(
        "stream-ignored",
        OPENAI,
        SUCCESS,
        "streams-when-asked",
        request=_without("stream"),
    ),
    Miniature(
        "nothing-completed",
        OPENAI,
        SUCCESS,
        "one-completed-event",
        on_events(
            lambda events: [each for each in events if _is_partial(each)] or events[:0]
        ),
    ),
    Miniature(
        "completed-twice",
        OPENAI,
        SUCCESS,
        "one-completed-event",
        on_events(lambda events: [*events, events[-1]]),
    ),
    Miniature(
        "goes-on-after-the-end",
        OPENAI,
        SUCCESS,
        "one-completed-event",
        on_events(lambda events: [*events, *filter(_is_partial, events)]),
    ),
    Miniature(
        "partials-from-one",
        OPENAI,
        SUCCESS,
        "partials-at-most-asked",
        on_events(_renumbered),
    ),
    Miniature(
        "partials-nobody-asked-for",
        OPENAI,
        SUCCESS,
        "partials-at-most-asked",
        on_events(
            lambda events: [events[-1].replace("completed", "partial_image"), *events]
        ),
    ),
    Miniature(
        "event-misnamed",
        OPENAI,
        SUCCESS,
        "event-name-is-type",
        on_events(
            lambda events: [
                re.sub("^event: .*", "event: image", each) for each in events
            ]
        ),
    ),
    Miniature(
        "completed-without-usage",
        OPENAI,
        SUCCESS,
        "event-schema",
        on_events(
            lambda events: [re.sub(r',"usage":\{.*\}\}', "}", each) for each in events]
        ),
    ),
)
