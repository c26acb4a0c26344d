"""Pass rates of repeated requests with their intervals, and percentiles of times."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

CONFIDENCE = 0.95
THRESHOLD = 0.5
"""The pass rate that divides failed from passed, where some requests pass."""
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


class RateVerdict(StrEnum):
    """The result of requests that were repeated."""

    PASSED = "passed"
    MOSTLY_PASSED = "passed more often than not"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PassRate:
    """The number of requests that passed, of those that had a result."""

    passed: int
    requests: int

    @property
    def interval(self) -> tuple[float, float]:
        """
        The Wilson score interval of the rate, with a confidence of 95 %.

        `(0.0, 1.0)` without any request.
        """
        count = self.requests
        if not count:
            return 0.0, 1.0
        rate, square = self.passed / count, _Z * _Z / count
        center = (rate + square / 2) / (1 + square)
        spread = math.sqrt(rate * (1 - rate) / count + square / (4 * count))
        half = _Z / (1 + square) * spread
        return max(0.0, center - half), min(1.0, center + half)

    @property
    def varies(self) -> bool:
        """True if some requests passed and some failed."""
        return 0 < self.passed < self.requests

    @property
    def verdict(self) -> RateVerdict:
        """
        The result: that of all requests if they agree.

        Otherwise the interval decides: it is wholly below the threshold, wholly above
        it, or inconclusive.
        """
        if not self.varies:
            passed = self.passed == self.requests
            return RateVerdict.PASSED if passed else RateVerdict.FAILED
        low, high = self.interval
        if high < THRESHOLD:
            return RateVerdict.FAILED
        if low > THRESHOLD:
            return RateVerdict.MOSTLY_PASSED
        return RateVerdict.INCONCLUSIVE

    @property
    def percent(self) -> str:
        """The interval in words, as in `34 to 74 %`, with a dash."""
        low, high = (f"{100 * each:.3g}" for each in self.interval)
        return f"{low}\N{EN DASH}{high} %"


def pass_rate_sum(rates: Iterable[PassRate]) -> PassRate:
    """The rate of all requests together."""
    passed = requests = 0
    for rate in rates:
        passed += rate.passed
        requests += rate.requests
    return PassRate(passed, requests)


def ranks(rates: Sequence[PassRate]) -> list[int]:
    """
    The rank of each rate, from 1.

    Rates whose intervals overlap, be it by way of a third one, have the same rank.
    """
    intervals = [each.interval for each in rates]
    order = sorted(range(len(rates)), key=lambda index: -intervals[index][1])
    found, rank, lowest = [1] * len(rates), 1, 1.0
    for place, index in enumerate(order, 1):
        low, high = intervals[index]
        rank = place if high < lowest else rank
        lowest = min(low, lowest)
        found[index] = rank
    return found


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of the values do not exceed; None without any."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True, slots=True)
class Repeats:
    """
    The requests of one case that was sent several times.

    `rate` counts the requests with a result, and those of them without a failed check
    of a documented claim. `first_byte` and `output` are times in seconds, one per
    success response: until its first byte, and until its outputs were there, fetched
    from their links if there are any.
    """

    rate: PassRate
    first_byte: tuple[float, ...] = ()
    output: tuple[float, ...] = ()
