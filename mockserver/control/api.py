"""
The control API under `/__mock__/`: what the mock remembers, what it shall do next, and
a clean slate.
"""

import asyncio
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from aiohttp import web

from mockserver.control.access import PUBLIC_PATHS, guard
from mockserver.control.http import (
    BadControlRequest,
    Handler,
    error_response,
    integer_parameter,
    json_body,
    json_response,
    namespace_parameter,
)
from mockserver.control.metrics import CONTENT_TYPE, render_metrics
from mockserver.errors import Rejected
from mockserver.json_text import dumps
from mockserver.media.image.plan import BadImage
from mockserver.media.image.uploads import thumbnail
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.server_context import ServerContext
from mockserver.simulation.faults import FAULTS
from mockserver.simulation.scripts import BadScript, validate_script
from mockserver.state.clock import parse_time
from mockserver.state.journal import MAX_ENTRIES, Query
from mockserver.state.memory import ScriptFull

PREFIX = "/__mock__"
MAX_WAIT_MS = 600_000
MAX_ADVANCE_SECONDS = 100 * 366 * 86_400
HEARTBEAT_INTERVAL = 15.0
THUMBNAIL_EDGE = 320


def add_routes(app: web.Application, context: ServerContext) -> None:
    """
    Mount the control API.

    A page of another origin is refused, whatever it asks, and so is a name that leads
    here without being ours (DNS rebinding). With `settings.token` each request has to
    bring it, as a bearer token, in `X-Mock-Token` or, for a browser, as `?token=`; but
    for health, which supervisors ask, and the inspector's page, which holds no data.
    """
    control = Control(context)
    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/health", control.health),
        ("GET", "/providers", control.providers),
        ("GET", "/faults", control.faults),
        ("GET", "/journal", control.journal),
        ("GET", "/journal/count", control.count_entries),
        ("GET", "/journal/wait", control.wait_for_entries),
        ("DELETE", "/journal", control.clear_journal),
        ("GET", "/events", control.events),
        ("POST", "/reset", control.reset),
        ("GET", "/script/{provider}", control.script),
        ("POST", "/script/{provider}", control.extend_script),
        ("GET", "/costs", control.costs),
        ("GET", "/clock", control.clock),
        ("POST", "/clock", control.set_clock),
        ("GET", "/metrics", control.metrics),
        ("GET", "/pictures/{request_id}/{index}", control.image),
        ("GET", "/uploads/{sha256}", control.upload),
        ("GET", "/", control.inspector),
    ]
    for method, path, handler in routes:
        guarded = guard(handler, context, is_open=path in PUBLIC_PATHS)
        app.router.add_route(method, PREFIX + path, guarded)

    async def unknown(request: web.Request) -> web.StreamResponse:
        known = ", ".join(f"{method} {PREFIX}{path}" for method, path, _ in routes)
        return error_response(f"no such control; known: {known}", status=404)

    app.router.add_route("*", PREFIX + "{path:(/.*)?}", guard(unknown, context))


