"""Cells for transport, delivery and prices."""

from collections.abc import Iterable
from typing import Any

from contracts.compare.documents.cells import (
    NOT_DOCUMENTED,
    cell,
    citation,
    document_pointer,
    in_document,
    unstated_cell,
)
from contracts.compare.documents.model import Fact, ProviderCell
from contracts.media.registry import image_operations
from specs import (
    FORM,
    JSON,
    Evidence,
    ImagePrice,
    Operation,
    Provider,
    TokenPrice,
    scheme_label,
)
from specs.documents.reading.file_names import DIALECT
from specs.documents.security import required_schemes


def base_url_cell(provider: Provider) -> ProviderCell:
    evidence = Evidence().within(provider.document)
    pointer = in_document("/servers/0")
    return cell(provider, provider.dialect.base_url, evidence, pointer=pointer)


def authorization_cell(provider: Provider) -> ProviderCell:
    """The security schemes of the first operation that needs a key."""
    operation = next(
        (each for each in provider.all_operations.values() if each.authentication), None
    )
    if operation is None:
        return unstated_cell("none")
    item = provider.document["paths"][operation.path]
    schemes = required_schemes(provider.document, item[operation.method.lower()])
    name, scheme = next(iter(schemes.items()))
    return cell(
        provider,
        " or ".join(map(scheme_label, schemes.values())),
        operation.authentication,
        note=scheme.get("x-note", ""),
        pointer=in_document(f"/components/securitySchemes/{name}"),
    )


def key_format_cell(provider: Provider) -> ProviderCell:
    key = provider.dialect.key
    if not key:
        return unstated_cell(NOT_DOCUMENTED)
    return cell(
        provider,
        key.form,
        Evidence(key.source),
        note=key.note,
        pointer=f"{DIALECT}#/key",
    )


def rate_limit_headers_cell(provider: Provider) -> ProviderCell:
    """The headers of the first operation with documented success headers."""
    for operation in provider.operations.values():
        evidence, headers = operation.success.evidence, operation.success.headers
        facts = {
            name: Fact(True, **citation(provider, evidence.within(header), header))
            for name, header in headers.items()
        }
        if facts:
            first = next(iter(headers.values()))
            return cell(
                provider,
                f"{len(facts)} headers, {_common_prefix(facts)}*",
                evidence.within(first),
                pointer=document_pointer(provider, first),
                facts=facts,
            )
    return unstated_cell(NOT_DOCUMENTED)


def _common_prefix(names: Iterable[str]) -> str:
    """The longest prefix of all names that ends with a hyphen; "" if there is none."""
    first, last = min(names), max(names)
    length = next(
        (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        len(first),
    )
    prefix, hyphen, _ = first[:length].rpartition("-")
    return prefix + hyphen


def url_lifetime_cell(provider: Provider) -> ProviderCell:
    lifetime = provider.dialect.url_lifetime
    if not lifetime:
        return unstated_cell(NOT_DOCUMENTED)
    value = f"{lifetime.seconds} s"
    pointer = f"{DIALECT}#/url_lifetime"
    return cell(provider, value, lifetime.evidence, pointer=pointer)


def price_cell(provider: Provider) -> ProviderCell:
    prices = provider.dialect.prices
    if not (prices and prices.image_entries):
        return unstated_cell(NOT_DOCUMENTED)
    value = "per token"
    if prices.per_image:
        amounts = sorted({each.price for each in prices.per_image})
        value = f"{amounts[0]} to {amounts[-1]} {prices.currency} per image"
    pointer = f"{DIALECT}#/prices"
    facts = {
        f"entry {number}": Fact(_price_terms(entry), entry.source, pointer=pointer)
        for number, entry in enumerate(prices.image_entries, 1)
    }
    return cell(
        provider,
        value,
        Evidence(prices.image_entries[0].source),
        note=prices.note,
        pointer=pointer,
        facts=facts,
    )


def _price_terms(entry: ImagePrice | TokenPrice) -> dict[str, Any]:
    """A price and its condition, under the names that they have in the file."""
    condition = {} if entry.when.schema is None else {"when": entry.when.schema}
    return {**condition, **entry.amounts}


def path_cell(provider: Provider, operation: Operation) -> ProviderCell:
    return cell(
        provider,
        f"{operation.method} {operation.path}",
        operation.evidence,
        note=operation.note,
        pointer=in_document(operation.pointer),
    )


def media_cell(provider: Provider, operation: Operation) -> ProviderCell:
    """The media types of the request body."""
    short = {JSON: "JSON", FORM: "form"}
    names = [short.get(each, each) for each in operation.bodies]
    first = next(iter(operation.bodies.values()))
    pointer = in_document(first.pointer)
    return cell(provider, " or ".join(names), first.evidence, pointer=pointer)


def delivery_cell(provider: Provider, operation: Operation) -> ProviderCell:
    """The forms in which images are delivered, such as `b64_json or url`."""
    entries = provider.dialect.delivery
    if not entries or operation.id not in image_operations(provider):
        return unstated_cell()
    forms = dict.fromkeys(each.give for each in entries)
    notes = [each.note for each in entries if each.note]
    return cell(
        provider,
        " or ".join(forms),
        entries[0].evidence,
        note=notes[0] if notes else "",
        pointer=f"{DIALECT}#/delivery",
    )
