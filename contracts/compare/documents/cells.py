"""Cells and rows of a comparison, each cell with the page that it was read from."""

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
from specs.documents.reading.file_names import DOCUMENT

NOT_DOCUMENTED = "not documented"
# Numbers of an entry in the list that a note was copied from, such as "C2, A25: ".
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
    """A statement of a provider's document, with the source of its evidence."""
    reference = evidence.source if evidence else ""
    source = provider.source(reference)
    return ProviderCell(
        value,
        wire=wire,
        source=reference,
        source_title=source.title if source else "",
        source_url=source.url if source else "",
        source_date=source.date if source else "",
        basis=evidence.basis if evidence else "documented",
        note=strip_note_numbers(note),
        pointer=pointer,
        facts=facts or {},
    )


def unstated_cell(value: str = NO_VALUE) -> ProviderCell:
    """The cell of a document that says nothing about the feature."""
    return ProviderCell(value, stated=False)


def statement(provider: Provider, says: str, reference: str) -> Statement:
    source = provider.source(reference)
    return Statement(
        says,
        reference,
        source_title=source.title if source else "",
        source_url=source.url if source else "",
        source_date=source.date if source else "",
    )


def in_document(pointer: str) -> str:
    """A JSON pointer into the document, as `openapi.yaml#/…`."""
    return f"{DOCUMENT}#{pointer}"


def document_pointer(provider: Provider, node: Any) -> str:
    """The place of a node in the document, as `openapi.yaml#/…`; "" if unknown."""
    pointer = provider.pointer_of(node)
    return in_document(pointer) if pointer else ""


def citation(provider: Provider, evidence: Evidence, node: Any) -> dict[str, str]:
    """The source, basis and place of a node, as arguments of `Fact`."""
    pointer = document_pointer(provider, node)
    return {"source": evidence.source, "basis": evidence.basis, "pointer": pointer}


def strip_note_numbers(note: str) -> str:
    """A note on one line, without the numbers of the list that it was copied from."""
    return _NOTE_NUMBERS.sub("", " ".join(note.split()))


def row(
    id_: str,
    feature: str,
    group: str,
    section: Section,
    cells: Mapping[str, ProviderCell],
) -> ComparisonRow:
    """A row with the letters of its cells, by provider id."""
    keys = {name: _agreement_key(each) for name, each in cells.items()}
    ranked = Counter(keys.values()).most_common()
    letters = {key: _letter(at) for at, (key, _) in enumerate(ranked)}
    most_common = ranked[0][0]
    usual = next(each for name, each in cells.items() if keys[name] == most_common)
    has_majority = len(ranked) == 1 or ranked[0][1] > ranked[1][1]

    def compared(name: str, each: ProviderCell) -> ProviderCell:
        is_usual = keys[name] == most_common
        differs_in = () if is_usual else _differing_facts(each, usual)
        return replace(each, letter=letters[keys[name]], differs_in=differs_in)

    return ComparisonRow(
        id_,
        feature,
        group,
        section,
        {name: compared(name, each) for name, each in cells.items()},
        majority=usual.value if has_majority else "",
        kinds=(DifferenceKind.PEERS_DIFFER,) if len(ranked) > 1 else (),
    )


def _agreement_key(each: ProviderCell) -> str:
    """
    A text that is equal for cells that state the same, in any order of lists.

    Cells without a statement are equal, whatever they lack: a field or the operation.
    """
    if not each.stated:
        return ""
    if not each.firm_facts:
        return repr(each.value)
    facts = {name: _order_insensitive(value) for name, value in each.firm_facts.items()}
    return repr((each.wire, sorted(facts.items())))


def _order_insensitive(value: Any) -> str:
    is_list = isinstance(value, list)
    return repr(sorted(map(repr, value)) if is_list else value)


def _letter(at: int) -> str:
    """`A` for 0 to `Z` for 25, then `+26` and so on."""
    return chr(ord("A") + at) if at < 26 else f"+{at}"


def _differing_facts(one: ProviderCell, other: ProviderCell) -> tuple[str, ...]:
    """
    The names of the facts in which two cells differ.

    `name` stands for the provider's own name of a field. Empty if a cell states
    nothing.
    """
    if not (one.stated and other.stated):
        return ()
    mine, theirs = (
        {name: _order_insensitive(value) for name, value in each.firm_facts.items()}
        for each in (one, other)
    )
    names = dict.fromkeys([*mine, *theirs])
    differing = [each for each in names if mine.get(each) != theirs.get(each)]
    return (*(["name"] if one.wire != other.wire else []), *differing)
