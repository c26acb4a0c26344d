"""Contradictions between a provider's own pages, from the notes in its document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.compare.documents.cells import (
    statement,
    strip_note_numbers,
)
from contracts.compare.documents.model import ComparisonRow, Contradiction, ProviderCell
from specs import Delivery, KeyFormat, PriceList, Provider
from specs.documents.reading.file_names import DIALECT, DOCUMENT

TASKS_ROW = "tasks/create"


def contradictions(
    providers: Sequence[Provider], rows: Sequence[ComparisonRow]
) -> Iterator[Contradiction]:
    """All contradictions, provider by provider, each with the row that it is about."""
    for provider in providers:
        counts: dict[str, int] = {}
        for pointer, node in _contradicting_nodes(provider):
            keyword, note_keyword = _keywords(pointer)
            place = _row_id(provider, pointer, node, rows)
            if not place and provider.tasks:
                place = TASKS_ROW  # of an operation that has no row of its own
            name = f"{provider.id}/{place or pointer.partition('#')[2].strip('/')}"
            counts[name] = counts.get(name, 0) + 1
            yield Contradiction(
                f"{name}#{counts[name]}" if counts[name] > 1 else name,
                provider.id,
                place,
                pointer,
                tuple(
                    statement(provider, each["says"], each["source"])
                    for each in node[keyword]
                ),
                strip_note_numbers(str(node.get(note_keyword, ""))),
            )


def _keywords(pointer: str) -> tuple[str, str]:
    """The keywords of contradictions and notes in the file that a pointer is in."""
    is_dialect = pointer.startswith(DIALECT)
    return ("contradicts", "note") if is_dialect else ("x-contradicts", "x-note")


def _contradicting_nodes(provider: Provider) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The nodes of both files that note a contradiction, with their pointers."""
    for pointer, node in provider.nodes():
        if "x-contradicts" in node:
            yield f"{DOCUMENT}#{pointer}", node
    dialect = provider.dialect
    parts: dict[str, KeyFormat | PriceList | Delivery | None] = {
        "key": dialect.key,
        "prices": dialect.prices,
        **{f"delivery/{at}": each for at, each in enumerate(dialect.delivery)},
    }
    for name, part in parts.items():
        if part and part.contradicts:
            node = {"contradicts": part.contradicts, "note": part.note}
            yield f"{DIALECT}#/{name}", node


def _row_id(
    provider: Provider,
    pointer: str,
    node: Mapping[str, Any],
    rows: Sequence[ComparisonRow],
) -> str:
    """
    The id of the row that a node is about, "" if there is none.

    That is the row with the node's rule as a fact, else the row read from exactly this
    place, from a place around it, or from a place within it.
    """
    cells = [
        (row.id, cell)
        for row in rows
        for column, cell in row.cells.items()
        if column.partition("/")[0] == provider.id
    ]
    rule = f"rule/{node.get('x-rule')}"
    for id_, cell in cells:
        if rule in cell.facts:
            return id_
    pointers = [pointer, *_referring_pointers(provider, pointer)]
    for is_related in (_is_at, _is_within, _is_around):
        for candidate in pointers:
            for id_, cell in cells:
                if is_related(cell, candidate):
                    return id_
    return ""


def _referring_pointers(provider: Provider, pointer: str) -> Iterator[str]:
    """The places of all `$ref` to a node, and to the components that have them."""
    own = pointer.partition("#")[2]
    pending, seen = [own], set[str]()
    if own.startswith("/components/"):
        pending.append("/".join(own.split("/")[:4]))
    while pending:
        target = pending.pop(0)
        for place, node in provider.nodes():
            if node.get("$ref") == f"#{target}" and place not in seen:
                seen.add(place)
                yield f"{DOCUMENT}#{place}"
                if place.startswith("/components/"):
                    pending.append("/".join(place.split("/")[:4]))


def _pointers(cell: ProviderCell) -> list[str]:
    """The places that a cell was read from."""
    # The list of required fields belongs to the body, not to one field.
    facts = [fact.pointer for name, fact in cell.facts.items() if name != "required"]
    return [each for each in (cell.pointer, *facts) if each]


def _is_at(cell: ProviderCell, pointer: str) -> bool:
    return pointer in _pointers(cell)


def _is_within(cell: ProviderCell, pointer: str) -> bool:
    """True if the pointer is inside a place that the cell was read from."""
    return any(pointer.startswith(f"{each}/") for each in _pointers(cell))


def _is_around(cell: ProviderCell, pointer: str) -> bool:
    """True if the cell was read from a place inside the pointer's."""
    return any(each.startswith(f"{pointer}/") for each in _pointers(cell))
