"""Give memory back while no request comes."""

import asyncio

from mockserver.heap import trim_heap
from mockserver.pipeline.server_context import ServerContext

IDLE_TIME = 10.0  # seconds


async def release_when_idle(
    context: ServerContext, idle_time: float = IDLE_TIME
) -> None:
    """
    Empty the caches of images whenever no request has ended for a while; never returns.

    Large images leave freed memory behind, which the C library keeps for the next one:
    several hundred MB after uploads of 50 MB.
    """
    before = released = _request_count(context)
    while True:
        await asyncio.sleep(idle_time)
        count = _request_count(context)
        if count == before and count != released:
            context.render_cache.clear()
            await asyncio.to_thread(_release)
            released = count
        before = count


def _request_count(context: ServerContext) -> int:
    return sum(each.requests for each in context.store.lifetime_totals.rows.values())


def _release() -> None:
    """Forget parts of images, end idle helpers, and return memory to the system."""
    from mockserver.media.helper_process import close_idle_helpers
    from mockserver.media.image.drawing.encode import forget_bases

    forget_bases()
    close_idle_helpers()
    trim_heap()
