"""A patch that turns requests for the one provider into requests for the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pprint import pformat
from textwrap import fill
from typing import Any

from contracts.compare.migration.model import BreakingChange, Migration
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

    def apply(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {
            self.rename.get(name, name): value
            for name, value in payload.items()
            if name not in self.remove
        }
        return {**self.add, **renamed}


def patches(
    migration: Migration, findings: Sequence[BreakingChange]
) -> dict[str, Patch]:
    """A patch for each operation that has one; keys are `createImage`, ...."""
    found: dict[str, Patch] = {}
    for operation in migration.operations:
        here = [each for each in findings if each.operation == operation.id]
        rename = {
            each.member: each.other for each in here if each.rule == "REQ-RENAMED"
        }
        remove = tuple(
            each.member
            for each in here
            if _is_unsupported_field(each, migration, operation)
        )
        add = {
            each.member: migration.new.dialect.model
            for each in here
            if each.rule == "REQ-REQUIRED" and each.member == "model"
        }
        patch = Patch(rename, remove, add)
        if patch != Patch():
            found[operation.id] = patch
    return found


def _is_unsupported_field(
    finding: BreakingChange, migration: Migration, operation: Operation
) -> bool:
    """Whether no body of the new provider takes a member, whatever its value."""
    there = migration.new.operations.get(operation.id)
    taken = set(there.bodies) if there else set()
    sent = {
        each.media_type
        for each in migration.bodies(operation)
        if finding.member in each.properties and each.media_type in taken
    }
    is_field = finding.rule == "REQ-FIELD" and finding.always
    return is_field and sent <= set(finding.media_types)


def as_json(operation_patches: Mapping[str, Patch]) -> dict[str, Any]:
    return {
        name: {
            "rename": dict(each.rename),
            "remove": list(each.remove),
            "add": dict(each.add),
        }
        for name, each in operation_patches.items()
    }


def as_python(migration: Migration, operation_patches: Mapping[str, Patch]) -> str:
    """The patch as a Python function that needs nothing."""
    table = pformat(as_json(operation_patches), sort_dicts=False)
    sentence = (
        f"A request for {migration.old.title}, as {migration.new.title} takes it."
    )
    lost = sorted({name for each in operation_patches.values() for name in each.remove})
    about = [sentence, f"Lost, as nothing takes them: {', '.join(lost)}."]
    paragraphs = about if lost else about[:1]
    return _FUNCTION_TEMPLATE.format(
        table=table,
        about="\n\n".join(_docstring_paragraph(each) for each in paragraphs),
    )


def _docstring_paragraph(text: str) -> str:
    """A text for a docstring, which it cannot end: titles are strangers' words."""
    plain = one_line(text).replace("\\", "/").replace('"', "'")
    return fill(plain, 88, initial_indent="    ", subsequent_indent="    ")


_FUNCTION_TEMPLATE = '''PATCHES = {table}


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
