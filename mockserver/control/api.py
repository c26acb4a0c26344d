"""
The control API under `/__mock__/`: what the mock remembers, what it shall do next, and
a clean slate.
"""

import asyncio
import hmac
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from mockserver.control.metrics import CONTENT_TYPE, rendered
from mockserver.errors import Rejected, dumps
from mockserver.media.image.drawing.encode import BadPicture, thumbnail
from mockserver.pipeline.body_reading import read_bytes
from mockserver.pipeline.context import Service
from mockserver.pipeline.house import House
from mockserver.simulation.faults import FAULTS
from mockserver.simulation.triggers import BadScript, checked, is_namespace
from mockserver.state.clock import moment
from mockserver.state.journal import MAX_ENTRIES, Query
from mockserver.state.memory import ScriptFull, StateError

PREFIX = "/__mock__"
TOKEN = "X-Mock-Token"  # noqa: S105 -- the name of a header
OPEN = {"/", "/health"}
MAX_CONTROL = 1024 * 1024
MAX_WAIT = 600_000
MAX_ADVANCE = 100 * 366 * 86_400
HEARTBEAT = 15.0
THUMBNAIL = 320

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadControl(ValueError):
    """A control request that makes no sense; the message says what would."""


def add_routes(app: web.Application, house: House) -> None:
    """
    Mount the control API.

    A page of another origin is refused, whatever it asks, and so is a name that leads
    here without being ours (DNS rebinding). With `settings.token` each request has to
    bring it, as a bearer token, in `X-Mock-Token` or, for a browser, as `?token=`; but
    for health, which supervisors ask, and the inspector's page, which holds no data.
    """
    control = Control(house)
    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/health", control.health),
        ("GET", "/providers", control.providers),
        ("GET", "/faults", control.faults),
        ("GET", "/journal", control.journal),
        ("GET", "/journal/count", control.count),
        ("GET", "/journal/wait", control.wait),
        ("DELETE", "/journal", control.forget),
        ("GET", "/events", control.events),
        ("POST", "/reset", control.reset),
        ("GET", "/script/{provider}", control.script),
        ("POST", "/script/{provider}", control.extend),
        ("GET", "/costs", control.costs),
        ("GET", "/clock", control.clock),
        ("POST", "/clock", control.set_clock),
        ("GET", "/metrics", control.metrics),
        ("GET", "/pictures/{request_id}/{index}", control.picture),
        ("GET", "/uploads/{sha256}", control.upload),
        ("GET", "/", control.inspector),
    ]
    for method, path, handler in routes:
        guarded = _guarded(handler, house, is_open=path in OPEN)
        app.router.add_route(method, PREFIX + path, guarded)

    async def unknown(request: web.Request) -> web.StreamResponse:
        known = ", ".join(f"{method} {PREFIX}{path}" for method, path, _ in routes)
        return _refused(f"no such control; known: {known}", status=404)

    app.router.add_route("*", PREFIX + "{path:(/.*)?}", _guarded(unknown, house))


