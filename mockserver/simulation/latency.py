"""How long an answer is kept waiting: a fixed time, a range, or a distribution."""

import math
import random
from dataclasses import dataclass

MAX_LATENCY = 600.0
_SYNTAX = "MS, MS..MS (uniform) or lognormal:MEDIAN_MS:SIGMA"


@dataclass(frozen=True, slots=True)
class Latency:
    """
    A delay before each answer, in seconds, never above `LONGEST`.

    With `sigma` it is log-normal about the median `least`; else uniform from `least`
    to `most`.
    """

    minimum: float = 0.0
    maximum: float = 0.0
    sigma: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Latency":
        """From `300`, `200..800` or `lognormal:300:0.4`. Raises `ValueError`."""
        kind, _, rest = text.partition(":")
        try:
            if kind == "lognormal":
                median, sigma = (float(each) for each in rest.split(":"))
                least = most = median / 1000
            else:
                first, to, last = text.partition("..")
                least, sigma = float(first) / 1000, 0.0
                most = float(last) / 1000 if to else least
        except ValueError:
            raise ValueError(f"a latency is {_SYNTAX}, not '{text[:40]}'") from None
        if not (0 <= least <= most <= MAX_LATENCY and 0 <= sigma <= 5):
            raise ValueError(
                f"a latency lies between 0 and {MAX_LATENCY * 1000:.0f} ms, "
                f"not '{text[:40]}'"
            )
        return cls(least, most, sigma)

    def sample(self, rng: random.Random) -> float:
        """A delay in seconds."""
        if self.sigma:
            drawn = self.minimum * math.exp(rng.gauss(0, self.sigma))
            return min(MAX_LATENCY, drawn)
        if self.maximum > self.minimum:
            return rng.uniform(self.minimum, self.maximum)
        return self.minimum

    def __bool__(self) -> bool:
        return self.maximum > 0
