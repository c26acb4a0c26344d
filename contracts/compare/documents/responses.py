"""What comes back, by the documents: answers, events and errors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from contracts.compare.documents.cells import cell, document_pointer, unstated_cell
from contracts.compare.documents.model import NO_VALUE, Fact, ProviderCell
from contracts.compare.documents.request_members import type_text, value_text
from contracts.judging.guarantees import GUARANTEES as RECORDS
from specs import (
    EVENT_STREAM,
    GUARANTEES,
    Basis,
    Body,
    ErrorExample,
    Evidence,
    Guarantee,
    Operation,
    Provider,
)

MAX_NAMED_ERRORS = 6
# The errors that every catalogue has, and that no page has to name.
COMMON_ERRORS = ("invalid_request", "unauthenticated", "rate_limited", "server_error")
# Guarantees about the whole response: no field and no other row shows them.
ANSWER_GUARANTEES = tuple(
    name for name, each in RECORDS.items() if not each.comparison_row
)
EVENT_ORDER_GUARANTEES = tuple(
    name for name, each in RECORDS.items() if each.streams_only
)
JSON = "application/json"


def streaming(provider: Provider, operation: Operation) -> ProviderCell:
    body = operation.success.bodies.get(EVENT_STREAM)
    if body is None:
        return unstated_cell("no")
    return cell(provider, "yes", body.evidence, pointer=f"openapi.yaml#{body.pointer}")


def events(provider: Provider, operation: Operation) -> ProviderCell:
    body = operation.success.bodies.get(EVENT_STREAM)
    if body is None:
        return unstated_cell()
    facts = {}
    for type_, event in body.events.items():
        listed = {
            name: {
                "required": name in event.schema.get("required", []),
                **_summarize_schema(node),
            }
            for name, node in event.properties.items()
            if isinstance(event.schema, dict)
        }
        facts[type_] = Fact(listed, **citation(provider, event.evidence, event.schema))
    evidence = next((each.evidence for each in body.events.values()), body.evidence)
    pointer = f"openapi.yaml#{body.pointer}"
    return cell(provider, " · ".join(facts), evidence, pointer=pointer, facts=facts)


def event_order(provider: Provider, operation: Operation) -> ProviderCell:
    return _guarantees_cell(
        provider, operation, EVENT_ORDER_GUARANTEES, unstated_cell()
    )


def answer_guarantees(provider: Provider, operation: Operation) -> ProviderCell:
    return _guarantees_cell(
        provider, operation, ANSWER_GUARANTEES, unstated_cell("not said")
    )


def _guarantees_cell(
    provider: Provider,
    operation: Operation,
    names: Sequence[str],
    default: ProviderCell,
) -> ProviderCell:
    found: dict[str, Guarantee] = {}
    for each in operation.success.guarantees:
        if each.name in names:
            found.setdefault(each.name, each)
    said = [each for each in found.values() if each.evidence.basis is Basis.DOCUMENTED]
    facts = {
        name: Fact(
            GUARANTEES[name],
            each.evidence.source,
            each.evidence.basis,
            f"openapi.yaml#{each.pointer}",
        )
        for name, each in found.items()
    }
    if not said:
        firmest = next(iter(found.values()), None)
        evidence = firmest.evidence if firmest else None
        return replace(
            cell(provider, default.value, evidence, facts=facts), stated=False
        )
    return cell(
        provider,
        " · ".join(sorted(each.name for each in said)),
        said[0].evidence,
        pointer=f"openapi.yaml#{said[0].pointer}",
        facts=facts,
    )


def answer_cells(provider: Provider, operation: Operation) -> dict[str, ProviderCell]:
    body = operation.success.bodies.get(JSON)
    if body is None or not isinstance(body.schema, dict):
        return {}
    found = {}
    for name, node, parent, evidence in answer_members(body):
        is_required = name.rpartition(".")[2] in parent.get("required", ())
        found[name] = _answer_cell(provider, node, evidence, is_required=is_required)
    return found


def answer_members(
    body: Body,
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any], Evidence]]:
    """Each member of an answer, with the schema that lists it."""
    for name, node in body.properties.items():
        if not isinstance(node, dict) or not isinstance(body.schema, dict):
            continue
        evidence = body.evidence.within(node)
        items = node.get("items", {})
        listed = items.get("properties", {}) if isinstance(items, dict) else {}
        if not listed:
            yield name, node, body.schema, evidence
        for each, item in listed.items():
            if isinstance(item, dict):
                inner = evidence.within(items).within(item)
                yield f"{name}[].{each}", item, items, inner


def _answer_cell(
    provider: Provider,
    node: Mapping[str, Any],
    evidence: Evidence,
    *,
    is_required: bool,
) -> ProviderCell:
    facts = {
        name: Fact(value, **citation(provider, evidence, node))
        for name, value in _summarize_schema(node).items()
    }
    if is_required:
        facts["required"] = Fact(True, **citation(provider, evidence, node))
    words = ["always" if is_required else "yes"]
    if "x-when" in node:
        words = ["for some requests"]
        facts["when"] = Fact(node["x-when"], **citation(provider, evidence, node))
    if "enum" in node:
        words.append(" · ".join(value_text(each) for each in node["enum"]))
    if "pattern" in node:
        words.append(f"like {node['pattern']}")
    return cell(
        provider,
        "; ".join(words),
        evidence,
        note=node.get("x-note", ""),
        pointer=document_pointer(provider, node),
        facts=facts,
    )


def statuses(provider: Provider, operation: Operation) -> ProviderCell:
    """The statuses that the pages list, with or without a body."""
    said = [
        each
        for each in operation.responses.values()
        if not each.is_success and each.evidence.basis is Basis.DOCUMENTED
    ]
    if not said:
        return unstated_cell("none")
    return cell(
        provider,
        ", ".join(sorted(each.status for each in said)),
        said[0].evidence,
        pointer=f"openapi.yaml#{said[0].pointer}",
    )


def error_names(provider: Provider, operation: Operation) -> ProviderCell:
    """The errors that pages tell apart, by the names of our catalogue."""
    named = [
        each for each in _documented_errors(operation) if each.name not in COMMON_ERRORS
    ]
    if not named:
        return unstated_cell("none")
    names = [each.name for each in named]
    more = len(names) - MAX_NAMED_ERRORS
    value = " · ".join(names[:MAX_NAMED_ERRORS])
    facts = {}
    for each in named:
        error = each.body.get("error", each.body) if isinstance(each.body, dict) else {}
        said = {key: error[key] for key in ("type", "code") if error.get(key)}
        facts[each.name] = Fact(
            {"status": each.status, **said},
            each.evidence.source,
            each.evidence.basis,
            f"openapi.yaml#{each.pointer}",
        )
    return cell(
        provider,
        f"{value} and {more} more" if more > 0 else value,
        named[0].evidence,
        pointer=f"openapi.yaml#{named[0].pointer}",
        facts=facts,
    )


def _documented_errors(operation: Operation) -> list[ErrorExample]:
    errors = operation.errors.values()
    return [each for each in errors if each.evidence.basis is Basis.DOCUMENTED]


def envelope(provider: Provider, operation: Operation) -> ProviderCell:
    response = operation.responses[str(operation.errors["invalid_request"].status)]
    body = response.bodies.get(JSON)
    if body is None or not isinstance(body.schema, dict):
        return unstated_cell("not said")
    outer = body.schema
    error = outer.get("properties", {}).get("error")
    inner = error if isinstance(error, dict) and "properties" in error else outer
    evidence = body.evidence.within(inner)
    listed = inner.get("properties", {})
    always = [each for each in listed if each in inner.get("required", ())]
    perhaps = [each for each in listed if each not in always]
    words = [
        f"{'error' if inner is error else 'body'}: {', '.join(always) or NO_VALUE}"
    ]
    if perhaps:
        words.append(f"perhaps {', '.join(perhaps)}")
    facts = {
        name: Fact(
            {**_summarize_schema(node), "required": name in always},
            **citation(provider, evidence, inner),
        )
        for name, node in listed.items()
    }
    for response in operation.responses.values():
        other = response.bodies.get(JSON)
        if not response.is_success and other and other.schema != outer:
            members = list(_property_paths(other.schema))
            read = citation(provider, other.evidence, other.schema)
            facts[f"body of {response.status}"] = Fact(members, **read)
    return cell(
        provider,
        "; ".join(words),
        evidence,
        note=outer.get("x-note", ""),
        pointer=document_pointer(provider, outer),
        facts=facts,
    )


def retry_after(provider: Provider, operation: Operation) -> ProviderCell:
    for response in operation.responses.values():
        for name, header in response.headers.items():
            if name.lower() == "retry-after":
                return cell(
                    provider,
                    f"seconds, on {response.status}",
                    response.evidence.within(header),
                    note=header.get("x-note", ""),
                    pointer=document_pointer(provider, header),
                )
    return unstated_cell("not said")


def _summarize_schema(node: Any) -> dict[str, Any]:
    """What a schema says of a member of an answer, as far as callers see it."""
    if not isinstance(node, dict):
        return {}
    found: dict[str, Any] = {}
    if "type" in node:
        found["type"] = type_text(node)
    for keyword in ("enum", "const", "pattern", "format"):
        if keyword in node:
            found[keyword] = node[keyword]
    below = list(_property_paths(node))
    if below:
        found["members"] = below
    return found


def _property_paths(node: Any, above: str = "") -> Iterator[str]:
    """The members of a schema and of theirs, as paths."""
    listed = node.get("properties", {}) if isinstance(node, dict) else {}
    for name, member in listed.items():
        yield above + name
        yield from _property_paths(member, f"{above}{name}.")


def citation(provider: Provider, evidence: Evidence, node: Any) -> dict[str, str]:
    pointer = document_pointer(provider, node)
    return {"source": evidence.source, "basis": evidence.basis, "pointer": pointer}
