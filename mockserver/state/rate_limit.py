"""Rate limits of an API key: requests and images per minute, concurrent requests."""

import math
from dataclasses import dataclass

MINUTE = 60.0
TOLERANCE_SECONDS = 1e-4  # above the rounding error of sums and of numbers as text


@dataclass(frozen=True, slots=True)
class BucketState:
    """
    A bucket after a request; times are in seconds from now.

    `reset` is the time until the bucket is full, and `wait` the time until the request
    would be admitted, 0 if it was. `limit` is None for a response that only simulates a
    limit.
    """

    limit: int | None
    remaining: int
    reset: float
    wait: float = 0.0

    @property
    def is_admitted(self) -> bool:
        return self.wait == 0.0

    @property
    def retry_after(self) -> int:
        """Whole seconds until the same request is admitted, at least 1."""
        return max(1, math.ceil(self.wait - TOLERANCE_SECONDS))


def take_from_bucket(
    full_at: float, now: float, amount: int, limit: int
) -> tuple[float, BucketState]:
    """
    Take an amount from a bucket of `limit` tokens that refills within a minute.

    A bucket is stored as the time when it will be full again (the generic cell rate
    algorithm). Returns that time after the request, and the state of the bucket. A
    rejected request leaves the bucket unchanged. A request larger than the bucket is
    admitted when the bucket is full; otherwise it never would be.
    """
    interval = MINUTE / limit
    full_at = max(full_at, now)
    after = full_at + amount * interval
    excess = max(0.0, after - now - max(MINUTE, amount * interval))
    new_full_at = after if excess < TOLERANCE_SECONDS else full_at
    return new_full_at, bucket_state(new_full_at, excess, now, limit)


def bucket_state(full_at: float, excess: float, now: float, limit: int) -> BucketState:
    """Return the state of a bucket; `excess` is above 0 for a rejected request."""
    left = math.floor((MINUTE - (full_at - now)) * limit / MINUTE + TOLERANCE_SECONDS)
    wait = 0.0 if excess < TOLERANCE_SECONDS else excess
    return BucketState(limit, max(0, left), full_at - now, wait)


def format_duration(seconds: float) -> str:
    """Format seconds as rate-limit headers do: `6m0s`, `1s`, `120ms`."""
    if 0 < seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
