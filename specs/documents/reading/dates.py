"""Dated parts of the files of a provider: what is in force on a day."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from specs.documents.reading.pointers import escape_pointer, unescape_pointer

SINCE, UNTIL, DATED, AS_OF = "x-since", "x-until", "x-dated", "x-as-of"
DAY = r"^\d{4}-\d{2}-\d{2}$"
_UNTOUCHED = {"info", "value", "example", "enum", "const", "default"}
_SCHEMA_PLACES = {"if", "then", "else", "not", "items", "schema", "x-when"}


def split_id(name: str) -> tuple[str, str]:
    """The id and the day of `mine@2026-08-21`; without a day, it is empty."""
    id_, _, day = name.partition("@")
    return id_, day


@dataclass(frozen=True, slots=True)
class DocumentDates:
    """
    The days that a document knows.

    It is about the days from `first` to `last`; without a day it means `as_of`. All are
    empty for a document without dates. `changes` are the days after the first on which
    a part begins or ends, in order.
    """

    first: str = ""
    as_of: str = ""
    last: str = ""
    changes: tuple[str, ...] = ()

    def __contains__(self, day: str) -> bool:
        return is_day(day) and self.first <= day <= self.last

    @property
    def all(self) -> tuple[str, ...]:
        """The first day, those of changes, and the day that no day means."""
        return tuple(sorted({self.first, *self.changes, self.as_of} - {""}))


NO_DATES = DocumentDates()


def dates_of(*files: Any) -> DocumentDates:
    """The days that are named in the files of a provider, of which one has `info`."""
    named = {day for content in files for day in _named_days(content)}
    infos = (each.get("info") for each in files if isinstance(each, Mapping))
    info: Mapping[str, Any] = next((e for e in infos if isinstance(e, Mapping)), {})
    as_of = str(info.get(AS_OF, ""))
    if not is_day(as_of):
        return NO_DATES
    first = str(info.get(SINCE, as_of))
    changes = tuple(sorted(day for day in named if day > first))
    return DocumentDates(first, as_of, max((as_of, *changes)), changes)


def is_day(text: str) -> bool:
    """True for a date such as `2026-08-21`."""
    try:
        return bool(re.match(DAY, text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _named_days(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from (str(node[each]) for each in (SINCE, UNTIL) if each in node)
        for key, value in node.items():
            if key not in _UNTOUCHED:
                yield from _named_days(value)
    elif isinstance(node, list):
        for value in node:
            yield from _named_days(value)


def is_in_force(node: Any, day: str) -> bool:
    """False for a mapping that begins after the day, or ends on it or before."""
    if not isinstance(node, Mapping):
        return True
    begins, ends = str(node.get(SINCE, "")), str(node.get(UNTIL, ""))
    return begins <= day and (not ends or day < ends)


@dataclass
class DatedContent:
    """
    The content of a file as of a day.

    `content` has no words about dates, except in `info`. `places` has the JSON pointer
    in the file of each mapping in it, by the id of the mapping. `broken` are the
    pointers of references to parts that are not in force, with these references.
    """

    content: Any
    places: dict[int, str] = field(default_factory=dict)
    broken: list[tuple[str, str]] = field(default_factory=list)


def as_of(content: Any, day: str) -> DatedContent:
    """
    Leave out all that is not in force on a day.

    Of the parts in `x-dated`, those in force are merged into the mapping around them. A
    list of which nothing is in force is left out.
    A reference in a list or to a named part lives as long as its target.
    """
    found = DatedContent(None)
    found.content = _Reader(content, day, found).read(content, "", "")
    return found


@dataclass(frozen=True)
class _Reader:
    whole: Any
    day: str
    found: DatedContent

    def read(self, node: Any, pointer: str, key: str) -> Any:
        """A part of the content; `key` is the one that it stands under."""
        if key in _UNTOUCHED:
            return node
        if isinstance(node, list):
            return [
                self.read(each, f"{pointer}/{at}", "")
                for at, each in enumerate(node)
                if self._lives(each)
            ]
        if not isinstance(node, dict):
            return node
        self._check_reference(node, pointer, key)
        result: dict[Any, Any] = {}
        for name, value in node.items():
            place = f"{pointer}/{escape_pointer(name)}"
            if name == DATED:
                result.update(self._merged(value, place))
            elif name not in (SINCE, UNTIL) and (
                name in _SCHEMA_PLACES or self._lives(value)
            ):
                kept = self.read(value, place, str(name))
                if kept != [] or value == []:
                    result[name] = kept
        self.found.places[id(result)] = pointer
        return result

    def _merged(self, parts: Any, pointer: str) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        for at, part in enumerate(parts if isinstance(parts, list) else ()):
            if isinstance(part, dict) and is_in_force(part, self.day):
                merged.update(self.read(part, f"{pointer}/{at}", ""))
        return merged

    def _lives(self, node: Any) -> bool:
        if not is_in_force(node, self.day):
            return False
        reference = node.get("$ref") if isinstance(node, dict) else None
        return not isinstance(reference, str) or self._has_target(reference)

    def _has_target(self, reference: str) -> bool:
        """False if a target exists and is not in force; others are reported later."""
        node = self.whole
        for step in reference.removeprefix("#/").split("/"):
            key = unescape_pointer(step)
            if not isinstance(node, dict) or key not in node:
                return True
            node = node[key]
            if not is_in_force(node, self.day):
                return False
        return True

    def _check_reference(self, node: Mapping[str, Any], pointer: str, key: str) -> None:
        reference = node.get("$ref")
        is_schema = key in _SCHEMA_PLACES and isinstance(reference, str)
        if is_schema and not self._has_target(str(reference)):
            self.found.broken.append((pointer, str(reference)))
