"""Cells for success responses: their fields, their events and their guarantees."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contracts.compare.documents.cells import (
    NOT_DOCUMENTED,
    cell,
    citation,
    document_pointer,
    in_document,
    unstated_cell,
)
from contracts.compare.documents.field_texts import (
    join_values,
    pattern_text,
    type_text,
)
from contracts.compare.documents.model import Fact, ProviderCell
from contracts.judging.guarantees.table import GUARANTEES as RECORDS
from specs import (
    EVENT_STREAM,
    GUARANTEES,
    JSON,
    Basis,
    Body,
    Evidence,
    Guarantee,
    Operation,
    Provider,
)

# Guarantees about the whole response: no field and no other row shows them.
ANSWER_GUARANTEES = tuple(
    name for name, each in RECORDS.items() if not each.comparison_row
)
EVENT_ORDER_GUARANTEES = tuple(
    name for name, each in RECORDS.items() if each.streams_only
)


def streaming_cell(provider: Provider, operation: Operation) -> ProviderCell:
    body = operation.success.bodies.get(EVENT_STREAM)
    if body is None:
        return unstated_cell("no")
    return cell(provider, "yes", body.evidence, pointer=in_document(body.pointer))


def event_types_cell(provider: Provider, operation: Operation) -> ProviderCell:
    """The types of events in a stream; a fact per type holds its fields."""
    body = operation.success.bodies.get(EVENT_STREAM)
    if body is None:
        return unstated_cell()
    facts = {}
    for type_, event in body.events.items():
        fields = {
            name: {
                "required": name in event.schema.get("required", []),
                **schema_facts(node),
            }
            for name, node in event.properties.items()
            if isinstance(event.schema, dict)
        }
        facts[type_] = Fact(fields, **citation(provider, event.evidence, event.schema))
    evidence = next((each.evidence for each in body.events.values()), body.evidence)
    pointer = in_document(body.pointer)
    return cell(provider, " · ".join(facts), evidence, pointer=pointer, facts=facts)


def event_order_cell(provider: Provider, operation: Operation) -> ProviderCell:
    return _guarantees_cell(
        provider, operation, EVENT_ORDER_GUARANTEES, unstated_cell()
    )


def guarantees_cell(provider: Provider, operation: Operation) -> ProviderCell:
    return _guarantees_cell(
        provider, operation, ANSWER_GUARANTEES, unstated_cell(NOT_DOCUMENTED)
    )


def _guarantees_cell(
    provider: Provider,
    operation: Operation,
    names: Sequence[str],
    default: ProviderCell,
) -> ProviderCell:
    """The guarantees of these names; `default` has the value if none is documented."""
    found: dict[str, Guarantee] = {}
    for guarantee in operation.success.guarantees:
        if guarantee.name in names:
            found.setdefault(guarantee.name, guarantee)
    facts = {
        name: Fact(
            GUARANTEES[name],
            guarantee.evidence.source,
            guarantee.evidence.basis,
            in_document(guarantee.pointer),
        )
        for name, guarantee in found.items()
    }
    documented = [
        each for each in found.values() if each.evidence.basis is Basis.DOCUMENTED
    ]
    if not documented:
        first = next(iter(found.values()), None)
        evidence = first.evidence if first else None
        made = cell(provider, default.value, evidence, facts=facts)
        return replace(made, stated=False)
    return cell(
        provider,
        " · ".join(sorted(each.name for each in documented)),
        documented[0].evidence,
        pointer=in_document(documented[0].pointer),
        facts=facts,
    )


@dataclass(frozen=True, slots=True)
class ResponseField:
    """
    A field of a success response.

    `path` is its name, or a path such as `data[].url`.
    """

    path: str
    node: Mapping[str, Any]
    is_required: bool
    evidence: Evidence


def response_fields(body: Body) -> Iterator[ResponseField]:
    """The fields of a response body, and those of the objects in its arrays."""
    if not isinstance(body.schema, dict):
        return
    for name, node in body.properties.items():
        if not isinstance(node, dict):
            continue
        evidence = body.evidence.within(node)
        items = node.get("items", {})
        listed = items.get("properties", {}) if isinstance(items, dict) else {}
        if not listed:
            is_required = name in body.schema.get("required", ())
            yield ResponseField(name, node, is_required, evidence)
        for item_name, item in listed.items():
            if isinstance(item, dict):
                yield ResponseField(
                    f"{name}[].{item_name}",
                    item,
                    item_name in items.get("required", ()),
                    evidence.within(items).within(item),
                )


def response_cells(provider: Provider, operation: Operation) -> dict[str, ProviderCell]:
    """A cell per field of a success response, by path."""
    body = operation.success.bodies.get(JSON)
    fields = response_fields(body) if body else ()
    return {each.path: _field_cell(provider, each) for each in fields}


def _field_cell(provider: Provider, response_field: ResponseField) -> ProviderCell:
    node, evidence = response_field.node, response_field.evidence
    cited = citation(provider, evidence, node)
    facts = {name: Fact(value, **cited) for name, value in schema_facts(node).items()}
    if response_field.is_required:
        facts["required"] = Fact(True, **cited)
    texts = ["required" if response_field.is_required else "optional"]
    if "x-when" in node:
        texts = ["for some requests"]
        facts["when"] = Fact(node["x-when"], **cited)
    if "enum" in node:
        texts.append(join_values(node["enum"]))
    if "pattern" in node:
        texts.append(pattern_text(node["pattern"]))
    return cell(
        provider,
        "; ".join(texts),
        evidence,
        note=node.get("x-note", ""),
        pointer=document_pointer(provider, node),
        facts=facts,
    )


def schema_facts(node: Any) -> dict[str, Any]:
    """
    The values of the facts in the schema of a response field, by name.

    `members` are the paths of the fields below it.
    """
    if not isinstance(node, dict):
        return {}
    facts: dict[str, Any] = {}
    if "type" in node:
        facts["type"] = type_text(node)
    for keyword in ("enum", "const", "pattern", "format"):
        if keyword in node:
            facts[keyword] = node[keyword]
    below = list(property_paths(node))
    if below:
        facts["members"] = below
    return facts


def property_paths(node: Any, above: str = "") -> Iterator[str]:
    """The paths of the properties of a schema, and of their properties: `a`, `a.b`."""
    properties = node.get("properties", {}) if isinstance(node, dict) else {}
    for name, schema in properties.items():
        yield above + name
        yield from property_paths(schema, f"{above}{name}.")
