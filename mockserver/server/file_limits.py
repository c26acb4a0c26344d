"""Raise the limit of open files, and log its exhaustion at most every 10 seconds."""

import asyncio
import errno
import logging
import sys
from typing import Any

RESERVED_DESCRIPTORS = 64  # for everything but connections
LOG_INTERVAL = 10.0  # seconds
EXHAUSTION_ERRORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger("mockserver")


def raise_file_limit(sockets: int) -> None:
    """Raise RLIMIT_NOFILE so that this process can open `sockets`, if it is allowed."""
    if sys.platform == "win32":  # has no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + RESERVED_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class ThrottledErrors:
    """
    An exception handler of an event loop that limits messages about open files.

    The loop retries to accept connections and would log a thousand times a second.
    """

    def __init__(self) -> None:
        self._next_log_time = 0.0

    def __call__(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        error = context.get("exception")
        if isinstance(error, ValueError) and "_start_serving" in context["message"]:
            return  # the socket was closed before the loop accepts again
        if not isinstance(error, OSError) or error.errno not in EXHAUSTION_ERRORS:
            loop.default_exception_handler(context)
        elif loop.time() >= self._next_log_time:
            self._next_log_time = loop.time() + LOG_INTERVAL
            log.warning("New connections must wait: %s", error.strerror)
