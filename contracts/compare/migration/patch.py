"""A patch that turns requests for the one provider into requests for the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pprint import pformat
from textwrap import fill
from typing import Any

from contracts.compare.migration.model import Finding, Move
from contracts.text import one_line
from specs import Operation


@dataclass(frozen=True)
class Patch:
    """
    What to change in the requests of one operation.

    Members of `remove` go, those of `rename` get their other names, and what is missing
    of `add` comes.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    add: Mapping[str, Any] = field(default_factory=dict)

    def applied(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {
            self.rename.get(name, name): value
            for name, value in payload.items()
            if name not in self.remove
        }
        return {**self.add, **renamed}


def patches(move: Move, findings: Sequence[Finding]) -> dict[str, Patch]:
    """A patch for each operation that has one; keys are `createImage`, ...."""
    found: dict[str, Patch] = {}
    for operation in move.operations:
        here = [each for each in findings if each.operation == operation.id]
        rename = {
            each.member: each.other for each in here if each.rule == "REQ-RENAMED"
        }
        remove = tuple(
            each.member for each in here if _is_useless(each, move, operation)
        )
        add = {
            each.member: move.new.dialect.model
            for each in here
            if each.rule == "REQ-REQUIRED" and each.member == "model"
        }
        patch = Patch(rename, remove, add)
        if patch != Patch():
            found[operation.id] = patch
    return found


def _is_useless(finding: Finding, move: Move, operation: Operation) -> bool:
    """Whether no body of the new provider takes a member, whatever its value."""
    there = move.new.operations.get(operation.id)
    taken = set(there.bodies) if there else set()
    sent = {
        each.media_type
        for each in move.bodies(operation)
        if finding.member in each.properties and each.media_type in taken
    }
    is_field = finding.rule == "REQ-FIELD" and finding.always
    return is_field and sent <= set(finding.media_types)


def as_json(found: Mapping[str, Patch]) -> dict[str, Any]:
    return {
        name: {
            "rename": dict(each.rename),
            "remove": list(each.remove),
            "add": dict(each.add),
        }
        for name, each in found.items()
    }


def as_python(move: Move, found: Mapping[str, Patch]) -> str:
    """The patch as a Python function that needs nothing."""
    table = pformat(as_json(found), sort_dicts=False)
    sentence = f"A request for {move.old.title}, as {move.new.title} takes it."
    lost = sorted({name for each in found.values() for name in each.remove})
    about = [sentence, f"Lost, as nothing takes them: {', '.join(lost)}."]
    paragraphs = about if lost else about[:1]
    return _FUNCTION.format(
        table=table, about="\n\n".join(_paragraph(each) for each in paragraphs)
    )


def _paragraph(text: str) -> str:
    """A text for a docstring, which it cannot end: titles are strangers' words."""
    plain = one_line(text).replace("\\", "/").replace('"', "'")
    return fill(plain, 88, initial_indent="    ", subsequent_indent="    ")


_FUNCTION = '''PATCHES = {table}


def adapt(operation, payload):
    """
{about}
    """
    patch = PATCHES.get(operation, {{"rename": {{}}, "remove": [], "add": {{}}}})
    renamed = {{
        patch["rename"].get(name, name): value
        for name, value in payload.items()
        if name not in patch["remove"]
    }}
    return {{**patch["add"], **renamed}}
'''
