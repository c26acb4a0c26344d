"""The times to wait for a long-running task."""

from dataclasses import dataclass

from contracts.execution.sending.pace import retry_after
from contracts.judging.interaction import Interaction
from specs import TaskKind

DEFAULT_INTERVAL = 5.0  # seconds between reads, where no page recommends others
DEFAULT_TIMEOUT = 600.0  # seconds for a task to end


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    The times to wait for a task.

    `interval` is the time between two reads in seconds, None for the one that the
    document recommends. `timeout` is the time until which the task must have ended.
    """

    interval: float | None = None
    timeout: float = DEFAULT_TIMEOUT

    def seconds(self, kind: TaskKind, response: Interaction) -> float:
        """The time to wait before the next read: never less than `Retry-After`."""
        own = self.interval
        if own is None:
            own = kind.poll_interval.value if kind.poll_interval else DEFAULT_INTERVAL
        wanted = retry_after(response.headers, response.at)
        return max(own, wanted or 0.0)


def waiting_of(interval: float | None, timeout: float | None) -> Waiting | None:
    """The times that options say, in seconds; None if they say none."""
    if interval is None and timeout is None:
        return None
    return Waiting(interval, DEFAULT_TIMEOUT if timeout is None else timeout)


MOCK_WAITING = Waiting(interval=0.01, timeout=60.0)
