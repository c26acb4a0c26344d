"""Paper against paper: the documents of several providers, feature by feature."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from contracts.compare.documents.cells import (
    DIALECT,
    cell,
    document_pointer,
    row,
    unstated_cell,
)
from contracts.compare.documents.model import ComparisonRow, Fact, ProviderCell, Section
from contracts.compare.documents.request_members import members, named_models
from contracts.compare.documents.responses import (
    answer_cells,
    answer_guarantees,
    citation,
    envelope,
    error_names,
    event_order,
    events,
    retry_after,
    statuses,
    streaming,
)
from specs import (
    Basis,
    Evidence,
    Operation,
    Provider,
)

JSON = "application/json"
CellBuilder = Callable[[Provider, Operation], ProviderCell]


def rows(providers: Sequence[Provider]) -> Iterator[ComparisonRow]:
    """Every feature that a document speaks of, transport first and money last."""
    yield from _transport_rows(providers)
    for id_ in dict.fromkeys(id_ for each in providers for id_ in each.operations):
        yield from _operation_rows(id_, providers)
    yield from _provider_rows(providers)


def _transport_rows(providers: Sequence[Provider]) -> Iterator[ComparisonRow]:
    for id_, feature, made in (
        ("base-url", "base URL", _base_url),
        ("auth", "authorization", _auth),
        ("key-form", "key form", _key_form),
        ("limits", "rate limit headers", _rate_limit_headers),
    ):
        cells = {each.id: made(each) for each in providers}
        yield row(f"transport/{id_}", feature, "transport", Section.TRANSPORT, cells)


def _provider_rows(providers: Sequence[Provider]) -> Iterator[ComparisonRow]:
    cells = {each.id: _url_lifetime(each) for each in providers}
    id_ = "delivery/url-lifetime"
    yield row(id_, "life of a picture's URL", "transport", Section.DELIVERY, cells)
    cells = {each.id: _price(each) for each in providers}
    yield row("money/price", "price", "money", Section.MONEY, cells)


def _operation_rows(id_: str, providers: Sequence[Provider]) -> Iterator[ComparisonRow]:
    def made(
        name: str, feature: str, section: Section, of: CellBuilder
    ) -> ComparisonRow:
        cells = {}
        for each in providers:
            operation = each.operations.get(id_)
            cells[each.id] = of(each, operation) if operation else unstated_cell()
        return row(f"{id_}/{name}", feature, id_, section, cells)

    yield made("path", "path", Section.TRANSPORT, _path)
    yield made("media", "request body", Section.TRANSPORT, _media)
    yield made("models", "models named", Section.REQUEST, _models)
    yield from _member_rows(id_, providers, "request", Section.REQUEST, members)
    yield made("events/stream", "stream of events", Section.EVENTS, streaming)
    yield made("events/types", "types of events", Section.EVENTS, events)
    yield made("events/order", "order of events", Section.EVENTS, event_order)
    yield from _member_rows(id_, providers, "answer", Section.ANSWER, answer_cells)
    yield made("answer/whole", "answer keeps", Section.ANSWER, answer_guarantees)
    yield made("delivery", "picture comes as", Section.DELIVERY, _delivery)
    yield made("errors/statuses", "documented errors", Section.ERRORS, statuses)
    yield made("errors/envelope", "error body", Section.ERRORS, envelope)
    yield made("errors/names", "errors with names", Section.ERRORS, error_names)
    yield made("errors/retry-after", "Retry-After", Section.ERRORS, retry_after)


def _member_rows(
    id_: str,
    providers: Sequence[Provider],
    part: str,
    section: Section,
    build_cells: Callable[[Provider, Operation], Mapping[str, ProviderCell]],
) -> Iterator[ComparisonRow]:
    """A row for each member that one of the documents has."""
    having = {each.id: each.operations.get(id_) for each in providers}
    tables = {
        each.id: build_cells(each, operation) if (operation := having[each.id]) else {}
        for each in providers
    }
    for name in dict.fromkeys(name for table in tables.values() for name in table):
        is_answer = section is Section.ANSWER
        cells = {
            each: table.get(name)
            or unstated_cell(*["no"] * bool(is_answer and having[each]))
            for each, table in tables.items()
        }
        feature = f"answer has {name}" if is_answer else name
        yield row(f"{id_}/{part}/{name}", feature, id_, section, cells)


def _base_url(provider: Provider) -> ProviderCell:
    evidence = Evidence().within(provider.document)
    return cell(
        provider,
        provider.dialect.base_url,
        evidence,
        pointer="openapi.yaml#/servers/0",
    )


def _auth(provider: Provider) -> ProviderCell:
    schemes = provider.document.get("components", {}).get("securitySchemes", {})
    wanted = [name for each in provider.document.get("security", ()) for name in each]
    evidence = next(
        (each.authentication for each in provider.operations.values()), None
    )
    if evidence is None:
        return unstated_cell("none")
    name = (wanted or list(schemes))[0]
    scheme = schemes[name]
    words = [str(scheme.get(each)) for each in ("type", "scheme") if each in scheme]
    return cell(
        provider,
        " ".join(words),
        evidence,
        note=scheme.get("x-note", ""),
        pointer=f"openapi.yaml#/components/securitySchemes/{name}",
    )


def _key_form(provider: Provider) -> ProviderCell:
    key = provider.dialect.key
    if not key:
        return unstated_cell("not said")
    return cell(
        provider,
        key["form"],
        Evidence(key["source"]),
        note=key.get("note", ""),
        pointer=f"{DIALECT}#/key",
    )


def _rate_limit_headers(provider: Provider) -> ProviderCell:
    """The headers of a success, beside its body: what is left of a quota."""
    for operation in provider.operations.values():
        evidence = operation.success.evidence
        facts = {
            name: Fact(True, **citation(provider, evidence.within(header), header))
            for name, header in operation.success.headers.items()
        }
        if facts:
            first = next(iter(operation.success.headers.values()))
            return cell(
                provider,
                f"{len(facts)} headers, {_common_prefix(facts)}*",
                evidence.within(first),
                pointer=document_pointer(provider, first),
                facts=facts,
            )
    return unstated_cell("not said")


def _common_prefix(names: Iterable[str]) -> str:
    """What some names begin with alike, to the last hyphen."""
    first, last = min(names), max(names)
    alike = next(
        (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        len(first),
    )
    return first[:alike].rpartition("-")[0] + "-" if "-" in first[:alike] else ""


def _url_lifetime(provider: Provider) -> ProviderCell:
    found = provider.dialect.url_lifetime
    if not found:
        return unstated_cell("not said")
    evidence = Evidence(found["source"], Basis(found.get("basis", "documented")))
    pointer = f"{DIALECT}#/url_lifetime"
    return cell(provider, f"{found['seconds']} s", evidence, pointer=pointer)


def _price(provider: Provider) -> ProviderCell:
    prices = provider.dialect.prices
    pictures, tokens = prices.get("per_image", []), prices.get("per_million_tokens", [])
    if not (pictures or tokens):
        return unstated_cell("not documented")
    listed = pictures or tokens
    value = "by the token"
    if pictures:
        amounts = sorted({entry["price"] for entry in pictures})
        value = f"{amounts[0]} to {amounts[-1]} {prices['currency']} a picture"
    facts = {
        f"entry {number}": Fact(
            {key: each for key, each in entry.items() if key != "source"},
            entry["source"],
            pointer=f"{DIALECT}#/prices",
        )
        for number, entry in enumerate([*pictures, *tokens], 1)
    }
    return cell(
        provider,
        value,
        Evidence(listed[0]["source"]),
        note=prices.get("note", ""),
        pointer=f"{DIALECT}#/prices",
        facts=facts,
    )


def _path(provider: Provider, operation: Operation) -> ProviderCell:
    return cell(
        provider,
        f"{operation.method} {operation.path}",
        operation.evidence,
        note=operation.note,
        pointer=f"openapi.yaml#{operation.pointer}",
    )


def _media(provider: Provider, operation: Operation) -> ProviderCell:
    short = {JSON: "JSON", "multipart/form-data": "form"}
    names = [short.get(each, each) for each in operation.bodies]
    first = next(iter(operation.bodies.values()))
    return cell(
        provider,
        " or ".join(names),
        first.evidence,
        pointer=f"openapi.yaml#{first.pointer}",
    )


def _models(provider: Provider, operation: Operation) -> ProviderCell:
    return named_models(provider, operation) or unstated_cell("not said")


def _delivery(provider: Provider, operation: Operation) -> ProviderCell:
    entries = provider.dialect.delivery
    kinds = dict.fromkeys(str(each["give"]) for each in entries)
    first = entries[0]
    evidence = Evidence(first["source"], Basis(first.get("basis", "documented")))
    notes = [each["note"] for each in entries if each.get("note")]
    return cell(
        provider,
        " or ".join(kinds),
        evidence,
        note=notes[0] if notes else "",
        pointer=f"{DIALECT}#/delivery",
    )
