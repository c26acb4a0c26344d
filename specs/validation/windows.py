"""
Parts of large values, so that few errors are collected of a value with a million.

jsonschema-rs collects all errors before it gives the first. Of each array and object
with many entries a part has `SIZE` of them; all parts together have each entry.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SIZE = 50  # entries
ABOUT_ALL_ENTRIES = frozenset({"minItems", "contains", "minContains", "minProperties"})
"""Keywords that a part may violate though the whole does not."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a value; `starts` has the first index of each shortened array."""

    value: Any
    starts: dict[tuple[str | int, ...], int]

    def path_in_whole(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """The path in the whole value of an entry at a path in the part."""
        return tuple(
            step + self.starts.get(path[:at], 0) if isinstance(step, int) else step
            for at, step in enumerate(path)
        )


def is_large(value: Any) -> bool:
    if not isinstance(value, list | dict):
        return False
    entries = value.values() if isinstance(value, dict) else value
    return len(value) > SIZE or any(map(is_large, entries))


def windows(value: Any, names: frozenset[str]) -> Iterator[Window]:
    """
    Yield parts of a large value, from its beginning to its end.

    Fields with one of `names` are in all parts of an object.
    """
    for start in range(0, _longest(value), SIZE):
        starts: dict[tuple[str | int, ...], int] = {}
        yield Window(_part(value, start, names, (), starts), starts)


def _longest(value: Any) -> int:
    if not isinstance(value, list | dict):
        return 0
    entries = value.values() if isinstance(value, dict) else value
    return max(len(value), *map(_longest, entries), 0)


def _part(
    value: Any,
    start: int,
    names: frozenset[str],
    path: tuple[str | int, ...],
    starts: dict[tuple[str | int, ...], int],
) -> Any:
    if isinstance(value, list):
        # The last part is as long as the others.
        first = max(0, min(start, len(value) - SIZE))
        if first:
            starts[path] = first
        return [
            _part(each, start, names, (*path, at), starts)
            for at, each in enumerate(value[first : first + SIZE])
        ]
    if isinstance(value, dict):
        others = [name for name in value if name not in names]
        first = max(0, min(start, len(others) - SIZE))
        kept = {*others[first : first + SIZE], *names}
        return {
            name: _part(each, start, names, (*path, name), starts)
            for name, each in value.items()
            if name in kept
        }
    return value
