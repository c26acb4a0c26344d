"""The access of a replica to Redis, which may be away, slow, full or wrong."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from mockserver.state.memory import StateError

TIMEOUT = 3  # seconds
PING_INTERVAL = 0.5  # seconds

# What code raises that reads something else than it has written.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class NoResponse(StateError):
    """Redis does not respond, or not in time."""


class RedisAccess:
    """
    The client of Redis, which all parts of the state of a replica share.

    After Redis did not respond in time nothing waits for it, until it answers a ping:
    a request that uses it in four steps would take four timeouts.
    """

    def __init__(self, url: str) -> None:
        self.client = redis.asyncio.from_url(
            url,
            retry=Retry(NoBackoff(), 1, (redis.ConnectionError,)),  # a lost connection
            socket_connect_timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
        )
        self._pinging: asyncio.Task[None] | None = None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """
        Convert errors of the connection and of Redis to `StateError`.

        So are the errors of reading what no mock has written. Raises `NoResponse` at
        once while Redis does not respond in time.
        """
        if self._pinging is not None:
            raise NoResponse(f"Redis does not respond within {TIMEOUT} s")
        try:
            yield
        except StateError:
            raise
        except redis.TimeoutError as error:
            if self._pinging is None:
                self._pinging = asyncio.create_task(self._wait_for_response())
            raise NoResponse(f"Redis does not respond: {error}") from None
        except (redis.ConnectionError, OSError) as error:
            raise NoResponse(f"Redis does not respond: {error}") from None
        except redis.RedisError as error:
            raise StateError(f"Redis refuses a command: {error}") from None
        except _UNREADABLE as error:
            raise StateError(
                f"Redis has something that no mock has written: {error!r}. A reset "
                "deletes it"
            ) from None

    async def close(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            with suppress(asyncio.CancelledError):
                await self._pinging
        await self.client.aclose()

    async def _wait_for_response(self) -> None:
        while True:
            await asyncio.sleep(PING_INTERVAL)
            with suppress(redis.RedisError, OSError, *_UNREADABLE):
                await self.client.ping()
                break
        self._pinging = None
