"""The relay as an application, with its journal for this machine alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from contracts.execution.targets import is_loopback
from contracts.traffic.proxy.proxy import (
    ADDED,
    GIVEN,
    GRACE,
    MAX_HEADER,
    PREFIX,
    Relay,
    refused,
)
from mockserver.errors import dumps


def create_app(relay: Relay) -> web.Application:
    """An application that passes everything on, but what begins with `PREFIX`."""
    app = web.Application()
    for method, path, handler in (
        ("GET", "/health", _health),
        ("GET", "/journal", _journal),
        ("DELETE", "/journal", _clear),
    ):
        app.router.add_route(method, PREFIX + path, _guarded(relay, handler))
    app.router.add_route("*", PREFIX + "{path:(/.*)?}", _guarded(relay, _unknown))
    app.router.add_route("*", "/{path:.*}", relay.answer)
    app.on_response_prepare.append(_add_nothing)
    return app


async def _add_nothing(request: web.Request, response: web.StreamResponse) -> None:
    given = response.get(GIVEN)
    if given is None:
        return
    for name in ADDED:
        if name.lower() not in given:
            response.headers.popall(name, None)


def _guarded(relay: Relay, handler: Any) -> Any:
    """The journal is for this machine, and not for the pages in its browser."""

    async def guarded(request: web.Request) -> web.Response:
        host = urlsplit(f"//{request.host}").hostname or ""
        if (
            "Origin" in request.headers
            or not is_loopback(host)
            or not is_loopback((request.remote or "").removeprefix("::ffff:"))
        ):
            message = "The journal is read from this machine alone."
            return refused(403, "forbidden", message)
        answer: web.Response = await handler(relay, request)
        return answer

    return guarded


async def _health(relay: Relay, request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "providers": [relay.provider.id]})


async def _journal(relay: Relay, request: web.Request) -> web.Response:
    limit = request.query.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 6):
        message = f"limit must be a whole number, not '{limit[:40]}'."
        return refused(400, "invalid_request", message)
    await relay.settled()
    entries = await relay.journal.entries(limit=int(limit))
    return web.json_response({"entries": entries}, dumps=dumps)


async def _clear(relay: Relay, request: web.Request) -> web.Response:
    await relay.settled()
    await relay.journal.clear()
    return web.json_response({"status": "ok"})


async def _unknown(relay: Relay, request: web.Request) -> web.Response:
    known = f"GET {PREFIX}/health, GET {PREFIX}/journal, DELETE {PREFIX}/journal"
    return refused(404, "not_found", f"No such control; known: {known}.")


@asynccontextmanager
async def serving(
    relay: Relay, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """
    A relay that is served, until the block ends; gives its root address.

    Raises `OSError` when the address cannot be had.
    """
    async with relay:
        runner = web.AppRunner(
            create_app(relay),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=GRACE,
            auto_decompress=False,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            name, bound = runner.addresses[0][:2]
            yield f"http://{f'[{name}]' if ':' in name else name}:{bound}"
        finally:
            await runner.cleanup()
