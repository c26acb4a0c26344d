"""Open the state store of a server, and the secret in it: in memory or in Redis."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mockserver.extras import MissingExtra, require_extra
from mockserver.state.clock import Clock
from mockserver.state.memory import StateError, StateStore

if TYPE_CHECKING:
    import redis

MEMORY = "memory"


def check_state(state: str) -> None:
    """Raises `StateError` if `--state` is invalid or Redis cannot be reached."""
    if state == MEMORY:
        return
    if not state.startswith(("redis://", "rediss://", "unix://")):
        raise StateError(
            f"--state must be memory or redis://HOST:PORT/DB, not '{state}'"
        )
    try:
        require_extra("redis", "--state redis://…")
    except MissingExtra as error:
        raise StateError(str(error)) from None
    with _redis_client(state) as client:
        client.ping()


@contextmanager
def _redis_client(state: str) -> Iterator["redis.Redis"]:
    """A client that blocks. Raises `StateError` for any error of Redis."""
    import redis

    try:
        with redis.Redis.from_url(state, socket_connect_timeout=3) as client:
            yield client
    except redis.ResponseError as error:
        raise StateError(f"the Redis server at {state} refuses: {error}") from None
    except (redis.RedisError, ValueError) as error:
        raise StateError(f"no Redis server responds at {state}: {error}") from None


def open_state_store(state: str, clock: Clock) -> StateStore:
    """Return the state store of a state that `check_state` has accepted."""
    if state == MEMORY:
        return StateStore(clock)
    from mockserver.state.redis import RedisStateStore

    return RedisStateStore(state, clock)


def shared_secret(state: str) -> bytes:
    """
    The secret that signs image URLs, which all replicas of a state share.

    It is made once and stays in Redis; that of a state in memory is new each time.
    Raises `StateError` if Redis cannot be reached. Blocks.
    """
    made = secrets.token_bytes(32)
    if state == MEMORY:
        return made
    from mockserver.state.redis import SECRET_KEY

    with _redis_client(state) as client:
        client.set(SECRET_KEY, made, nx=True)
        stored = client.get(SECRET_KEY)
        return stored if isinstance(stored, bytes) else made
