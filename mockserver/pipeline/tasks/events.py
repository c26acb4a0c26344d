"""A stream of the changes of a client's tasks, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator

from mockserver.json_text import dumps
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.response.sse import encode_event, stream_response
from mockserver.pipeline.tasks.lookup import kind_of, owner_of, role_of, task_of
from mockserver.pipeline.tasks.representation import represent_read
from mockserver.simulation.transfer import PendingResponse, has_left

CHECK_SECONDS = 0.1
HEARTBEAT = b": heartbeat\n\n"
DEFAULT_EVENT = "message"


async def stream_tasks(exchange: Exchange) -> PendingResponse:
    """
    Send each task that is not finished, and then every change of a state.

    The stream ends when the client leaves, or the server stops.
    """
    return await stream_response(_frames(exchange), exchange.headers())


async def _frames(exchange: Exchange) -> AsyncIterator[bytes]:
    context, owner, role = (
        exchange.provider_context,
        owner_of(exchange),
        role_of(exchange),
    )
    name, kind = role.event or DEFAULT_EVENT, kind_of(exchange).name
    seen: dict[str, str] = {}
    is_first, silent = True, 0.0
    yield HEARTBEAT  # so that the client gets the headers at once
    while not context.store.journal.is_closed:
        await context.store.sync_clock()
        for record in await context.store.tasks.all(owner):
            task = task_of(exchange, owner, record)
            if task is None or task.kind.name != kind:
                continue
            state = task.progress.state
            if seen.get(record.id) == state.name:
                continue
            seen[record.id] = state.name
            if is_first and state.is_final:
                continue
            data = dumps(await represent_read(exchange, task)).encode()
            yield encode_event(name, [data])
            silent = 0.0
        is_first = False
        await asyncio.sleep(CHECK_SECONDS)
        silent += CHECK_SECONDS
        if silent >= role.heartbeat or has_left(exchange.request):
            yield HEARTBEAT
            silent = 0.0
