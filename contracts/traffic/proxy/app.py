"""The application of the proxy, with a journal for clients on this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from contracts.traffic.forwarding import serve_app
from contracts.traffic.proxy.relay import Relay, error_response
from mockserver.hosts import is_loopback
from mockserver.json_text import dumps
from mockserver.settings import CONTROL_PREFIX

SHUTDOWN_TIMEOUT = 5.0  # seconds


def create_app(relay: Relay) -> web.Application:
    """An application that forwards all paths except those below `CONTROL_PREFIX`."""
    app = web.Application()
    for method, path, handler in (
        ("GET", "/health", _health),
        ("GET", "/journal", _journal),
        ("DELETE", "/journal", _clear),
    ):
        app.router.add_route(
            method, CONTROL_PREFIX + path, _loopback_only(relay, handler)
        )
    app.router.add_route(
        "*", CONTROL_PREFIX + "{path:(/.*)?}", _loopback_only(relay, _not_found)
    )
    app.router.add_route("*", "/{path:.*}", relay.handle)
    return app


def _loopback_only(relay: Relay, handler: Any) -> Any:
    """Reject requests of other machines, and of web pages in a browser."""

    async def guarded(request: web.Request) -> web.Response:
        host = urlsplit(f"//{request.host}").hostname or ""
        if (
            "Origin" in request.headers
            or not is_loopback(host)
            or not is_loopback((request.remote or "").removeprefix("::ffff:"))
        ):
            message = "The journal is only available on this machine."
            return error_response(403, "forbidden", message)
        response: web.Response = await handler(relay, request)
        return response

    return guarded


async def _health(relay: Relay, request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "providers": [relay.provider.id]})


async def _journal(relay: Relay, request: web.Request) -> web.Response:
    limit = request.query.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 6):
        message = f"limit must be a whole number, not '{limit[:40]}'."
        return error_response(400, "invalid_request", message)
    await relay.drain()
    entries = await relay.journal.entries(limit=int(limit))
    return web.json_response({"entries": entries}, dumps=dumps)


async def _clear(relay: Relay, request: web.Request) -> web.Response:
    await relay.drain()
    await relay.journal.clear()
    return web.json_response({"status": "ok"})


async def _not_found(relay: Relay, request: web.Request) -> web.Response:
    base = CONTROL_PREFIX
    known = f"GET {base}/health, GET {base}/journal, DELETE {base}/journal"
    return error_response(404, "not_found", f"Unknown path; known are {known}.")


@asynccontextmanager
async def serve_relay(
    relay: Relay, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """
    Serve a relay until the block ends; yield its root URL.

    Raises `OSError` if it cannot listen.
    """
    app = create_app(relay)
    async with (
        relay,
        serve_app(app, host, port, shutdown_timeout=SHUTDOWN_TIMEOUT) as url,
    ):
        yield url
