"""
The same request for an image, spoken through each operation that makes images.

A column is an operation of a provider; a row is a part of the request, such as the
size, or the place of the image in the response. So an operation where a field has
another place, or none, is seen beside the others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from contracts.compare.documents.cells import (
    cell,
    document_pointer,
    row,
    unstated_cell,
)
from contracts.compare.documents.model import (
    ComparisonRow,
    Fact,
    OperationColumn,
    OperationTable,
    ProviderCell,
    Section,
)
from contracts.compare.documents.provider_cells import path_cell
from contracts.compare.documents.request_fields import request_cells
from contracts.media.registry import image_operations
from contracts.planning.values.pointers import readable_place, schemas_at
from specs import EVENT_STREAM, JSON, Body, Operation, Provider
from specs.documents.layout import ImagePlaces, readable_path
from specs.documents.tasks import ANY_ITEM
from specs.media.image import OPERATIONS

GROUP = "operations"
FIELDS: Mapping[str, str] = {
    "model": "model",
    "prompt": "prompt",
    "image": "input images",
    "mask": "mask",
    "size": "size",
    "aspect_ratio": "aspect ratio",
    "resolution": "resolution",
    "output_format": "format",
    "n": "number of images",
    "stream": "event stream",
    "partial_images": "partial images",
}
"""The parts of a request for an image, by canonical name, with their labels."""


def operation_table(providers: Sequence[Provider]) -> OperationTable:
    """
    All operations whose response has images.

    Empty if all providers have the usual operations only, since the rows of each of
    these are the comparison then.
    """
    columns = {
        f"{provider.id}/{operation.id}": (provider, operation)
        for provider in providers
        for operation in image_operations(provider).values()
    }
    if all(operation.id in OPERATIONS for _, operation in columns.values()):
        return OperationTable()
    return OperationTable(
        tuple(
            OperationColumn(
                id_,
                provider.id,
                operation.id,
                f"{provider.title}, {operation.id}",
                provider.version,
            )
            for id_, (provider, operation) in columns.items()
        ),
        tuple(_rows(columns)),
    )


def _rows(
    columns: Mapping[str, tuple[Provider, Operation]],
) -> Iterator[ComparisonRow]:
    cells = {id_: path_cell(*each) for id_, each in columns.items()}
    yield row(f"{GROUP}/path", "path", GROUP, Section.TRANSPORT, cells)
    known = {
        id_: dict(_field_cells(provider, operation))
        for id_, (provider, operation) in columns.items()
    }
    for name, label in FIELDS.items():
        cells = {
            id_: table.get(name, unstated_cell("no such field"))
            for id_, table in known.items()
        }
        if any(each.stated for each in cells.values()):
            id_ = f"{GROUP}/request/{name}"
            yield row(id_, label, GROUP, Section.REQUEST, cells)
    cells = {id_: _result_cell(*each) for id_, each in columns.items()}
    yield row(f"{GROUP}/result", "image in JSON", GROUP, Section.ANSWER, cells)
    cells = {id_: _event_cell(*each) for id_, each in columns.items()}
    yield row(f"{GROUP}/event", "image in a stream", GROUP, Section.EVENTS, cells)


def _field_cells(
    provider: Provider, operation: Operation
) -> Iterator[tuple[str, ProviderCell]]:
    """The place of each field of the table that the operation has."""
    for name, found in request_cells(provider, operation).items():
        if name in FIELDS:
            place = found.wire or name
            facts = {"place": Fact(place, found.source, found.basis, found.pointer)}
            yield name, replace(found, value=place, wire="", facts=facts)
    nested = provider.dialect.places_of(operation.id)
    for name in (each for each in FIELDS if each in nested):
        made = _nested_cell(provider, operation, nested[name])
        if made is not None:
            yield name, made
    if operation.only_streams:
        yield "stream", cell(provider, "always", operation.evidence)
    parameters = operation.parameters.get("path")
    for name in parameters.properties if parameters else ():
        canonical = provider.dialect.canonical_name(operation.id, name)
        if parameters and canonical in FIELDS:
            evidence = parameters.evidence.within(parameters.properties[name])
            facts = {"place": Fact("path", evidence.source, evidence.basis)}
            yield canonical, cell(provider, "in the path", evidence, facts=facts)


def _nested_cell(
    provider: Provider, operation: Operation, places: Sequence[str]
) -> ProviderCell | None:
    """The first of the places that a request body describes."""
    for body in operation.bodies.values():
        for place in places:
            evidence, nodes = body.evidence, schemas_at(body.schema, place)
            if not nodes:
                continue
            for node in nodes:
                evidence = evidence.within(node)
            text = readable_place(place)
            pointer = document_pointer(provider, nodes[-1])
            fact = Fact(text, evidence.source, evidence.basis, pointer)
            note = nodes[-1].get("x-note", "")
            return cell(
                provider,
                text,
                evidence,
                note=note,
                pointer=pointer,
                facts={"place": fact},
            )
    return None


def _result_cell(provider: Provider, operation: Operation) -> ProviderCell:
    """The places of images in a response."""
    body = operation.success.bodies.get(JSON)
    if body is None:
        return unstated_cell("no JSON")
    return _places_cell(provider, body, operation.layout.body)


def _event_cell(provider: Provider, operation: Operation) -> ProviderCell:
    """The places of an image in its event."""
    body = operation.success.bodies.get(EVENT_STREAM)
    if body is None:
        return unstated_cell("no stream")
    return _places_cell(provider, body, operation.layout.event)


def _places_cell(provider: Provider, body: Body, places: ImagePlaces) -> ProviderCell:
    """The places of the forms in which images are delivered."""
    given = {each.give for each in provider.dialect.delivery}
    entry = "" if places.items is None else f"{places.items}/{ANY_ITEM}"
    text = " or ".join(
        dict.fromkeys(
            readable_path(f"{entry}{place}")
            for form, place in places.forms.items()
            if form in given
        )
    )
    facts = {"place": Fact(text, body.evidence.source, body.evidence.basis)}
    return cell(provider, text, body.evidence, facts=facts)
