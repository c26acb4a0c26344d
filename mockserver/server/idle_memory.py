"""Keep the memory of a server small, and give it back while no request comes."""

import asyncio
import sys

from mockserver.pipeline.server_context import ServerContext

IDLE_TIME = 10.0  # seconds
LARGE_BLOCK = 2 * 1024 * 1024  # bytes
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # of glibc's malloc.h


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


def keep_heap_small() -> None:
    """
    Let all threads share one heap without large blocks; call it before any starts.

    glibc gives each thread a heap of its own, and `malloc_trim` does not return the
    memory at the end of those: 60 MB in the two threads that encode images. Large
    blocks are mapped apart, so that they go back to the system once they are free and
    leave no gaps in the heap.
    """
    call_c_library("mallopt", _ARENA_MAX, 1)
    call_c_library("mallopt", _MMAP_THRESHOLD, LARGE_BLOCK)


def _release() -> None:
    """Forget the compressed parts of images, and return freed memory to the system."""
    from mockserver.media.image.drawing.encode import forget_bases

    forget_bases()
    call_c_library("malloc_trim", 0)


def call_c_library(name: str, *arguments: int) -> None:
    """Call a function of glibc, the C library of most Linux systems; musl has none."""
    if sys.platform == "linux":
        import ctypes

        function = getattr(ctypes.CDLL(None), name, None)
        if function is not None:
            function(*arguments)
