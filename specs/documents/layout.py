"""
The places of images in a success response.

They are read from the examples that the mock fills in. The example `response` of a JSON
body has placeholders such as `{output.b64_json}` where images are; without it, they are
in `data`, as `b64_json` or `url`. An event with an image is the example `completed`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from specs.documents.condition import Condition
from specs.documents.events import (
    COMPLETED,
    EVENT_ROLES,
    FAILED_IMAGE,
    FURTHER_EXAMPLES,
    EventGrammar,
    event_branches,
    event_grammar,
    is_done,
)
from specs.documents.reading.pointers import escape_pointer
from specs.documents.tasks import ANY_ITEM, values_at
from specs.documents.usage import UsagePlaces, usage_places

RESPONSE = "response"
_PLACEHOLDER = re.compile(r"\{output\.(b64_json|url|data_uri)(:null)?\}")
_CANONICAL = {"b64_json": "b64_json", "url": "url", "data_uri": "url"}
_USUAL_PLACES = {form: f"/{name}" for form, name in _CANONICAL.items()}


@dataclass(frozen=True)
class ImagePlaces:
    """
    The places of images in a JSON body, or in the data of an event.

    * `items`: a JSON pointer to the arrays with an entry for each image, where `*` is
      each item of an array; None if the body itself is the entry of one image.
    * `forms`: by form (`b64_json`, `url`, `data_uri`) a JSON pointer inside an entry.
    * `is_mixed`: the arrays have other entries too, such as texts.
    """

    items: str | None
    forms: Mapping[str, str] = field(default_factory=lambda: _USUAL_PLACES)
    is_mixed: bool = False

    def entries(self, body: Any) -> list[Any] | None:
        """The entries for images in a body; None if it has no array of them."""
        if self.items is None:
            return [] if self.is_mixed and not self.has_image(body) else [body]
        arrays = [each for each in values_at(body, self.items) if _is_list(each)]
        if not arrays:
            return None
        entries = [entry for each in arrays for entry in each]
        return [e for e in entries if self.has_image(e)] if self.is_mixed else entries

    def has_image(self, entry: Any) -> bool:
        """True if an entry has a value at one of the places."""
        return any(any(values_at(entry, each)) for each in self.forms.values())

    def images(self, body: Any) -> list[dict[str, Any]]:
        """
        The entries that are objects, each with its image in `b64_json` or `url`.

        A data URI is in `url`.
        """
        return [
            _with_usual_names(each, self.forms)
            for each in self.entries(body) or ()
            if isinstance(each, dict)
        ]


@dataclass(frozen=True)
class ResponseLayout:
    """
    The places of images in the responses of an operation.

    * `body`: those in a JSON body, and `event`: those in an event with an image.
    * `failed_fields`: the fields of an entry for an image that failed; empty if the
      document has no such entries.
    * `grammar`: how events are recognised.
    * `ends_with_done`: the last event of a stream is `[DONE]`.
    * `refusals`: conditions on a JSON body or the data of an event, one of which a
      success without an image meets because the model refused the request.
    * `usage`: the places of token counts.
    """

    body: ImagePlaces = field(default_factory=lambda: ImagePlaces("/data"))
    event: ImagePlaces = field(default_factory=lambda: ImagePlaces(None))
    failed_fields: frozenset[str] = frozenset()
    grammar: EventGrammar = field(default_factory=EventGrammar)
    ends_with_done: bool = False
    refusals: tuple[Condition, ...] = ()
    usage: UsagePlaces = field(default_factory=UsagePlaces)

    @property
    def items(self) -> str:
        """The JSON pointer to the array with an entry for each image of a JSON body."""
        return self.body.items or ""

    def entries(self, body: Any) -> list[Any] | None:
        """The entries for images in a JSON body; None if it has no array of them."""
        return self.body.entries(body)

    def images(self, body: Any) -> list[dict[str, Any]]:
        """The same that are objects, each with its image in `b64_json` or `url`."""
        return self.body.images(body)

    def images_of_event(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The same in the data of an event; of one without a list, the data itself."""
        return self.event.images(event)

    def has_role(self, event: Any, role: str) -> bool:
        """True if the data of an event has a role, such as `completed`."""
        return self.grammar.has_role(event, role)

    def is_refusal(self, body: Mapping[str, Any]) -> bool:
        """True if a body or the data of an event says that the model refused."""
        return any(each.applies_to(body) for each in self.refusals)

    def event_name(self, event: Any) -> str:
        """The name of an event, by its data, for readers."""
        if not isinstance(event, dict):
            return "no JSON"
        return self.grammar.name_of(event) or "no type"

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
        place = self.body.forms.get(form, _USUAL_PLACES[form])
        return readable_path(f"{self.items}/{ANY_ITEM}{place}")


