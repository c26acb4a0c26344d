"""
A relay in front of our mock that damages the exchanges about tasks.

It keeps the `Host` header, so that the URLs of results lead through it as well.
"""

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import aiohttp
from aiohttp import web

import specs

FILE = "file"  # the role of a request for the URL of a result
KEPT = {"Content-Type", "Retry-After", "X-Request-Id"}
Members = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """
    A response on its way through the relay.

    `count` is the number of this response among those of its role to `path`, from 1.
    `memory` is what the changes of one relay keep.
    """

    role: str
    path: str
    has_key: bool
    status: int
    headers: dict[str, str]
    body: bytes
    count: int
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def with_json(self, value: Any, **changes: Any) -> "Reply":
        return replace(self, body=json.dumps(value).encode(), **changes)

    def with_text(self, text: str, content_type: str, **changes: Any) -> "Reply":
        headers = {"Content-Type": content_type}
        return replace(self, body=text.encode(), headers=headers, **changes)


Change = Callable[[Reply], Reply]


def task_relay(
    upstream: str,
    provider: specs.Provider,
    change: Change,
    fields: Mapping[str, Any] = MappingProxyType({}),
):
    """
    An application that forwards to `upstream`, and changes the responses.

    `fields` replace those of requests that create a task.
    """
    memory: dict[str, Any] = {}
    counts: Counter[tuple[str, str]] = Counter()

    async def handle(incoming: web.Request) -> web.Response:
        role, body = role_of(provider, incoming), await incoming.read()
        if role == "create" and fields:
            body = with_fields(body, fields)
        skipped = {"content-length", "transfer-encoding"}
        headers = {
            k: v for k, v in incoming.headers.items() if k.lower() not in skipped
        }
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                incoming.method,
                upstream + incoming.path_qs,
                data=io.BytesIO(body) if body else None,
                headers=headers,
            ) as response,
        ):
            if role == "events":
                return await stream(incoming, response)
            kept = {k: v for k, v in response.headers.items() if k.title() in KEPT}
            counts[role, incoming.path] += 1
            reply = change(
                Reply(
                    role,
                    incoming.path,
                    "Authorization" in incoming.headers,
                    response.status,
                    kept,
                    await response.read(),
                    counts[role, incoming.path],
                    memory,
                )
            )
        return web.Response(body=reply.body, status=reply.status, headers=reply.headers)

    async def stream(incoming: web.Request, response: Any) -> web.StreamResponse:
        """Forward the parts of a stream, each changed by itself."""
        sent = web.StreamResponse(headers={"Content-Type": response.content_type})
        await sent.prepare(incoming)
        async for part in response.content.iter_any():
            reply = Reply("events", incoming.path, True, 200, {}, part, 1, memory)
            with contextlib.suppress(ConnectionError):
                await sent.write(change(reply).body)
        return sent

    app = web.Application(client_max_size=128 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def with_fields(body: bytes, fields: Mapping[str, Any]) -> bytes:
    """A body with other fields, if it is a JSON object."""
    try:
        members = json.loads(body)
    except ValueError:
        return body
    if not isinstance(members, dict):
        return body
    return json.dumps({**members, **fields}).encode()


def role_of(provider: specs.Provider, request: web.Request) -> str:
    """The role of the operation of a request; `file` for any other request."""
    path = request.path.removeprefix(f"/{provider.id}")
    for operation, _ in provider.matching(path):
        if operation.method == request.method and operation.task is not None:
            return str(operation.task.role)
    return FILE


# -- changes


def on(*roles: str, success: bool | None = True) -> Callable[[Change], Change]:
    """Restrict a change to responses of some roles, and to success or error ones."""

    def restricted(change: Change) -> Change:
        def apply(reply: Reply) -> Reply:
            is_meant = reply.role in roles
            if success is not None:
                is_meant = is_meant and reply.is_success is success
            return change(reply) if is_meant else reply

        return apply

    return restricted


def edit(*roles: str) -> Callable[[Callable[[Members, Reply], Any]], Change]:
    """A change of the JSON of success responses: `edit(role)(change(body, reply))`."""

    def edited(change: Callable[[Members, Reply], Any]) -> Change:
        def apply(reply: Reply) -> Reply:
            body = reply.json
            replaced = change(body, reply)
            return reply.with_json(body if replaced is None else replaced)

        return on(*roles)(apply)

    return edited


def answer(*roles: str, success: bool | None = True, **changes: Any) -> Change:
    """Replace responses: `status`, and `text` with `content_type`, or `value`."""

    def apply(reply: Reply) -> Reply:
        status = changes.get("status", reply.status)
        if "value" in changes:
            return reply.with_json(changes["value"], status=status)
        if "text" in changes:
            kind = changes.get("content_type", "text/html")
            return reply.with_text(changes["text"], kind, status=status)
        return replace(reply, status=status)

    return on(*roles, success=success)(apply)
