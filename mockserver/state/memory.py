"""What a mock remembers between requests, in this process or in Redis."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.state.clock import Clock
from mockserver.state.journal import Deferred, Journal
from mockserver.state.rate_limit import Level, drawn
from mockserver.state.statistics import Totals

MAX_SCRIPT = 10_000
MAX_COUNTERS = 100_000

Item = Mapping[str, Any]


class StateError(ValueError):
    """A state that cannot be had; the message says what to do."""


class ScriptFull(ValueError):
    """A script that would hold more than `MAX_SCRIPT` items."""

    def __init__(self) -> None:
        super().__init__(f"a script holds at most {MAX_SCRIPT} items")


class Memory:
    """
    Journal, script, quotas, counters, sums and clock of one process.

    A namespace is a name of its own slate, so that tests can share a server; the
    empty one is that of requests which name none. `lifetime` sums up what this
    process has answered since it started, whatever was reset.
    """

    def __init__(self, clock: Clock, journal: Journal | None = None) -> None:
        self.clock = clock
        self.journal = journal or Journal()
        self._totals = Totals()
        self._before = Totals()
        self._scripts: dict[tuple[str, str], deque[Item]] = {}
        self._buckets: dict[str, float] = {}
        self._counters: dict[str, int] = {}
        self._present: dict[str, int] = {}

    async def refresh(self) -> None:
        """Learn what other replicas have changed: the clock."""

    async def set_clock(self) -> None:
        """Let other replicas know that the clock was changed."""

    def record(self, entry: Mapping[str, Any]) -> None:
        self._totals.add(entry.facts if isinstance(entry, Deferred) else entry)
        self.journal.record(entry)

    @property
    def lifetime(self) -> Totals:
        return self._before + self._totals

    async def totals(self) -> Totals:
        return self._totals

    async def push(self, provider: str, namespace: str, items: Sequence[Item]) -> int:
        """Append to a script; how many items wait there now. Raises `ScriptFull`."""
        script = self._scripts.setdefault((provider, namespace), deque())
        if len(script) + len(items) > MAX_SCRIPT:
            raise ScriptFull
        script.extend(items)
        return len(script)

    async def pop(self, provider: str, namespace: str, operation: str) -> Item | None:
        """
        The next item of a script, if it is meant for this operation.

        Items are consumed in order: one that waits for another operation holds up
        those behind it.
        """
        script = self._scripts.get((provider, namespace))
        if not script or not meant(script[0], operation):
            return None
        return script.popleft()

    async def scripts(self, provider: str, namespace: str) -> list[Item]:
        return list(self._scripts.get((provider, namespace), ()))

    async def count(self, what: str) -> int:
        """How often this was counted, now included."""
        if len(self._counters) >= MAX_COUNTERS and what not in self._counters:
            self._counters.pop(next(iter(self._counters)))
        self._counters[what] = self._counters.get(what, 0) + 1
        return self._counters[what]

    async def take(self, bucket: str, amount: int, limit: int) -> Level:
        """Take from a bucket that holds `limit` and fills within a minute."""
        now = self.clock.steady()
        if len(self._buckets) >= MAX_COUNTERS:
            full = [name for name, at in self._buckets.items() if at <= now]
            for name in full or [next(iter(self._buckets))]:
                del self._buckets[name]
        self._buckets[bucket], level = drawn(
            self._buckets.get(bucket, 0.0), now, amount, limit
        )
        return level

    async def enter(self, key: str) -> int:
        """How many requests of this key are being answered, this one included."""
        self._present[key] = self._present.get(key, 0) + 1
        return self._present[key]

    async def leave(self, key: str) -> None:
        left = self._present.pop(key, 1) - 1
        if left:
            self._present[key] = left

    async def reset(self, namespace: str | None = None) -> None:
        """
        A clean slate: of a namespace, or the whole of it with clock and sums.

        Who is inside stays inside: requests under way are still counted.
        """
        await self.journal.clear(namespace)
        if namespace is None:
            self._scripts.clear()
            self._buckets.clear()
            self._counters.clear()
            self._before, self._totals = self.lifetime, Totals()
            self.clock.reset()
            return
        for key in [each for each in self._scripts if each[1] == namespace]:
            del self._scripts[key]
        for table in (self._buckets, self._counters):
            for name in [each for each in table if each.startswith(f"{namespace}|")]:
                del table[name]

    async def close(self) -> None:
        await self.journal.close()


def meant(item: Item, operation: str) -> bool:
    return item.get("operation") in {None, operation}
