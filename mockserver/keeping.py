"""What can be made again, kept as long as there is room."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The latest used of some values, bounded by their bytes in all. Thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def keep(self, key: K, value: V, weight: int) -> None:
        """Keep a value of so many bytes; the latest always stays."""
        with self._lock:
            if key in self._values:  # made twice at the same time
                return
            self._values[key] = value, weight
            self._bytes += weight
            while self._bytes > self._max_bytes and len(self._values) > 1:
                _, (_, oldest) = self._values.popitem(last=False)
                self._bytes -= oldest
