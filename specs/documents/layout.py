"""
The places of images in a success response.

They are read from the examples that the mock fills in. The example `response` of a JSON
body has placeholders such as `{output.b64_json}` where images are; without it, they are
in `data`, as `b64_json` or `url`. The examples of a stream are named by their roles.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from specs.documents.pointers import escape_pointer
from specs.documents.tasks import values_at

RESPONSE, FAILED_IMAGE = "response", "failed_image"
PARTIAL_IMAGE, COMPLETED, END = "partial_image", "completed", "end"
EVENT_ROLES = (PARTIAL_IMAGE, COMPLETED, FAILED_IMAGE, END)
"""The names of examples of events: a preview, an image, a failure, and the end."""

DONE = "[DONE]"
_PLACEHOLDER = re.compile(r"\{output\.(b64_json|url|data_uri)(:null)?\}")
_CANONICAL = {"b64_json": "b64_json", "url": "url", "data_uri": "url"}
_USUAL_PLACES = {form: f"/{name}" for form, name in _CANONICAL.items()}


@dataclass(frozen=True)
class ResponseLayout:
    """
    The places of images in the responses of an operation.

    * `items`: a JSON pointer to the array with an entry for each image.
    * `places`: by form (`b64_json`, `url`, `data_uri`) a JSON pointer inside an entry.
    * `event_places`: the same inside an event with a finished image.
    * `failed_fields`: the fields of an entry for an image that failed; empty if the
      document has no such entries.
    * `event_words`: by role, the last words of the types of events.
    * `ends_with_done`: the last event of a stream is `[DONE]`.
    """

    items: str = "/data"
    places: Mapping[str, str] = field(default_factory=lambda: _USUAL_PLACES)
    event_places: Mapping[str, str] = field(default_factory=lambda: _USUAL_PLACES)
    failed_fields: frozenset[str] = frozenset()
    event_words: Mapping[str, str] = field(
        default_factory=lambda: {PARTIAL_IMAGE: PARTIAL_IMAGE, COMPLETED: COMPLETED}
    )
    ends_with_done: bool = False

    def entries(self, body: Any) -> list[Any] | None:
        """The array with an entry for each image in a body; None if it has none."""
        found = next(values_at(body, self.items), None)
        return found if isinstance(found, list) else None

    def images(self, body: Any) -> list[dict[str, Any]]:
        """
        The entries that are objects, each with its image in `b64_json` or `url`.

        A data URI is in `url`.
        """
        return [
            _with_usual_names(each, self.places)
            for each in self.entries(body) or ()
            if isinstance(each, dict)
        ]

    def image_of_event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an event, with its image in `b64_json` or `url`."""
        return _with_usual_names(event, self.event_places)

    def has_role(self, event: Mapping[str, Any], role: str) -> bool:
        """True if the type of an event is that of a role."""
        word = str(event.get("type", "")).rpartition(".")[2]
        return word == self.event_words.get(role)

    def is_failed(self, entry: Mapping[str, Any]) -> bool:
        """True if an entry has no image, in the way that the document describes."""
        has_image = any(entry.get(name) for name in ("b64_json", "url"))
        is_like = bool(self.failed_fields) and self.failed_fields <= entry.keys()
        return is_like and not has_image

    def described(self, form: str) -> str:
        """A form of an image, with its field if that is not the usual one."""
        path = self.field_names(form)
        is_usual = path == USUAL_LAYOUT.field_names(form)
        return form if is_usual else f"{form} in {path}"

    def field_names(self, form: str) -> str:
        """The field with an image of a form, such as `data[].b64_json`."""
        path = f"{self.items}[]{self.places.get(form, _USUAL_PLACES[form])}"
        return path.removeprefix("/").replace("/", ".")


USUAL_LAYOUT = ResponseLayout()


def response_layout(
    examples: Mapping[str, Any], events: Mapping[str, Any], event_schema: Any
) -> ResponseLayout:
    """The layout by the examples of a JSON body, those of a stream, and its schema."""
    found: dict[str, Any] = {}
    if RESPONSE in examples:
        items, entry = _template_of_entries(examples[RESPONSE])
        found |= {"items": items, "places": dict(_places(entry))}
    if FAILED_IMAGE in examples:
        at = found.get("items", "")
        entries: Any = next(values_at(examples[FAILED_IMAGE], at), [])
        found["failed_fields"] = frozenset(
            name for each in entries if not dict(_places(each)) for name in each
        )
    types = {
        role: str(each.get("type"))
        for role, each in events.items()
        if role in EVENT_ROLES and isinstance(each, Mapping)
    }
    if types:
        words = {role: each.rpartition(".")[2] for role, each in types.items()}
        found["event_words"] = words
    if places := dict(_places(events.get(COMPLETED))):
        found["event_places"] = places
    branches = event_schema.get("oneOf", ()) if isinstance(event_schema, dict) else ()
    found["ends_with_done"] = any(is_done(each) for each in branches)
    return ResponseLayout(**found)


def is_done(branch: Any) -> bool:
    """True for the schema `{const: "[DONE]"}` among those of the events."""
    return isinstance(branch, dict) and branch.get("const") == DONE


def template_problem(example: Any) -> str | None:
    """The reason why an example `response` cannot be filled in, or None."""
    return None if _template_of_entries(example)[1] else "has no place for an image"


def _template_of_entries(example: Any) -> tuple[str, Any]:
    """The pointer to the array of entries, and the entry with the placeholders."""
    for pointer, node in _arrays(example, ""):
        for entry in node:
            if dict(_places(entry)):
                return pointer, entry
    return "", None


def _arrays(node: Any, pointer: str) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(node, list):
        yield pointer, node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _arrays(value, f"{pointer}/{escape_pointer(name)}")


def _places(node: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield each form of an image in a template, with a pointer to it."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _places(value, f"{pointer}/{escape_pointer(name)}")
    elif isinstance(node, str) and (match := _PLACEHOLDER.fullmatch(node)):
        yield match[1], pointer


def _with_usual_names(
    entry: Mapping[str, Any], places: Mapping[str, str]
) -> dict[str, Any]:
    if places is _USUAL_PLACES:
        return dict(entry)
    own = {place.split("/")[1] for place in places.values()}
    usual = {name: value for name, value in entry.items() if name not in own}
    for form, place in places.items():
        value = next(values_at(entry, place), None)
        if value is not None:
            usual[_CANONICAL[form]] = value
    return usual
