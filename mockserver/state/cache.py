"""What can be made again, kept as long as there is room."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """The latest used of some values, bounded by their weight in all. Thread-safe."""

    def __init__(self, max_weight: int) -> None:
        self._max_weight = max_weight
        self._weight = 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        try:  # without the lock: another thread may make room in between
            self._values.move_to_end(key)
            return self._values[key][0]
        except KeyError:
            return None

    def add(self, key: K, value: V, weight: int) -> None:
        """Keep a value of this weight, such as its bytes; the latest always stays."""
        with self._lock:
            if key in self._values:  # made twice at the same time
                return
            self._values[key] = value, weight
            self._weight += weight
            while self._weight > self._max_weight and len(self._values) > 1:
                _, (_, oldest) = self._values.popitem(last=False)
                self._weight -= oldest
