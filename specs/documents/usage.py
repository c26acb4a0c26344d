"""The places of token counts in responses that have no usual object `usage`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from specs.documents.reading.pointers import escape_pointer
from specs.documents.tasks import ANY_ITEM, values_at

USAGE = "usage"
_PREFIX = f"{{{USAGE}."


@dataclass(frozen=True)
class UsagePlaces:
    """
    JSON pointers to counts, by their usual names with dots, such as `input_tokens`.

    Without any, they are in the object `usage`, under their usual names.
    """

    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The field of a response with the counts."""
        return next(iter(self.places.values()), f"/{USAGE}").split("/")[1]

    def is_in(self, body: Mapping[str, Any]) -> bool:
        """True if a body has the field with the counts."""
        return self.name in body

    def read(self, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The counts in a body, under their usual names; None if it has none."""
        if not self.places:
            usage = body.get(USAGE)
            return usage if isinstance(usage, dict) else None
        found: dict[str, Any] = {}
        for name, pointer in self.places.items():
            value = next(values_at(body, pointer), None)
            if value is not None:
                _set(found, name.split("."), value)
        complete = {
            name: value
            for name, value in found.items()
            if not isinstance(value, dict) or len(value) == self._count_of(name) > 1
        }
        return complete or None

    def _count_of(self, name: str) -> int:
        """The number of counts that are parts of one."""
        return sum(each.startswith(f"{name}.") for each in self.places)


def usage_places(*examples: Any) -> UsagePlaces:
    """The places of counts in the examples of a response or of events."""
    found: dict[str, str] = {}
    for example in examples:
        for name, pointer in _places(example, ""):
            found.setdefault(name, pointer)
    is_usual = all(each.startswith(f"/{USAGE}/") for each in found.values())
    return UsagePlaces({} if is_usual else found)


def _places(node: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _places(value, f"{pointer}/{escape_pointer(name)}")
    elif isinstance(node, list):
        for item in node:
            yield from _places(item, f"{pointer}/{_selector(item)}")
    elif isinstance(node, str) and node.startswith(_PREFIX) and node.endswith("}"):
        yield node[len(_PREFIX) : -1], pointer


def _selector(item: Any) -> str:
    """The segment for an item of a list, by its first constant text if it has one."""
    fields = item.items() if isinstance(item, dict) else ()
    constant = (
        f"[{name}={value}]"
        for name, value in fields
        if isinstance(value, str) and "{" not in value
    )
    return ANY_ITEM + next(constant, "")


def _set(found: dict[str, Any], names: list[str], value: Any) -> None:
    *above, last = names
    for name in above:
        found = found.setdefault(name, {})
    found[last] = value