class Control:
    """What each control does."""

    def __init__(self, context: ServerContext) -> None:
        self.context = context
        self.store = context.store

    async def health(self, request: web.Request) -> web.Response:
        trouble = self.context.reload_error
        return json_response(
            {
                "status": "ok" if trouble is None else "degraded",
                "providers": list(self.context.provider_contexts),
                "trouble": trouble,
            }
        )

    async def providers(self, request: web.Request) -> web.Response:
        base = f"{request.scheme}://{request.host}"
        return json_response(
            {"providers": describe_providers(self.context.provider_contexts, base)}
        )

    async def faults(self, request: web.Request) -> web.Response:
        known = [
            {"name": each.name, "kind": each.kind, "about": each.description}
            for each in FAULTS.values()
        ]
        return json_response({"faults": known})

    async def journal(self, request: web.Request) -> web.Response:
        limit = integer_parameter(request, "limit", 100, maximum=999_999)
        entries = await self.store.journal.entries(
            self._build_query(request), limit=limit
        )
        return json_response({"entries": entries})

    async def count_entries(self, request: web.Request) -> web.Response:
        entries = await self.store.journal.entries(self._build_query(request))
        return json_response({"count": len(entries)})

    async def wait_for_entries(self, request: web.Request) -> web.Response:
        """Status 408 when the time is up before so many entries are there."""
        count = integer_parameter(request, "count", 1, maximum=MAX_ENTRIES)
        milliseconds = integer_parameter(
            request, "timeout_ms", 5000, maximum=MAX_WAIT_MS
        )
        found = await self.store.journal.wait(
            self._build_query(request), count=count, seconds=milliseconds / 1000
        )
        status = 200 if len(found) >= count else 408
        return json_response({"count": len(found), "entries": found}, status=status)

    async def clear_journal(self, request: web.Request) -> web.Response:
        await self.store.journal.clear(namespace_parameter(request))
        return json_response({"status": "ok"})

    async def reset(self, request: web.Request) -> web.Response:
        await self.context.reset(namespace_parameter(request))
        return json_response({"status": "ok"})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Entries of the journal as they are written, as server-sent events."""
        query = self._build_query(request)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        await response.write(b": entries of the journal\n\n")
        watching = aiter(self.store.journal.watch(query))
        coming: asyncio.Future[dict[str, Any]] | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(watching))
                done, _ = await asyncio.wait([coming], timeout=HEARTBEAT_INTERVAL)
                if not done:
                    await response.write(b": still here\n\n")
                    continue
                entry, coming = coming.result(), None
                text = f"id: {entry['id']}\ndata: {dumps(entry)}\n\n"
                await response.write(text.encode())
        except StopAsyncIteration:
            await response.write_eof()
        finally:
            if coming is not None:
                coming.cancel()
        return response

    async def script(self, request: web.Request) -> web.Response:
        service = self._provider_context(request)
        namespace = namespace_parameter(request) or ""
        items = await self.store.scripts(service.provider.id, namespace)
        return json_response({"items": items})

    async def extend_script(self, request: web.Request) -> web.Response:
        service = self._provider_context(request)
        errors = {
            name: each.errors for name, each in service.provider.operations.items()
        }
        namespace = namespace_parameter(request) or ""
        try:
            items = validate_script(await json_body(request), errors)
            waiting = await self.store.push(service.provider.id, namespace, items)
        except (BadScript, ScriptFull) as error:
            raise BadControlRequest(str(error)) from None
        return json_response({"status": "ok", "waiting": waiting})

    async def costs(self, request: web.Request) -> web.Response:
        return json_response((await self.store.totals()).costs())

    async def clock(self, request: web.Request) -> web.Response:
        await self.store.sync_clock()
        return json_response(self.store.clock.to_json())

    async def set_clock(self, request: web.Request) -> web.Response:
        """`{"advance_s": 3600}`, `{"freeze": true | ISO 8601}`, `{"freeze": false}`."""
        asked = await json_body(request)
        known = {"advance_s", "freeze"}
        if not isinstance(asked, dict) or not asked or set(asked) - known:
            raise BadControlRequest(
                'the clock takes {"advance_s": SECONDS} and {"freeze": true, false or '
                "an ISO 8601 time}"
            )
        await self.store.sync_clock()
        clock = self.store.clock
        advance = asked.get("advance_s", 0)
        is_number = isinstance(advance, (int, float)) and not isinstance(advance, bool)
        if not is_number or not 0 <= advance <= MAX_ADVANCE_SECONDS:
            raise BadControlRequest(
                "advance_s takes seconds, 0 or more: time does not go back"
            )
        before = clock.state()
        try:
            if "freeze" in asked:
                _freeze(clock, asked["freeze"])
            clock.advance(advance)
        except ValueError as error:
            clock.load(before)
            raise BadControlRequest(str(error)) from None
        await self.store.publish_clock()
        return json_response(clock.to_json())

    async def metrics(self, request: web.Request) -> web.Response:
        kept = await self.store.journal.size()
        text = render_metrics(
            await self.store.totals(),
            journal_entries=kept,
            tasks=len(asyncio.all_tasks()),
        )
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def image(self, request: web.Request) -> web.Response:
        """A picture that was answered with, made small."""
        index = request.match_info["index"]
        plan = self.context.recent_outputs.plan(
            request.match_info["request_id"], int(index) if _INDEX.match(index) else -1
        )
        if plan is None:
            return error_response("no such picture here, or no longer", status=404)
        try:
            return await self._thumbnail_response(
                await self.context.any_provider_context().render(plan)
            )
        except Rejected as rejected:
            return error_response(rejected.message, status=415)

    async def upload(self, request: web.Request) -> web.Response:
        """A picture that was uploaded, drawn anew and made small."""
        data = self.context.recent_outputs.upload(request.match_info["sha256"])
        if data is None:
            return error_response("no such upload here, or no longer", status=404)
        return await self._thumbnail_response(data)

    async def _thumbnail_response(self, data: bytes) -> web.Response:
        loop = asyncio.get_running_loop()
        try:
            small = await loop.run_in_executor(None, thumbnail, data, THUMBNAIL_EDGE)
        except BadImage as error:
            return error_response(f"this is no picture: {error}", status=415)
        headers = {"Cache-Control": "private, max-age=3600"}
        return web.Response(body=small, content_type="image/webp", headers=headers)

    async def inspector(self, request: web.Request) -> web.Response:
        page = (
            resources.files("mockserver.control").joinpath("inspector.html").read_text()
        )
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(text=page, content_type="text/html", headers=headers)

    def _provider_context(self, request: web.Request) -> ProviderContext:
        return self.context.provider_contexts[
            self._check_provider(request.match_info["provider"])
        ]

    def _check_provider(self, provider: str) -> str:
        if provider not in self.context.provider_contexts:
            known = ", ".join(self.context.provider_contexts)
            raise BadControlRequest(f"no provider '{provider[:80]}'; known: {known}")
        return provider

    def _build_query(self, request: web.Request) -> Query:
        asked = request.query
        unknown = sorted(set(asked) - set(Query.__slots__) - _PAGING_PARAMETERS)
        if unknown:
            known = ", ".join(
                sorted({*Query.__slots__, *_PAGING_PARAMETERS} - {"token"})
            )
            raise BadControlRequest(f"no parameter '{unknown[0][:80]}'; known: {known}")
        if "provider" in asked:
            self._check_provider(asked["provider"])
        texts = {
            name: asked[name]
            for name in Query.__slots__
            if name in asked and name not in {"status", "since"}
        }
        status = integer_parameter(request, "status", 0, maximum=999)
        return Query(
            **texts,
            status=status or None,
            since=integer_parameter(request, "since", 0),
        )


CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_PAGING_PARAMETERS = {"limit", "count", "timeout_ms", "token"}
_INDEX = re.compile(r"[0-9]{1,4}\Z")


def describe_providers(
    provider_contexts: Mapping[str, ProviderContext], base: str
) -> list[dict[str, Any]]:
    """What is served, and where."""
    return [
        {
            "id": name,
            "title": each.provider.title,
            "base_url": f"{base}/{name}{each.provider.base_path}",
            "model": each.provider.dialect.model,
            "operations": {
                operation.id: f"{operation.method} {operation.path}"
                for operation in each.provider.operations.values()
            },
            "errors": {
                operation.id: sorted(operation.errors)
                for operation in each.provider.operations.values()
            },
        }
        for name, each in provider_contexts.items()
    ]


def _freeze(clock: Any, value: Any) -> None:
    if value is False:
        clock.release()
    elif value is True:
        clock.freeze()
    else:
        try:
            clock.freeze(parse_time(value))
        except (TypeError, ValueError, OverflowError):
            raise BadControlRequest(
                "freeze takes true, false or an ISO 8601 time, such as "
                "2026-05-04T12:00:00Z"
            ) from None
