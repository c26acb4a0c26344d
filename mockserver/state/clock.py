"""The clock of a server, which can be frozen and advanced."""

import time
from datetime import UTC, datetime
from typing import Any

MAX_TIMESTAMP = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class Clock:
    """
    Seconds since 1970, from the machine's clock or of a frozen time.

    Seconds that the clock was advanced by are added to either.
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
        Return seconds for measuring intervals, such as those of quotas.

        They advance with the clock and by `advance`. They do not jump when the clock
        is frozen at another time or released from it.
        """
        return self() - self._jump_offset

    def freeze(self, at: float | None = None) -> None:
        """Stop at a time, by default at the present one."""
        self._jump(self() if at is None else at)

    def release(self) -> None:
        """Continue with the present time of the machine."""
        self._jump(None)

    def advance(self, seconds: float) -> None:
        """Add seconds. Raises `ValueError` beyond the year 9999."""
        if self() + seconds > MAX_TIMESTAMP:
            raise ValueError("the clock cannot be advanced beyond the year 9999")
        self.advanced += seconds

    def _jump(self, frozen: float | None) -> None:
        before = self.monotonic()
        self.frozen, self.advanced = frozen, 0.0
        self._jump_offset = self() - before

    def reset(self) -> None:
        """Return to the state at the start of the server."""
        self.frozen, self.advanced, self._jump_offset = self._initial, 0.0, 0.0

    def state(self) -> dict[str, Any]:
        """Return the state that replicas share, for `load`."""
        return {
            "frozen": self.frozen,
            "advanced": self.advanced,
            "jumped": self._jump_offset,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over a shared state. Raises `ValueError` for times that are none."""
        frozen = state["frozen"]
        times = (
            None if frozen is None else float(frozen),
            float(state["advanced"]),
            float(state["jumped"]),
        )
        if not all(abs(each or 0) <= MAX_TIMESTAMP for each in times):
            raise ValueError("a time is beyond the year 9999")
        self.frozen, self.advanced, self._jump_offset = times

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
    Convert an ISO 8601 time to seconds since 1970; UTC if it has no offset.

    Raises `ValueError` if it is not ISO 8601, before 1970 or after the year 9999.
    """
    time_ = datetime.fromisoformat(text)
    if time_.tzinfo is None:
        time_ = time_.replace(tzinfo=UTC)
    seconds = time_.timestamp()
    if not 0 <= seconds <= MAX_TIMESTAMP:
        raise ValueError("the time must be between 1970 and 9999")
    return seconds
