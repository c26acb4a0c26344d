"""Patches that adapt requests for the old provider to the new one."""

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
    The changes to the requests of one operation.

    Fields of `remove` are removed. Fields of `rename` get their new names. Fields of
    `add` are added if they are missing.
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
    """Build the patches by operation id; operations without changes are left out."""
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
    """Check if every body of the new provider rejects a field with any value."""
    there = migration.new_operations.get(operation.id)
    supported = set(there.bodies) if there else set()
    sent = {
        each.media_type
        for each in migration.bodies(operation)
        if finding.member in each.properties and each.media_type in supported
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
    """Format the patches as a Python function without dependencies."""
    table = pformat(as_json(operation_patches), sort_dicts=False)
    sentence = f"Adapt a request for {migration.old.title} to {migration.new.title}."
    removed = sorted(
        {name for each in operation_patches.values() for name in each.remove}
    )
    docstring = [
        sentence,
        f"Removed, because they are not supported: {', '.join(removed)}.",
    ]
    paragraphs = docstring if removed else docstring[:1]
    return _FUNCTION_TEMPLATE.format(
        table=table,
        docstring="\n\n".join(_docstring_paragraph(each) for each in paragraphs),
    )


def _docstring_paragraph(text: str) -> str:
    """
    Wrap a text for a docstring.

    Quotes and backslashes are replaced, because a title could end the docstring.
    """
    plain = one_line(text).replace("\\", "/").replace('"', "'")
    return fill(plain, 88, initial_indent="    ", subsequent_indent="    ")


_FUNCTION_TEMPLATE = '''PATCHES = {table}


def adapt(operation, payload):
    """
{docstring}
    """
    patch = PATCHES.get(operation, {{"rename": {{}}, "remove": [], "add": {{}}}})
    renamed = {{
        patch["rename"].get(name, name): value
        for name, value in payload.items()
        if name not in patch["remove"]
    }}
    return {{**patch["add"], **renamed}}
'''