USUAL_LAYOUT = ResponseLayout()


def readable_path(pointer: str) -> str:
    """A JSON pointer as readers know it: `data[].url` for `/data/*/url`."""
    return pointer.replace(f"/{ANY_ITEM}", "[]").removeprefix("/").replace("/", ".")


def response_layout(
    examples: Mapping[str, Any],
    events: Mapping[str, Any],
    event_schema: Any,
    refusals: Iterable[Mapping[str, Any]] = (),
) -> ResponseLayout:
    """
    The layout by the examples of a JSON body, those of a stream, and its schema.

    `refusals` are the schemas of successes without an image.
    """
    found: dict[str, Any] = {"refusals": tuple(Condition(each) for each in refusals)}
    found["usage"] = usage_places(examples.get(RESPONSE), *events.values())
    if RESPONSE in examples:
        found["body"] = _places_in(examples[RESPONSE])
    if FAILED_IMAGE in examples:
        places: ImagePlaces = found.get("body", USUAL_LAYOUT.body)
        found["failed_fields"] = frozenset(
            name
            for each in places.entries(examples[FAILED_IMAGE]) or ()
            if not places.has_image(each)
            for name in each
        )
    completed = events.get(COMPLETED)
    if has_image_place(completed):
        # A server may send a text and an image in one event.
        found["event"] = replace(_places_in(completed), is_mixed=True)
    found["grammar"] = event_grammar(event_schema, events)
    found["ends_with_done"] = any(map(is_done, event_branches(event_schema)))
    return ResponseLayout(**found)


def template_problem(example: Any) -> str | None:
    """The reason why an example `response` cannot be filled in, or None."""
    return (
        None if _places_in(example).items is not None else "has no place for an image"
    )


def is_template(name: str) -> bool:
    """True for the name of an example of a success that the mock sends by itself."""
    return name in (RESPONSE, *EVENT_ROLES) or name.startswith(FURTHER_EXAMPLES)


def has_image_place(example: Any) -> bool:
    """True if an example has a placeholder of an image, in an array or outside."""
    return bool(_places_in(example).forms)


def _places_in(example: Any) -> ImagePlaces:
    """The places of the first array of entries with an image, or of the example."""
    for pointer, node in _arrays(example, ""):
        for entry in node:
            if forms := dict(_forms(entry)):
                return ImagePlaces(pointer, forms, _is_mixed(node, forms))
    return ImagePlaces(None, dict(_forms(example)))


def _is_mixed(entries: list[Any], forms: Mapping[str, str]) -> bool:
    return any(not ImagePlaces(None, forms).has_image(each) for each in entries)


def _arrays(node: Any, pointer: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield the arrays in a template, each after those around it."""
    if isinstance(node, list):
        yield pointer, node
        for item in node:
            yield from _arrays(item, f"{pointer}/{ANY_ITEM}")
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _arrays(value, f"{pointer}/{escape_pointer(name)}")


def _forms(node: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield each form of an image outside arrays, with a pointer to its place."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _forms(value, f"{pointer}/{escape_pointer(name)}")
    elif isinstance(node, str) and (match := _PLACEHOLDER.fullmatch(node)):
        yield match[1], pointer


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


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
