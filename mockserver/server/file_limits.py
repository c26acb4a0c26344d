"""Enough descriptors for all connections, and a word, but one, when there are not."""

import asyncio
import errno
import logging
from typing import Any

RESERVED_DESCRIPTORS = 64  # for all that is no connection
LOG_INTERVAL = 10.0
EXHAUSTION_ERRORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger("mockserver")


def raise_file_limit(sockets: int) -> None:
    """Let this process open so many sockets, as far as it may decide that itself."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + RESERVED_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class ThrottledErrors:
    """
    What a loop has to say of its troubles; of used up descriptors once in a while.

    It accepts again by itself, and would say so a thousand times a second.
    """

    def __init__(self) -> None:
        self._next_log_time = 0.0

    def __call__(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in EXHAUSTION_ERRORS:
            loop.default_exception_handler(context)
        elif loop.time() >= self._next_log_time:
            self._next_log_time = loop.time() + LOG_INTERVAL
            log.warning("Connections have to wait: %s", error.strerror)
