"""The rows of a comparison of documents, in their order."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from contracts.compare.documents.cells import NOT_DOCUMENTED, row, unstated_cell
from contracts.compare.documents.error_responses import (
    error_body_cell,
    error_names_cell,
    retry_after_cell,
    statuses_cell,
)
from contracts.compare.documents.model import ComparisonRow, ProviderCell, Section
from contracts.compare.documents.provider_cells import (
    authorization_cell,
    base_url_cell,
    delivery_cell,
    key_format_cell,
    media_cell,
    path_cell,
    price_cell,
    rate_limit_headers_cell,
    url_lifetime_cell,
)
from contracts.compare.documents.request_fields import models_cell, request_cells
from contracts.compare.documents.responses import (
    event_order_cell,
    event_types_cell,
    guarantees_cell,
    response_cells,
    streaming_cell,
)
from contracts.media.registry import compared_image_operations, image_operations
from specs import Operation, Provider

CellBuilder = Callable[[Provider, Operation], ProviderCell]


def rows(providers: Sequence[Provider]) -> Iterator[ComparisonRow]:
    """
    All rows: transport first, then each operation, then delivery and prices.

    Of several providers with images, the operations are those that respond with images,
    without an unusual one that not all of them have.
    """
    yield from _transport_rows(providers)
    for operation_id in _operation_ids(providers):
        yield from _operation_rows(operation_id, providers)
    yield from _provider_rows(providers)


def _operation_ids(providers: Sequence[Provider]) -> list[str]:
    images = compared_image_operations(providers)
    if images and len(providers) > 1:
        return images
    return list(dict.fromkeys(id_ for each in providers for id_ in each.operations))


def _transport_rows(providers: Sequence[Provider]) -> Iterator[ComparisonRow]:
    for id_, feature, build in (
        ("base-url", "base URL", base_url_cell),
        ("auth", "authorization", authorization_cell),
        ("key-form", "key format", key_format_cell),
        ("limits", "rate limit headers", rate_limit_headers_cell),
    ):
        cells = {each.id: build(each) for each in providers}
        yield row(f"transport/{id_}", feature, "transport", Section.TRANSPORT, cells)


def _provider_rows(providers: Sequence[Provider]) -> Iterator[ComparisonRow]:
    cells = {each.id: url_lifetime_cell(each) for each in providers}
    id_ = "delivery/url-lifetime"
    yield row(id_, "lifetime of image URLs", "transport", Section.DELIVERY, cells)
    cells = {each.id: price_cell(each) for each in providers}
    yield row("money/price", "price", "money", Section.MONEY, cells)


def _operation_rows(
    operation_id: str, providers: Sequence[Provider]
) -> Iterator[ComparisonRow]:
    def operation_row(
        name: str, feature: str, section: Section, build: CellBuilder
    ) -> ComparisonRow:
        cells = {}
        for provider in providers:
            operation = provider.operations.get(operation_id)
            cells[provider.id] = (
                build(provider, operation) if operation else unstated_cell()
            )
        return row(f"{operation_id}/{name}", feature, operation_id, section, cells)

    yield operation_row("path", "path", Section.TRANSPORT, path_cell)
    yield operation_row("media", "request body", Section.TRANSPORT, media_cell)
    yield operation_row("models", "named models", Section.REQUEST, _models_cell)
    yield from _request_field_rows(operation_id, providers)
    for name, feature, build in (
        ("events/stream", "event stream", streaming_cell),
        ("events/types", "event types", event_types_cell),
        ("events/order", "event order", event_order_cell),
    ):
        yield operation_row(name, feature, Section.EVENTS, build)
    yield from _response_field_rows(operation_id, providers)
    yield operation_row(
        "answer/whole", "response guarantees", Section.ANSWER, guarantees_cell
    )
    if any(operation_id in image_operations(each) for each in providers):
        yield operation_row(
            "delivery", "image delivery", Section.DELIVERY, delivery_cell
        )
    for name, feature, build in (
        ("errors/statuses", "error statuses", statuses_cell),
        ("errors/envelope", "error body", error_body_cell),
        ("errors/names", "named errors", error_names_cell),
        ("errors/retry-after", "Retry-After", retry_after_cell),
    ):
        yield operation_row(name, feature, Section.ERRORS, build)


def _models_cell(provider: Provider, operation: Operation) -> ProviderCell:
    return models_cell(provider, operation) or unstated_cell(NOT_DOCUMENTED)


def _request_field_rows(
    operation_id: str, providers: Sequence[Provider]
) -> Iterator[ComparisonRow]:
    """A row per request field of any of the documents."""
    tables = _tables(operation_id, providers, request_cells)
    for name in _names(tables):
        cells = {id_: table.get(name, unstated_cell()) for id_, table in tables.items()}
        id_ = f"{operation_id}/request/{name}"
        yield row(id_, name, operation_id, Section.REQUEST, cells)


def _response_field_rows(
    operation_id: str, providers: Sequence[Provider]
) -> Iterator[ComparisonRow]:
    """A row per response field of any of the documents."""
    tables = _tables(operation_id, providers, response_cells)
    absent = {
        provider.id: unstated_cell("no")
        if operation_id in provider.operations
        else unstated_cell()
        for provider in providers
    }
    for name in _names(tables):
        cells = {id_: table.get(name, absent[id_]) for id_, table in tables.items()}
        id_ = f"{operation_id}/answer/{name}"
        yield row(id_, f"response field {name}", operation_id, Section.ANSWER, cells)


def _tables(
    operation_id: str,
    providers: Sequence[Provider],
    build: Callable[[Provider, Operation], Mapping[str, ProviderCell]],
) -> dict[str, Mapping[str, ProviderCell]]:
    """The cells of an operation, by provider id and name."""
    tables: dict[str, Mapping[str, ProviderCell]] = {}
    for provider in providers:
        operation = provider.operations.get(operation_id)
        tables[provider.id] = build(provider, operation) if operation else {}
    return tables


def _names(tables: Mapping[str, Mapping[str, ProviderCell]]) -> list[str]:
    return list(dict.fromkeys(name for table in tables.values() for name in table))
