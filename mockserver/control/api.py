"""The routes of the control API, and its general information."""

import asyncio
from functools import cached_property
from importlib import import_module
from typing import Any

from aiohttp import web

from mockserver.control.access import PUBLIC_PATHS, guard
from mockserver.control.http import (
    Handler,
    error_response,
    json_response,
    namespace_parameter,
)
from mockserver.pipeline.public_url import root_url
from mockserver.pipeline.server_context import ServerContext
from mockserver.settings import CONTROL_PREFIX


def add_routes(app: web.Application, context: ServerContext) -> None:
    """
    Add the routes of the control API.

    Requests of other origins and requests with an unknown host name (DNS rebinding)
    are rejected. With `settings.token` each request needs the token: as a bearer token,
    in the header `X-Mock-Token`, or as `?token=`. `PUBLIC_PATHS` need none: supervisors
    poll health and readiness, and neither the document nor the page of the inspector
    contain data.
    """
    server = ServerControls(context)
    behavior = _LazyControls("mockserver.control.behavior", "BehaviorControls", context)
    journal = _LazyControls("mockserver.control.journal", "JournalControls", context)
    inspector = _LazyControls("mockserver.control.inspector", "Inspector", context)
    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/health", server.health),
        ("GET", "/ready", server.ready),
        ("GET", "/openapi.json", server.description),
        ("GET", "/providers", server.providers),
        ("GET", "/faults", server.faults),
        ("GET", "/journal", journal.handler("entries")),
        ("GET", "/journal/count", journal.handler("count")),
        ("GET", "/journal/wait", journal.handler("wait")),
        ("DELETE", "/journal", journal.handler("clear")),
        ("GET", "/events", journal.handler("events")),
        ("POST", "/reset", server.reset),
        ("GET", "/script/{provider}", behavior.handler("script")),
        ("POST", "/script/{provider}", behavior.handler("extend_script")),
        ("GET", "/costs", server.costs),
        ("GET", "/clock", behavior.handler("clock")),
        ("POST", "/clock", behavior.handler("set_clock")),
        ("GET", "/metrics", server.metrics),
        ("GET", "/pictures/{request_id}/{index}", inspector.handler("image")),
        ("GET", "/files/{request_id}/{index}", inspector.handler("file")),
        ("GET", "/uploads/{sha256}", inspector.handler("upload")),
        ("GET", "/", inspector.handler("page")),
    ]
    for method, path, handler in routes:
        guarded = guard(handler, context, is_open=path in PUBLIC_PATHS)
        app.router.add_route(method, CONTROL_PREFIX + path, guarded)

    async def unknown(request: web.Request) -> web.StreamResponse:
        known = ", ".join(
            f"{method} {CONTROL_PREFIX}{path}" for method, path, _ in routes
        )
        return error_response(f"unknown endpoint; known: {known}", status=404)

    app.router.add_route("*", CONTROL_PREFIX + "{path:(/.*)?}", guard(unknown, context))


class _LazyControls:
    """The handlers of a class; its module is imported with the first request."""

    def __init__(self, module: str, name: str, context: ServerContext) -> None:
        self._module, self._name, self._context = module, name, context

    @cached_property
    def _controls(self) -> Any:
        return getattr(import_module(self._module), self._name)(self._context)

    def handler(self, name: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            handler: Handler = getattr(self._controls, name)
            return await handler(request)

        return handle


class ServerControls:
    def __init__(self, context: ServerContext) -> None:
        self.context = context
        self.store = context.store

    async def health(self, request: web.Request) -> web.Response:
        error = self.context.reload_error
        return json_response(
            {
                "status": "ok" if error is None else "degraded",
                "providers": list(self.context.provider_contexts),
                "trouble": error,
            }
        )

    async def ready(self, request: web.Request) -> web.Response:
        """Without its state store a replica answers, but not as the others do: 503."""
        await self.store.check_available()
        return json_response({"status": "ok"})

    async def description(self, request: web.Request) -> web.Response:
        from mockserver.control.description import control_document

        return json_response(control_document())

    async def providers(self, request: web.Request) -> web.Response:
        from mockserver.control.providers import describe_providers

        base = root_url(request, self.context.settings)
        contexts = self.context.provider_contexts  # which may have to be loaded
        described = await asyncio.to_thread(describe_providers, contexts, base)
        return json_response({"providers": described})

    async def faults(self, request: web.Request) -> web.Response:
        from mockserver.simulation.faults import FAULTS

        known = [
            {"name": each.name, "kind": each.kind, "about": each.description}
            for each in FAULTS.values()
        ]
        return json_response({"faults": known})

    async def reset(self, request: web.Request) -> web.Response:
        await self.context.reset(namespace_parameter(request))
        return json_response({"status": "ok"})

    async def costs(self, request: web.Request) -> web.Response:
        return json_response((await self.store.totals()).costs())

    async def metrics(self, request: web.Request) -> web.Response:
        from mockserver.control.metrics import CONTENT_TYPE, render_metrics

        journal_entries = await self.store.journal.size()
        text = render_metrics(
            await self.store.totals(),
            journal_entries=journal_entries,
            tasks=len(asyncio.all_tasks()),
        )
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})
