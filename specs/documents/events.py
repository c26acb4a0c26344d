"""
The kinds and roles of the events of a stream.

Each branch of the schema of a stream is a kind of event. Its name is the constant of
its field `type`, or that of the field that `discriminator` names; or `x-event` gives
the name and a schema of the events of this kind. Examples of events are named by their
roles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from specs.documents.condition import ALWAYS, Condition

FAILED_IMAGE = "failed_image"
PARTIAL_IMAGE, COMPLETED, END = "partial_image", "completed", "end"
EVENT_ROLES = (PARTIAL_IMAGE, COMPLETED, FAILED_IMAGE, END)
"""The names of examples of events: a preview, an image, a failure, and the end."""

FURTHER_EXAMPLES = ("start_", "with_image_", "end_")
START_EXAMPLES, IMAGE_EXAMPLES, END_EXAMPLES = FURTHER_EXAMPLES
"""
Beginnings of the names of examples of further events that the mock sends.

Those come first in the stream; before each event with an image; and before the end.
"""

DONE = "[DONE]"
USUAL_FIELD = "type"


@dataclass(frozen=True)
class EventKind:
    """A branch of the schema of a stream; `condition` is None if a field has `name`."""

    name: str
    schema: dict[str, Any]
    condition: Condition | None = None


@dataclass(frozen=True)
class EventGrammar:
    """
    The kinds of events in a stream, and their roles.

    `name_field` is the field with the name of an event of a kind without a condition.
    `names` has the name of the kind of each role. An event of no known kind has the
    role whose name ends with the same word, such as `completed`: so a wrong prefix is
    one fault, not two.
    """

    kinds: tuple[EventKind, ...] = ()
    name_field: str = USUAL_FIELD
    names: Mapping[str, str] = field(
        default_factory=lambda: {PARTIAL_IMAGE: PARTIAL_IMAGE, COMPLETED: COMPLETED}
    )

    @property
    def has_named_events(self) -> bool:
        """True if the data of events has their names."""
        return all(each.condition is None for each in self.kinds)

    def name_of(self, data: Any) -> str | None:
        """The name of an event: of the first kind that it is, or in its field."""
        if not isinstance(data, dict):
            return None
        named = data.get(self.name_field)
        for kind in self.kinds:
            if _is_of(kind, data, named):
                return kind.name
        return None if named is None else str(named)

    def has_role(self, data: Any, role: str) -> bool:
        """True if an event has a role; one that meets two conditions may have two."""
        name = self.names.get(role)
        if name is None or not isinstance(data, dict):
            return False
        named = data.get(self.name_field)
        known = [each for each in self.kinds if _is_of(each, data, named)]
        if known:
            return any(each.name == name for each in known)
        return _last_word(str(named)) == _last_word(name)


def event_grammar(schema: Any, examples: Mapping[str, Any]) -> EventGrammar:
    """The grammar of a stream by its schema and the examples of its events."""
    kinds = tuple(event_kinds(schema))
    unnamed = EventGrammar(kinds, _field(schema))
    names = {
        role: name
        for role in EVENT_ROLES
        if role in examples and (name := unnamed.name_of(examples[role])) is not None
    }
    if not any(role in examples for role in EVENT_ROLES):
        names = dict(unnamed.names)
    return EventGrammar(kinds, unnamed.name_field, names)


def event_branches(schema: Any) -> list[Any]:
    """The schemas under `oneOf` or `anyOf` of a stream."""
    node = schema if isinstance(schema, dict) else {}
    return list(node.get("oneOf") or node.get("anyOf") or ())


def event_kinds(schema: Any) -> Iterator[EventKind]:
    """Yield the kinds of events, without the end marker and what has no name."""
    for branch in event_branches(schema):
        word = branch.get("x-event") if isinstance(branch, dict) else None
        if word:
            condition = Condition(word["if"]) if "if" in word else ALWAYS
            yield EventKind(word["name"], branch, condition)
        elif name := constant_name(schema, branch):
            yield EventKind(name, branch)


def constant_name(schema: Any, branch: Any) -> str | None:
    """The constant text of the field that names events; None if there is none."""
    fields = branch.get("properties", {}) if isinstance(branch, dict) else {}
    node = fields.get(_field(schema))
    name = node.get("const") if isinstance(node, dict) else None
    return name if isinstance(name, str) else None


def is_done(branch: Any) -> bool:
    """True for the schema `{const: "[DONE]"}` among those of the events."""
    return isinstance(branch, dict) and branch.get("const") == DONE


def _field(schema: Any) -> str:
    """The field that `discriminator` names, or the usual one."""
    node = schema.get("discriminator", {}) if isinstance(schema, dict) else {}
    return str(node.get("propertyName", USUAL_FIELD))


def _is_of(kind: EventKind, data: Mapping[str, Any], named: Any) -> bool:
    if kind.condition is None:
        return bool(named == kind.name)
    return kind.condition.applies_to(data)


def _last_word(name: str) -> str:
    return name.rpartition(".")[2]
