"""The server's own time, which can be stopped and moved on."""

import time
from datetime import UTC, datetime
from typing import Any

MAX_TIMESTAMP = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class Clock:
    """
    Seconds since 1970: the machine's, or those of a frozen moment; plus what the
    clock was moved on by.
    """

    def __init__(self, frozen: float | None = None) -> None:
        self._initial = frozen
        self.frozen = frozen
        self.advanced = 0.0
        self._jump_offset = 0.0

    def __call__(self) -> float:
        return (time.time() if self.frozen is None else self.frozen) + self.advanced

    def monotonic(self) -> float:
        """
        Seconds since some moment, for what fills and runs out.

        They pass with the clock and when it is moved on; not when it is stopped at
        another time, or released from there.
        """
        return self() - self._jump_offset

    def freeze(self, at: float | None = None) -> None:
        """Stop at a time, or at the present one."""
        self._jump(self() if at is None else at)

    def release(self) -> None:
        """Go on from the present moment of the machine."""
        self._jump(None)

    def advance(self, seconds: float) -> None:
        """Move on. Raises `ValueError` beyond what can be written as a date."""
        if self() + seconds > MAX_TIMESTAMP:
            raise ValueError("the clock does not go beyond the year 9999")
        self.advanced += seconds

    def _jump(self, frozen: float | None) -> None:
        before = self.monotonic()
        self.frozen, self.advanced = frozen, 0.0
        self._jump_offset = self() - before

    def reset(self) -> None:
        """As it was when the server started."""
        self.frozen, self.advanced, self._jump_offset = self._initial, 0.0, 0.0

    def state(self) -> dict[str, Any]:
        """What replicas share; `adopt` takes it."""
        return {
            "frozen": self.frozen,
            "advanced": self.advanced,
            "jumped": self._jump_offset,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.frozen, self.advanced = state["frozen"], state["advanced"]
        self._jump_offset = state["jumped"]

    def to_json(self) -> dict[str, Any]:
        now = self()
        return {
            "now": now,
            "iso": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
            "frozen": self.frozen is not None,
            "advanced_s": self.advanced,
        }


def parse_time(text: str) -> float:
    """
    Seconds since 1970 of an ISO 8601 time; UTC unless it says otherwise.

    Raises `ValueError` for what is none, or lies before 1970 or beyond the year 9999.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    seconds = found.timestamp()
    if not 0 <= seconds <= MAX_TIMESTAMP:
        raise ValueError("a time lies between 1970 and 9999")
    return seconds
