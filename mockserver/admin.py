"""The control API under `/__mock__/`: what the mock remembers, and a clean slate."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from mockserver.errors import dumps
from mockserver.journal import Journal
from mockserver.service import Service
from mockserver.state import StateError

PREFIX = "/__mock__"


def add_routes(
    app: web.Application, services: Mapping[str, Service], journal: Journal
) -> None:
    """Mount the control API. A page of another origin is refused, whatever it asks."""

    async def health(request: web.Request) -> web.Response:
        return _json({"status": "ok", "providers": list(services)})

    async def show_journal(request: web.Request) -> web.Response:
        provider = request.query.get("provider")
        if provider is not None and provider not in services:
            return _refused(f"no provider '{provider}'; known: {', '.join(services)}")
        limit = request.query.get("limit", "100")
        if not (limit.isascii() and limit.isdigit() and len(limit) <= 6):
            return _refused(f"limit must be a whole number, not '{limit[:40]}'")
        found = await journal.entries(provider=provider, limit=int(limit))
        return _json({"entries": found})

    async def clear_journal(request: web.Request) -> web.Response:
        await journal.clear()
        return _json({"status": "ok"})

    async def show_providers(request: web.Request) -> web.Response:
        base = f"{request.scheme}://{request.host}"
        return _json({"providers": described(services, base)})

    routes = [
        ("GET", "/health", health),
        ("GET", "/journal", show_journal),
        ("DELETE", "/journal", clear_journal),
        ("POST", "/reset", clear_journal),
        ("GET", "/providers", show_providers),
    ]
    for method, path, handler in routes:
        app.router.add_route(method, PREFIX + path, _guarded(handler))

    async def unknown(request: web.Request) -> web.Response:
        known = ", ".join(f"{method} {PREFIX}{path}" for method, path, _ in routes)
        return _refused(f"no such control; known: {known}", status=404)

    app.router.add_route("*", PREFIX + "{path:(/.*)?}", _guarded(unknown))


def described(services: Mapping[str, Service], base: str) -> list[dict[str, Any]]:
    """What is served, and where."""
    return [
        {
            "id": name,
            "title": each.provider.title,
            "base_url": f"{base}/{name}{each.provider.base_path}",
            "operations": {
                operation.id: f"{operation.method} {operation.path}"
                for operation in each.provider.operations.values()
            },
            "errors": {
                operation.id: sorted(operation.errors)
                for operation in each.provider.operations.values()
            },
        }
        for name, each in services.items()
    ]


def _guarded(handler: Any) -> Any:
    async def guarded(request: web.Request) -> web.Response:
        origin = request.headers.get("Origin")
        if origin is not None and _host_of(origin) != request.host:
            return _refused("the control API is closed to other origins", status=403)
        try:
            response: web.Response = await handler(request)
        except StateError as error:
            return _refused(str(error), status=503)
        return response

    return guarded


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _json(value: Any) -> web.Response:
    return web.json_response(value, dumps=dumps)


def _refused(message: str, status: int = 400) -> web.Response:
    return web.json_response(
        {"error": {"message": message}}, status=status, dumps=dumps
    )