class Control:
    """What each control does."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.memory = house.memory

    async def health(self, request: web.Request) -> web.Response:
        trouble = self.house.trouble
        return _json(
            {
                "status": "ok" if trouble is None else "degraded",
                "providers": list(self.house.services),
                "trouble": trouble,
            }
        )

    async def providers(self, request: web.Request) -> web.Response:
        base = f"{request.scheme}://{request.host}"
        return _json({"providers": described(self.house.services, base)})

    async def faults(self, request: web.Request) -> web.Response:
        known = [
            {"name": each.name, "kind": each.kind, "about": each.about}
            for each in FAULTS.values()
        ]
        return _json({"faults": known})

    async def journal(self, request: web.Request) -> web.Response:
        limit = _whole(request, "limit", 100, most=999_999)
        entries = await self.memory.journal.entries(self._query(request), limit=limit)
        return _json({"entries": entries})

    async def count(self, request: web.Request) -> web.Response:
        entries = await self.memory.journal.entries(self._query(request))
        return _json({"count": len(entries)})

    async def wait(self, request: web.Request) -> web.Response:
        """Status 408 when the time is up before so many entries are there."""
        count = _whole(request, "count", 1, most=MAX_ENTRIES)
        milliseconds = _whole(request, "timeout_ms", 5000, most=MAX_WAIT)
        found = await self.memory.journal.wait(
            self._query(request), count=count, seconds=milliseconds / 1000
        )
        status = 200 if len(found) >= count else 408
        return _json({"count": len(found), "entries": found}, status=status)

    async def forget(self, request: web.Request) -> web.Response:
        await self.memory.journal.clear(_namespace(request))
        return _json({"status": "ok"})

    async def reset(self, request: web.Request) -> web.Response:
        await self.house.reset(_namespace(request))
        return _json({"status": "ok"})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Entries of the journal as they are written, as server-sent events."""
        query = self._query(request)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        await response.write(b": entries of the journal\n\n")
        watching = aiter(self.memory.journal.watch(query))
        coming: asyncio.Future[dict[str, Any]] | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(watching))
                done, _ = await asyncio.wait([coming], timeout=HEARTBEAT)
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
        service = self._service(request)
        namespace = _namespace(request) or ""
        items = await self.memory.scripts(service.provider.id, namespace)
        return _json({"items": items})

    async def extend(self, request: web.Request) -> web.Response:
        service = self._service(request)
        errors = {
            name: each.errors for name, each in service.provider.operations.items()
        }
        namespace = _namespace(request) or ""
        try:
            items = checked(await _body(request), errors)
            waiting = await self.memory.push(service.provider.id, namespace, items)
        except (BadScript, ScriptFull) as error:
            raise BadControl(str(error)) from None
        return _json({"status": "ok", "waiting": waiting})

    async def costs(self, request: web.Request) -> web.Response:
        return _json((await self.memory.totals()).costs())

    async def clock(self, request: web.Request) -> web.Response:
        await self.memory.refresh()
        return _json(self.memory.clock.shown())

    async def set_clock(self, request: web.Request) -> web.Response:
        """`{"advance_s": 3600}`, `{"freeze": true | ISO 8601}`, `{"freeze": false}`."""
        asked = await _body(request)
        known = {"advance_s", "freeze"}
        if not isinstance(asked, dict) or not asked or set(asked) - known:
            raise BadControl(
                'the clock takes {"advance_s": SECONDS} and {"freeze": true, false or '
                "an ISO 8601 time}"
            )
        await self.memory.refresh()
        clock = self.memory.clock
        advance = asked.get("advance_s", 0)
        is_number = isinstance(advance, (int, float)) and not isinstance(advance, bool)
        if not is_number or not 0 <= advance <= MAX_ADVANCE:
            raise BadControl(
                "advance_s takes seconds, 0 or more: time does not go back"
            )
        before = clock.state()
        try:
            if "freeze" in asked:
                _freeze(clock, asked["freeze"])
            clock.advance(advance)
        except ValueError as error:
            clock.adopt(before)
            raise BadControl(str(error)) from None
        await self.memory.set_clock()
        return _json(clock.shown())

    async def metrics(self, request: web.Request) -> web.Response:
        kept = await self.memory.journal.size()
        text = rendered(
            await self.memory.totals(),
            journal_entries=kept,
            tasks=len(asyncio.all_tasks()),
        )
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def picture(self, request: web.Request) -> web.Response:
        """A picture that was answered with, made small."""
        index = request.match_info["index"]
        plan = self.house.album.plan(
            request.match_info["request_id"], int(index) if _INDEX.match(index) else -1
        )
        if plan is None:
            return _refused("no such picture here, or no longer", status=404)
        try:
            return await self._small(await self.house.any().draw(plan))
        except Rejected as rejected:
            return _refused(rejected.message, status=415)

    async def upload(self, request: web.Request) -> web.Response:
        """A picture that was uploaded, drawn anew and made small."""
        data = self.house.album.upload(request.match_info["sha256"])
        if data is None:
            return _refused("no such upload here, or no longer", status=404)
        return await self._small(data)

    async def _small(self, data: bytes) -> web.Response:
        loop = asyncio.get_running_loop()
        try:
            small = await loop.run_in_executor(None, thumbnail, data, THUMBNAIL)
        except BadPicture as error:
            return _refused(f"this is no picture: {error}", status=415)
        headers = {"Cache-Control": "private, max-age=3600"}
        return web.Response(body=small, content_type="image/webp", headers=headers)

    async def inspector(self, request: web.Request) -> web.Response:
        page = (
            resources.files("mockserver.control").joinpath("inspector.html").read_text()
        )
        headers = {"Content-Security-Policy": CONTENT_POLICY}
        return web.Response(text=page, content_type="text/html", headers=headers)

    def _service(self, request: web.Request) -> Service:
        return self.house.services[self._known(request.match_info["provider"])]

    def _known(self, provider: str) -> str:
        if provider not in self.house.services:
            known = ", ".join(self.house.services)
            raise BadControl(f"no provider '{provider[:80]}'; known: {known}")
        return provider

    def _query(self, request: web.Request) -> Query:
        asked = request.query
        unknown = sorted(set(asked) - set(Query.__slots__) - _BESIDE)
        if unknown:
            known = ", ".join(sorted({*Query.__slots__, *_BESIDE} - {"token"}))
            raise BadControl(f"no parameter '{unknown[0][:80]}'; known: {known}")
        if "provider" in asked:
            self._known(asked["provider"])
        texts = {
            name: asked[name]
            for name in Query.__slots__
            if name in asked and name not in {"status", "since"}
        }
        status = _whole(request, "status", 0, most=999)
        return Query(**texts, status=status or None, since=_whole(request, "since", 0))


