"""
Places of fields below the top of a request body.

A place is a JSON pointer in which `*` stands for every entry of a list and a filter
selects entries: `/content/*[role=first_frame]/image_url/url`.
"""

import re
from collections.abc import Mapping
from typing import Any

_SEGMENT = re.compile(r"(?P<name>[^\[\]]*)(\[(?P<key>[^=\]]+)=(?P<value>[^\]]*)\])?")


def replaced_at(value: Any, place: str, new: Any) -> Any:
    """
    A copy of a value with another value wherever the place exists in it.

    Equal to the value if it exists nowhere.
    """
    return _replaced(value, place.removeprefix("/").split("/"), new)


def placed_at(value: Any, place: str, new: Any) -> Any:
    """
    A copy of a value with another value at a place, which is made if it is missing.

    Objects are made as needed, and an entry of a list if the place has a filter, which
    then holds. Where a place of the value has another type, the value is unchanged.
    """
    return _placed(value, place.removeprefix("/").split("/"), new)


def _placed(value: Any, segments: list[str], new: Any) -> Any:
    if not segments:
        return new
    match = _SEGMENT.fullmatch(segments[0])
    if match is None:
        return value
    name, rest = match["name"], segments[1:]
    if name != "*":
        known = value if isinstance(value, Mapping) else {}
        is_other = value is not None and not isinstance(value, Mapping)
        return (
            value if is_other else {**known, name: _placed(known.get(name), rest, new)}
        )
    entries = value if isinstance(value, list) else []
    if value is not None and not isinstance(value, list):
        return value
    if any(_is_selected(each, match) for each in entries):
        return [
            _placed(each, rest, new) if _is_selected(each, match) else each
            for each in entries
        ]
    entry = {match["key"]: match["value"]} if match["key"] else {}
    return [*entries, _placed(entry, rest, new)]


def schemas_at(schema: Any, place: str) -> list[Mapping[str, Any]]:
    """The schemas from that of a body down to that of a place; empty without one."""
    found: list[Mapping[str, Any]] = []
    node = schema
    for segment in place.removeprefix("/").split("/"):
        is_entry = segment.startswith("*") or segment.isdigit()
        node = _below(node, None if is_entry else segment)
        if not isinstance(node, Mapping):
            return []
        found.append(node)
    return found


def _below(node: Any, name: str | None) -> Any:
    """The schema of a property, or of the entries of a list without a name."""
    if not isinstance(node, Mapping):
        return None
    own = node.get("items") if name is None else node.get("properties", {}).get(name)
    if own is not None:
        return own
    branches = (b for word in ("allOf", "anyOf", "oneOf") for b in node.get(word, ()))
    return next((f for b in branches if (f := _below(b, name)) is not None), None)


def readable_place(place: str) -> str:
    """A place as readers know it: `tools[].size` for `/tools/*[type=draw]/size`."""
    path = re.sub(r"/\*(\[[^\]]*\])?", "[]", place)
    return path.removeprefix("/").replace("/", ".")


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
