"""The time at which simulated tasks finish."""

import re
from dataclasses import dataclass

DEFAULT_SECONDS = 3.0
MAX_SECONDS = 7 * 24 * 3600.0
MAX_POLLS = 1000
_MODE = re.compile(r"(polls|seconds)=([0-9]{1,7}(?:\.[0-9]{1,3})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class TaskMode:
    """
    The time at which tasks finish: at once, with a read, or after some seconds.

    `name` is `immediate`, `polls` or `seconds`; `amount` is the number of reads or of
    seconds of the server's clock.
    """

    name: str = "seconds"
    amount: float = DEFAULT_SECONDS

    def __str__(self) -> str:
        return self.name if self.name == "immediate" else f"{self.name}={self.amount:g}"


def parse_mode(text: str) -> TaskMode:
    """
    The mode of `immediate`, `polls=N` or `seconds=S`.

    Raises `ValueError` for another text, and for a number beyond the limits.
    """
    if text == "immediate":
        return TaskMode("immediate", 0)
    match = _MODE.fullmatch(text)
    if match is None:
        raise ValueError("it is immediate, polls=N or seconds=S")
    name, amount = match[1], float(match[2])
    if name == "polls" and not (amount.is_integer() and 1 <= amount <= MAX_POLLS):
        raise ValueError(f"polls is a whole number from 1 to {MAX_POLLS}")
    if amount > MAX_SECONDS:
        raise ValueError(f"seconds is at most {MAX_SECONDS:.0f}")
    return TaskMode(name, amount)
