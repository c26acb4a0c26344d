"""The times in the responses about a task."""

from datetime import datetime
from typing import Any

from contracts.judging.tasks.breach import Breaches, TaskBreach
from contracts.judging.tasks.conversation import Conversation
from contracts.media.description import describe_value
from specs import TimeUnit

CLOCK_TOLERANCE = 600.0  # seconds
_PLAUSIBLE = (1_500_000_000, 4_000_000_000)  # seconds since 1970


def times_are_right(talk: Conversation) -> Breaches:
    """Check the unit of times, that creation stays, and that changes do not go back."""
    for name, place in talk.kind.times.items():
        first: float | None = None
        for step in talk.told:
            value = place.value(step.body)
            if value is None:
                continue
            seconds = seconds_of(value, place.unit)
            if seconds is None:
                yield TaskBreach(name, _wrong_time(name, value, place.unit), step)
                break
            if name == "created" and first is not None and seconds != first:
                message = f"created changes by {abs(seconds - first):g} s between reads"
                yield TaskBreach(name, message, step)
                break
            if name == "updated" and first is not None and seconds < first:
                message = f"updated goes back by {first - seconds:g} s between reads"
                yield TaskBreach(name, message, step)
                break
            gap = seconds - talk.created.interaction.at if talk.created else 0
            if name == "created" and abs(gap) > CLOCK_TOLERANCE:
                message = f"created is {gap:+.0f} s away from the time of the request"
                yield TaskBreach(name, message, step)
                break
            first = seconds


def _wrong_time(name: str, value: Any, unit: TimeUnit) -> str:
    units = {
        TimeUnit.SECONDS: "seconds since 1970",
        TimeUnit.MILLISECONDS: "milliseconds since 1970",
        TimeUnit.ISO: "an ISO 8601 time",
    }
    return f"{name} is {describe_value(value)}, which is not {units[unit]}"


def seconds_of(value: Any, unit: TimeUnit) -> float | None:
    """A time as seconds since 1970; None if it does not have the unit."""
    if unit is TimeUnit.ISO:
        try:
            return datetime.fromisoformat(value).timestamp()
        except (TypeError, ValueError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds = value / 1000 if unit is TimeUnit.MILLISECONDS else float(value)
    return seconds if _PLAUSIBLE[0] <= seconds <= _PLAUSIBLE[1] else None
