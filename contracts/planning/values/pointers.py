"""
Places of fields below the top of a request body.

A place is a JSON pointer in which `*` stands for every entry of a list and a filter
selects entries: `/content/*[role=first_frame]/image_url/url`.
"""

import re
from typing import Any

_SEGMENT = re.compile(r"(?P<name>[^\[\]]*)(\[(?P<key>[^=\]]+)=(?P<value>[^\]]*)\])?")


def replaced_at(value: Any, place: str, new: Any) -> Any:
    """
    A copy of a value with another value wherever the place exists in it.

    Equal to the value if it exists nowhere.
    """
    return _replaced(value, place.removeprefix("/").split("/"), new)


def _replaced(value: Any, segments: list[str], new: Any) -> Any:
    if not segments:
        return new
    match = _SEGMENT.fullmatch(segments[0])
    if match is None:
        return value
    name, rest = match["name"], segments[1:]
    if isinstance(value, list) and name == "*":
        return [
            _replaced(each, rest, new) if _is_selected(each, match) else each
            for each in value
        ]
    if isinstance(value, list) and name.isdigit() and int(name) < len(value):
        at = int(name)
        return [*value[:at], _replaced(value[at], rest, new), *value[at + 1 :]]
    if isinstance(value, dict) and name in value:
        return {**value, name: _replaced(value[name], rest, new)}
    return value


def _is_selected(entry: Any, match: re.Match[str]) -> bool:
    """True without a filter, and for an object with the value that it names."""
    if match["key"] is None:
        return True
    return isinstance(entry, dict) and str(entry.get(match["key"])) == match["value"]
