"""
The heap of the C library: keep it small, and give memory back.

Nothing happens where the C library is not glibc, that of most Linux systems.
"""

import sys

LARGE_BLOCK = 2 * 1024 * 1024  # bytes
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # of malloc.h


def keep_heap_small() -> None:
    """
    Let all threads share one heap without large blocks; call it before they start.

    glibc gives each thread a heap of its own, and `malloc_trim` does not return the
    memory at the end of those: 60 MB in the two threads that encode images. Large
    blocks are mapped apart, so that they go back to the system once they are free and
    leave no gaps in the heap.
    """
    _call_c_library("mallopt", _ARENA_MAX, 1)
    _call_c_library("mallopt", _MMAP_THRESHOLD, LARGE_BLOCK)


def trim_heap() -> None:
    """Return freed memory to the system; takes milliseconds."""
    _call_c_library("malloc_trim", 0)


def _call_c_library(name: str, *arguments: int) -> None:
    """Call a function of glibc, if there is one: musl does not have these."""
    if sys.platform == "linux":
        import ctypes

        function = getattr(ctypes.CDLL(None), name, None)
        if function is not None:
            function(*arguments)
