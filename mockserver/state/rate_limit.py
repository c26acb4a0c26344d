"""How much one key may ask for: requests and pictures a minute, and at once."""

import math
from dataclasses import dataclass

MINUTE = 60.0
TOLERANCE_SECONDS = 1e-4  # seconds: less than that is what sums and texts lose


@dataclass(frozen=True, slots=True)
class BucketState:
    """How a bucket stands after a request; times in seconds from now."""

    limit: int
    remaining: int
    reset: float
    wait: float = 0.0

    @property
    def is_admitted(self) -> bool:
        return self.wait == 0.0

    @property
    def retry_after(self) -> int:
        """Whole seconds after which the same request is admitted, at least one."""
        return max(1, math.ceil(self.wait - TOLERANCE_SECONDS))


def take_from_bucket(
    full_at: float, now: float, amount: int, limit: int
) -> tuple[float, BucketState]:
    """
    Take an amount out of a bucket that holds `limit` and fills within a minute.

    A bucket is known by the time when it will be full again (the generic cell rate
    algorithm); returned is that time after the request, and how the bucket stands.
    What the bucket cannot give changes nothing and says how long to wait. What is
    more than it can ever hold is given to a full bucket, else nobody ever got it.
    """
    each = MINUTE / limit
    full_at = max(full_at, now)
    after = full_at + amount * each
    excess = max(0.0, after - now - max(MINUTE, amount * each))
    kept = after if excess < TOLERANCE_SECONDS else full_at
    return kept, bucket_state(kept, excess, now, limit)


def bucket_state(full_at: float, excess: float, now: float, limit: int) -> BucketState:
    """How a bucket stands that is full at a time, after a request in excess or not."""
    left = math.floor((MINUTE - (full_at - now)) * limit / MINUTE + TOLERANCE_SECONDS)
    wait = 0.0 if excess < TOLERANCE_SECONDS else excess
    return BucketState(limit, max(0, left), full_at - now, wait)


def format_duration(seconds: float) -> str:
    """As rate-limit headers write it: `6m0s`, `1s`, `120ms`."""
    if 0 < seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
