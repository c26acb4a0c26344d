"""Cells of a comparison, with the page that each was read from."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts.compare.documents.model import (
    NOTHING,
    Cell,
    Fact,
    Kind,
    Row,
    Section,
    Statement,
)
from specs import Evidence, Provider

DOCUMENT, DIALECT = "openapi.yaml", "dialect.yaml"
# The numbers under which a reviewer's notes list contradictions and readings.
_NUMBERS = re.compile(r"^(?:[A-Z][0-9]+(?:, )?)+[:.] ")


def cell(
    provider: Provider,
    value: str,
    evidence: Evidence | None = None,
    *,
    wire: str = "",
    note: str = "",
    pointer: str = "",
    facts: Mapping[str, Fact] | None = None,
) -> Cell:
    """What a provider's document says, and where it was read."""
    source = evidence.source if evidence else ""
    found = provider.source(source)
    return Cell(
        value,
        wire=wire,
        source=source,
        source_title=found.title if found else "",
        source_url=found.url if found else "",
        source_date=found.date if found else "",
        basis=evidence.basis if evidence else "documented",
        note=plain_note(note),
        pointer=pointer,
        facts=facts or {},
    )


def unsaid(value: str = NOTHING) -> Cell:
    """What a document that has no such thing says of it."""
    return Cell(value, stated=False)


def statement(provider: Provider, says: str, source: str) -> Statement:
    found = provider.source(source)
    return Statement(
        says,
        source,
        source_title=found.title if found else "",
        source_url=found.url if found else "",
        source_date=found.date if found else "",
    )


def place(provider: Provider, node: Any, file: str = DOCUMENT) -> str:
    """Where a part of the document was written, as `openapi.yaml#/…`."""
    return f"{file}#{provider.origin(node)}" if provider.origin(node) else ""


def plain_note(note: str) -> str:
    """A note without the numbers of the list that it was taken from."""
    return _NUMBERS.sub("", " ".join(note.split()))


def row(
    id_: str, feature: str, group: str, section: Section, cells: Mapping[str, Cell]
) -> Row:
    """A row, its cells held against one another."""
    said = {name: _said(each) for name, each in cells.items()}
    ranked = Counter(said.values()).most_common()
    letters = {each: _letter(at) for at, (each, _) in enumerate(ranked)}
    usual = next(each for name, each in cells.items() if said[name] == ranked[0][0])
    is_split = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
    return Row(
        id_,
        feature,
        group,
        section,
        {
            name: replace(
                each,
                letter=letters[said[name]],
                differs_in=() if said[name] == ranked[0][0] else _apart(each, usual),
            )
            for name, each in cells.items()
        },
        majority="" if is_split else usual.value,
        kinds=(Kind.DIFFER,) if len(ranked) > 1 else (),
    )


def _said(each: Cell) -> str:
    """What makes two cells say the same: the order in which values stand does not."""
    if not each.said:
        return repr(each.value)
    facts = {name: _unordered(value) for name, value in each.said.items()}
    return repr((each.wire, sorted(facts.items())))


def _unordered(value: Any) -> str:
    is_list = isinstance(value, list)
    return repr(sorted(map(repr, value)) if is_list else value)


def _letter(at: int) -> str:
    return chr(ord("A") + at) if at < 26 else f"+{at}"


def _apart(one: Cell, other: Cell) -> tuple[str, ...]:
    """The names of the facts in which two cells differ, where both state some."""
    if not (one.stated and other.stated):
        return ()
    mine, theirs = (
        {name: _unordered(value) for name, value in each.said.items()}
        for each in (one, other)
    )
    names = dict.fromkeys([*mine, *theirs])
    apart = [each for each in names if mine.get(each) != theirs.get(each)]
    return (*(["name"] if one.wire != other.wire else []), *apart)
