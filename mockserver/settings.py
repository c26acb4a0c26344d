"""How much one server bears: sizes, numbers, and how long it waits for a client."""

from dataclasses import dataclass

MEGABYTE = 1024 * 1024
MAX_BODY = 64 * MEGABYTE
MAX_TEXT_BODY = 4 * MEGABYTE
MAX_INCOMING = 8 * MAX_BODY  # of all bodies that are being read, in one process
MIN_BYTES_PER_SECOND = 16 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Times are in seconds, sizes in bytes.

    `head_timeout` is for a request's head, from its first byte; `body_timeout` for its
    body, and a second more for each `RATE` bytes of it that came; `send_timeout` for
    a client that takes less than `RATE` bytes a second of an answer; `idle_timeout` for
    a connection on which nothing is asked. `max_body` is for bodies that may hold
    pictures; others have `MAX_WORDS` at most. Beyond `max_connections` the one that
    was idle for longest makes room.
    """

    head_timeout: float = 10.0
    body_timeout: float = 30.0
    send_timeout: float = 30.0
    idle_timeout: float = 75.0
    max_body: int = MAX_BODY
    max_connections: int = 1000
