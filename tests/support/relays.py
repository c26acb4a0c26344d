"""
A relay in front of the mock that changes requests or responses.

A relay with one `Change` is a server with one fault.
"""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web


@dataclass(frozen=True)
class Message:
    """
    A request or a response on its way through the relay.

    `asked` is the JSON object of the request; empty for other bodies.
    """

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
    """An application that forwards to `upstream`, changing requests or responses."""

    async def handle(incoming: web.Request) -> web.Response:
        wanted = {"authorization", "content-type", "x-goog-api-key", "x-mock-error"}
        headers = {
            key: value
            for key, value in incoming.headers.items()
            if key.lower() in wanted
        }
        sent = Message(await incoming.read(), headers)
        asked = _asked(sent)
        if request is not None:
            sent = request(replace(sent, asked=asked))
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                incoming.method,
                upstream + incoming.path_qs,
                data=io.BytesIO(sent.body),
                headers=sent.headers,
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


def _asked(sent: Message) -> dict[str, Any]:
    try:
        value = json.loads(sent.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def on_success(change: Callable[[Any, Message], Any]) -> Change:
    """Change the JSON of success responses: `change(json, response)`."""

    def apply(response: Message) -> Message:
        if not response.is_success or response.is_stream:
            return response
        return response.with_json(change(response.json, response))

    return apply


def on_refusal(change: Change) -> Change:
    """Change responses with a status of 400 to 499."""
    return lambda response: (
        change(response) if 400 <= response.status < 500 else response
    )


def on_pictures(change: Callable[[bytes], bytes]) -> Change:
    """Change each image in a success response, in base64 or as a data URI."""

    def changed(item: dict[str, Any]) -> dict[str, Any]:
        name = "b64_json" if "b64_json" in item else "url"
        head, comma, text = item[name].rpartition(",")
        if not head and name == "url":
            return item
        data = change(base64.b64decode(text))
        return {**item, name: head + comma + base64.b64encode(data).decode()}

    return on_success(
        lambda body, _: {**body, "data": [changed(item) for item in body["data"]]}
    )


def on_events(change: Callable[[list[str]], list[str]]) -> Change:
    """Change the events of a stream, each given as its text."""

    def apply(response: Message) -> Message:
        if not response.is_stream:
            return response
        events = [each for each in response.body.decode().split("\n\n") if each]
        text = "".join(f"{each}\n\n" for each in change(events))
        return replace(response, body=text.encode())

    return apply
