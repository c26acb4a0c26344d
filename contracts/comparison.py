"""Paper against paper: where the documents of several providers differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from specs import EVENT_STREAM, Body, Operation, Provider

NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one provider's document says of a feature, and where it was read."""

    value: str
    source: str = ""
    basis: str = "documented"
    note: str = ""


Row = tuple[str, str, dict[str, Cell]]


def differences(providers: Sequence[Provider]) -> list[dict[str, Any]]:
    """
    Features by providers, as rows `{feature, group, cells}`.

    Members stand under their canonical names, so that a rename shows as one.
    """
    rows = [*_transport(providers), *_operations(providers), *_money(providers)]
    return [
        {
            "feature": feature,
            "group": group,
            "cells": {name: asdict(cell) for name, cell in cells.items()},
        }
        for group, feature, cells in rows
    ]


def _transport(providers: Sequence[Provider]) -> Iterator[Row]:
    yield (
        "transport",
        "base URL",
        {each.id: Cell(each.dialect.base_url) for each in providers},
    )
    yield (
        "transport",
        "key form",
        {
            each.id: Cell(
                each.dialect.key.get("form", "not said"),
                each.dialect.key.get("source", ""),
            )
            for each in providers
        },
    )


def _operations(providers: Sequence[Provider]) -> Iterator[Row]:
    for id_ in dict.fromkeys(id_ for each in providers for id_ in each.operations):
        having = {each.id: each.operations.get(id_) for each in providers}
        yield id_, "path", _cells(having, lambda op: Cell(op.path, op.evidence.source))
        yield id_, "request body", _cells(having, _media)
        yield id_, "stream of events", _cells(having, _streaming)
        yield from _members(id_, providers)
        yield from _answers(id_, having)
        yield id_, "documented errors", _cells(having, _errors)
        yield (
            id_,
            "picture comes as",
            {
                each.id: _delivery(each) if id_ in each.operations else Cell(NOTHING)
                for each in providers
            },
        )


def _cells(having: Mapping[str, Operation | None], cell: Any) -> dict[str, Cell]:
    return {
        name: cell(operation) if operation else Cell(NOTHING)
        for name, operation in having.items()
    }


def _media(operation: Operation) -> Cell:
    short = {"application/json": "JSON", "multipart/form-data": "form"}
    names = [short.get(each, each) for each in operation.bodies]
    return Cell(" or ".join(names), operation.evidence.source)


def _streaming(operation: Operation) -> Cell:
    body = operation.success.bodies.get(EVENT_STREAM)
    if body is None:
        return Cell("no")
    return Cell("yes", body.evidence.source, body.evidence.basis)


def _members(id_: str, providers: Sequence[Provider]) -> Iterator[Row]:
    """One row a canonical member."""
    table: dict[str, dict[str, Cell]] = {}
    for provider in providers:
        operation = provider.operations.get(id_)
        for canonical, cell in _described(provider, operation):
            table.setdefault(canonical, {}).setdefault(provider.id, cell)
    for canonical, cells in table.items():
        filled = {each.id: cells.get(each.id, Cell(NOTHING)) for each in providers}
        yield id_, canonical, filled


def _described(
    provider: Provider, operation: Operation | None
) -> Iterator[tuple[str, Cell]]:
    if operation is None:
        return
    fields = provider.dialect.fields.get(operation.id, {})
    for body in operation.bodies.values():
        for name, member in body.properties.items():
            canonical = next(
                (each for each, names in fields.items() if name in names), name
            )
            yield canonical, _member(name, canonical, member, body)


def _member(name: str, canonical: str, member: Any, body: Body) -> Cell:
    words = [f"`{name}`"] if name != canonical else []
    required = body.schema.get("required", []) if isinstance(body.schema, dict) else []
    if not isinstance(member, dict):
        return Cell("; ".join(words) or "yes")
    limits = list(_limits(member))
    words += limits or [_types(member)]
    if name in required:
        words.append("required")
    if "default" in member:
        words.append(f"default {_word(member['default'])}")
    evidence = body.evidence.within(member)
    note = member.get("x-note", "")
    return Cell("; ".join(words), evidence.source, evidence.basis, note)


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _types(member: Mapping[str, Any]) -> str:
    if member.get("format") == "binary":
        return "file"
    types = member.get("type", "any")
    listed = types if isinstance(types, list) else [types]
    return " or ".join(each for each in listed if each != "null")


def _limits(member: Mapping[str, Any]) -> Iterator[str]:
    if "enum" in member:
        yield " · ".join(str(each) for each in member["enum"] if each is not None)
    least, most = member.get("minimum"), member.get("maximum")
    if least is not None or most is not None:
        yield f"{'' if least is None else least}…{'' if most is None else most}"
    if "pattern" in member:
        yield f"like {member['pattern']}"


def _answers(id_: str, having: Mapping[str, Operation | None]) -> Iterator[Row]:
    members: dict[str, dict[str, Cell]] = {}
    for name, operation in having.items():
        if operation is None:
            continue
        body = operation.success.bodies.get("application/json")
        if body is None:
            continue
        for path, evidence in _answer_members(body):
            members.setdefault(path, {})[name] = Cell(
                "yes", evidence.source, evidence.basis
            )
    for path, cells in members.items():
        filled = {
            name: cells.get(name, Cell("no") if operation else Cell(NOTHING))
            for name, operation in having.items()
        }
        yield id_, f"answer has {path}", filled


def _answer_members(body: Body) -> Iterator[tuple[str, Any]]:
    for name, member in body.properties.items():
        if not isinstance(member, dict):
            continue
        evidence = body.evidence.within(member)
        items = member.get("items", {}).get("properties", {})
        if not items:
            yield name, evidence
        for each, item in items.items():
            inner = evidence.within(item) if isinstance(item, dict) else evidence
            yield f"{name}[].{each}", inner


def _errors(operation: Operation) -> Cell:
    named = [
        each
        for each in operation.errors.values()
        if each.evidence.basis == "documented"
    ]
    if not named:
        return Cell("none")
    statuses = sorted({each.status for each in named})
    source = named[0].evidence.source
    return Cell(
        ", ".join(map(str, statuses)),
        source,
        "documented",
        ", ".join(each.name for each in named),
    )


def _delivery(provider: Provider) -> Cell:
    kinds = dict.fromkeys(each["give"] for each in provider.dialect.delivery)
    first = provider.dialect.delivery[0]
    return Cell(" or ".join(kinds), first["source"], first.get("basis", "documented"))


def _money(providers: Sequence[Provider]) -> Iterator[Row]:
    cells = {}
    for each in providers:
        prices = each.dialect.prices
        entries = prices.get("per_image", [])
        if entries:
            amounts = sorted({entry["price"] for entry in entries})
            low, high = amounts[0], amounts[-1]
            value = f"{low} to {high} {prices['currency']} a picture"
            cells[each.id] = Cell(
                value, entries[0]["source"], note=prices.get("note", "")
            )
        elif prices:
            cells[each.id] = Cell(
                "by the token", prices["per_million_tokens"][0]["source"]
            )
        else:
            cells[each.id] = Cell("not documented")
    yield "money", "price", cells
