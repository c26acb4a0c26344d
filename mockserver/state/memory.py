"""The state of a mock between requests, kept in the memory of this process."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.state.clock import Clock
from mockserver.state.journal import Journal, LazyEntry
from mockserver.state.rate_limit import BucketState, take_from_bucket
from mockserver.state.statistics import IMAGE_OPERATION, Totals
from mockserver.state.tasks import TaskStore

MAX_SCRIPT_ITEMS = 10_000
MAX_COUNTERS = 100_000

ScriptItem = Mapping[str, Any]


class StateError(ValueError):
    """A state store that is misconfigured or cannot be reached."""


class ScriptFull(ValueError):
    """A script that would have more than `MAX_SCRIPT_ITEMS` items."""

    def __init__(self) -> None:
        super().__init__(f"a script holds at most {MAX_SCRIPT_ITEMS} items")


class StateStore:
    """
    Journal, tasks, scripts, quotas, counters, totals and clock of one process.

    All but totals and clock belong to a namespace, so that tests can share a server.
    Requests without a namespace use the empty one.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal | None = None,
        tasks: TaskStore | None = None,
    ) -> None:
        self.clock = clock
        self.journal = journal or Journal()
        self.tasks = tasks or TaskStore()
        self._totals = Totals()
        self._totals_before_reset = Totals()
        self._scripts: dict[tuple[str, str], deque[ScriptItem]] = {}
        self._buckets: dict[str, float] = {}
        self._counters: dict[str, int] = {}
        self._slots: dict[str, int] = {}

    async def check_available(self) -> None:
        """Raise `StateError` if the state cannot be read and written."""

    async def sync_clock(self) -> None:
        """Read the clock that other replicas have changed."""

    async def publish_clock(self) -> None:
        """Write a changed clock for other replicas."""

    def record(self, entry: Mapping[str, Any]) -> None:
        self._totals.add(entry.facts if isinstance(entry, LazyEntry) else entry)
        self.journal.record(entry)

    @property
    def lifetime_totals(self) -> Totals:
        """The totals of this process since its start, resets ignored."""
        return self._totals_before_reset + self._totals

    async def totals(self) -> Totals:
        """Return the totals since the last reset."""
        return self._totals

    async def push(
        self, provider: str, namespace: str, items: Sequence[ScriptItem]
    ) -> int:
        """Append to a script; return its number of items. Raises `ScriptFull`."""
        script = self._scripts.setdefault((provider, namespace), deque())
        if len(script) + len(items) > MAX_SCRIPT_ITEMS:
            raise ScriptFull
        script.extend(items)
        return len(script)

    async def pop(
        self,
        provider: str,
        namespace: str,
        operation: str,
        *,
        creates_task: bool = False,
    ) -> ScriptItem | None:
        """
        Remove and return the next item of a script; None if there is none.

        Items are consumed in order. An item for another operation blocks those behind
        it.
        """
        script = self._scripts.get((provider, namespace))
        if not script or not applies_to(
            script[0], operation, creates_task=creates_task
        ):
            return None
        return script.popleft()

    async def scripts(self, provider: str, namespace: str) -> list[ScriptItem]:
        return list(self._scripts.get((provider, namespace), ()))

    async def increment(self, counter: str) -> int:
        """Add one to a counter and return it."""
        if len(self._counters) >= MAX_COUNTERS and counter not in self._counters:
            self._counters.pop(next(iter(self._counters)))
        self._counters[counter] = self._counters.get(counter, 0) + 1
        return self._counters[counter]

    async def take_quota(self, bucket: str, amount: int, limit: int) -> BucketState:
        """Take from a bucket of `limit` tokens that refills within a minute."""
        now = self.clock.monotonic()
        if len(self._buckets) >= MAX_COUNTERS:
            full = [name for name, at in self._buckets.items() if at <= now]
            for name in full or [next(iter(self._buckets))]:
                del self._buckets[name]
        self._buckets[bucket], state = take_from_bucket(
            self._buckets.get(bucket, 0.0), now, amount, limit
        )
        return state

    async def acquire_slot(self, key: str) -> int:
        """Return the number of concurrent requests of a key, this one included."""
        self._slots[key] = self._slots.get(key, 0) + 1
        return self._slots[key]

    async def release_slot(self, key: str) -> None:
        left = self._slots.pop(key, 1) - 1
        if left:
            self._slots[key] = left

    async def reset(self, namespace: str | None = None) -> None:
        """
        Clear the state of a namespace; by default all of it, with clock and totals.

        Requests in progress still count towards the limit of concurrent requests.
        """
        await self.journal.clear(namespace)
        await self.tasks.clear(namespace)
        if namespace is None:
            self._scripts.clear()
            self._buckets.clear()
            self._counters.clear()
            self._totals_before_reset, self._totals = self.lifetime_totals, Totals()
            self.clock.reset()
            return
        for key in [each for each in self._scripts if each[1] == namespace]:
            del self._scripts[key]
        for table in (self._buckets, self._counters):
            for name in [each for each in table if each.startswith(f"{namespace}|")]:
                del table[name]

    async def close(self) -> None:
        await self.journal.close()


def applies_to(item: ScriptItem, operation: str, *, creates_task: bool) -> bool:
    """
    Return True if a script item is for this operation or for any.

    A download is not one of any: only items that name it are for it. An item about a
    task is for the operations that create one.
    """
    named = item.get("operation")
    if item.get("task") is not None and not creates_task:
        return False
    return named == operation or (named is None and operation != IMAGE_OPERATION)
