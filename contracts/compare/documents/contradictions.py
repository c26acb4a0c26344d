"""Where a provider's own pages say two things, by the notes in its document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.compare.documents.cells import (
    DIALECT,
    DOCUMENT,
    statement,
    strip_note_numbers,
)
from contracts.compare.documents.model import ComparisonRow, Contradiction, ProviderCell
from specs import Provider
from specs.documents.references import walk


def contradictions(
    providers: Sequence[Provider], rows: Sequence[ComparisonRow]
) -> Iterator[Contradiction]:
    """All of them, provider by provider, each with the row that it is about."""
    for provider in providers:
        seen: dict[str, int] = {}
        for pointer, node in _contradicting_nodes(provider):
            word, note = _keywords(pointer)
            place = _row_id(provider, pointer, node, rows)
            name = f"{provider.id}/{place or pointer.partition('#')[2].strip('/')}"
            seen[name] = seen.get(name, 0) + 1
            yield Contradiction(
                f"{name}#{seen[name]}" if seen[name] > 1 else name,
                provider.id,
                place,
                pointer,
                tuple(
                    statement(provider, each["says"], each["source"])
                    for each in node[word]
                ),
                strip_note_numbers(str(node.get(note, ""))),
            )


def _keywords(pointer: str) -> tuple[str, str]:
    """The words for a contradiction and for a note, in the file that it stands in."""
    is_dialect = pointer.startswith(DIALECT)
    return ("contradicts", "note") if is_dialect else ("x-contradicts", "x-note")


def _contradicting_nodes(provider: Provider) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each part of the two files that has a contradiction, and where it stands."""
    for pointer, node in walk(provider.document):
        if "x-contradicts" in node:
            yield f"{DOCUMENT}#{pointer}", node
    dialect = provider.dialect
    parts: dict[str, Mapping[str, Any]] = {"key": dialect.key, "prices": dialect.prices}
    parts |= {f"delivery/{at}": each for at, each in enumerate(dialect.delivery)}
    for name, part in parts.items():
        if "contradicts" in part:
            yield f"{DIALECT}#/{name}", part


def _row_id(
    provider: Provider,
    pointer: str,
    node: Mapping[str, Any],
    rows: Sequence[ComparisonRow],
) -> str:
    """The row that was read there: of a rule, at that place, around it, or within."""
    cells = {row.id: row.cells[provider.id] for row in rows}
    rule = f"rule/{node.get('x-rule')}"
    found = next((id_ for id_, each in cells.items() if rule in each.facts), "")
    if found:
        return found
    where = [pointer, *_referring_pointers(provider, pointer)]
    for tells in (_is_at, _is_within, _is_around):
        for each in where:
            found = next((i for i, cell in cells.items() if tells(cell, each)), "")
            if found:
                return found
    return ""


def _referring_pointers(provider: Provider, pointer: str) -> Iterator[str]:
    """Where the document refers to a part of it."""
    target = f"#{pointer.partition('#')[2]}"
    for place, node in walk(provider.document):
        if node.get("$ref") == target:
            yield f"{DOCUMENT}#{place}"


def _pointers(cell: ProviderCell) -> list[str]:
    """Where a cell was read; what is required stands with the whole body."""
    facts = [each.pointer for name, each in cell.facts.items() if name != "required"]
    return [each for each in (cell.pointer, *facts) if each]


def _is_at(cell: ProviderCell, pointer: str) -> bool:
    return pointer in _pointers(cell)


def _is_within(cell: ProviderCell, pointer: str) -> bool:
    """Whether a place is a part of what a cell was read from."""
    return any(pointer.startswith(f"{each}/") for each in _pointers(cell))


def _is_around(cell: ProviderCell, pointer: str) -> bool:
    return any(each.startswith(f"{pointer}/") for each in _pointers(cell))
