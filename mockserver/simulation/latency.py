"""Simulated latency: a fixed delay, a range, or a log-normal distribution."""

import math
import random
from dataclasses import dataclass

MAX_LATENCY = 600.0  # seconds
_SYNTAX = "MS, MS..MS (uniform) or lognormal:MEDIAN_MS:SIGMA"


@dataclass(frozen=True, slots=True)
class Latency:
    """
    A delay before each response, in seconds, at most `MAX_LATENCY`.

    With `sigma` it is log-normal with the median `minimum`. Otherwise it is uniform
    from `minimum` to `maximum`.
    """

    minimum: float = 0.0
    maximum: float = 0.0
    sigma: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Latency":
        """Parse `300`, `200..800` or `lognormal:300:0.4`. Raises `ValueError`."""
        kind, _, rest = text.partition(":")
        try:
            if kind == "lognormal":
                median, sigma = (float(each) for each in rest.split(":"))
                minimum = maximum = median / 1000
            else:
                first, dots, last = text.partition("..")
                minimum, sigma = float(first) / 1000, 0.0
                maximum = float(last) / 1000 if dots else minimum
        except ValueError:
            raise ValueError(f"a latency is {_SYNTAX}, not '{text[:40]}'") from None
        if not (0 <= minimum <= maximum <= MAX_LATENCY and 0 <= sigma <= 5):
            raise ValueError(
                f"a latency lies between 0 and {MAX_LATENCY * 1000:.0f} ms, "
                f"not '{text[:40]}'"
            )
        return cls(minimum, maximum, sigma)

    def sample(self, rng: random.Random) -> float:
        """A random delay in seconds."""
        if self.sigma:
            delay = self.minimum * math.exp(rng.gauss(0, self.sigma))
            return min(MAX_LATENCY, delay)
        if self.maximum > self.minimum:
            return rng.uniform(self.minimum, self.maximum)
        return self.minimum

    def __bool__(self) -> bool:
        return self.maximum > 0
