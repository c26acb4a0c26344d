"""Cells of a comparison, with the page that each was read from."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts.compare.documents.model import (
    NO_VALUE,
    ComparisonRow,
    DifferenceKind,
    Fact,
    ProviderCell,
    Section,
    Statement,
)
from specs import Evidence, Provider

DOCUMENT, DIALECT = "openapi.yaml", "dialect.yaml"
# The numbers under which a reviewer's notes list contradictions and readings.
_NOTE_NUMBERS = re.compile(r"^(?:[A-Z][0-9]+(?:, )?)+[:.] ")


def cell(
    provider: Provider,
    value: str,
    evidence: Evidence | None = None,
    *,
    wire: str = "",
    note: str = "",
    pointer: str = "",
    facts: Mapping[str, Fact] | None = None,
) -> ProviderCell:
    """What a provider's document says, and where it was read."""
    source = evidence.source if evidence else ""
    found = provider.source(source)
    return ProviderCell(
        value,
        wire=wire,
        source=source,
        source_title=found.title if found else "",
        source_url=found.url if found else "",
        source_date=found.date if found else "",
        basis=evidence.basis if evidence else "documented",
        note=strip_note_numbers(note),
        pointer=pointer,
        facts=facts or {},
    )


def unstated_cell(value: str = NO_VALUE) -> ProviderCell:
    """What a document that has no such thing says of it."""
    return ProviderCell(value, stated=False)


def statement(provider: Provider, says: str, source: str) -> Statement:
    found = provider.source(source)
    return Statement(
        says,
        source,
        source_title=found.title if found else "",
        source_url=found.url if found else "",
        source_date=found.date if found else "",
    )


def document_pointer(provider: Provider, node: Any, file: str = DOCUMENT) -> str:
    """Where a part of the document was written, as `openapi.yaml#/…`."""
    return f"{file}#{provider.pointer_of(node)}" if provider.pointer_of(node) else ""


def strip_note_numbers(note: str) -> str:
    """A note without the numbers of the list that it was taken from."""
    return _NOTE_NUMBERS.sub("", " ".join(note.split()))


def row(
    id_: str,
    feature: str,
    group: str,
    section: Section,
    cells: Mapping[str, ProviderCell],
) -> ComparisonRow:
    """A row, its cells held against one another."""
    said = {name: _agreement_key(each) for name, each in cells.items()}
    ranked = Counter(said.values()).most_common()
    letters = {each: _letter(at) for at, (each, _) in enumerate(ranked)}
    usual = next(each for name, each in cells.items() if said[name] == ranked[0][0])
    is_split = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
    return ComparisonRow(
        id_,
        feature,
        group,
        section,
        {
            name: replace(
                each,
                letter=letters[said[name]],
                differs_in=()
                if said[name] == ranked[0][0]
                else _differing_facts(each, usual),
            )
            for name, each in cells.items()
        },
        majority="" if is_split else usual.value,
        kinds=(DifferenceKind.PEERS_DIFFER,) if len(ranked) > 1 else (),
    )


def _agreement_key(each: ProviderCell) -> str:
    """What makes two cells say the same: the order in which values stand does not."""
    if not each.firm_facts:
        return repr(each.value)
    facts = {name: _order_insensitive(value) for name, value in each.firm_facts.items()}
    return repr((each.wire, sorted(facts.items())))


def _order_insensitive(value: Any) -> str:
    is_list = isinstance(value, list)
    return repr(sorted(map(repr, value)) if is_list else value)


def _letter(at: int) -> str:
    return chr(ord("A") + at) if at < 26 else f"+{at}"


def _differing_facts(one: ProviderCell, other: ProviderCell) -> tuple[str, ...]:
    """The names of the facts in which two cells differ, where both state some."""
    if not (one.stated and other.stated):
        return ()
    mine, theirs = (
        {name: _order_insensitive(value) for name, value in each.firm_facts.items()}
        for each in (one, other)
    )
    names = dict.fromkeys([*mine, *theirs])
    apart = [each for each in names if mine.get(each) != theirs.get(each)]
    return (*(["name"] if one.wire != other.wire else []), *apart)