CONTENT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_BESIDE = {"limit", "count", "timeout_ms", "token"}
_INDEX = re.compile(r"[0-9]{1,4}\Z")


def described(services: Mapping[str, Service], base: str) -> list[dict[str, Any]]:
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
        for name, each in services.items()
    ]


def _freeze(clock: Any, value: Any) -> None:
    if value is False:
        clock.release()
    elif value is True:
        clock.freeze()
    else:
        try:
            clock.freeze(moment(value))
        except (TypeError, ValueError, OverflowError):
            raise BadControl(
                "freeze takes true, false or an ISO 8601 time, such as "
                "2026-05-04T12:00:00Z"
            ) from None


def _whole(request: web.Request, name: str, default: int, most: int = 10**15) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadControl(f"{name} must be a whole number, not '{text[:40]}'")
    if int(text) > most:
        raise BadControl(f"{name} must be at most {most}")
    return int(text)


def _namespace(request: web.Request) -> str | None:
    """The one meant, or None: a slip of the pen must not wipe the whole slate."""
    unknown = sorted(set(request.query) - {"namespace", "token"})
    if unknown:
        raise BadControl(f"no parameter '{unknown[0][:80]}'; known: namespace")
    name = request.query.get("namespace")
    if name and not is_namespace(name):
        raise BadControl(
            "namespace takes up to 64 letters, digits, '.', '_' and '-', "
            f"not '{name[:80]}'"
        )
    return name


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await read_bytes(request, MAX_CONTROL))
    except Rejected as rejected:
        raise BadControl(rejected.message) from None
    except (ValueError, RecursionError):
        raise BadControl("the body is no JSON") from None


def _guarded(handler: Handler, house: House, *, is_open: bool = False) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        refusal = _barred(request, house.settings.token, is_open=is_open)
        if refusal is not None:
            return refusal
        try:
            return await handler(request)
        except BadControl as error:
            return _refused(str(error))
        except StateError as error:
            return _refused(str(error), status=503)

    return guarded


def _barred(
    request: web.Request, token: str | None, *, is_open: bool
) -> web.Response | None:
    """Why a request may not control this mock, if so."""
    origin = request.headers.get("Origin")
    if origin is not None and _host_of(origin) != request.host:
        return _refused("the control API is closed to other origins", status=403)
    if token is None:
        if not _is_own(request.host):
            message = f"the control API does not answer to '{request.host[:80]}'"
            return _refused(message, status=403)
        return None
    if is_open:
        return None
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    given = [request.headers.get(TOKEN), request.query.get("token")]
    given += [bearer.strip()] if scheme.lower() == "bearer" else []
    if any(each and _is_same(each, token) for each in given):
        return None
    return _refused(
        f"the control API wants its token: {TOKEN}, a bearer token or ?token=",
        status=401,
    )


def _is_same(given: str, token: str) -> bool:
    """Compared in constant time; headers may hold what no text can."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _is_own(host: str) -> bool:
    """Whether a Host header names this machine by address or as localhost."""
    name = _host_name(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, dumps=dumps)


def _refused(message: str, status: int = 400) -> web.Response:
    return _json({"error": {"message": message}}, status=status)
