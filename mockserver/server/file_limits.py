"""Enough descriptors for all connections, and a word, but one, when there are not."""

import asyncio
import errno
import logging
from typing import Any

SPARE = 64  # for all that is no connection
BETWEEN_COMPLAINTS = 10.0
USED_UP = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger("mockserver")


def make_room(sockets: int) -> None:
    """Let this process open so many sockets, as far as it may decide that itself."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Complaints:
    """
    What a loop has to say of its troubles; of used up descriptors once in a while.

    It accepts again by itself, and would say so a thousand times a second.
    """

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in USED_UP:
            loop.default_exception_handler(context)
        elif loop.time() >= self._next:
            self._next = loop.time() + BETWEEN_COMPLAINTS
            log.warning("Connections have to wait: %s", error.strerror)
