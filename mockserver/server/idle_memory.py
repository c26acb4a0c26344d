"""Give memory back to the system while no request comes."""

import asyncio
import sys

from mockserver.pipeline.server_context import ServerContext

IDLE_TIME = 10.0  # seconds


async def release_when_idle(
    context: ServerContext, idle_time: float = IDLE_TIME
) -> None:
    """
    Empty the cache of files whenever no request has ended for a while; never returns.

    Large images leave freed memory behind, which the C library keeps for the next one:
    several hundred MB after uploads of 50 MB.
    """
    before = released = _request_count(context)
    while True:
        await asyncio.sleep(idle_time)
        count = _request_count(context)
        if count == before and count != released:
            context.render_cache.clear()
            await asyncio.to_thread(_trim)
            released = count
        before = count


def _request_count(context: ServerContext) -> int:
    return sum(each.requests for each in context.store.lifetime_totals.rows.values())


def _trim() -> None:
    """Return freed memory to the system, with the C library of most Linux systems."""
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
