"""Controls of the next responses: scripts and the clock."""

from typing import Any

from aiohttp import web

from mockserver.control.http import (
    BadControlRequest,
    json_body,
    json_response,
    namespace_parameter,
    path_provider,
)
from mockserver.pipeline.endpoints.download import script_errors
from mockserver.pipeline.server_context import ServerContext
from mockserver.simulation.scripts import BadScript, validate_script
from mockserver.state.clock import Clock, parse_time
from mockserver.state.memory import ScriptFull

MAX_ADVANCE_SECONDS = 100 * 366 * 86_400


class BehaviorControls:
    def __init__(self, context: ServerContext) -> None:
        self.context = context
        self.store = context.store

    async def script(self, request: web.Request) -> web.Response:
        provider_context = path_provider(request, self.context)
        namespace = namespace_parameter(request) or ""
        items = await self.store.scripts(provider_context.provider.id, namespace)
        return json_response({"items": items})

    async def extend_script(self, request: web.Request) -> web.Response:
        """Append the items of the body; none of them if one is invalid."""
        provider = path_provider(request, self.context).provider
        namespace = namespace_parameter(request) or ""
        try:
            body = await json_body(request)
            items = validate_script(body, script_errors(provider))
            waiting = await self.store.push(provider.id, namespace, items)
        except (BadScript, ScriptFull) as error:
            raise BadControlRequest(str(error)) from None
        return json_response({"status": "ok", "waiting": waiting})

    async def clock(self, request: web.Request) -> web.Response:
        await self.store.sync_clock()
        return json_response(self.store.clock.to_json())

    async def set_clock(self, request: web.Request) -> web.Response:
        """`{"advance_s": 3600}`, `{"freeze": true | ISO 8601}`, `{"freeze": false}`."""
        change = await json_body(request)
        known = {"advance_s", "freeze"}
        if not isinstance(change, dict) or not change or set(change) - known:
            raise BadControlRequest(
                'the clock takes {"advance_s": SECONDS} and {"freeze": true, false or '
                "an ISO 8601 time}"
            )
        await self.store.sync_clock()
        clock = self.store.clock
        advance = change.get("advance_s", 0)
        is_number = isinstance(advance, (int, float)) and not isinstance(advance, bool)
        if not is_number or not 0 <= advance <= MAX_ADVANCE_SECONDS:
            raise BadControlRequest(
                f"advance_s takes 0 to {MAX_ADVANCE_SECONDS} seconds"
            )
        before = clock.state()
        try:
            if "freeze" in change:
                _freeze(clock, change["freeze"])
            clock.advance(advance)
        except ValueError as error:
            clock.load(before)
            raise BadControlRequest(str(error)) from None
        await self.store.publish_clock()
        return json_response(clock.to_json())


def _freeze(clock: Clock, value: Any) -> None:
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
