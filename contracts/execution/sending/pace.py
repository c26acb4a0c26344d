"""The pace of requests: how many at once, how many a minute, and none in a pause."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

MINUTE = 60.0  # seconds
FIRST_PAUSE = 1.0  # seconds, without Retry-After; doubled each time
_DELAY_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class RateLimiter:
    """Spaces requests evenly: at most `per_minute`; None for no limit."""

    def __init__(self, per_minute: float | None) -> None:
        self._interval = MINUTE / per_minute if per_minute else 0.0
        self._next_slot = 0.0

    async def wait(self) -> None:
        if not self._interval:
            return
        now = time.monotonic()
        slot = max(now, self._next_slot)
        self._next_slot = slot + self._interval
        await asyncio.sleep(slot - now)


class SharedPause:
    """
    The pause of all requests after a 429.

    Its length is that of `Retry-After`. Without that header it is `FIRST_PAUSE`, and
    twice as long each time, until a response has another status. All pauses until then
    are at most `max_seconds` long together.
    """

    def __init__(self, max_seconds: float) -> None:
        self._max_seconds = max_seconds
        self._until = 0.0
        self._total = 0.0
        self._next_length = FIRST_PAUSE

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    async def wait(self) -> None:
        """Wait until the end that is known now; it may be extended meanwhile."""
        await asyncio.sleep(self.seconds_left)

    def extend(self, sent_at: float, retry_after: float | None) -> bool:
        """
        Pause after a 429 to a request of this time; False if the limit forbids it.

        A request that was sent before the pause does not make it longer, unless its
        response has a `Retry-After`.
        """
        is_known = sent_at < self._until
        if retry_after is None and is_known:
            return True
        length = self._next_length if retry_after is None else retry_after
        added = max(0.0, length - self.seconds_left)
        if self._total + added > self._max_seconds:
            return False
        self._total += added
        self._until = max(self._until, time.monotonic() + length)
        if not is_known:
            self._next_length *= 2
        return True

    def reset(self) -> None:
        """Forget the earlier pauses: a response has another status than 429."""
        self._total, self._next_length = 0.0, FIRST_PAUSE


@dataclass(slots=True)
class Slot:
    """The permission to have one request in flight; it is given back once."""

    pace: "Pace"
    is_held: bool = True

    def release(self) -> None:
        if self.is_held:
            self.is_held = False
            self.pace.give_slot()


class Pace:
    """
    Decides when a request may be sent.

    At most `max_in_flight` requests are in flight, and `per_minute` are sent. A 429
    pauses all of them, and halves how many may be in flight; other responses raise that
    number again, one by one.
    """

    def __init__(
        self, max_in_flight: int, per_minute: float | None, max_pause: float
    ) -> None:
        self._rate_limiter = RateLimiter(per_minute)
        self._pause = SharedPause(max_pause)
        self._slots = asyncio.Semaphore(max_in_flight)
        self._max_in_flight = self._limit = max_in_flight
        self._withheld = 0  # slots that are not given out again when they come back
        self._responses = 0  # since the limit changed

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Wait until a request may be sent."""
        await self._slots.acquire()
        slot = Slot(self)
        try:
            await self.wait()
            yield slot
        finally:
            slot.release()

    async def wait(self) -> None:
        """Wait for the end of the pause, and for the rate."""
        await self._pause.wait()
        await self._rate_limiter.wait()
        while self._pause.seconds_left:
            await self._pause.wait()
            await self._rate_limiter.wait()

    def give_slot(self) -> None:
        if self._withheld:
            self._withheld -= 1
        else:
            self._slots.release()

    def add_rate_limited(self, sent_at: float, retry_after: float | None) -> bool:
        """Count a 429; True if the request may be sent again after the pause."""
        if not self._pause.seconds_left and self._limit > 1:
            kept = self._limit // 2
            self._withheld += self._limit - kept
            self._limit, self._responses = kept, 0
        return self._pause.extend(sent_at, retry_after)

    def add_response(self) -> None:
        """Count a response with another status than 429."""
        self._pause.reset()
        self._responses += 1
        if self._limit < self._max_in_flight and self._responses >= self._limit:
            self._limit, self._responses = self._limit + 1, 0
            self.give_slot()


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """
    The seconds that `Retry-After` says; None if it is missing or malformed.

    `headers` has lower-case names. A date counts from the `Date` of the response, or
    else from `now`, in seconds since 1970.
    """
    text = headers.get("retry-after", "").strip()
    if _DELAY_SECONDS.fullmatch(text):
        return float(text)
    until = _http_date(text)
    if until is None:
        return None
    sent = _http_date(headers.get("date", ""))
    return max(0.0, until - (now if sent is None else sent))


def _http_date(text: str) -> float | None:
    """The seconds since 1970 of an HTTP-date; None for another text."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
