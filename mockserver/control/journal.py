"""Controls of the journal: read, count, await, watch and delete entries."""

import asyncio
from typing import Any

from aiohttp import web

from mockserver.control.http import (
    BadControlRequest,
    check_provider,
    integer_parameter,
    json_response,
    namespace_parameter,
)
from mockserver.json_text import dumps
from mockserver.pipeline.server_context import ServerContext
from mockserver.simulation.transfer import has_left
from mockserver.state.journal import MAX_ENTRIES, Query

MAX_WAIT_MS = 600_000
CHECK_INTERVAL, HEARTBEAT_INTERVAL = 1.0, 15.0  # seconds
_OTHER_PARAMETERS = {"limit", "count", "timeout_ms", "token"}


class JournalControls:
    def __init__(self, context: ServerContext) -> None:
        self.context = context
        self.journal = context.store.journal

    async def entries(self, request: web.Request) -> web.Response:
        limit = integer_parameter(request, "limit", 100, maximum=999_999)
        entries = await self.journal.entries(
            build_query(request, self.context), limit=limit
        )
        return json_response({"entries": entries})

    async def count(self, request: web.Request) -> web.Response:
        entries = await self.journal.entries(build_query(request, self.context))
        return json_response({"count": len(entries)})

    async def wait(self, request: web.Request) -> web.Response:
        """Wait until `count` entries match; status 408 after `timeout_ms`."""
        count = integer_parameter(request, "count", 1, maximum=MAX_ENTRIES)
        milliseconds = integer_parameter(
            request, "timeout_ms", 5000, maximum=MAX_WAIT_MS
        )
        entries = await self.journal.wait(
            build_query(request, self.context), count=count, seconds=milliseconds / 1000
        )
        status = 200 if len(entries) >= count else 408
        return json_response({"count": len(entries), "entries": entries}, status=status)

    async def clear(self, request: web.Request) -> web.Response:
        await self.journal.clear(namespace_parameter(request))
        return json_response({"status": "ok"})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send entries as server-sent events, as soon as they are recorded."""
        query = build_query(request, self.context)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        await response.write(b": journal entries\n\n")
        entries = aiter(self.journal.watch(query))
        next_entry: asyncio.Future[dict[str, Any]] | None = None
        silent = 0.0
        try:
            while True:
                next_entry = next_entry or asyncio.ensure_future(anext(entries))
                done, _ = await asyncio.wait([next_entry], timeout=CHECK_INTERVAL)
                if not done:
                    silent += CHECK_INTERVAL
                    if silent >= HEARTBEAT_INTERVAL or has_left(request):
                        await response.write(b": heartbeat\n\n")
                        silent = 0.0
                    continue
                entry, next_entry, silent = next_entry.result(), None, 0.0
                text = f"id: {entry['id']}\ndata: {dumps(entry)}\n\n"
                await response.write(text.encode())
        except StopAsyncIteration:
            await response.write_eof()
        finally:
            if next_entry is not None:
                next_entry.cancel()
        return response


def build_query(request: web.Request, context: ServerContext) -> Query:
    """The filter of the query parameters. Raises `BadControlRequest`."""
    given = request.query
    unknown = sorted(set(given) - set(Query.__slots__) - _OTHER_PARAMETERS)
    if unknown:
        known = ", ".join(sorted({*Query.__slots__, *_OTHER_PARAMETERS} - {"token"}))
        raise BadControlRequest(
            f"unknown parameter '{unknown[0][:80]}'; known: {known}"
        )
    if "provider" in given:
        check_provider(given["provider"], context)
    texts = {
        name: given[name]
        for name in Query.__slots__
        if name in given and name not in {"status", "since"}
    }
    status = integer_parameter(request, "status", 0, maximum=999)
    return Query(
        **texts,
        status=status or None,
        since=integer_parameter(request, "since", 0),
    )
