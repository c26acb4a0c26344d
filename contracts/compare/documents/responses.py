"""What comes back, by the documents: answers, events and errors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from contracts.compare.documents.cells import cell, place, unsaid
from contracts.compare.documents.model import NOTHING, Cell, Fact
from contracts.compare.documents.request_members import types, word
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

MOST_NAMED = 6
# The errors that every catalogue has, and that no page has to name.
USUAL = ("invalid_request", "unauthenticated", "rate_limited", "server_error")
# Guarantees that no member and no other row shows.
WHOLE = ("is-json", "decodes", "echoes-agree", "request-id", "keeps-secrets")
ORDER = ("one-completed-event", "partials-at-most-asked", "event-name-is-type")
JSON = "application/json"


def streaming(provider: Provider, operation: Operation) -> Cell:
    body = operation.success.bodies.get(EVENT_STREAM)
    if body is None:
        return unsaid("no")
    return cell(provider, "yes", body.evidence, pointer=f"openapi.yaml#{body.pointer}")


def events(provider: Provider, operation: Operation) -> Cell:
    body = operation.success.bodies.get(EVENT_STREAM)
    if body is None:
        return unsaid()
    facts = {}
    for type_, event in body.events.items():
        listed = {
            name: {"required": name in event.schema.get("required", []), **_short(node)}
            for name, node in event.properties.items()
            if isinstance(event.schema, dict)
        }
        facts[type_] = Fact(listed, **cited(provider, event.evidence, event.schema))
    evidence = next((each.evidence for each in body.events.values()), body.evidence)
    pointer = f"openapi.yaml#{body.pointer}"
    return cell(provider, " · ".join(facts), evidence, pointer=pointer, facts=facts)


def order(provider: Provider, operation: Operation) -> Cell:
    return _guaranteed(provider, operation, ORDER, unsaid())


def whole(provider: Provider, operation: Operation) -> Cell:
    return _guaranteed(provider, operation, WHOLE, unsaid("not said"))


def _guaranteed(
    provider: Provider, operation: Operation, names: Sequence[str], none: Cell
) -> Cell:
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
        return replace(cell(provider, none.value, evidence, facts=facts), stated=False)
    return cell(
        provider,
        " · ".join(sorted(each.name for each in said)),
        said[0].evidence,
        pointer=f"openapi.yaml#{said[0].pointer}",
        facts=facts,
    )


def answers(provider: Provider, operation: Operation) -> dict[str, Cell]:
    body = operation.success.bodies.get(JSON)
    if body is None or not isinstance(body.schema, dict):
        return {}
    found = {}
    for name, node, parent, evidence in answer_members(body):
        is_required = name.rpartition(".")[2] in parent.get("required", ())
        found[name] = _answer(provider, node, evidence, is_required=is_required)
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


def _answer(
    provider: Provider,
    node: Mapping[str, Any],
    evidence: Evidence,
    *,
    is_required: bool,
) -> Cell:
    facts = {
        name: Fact(value, **cited(provider, evidence, node))
        for name, value in _short(node).items()
    }
    if is_required:
        facts["required"] = Fact(True, **cited(provider, evidence, node))
    words = ["always" if is_required else "yes"]
    if "x-when" in node:
        words = ["for some requests"]
        facts["when"] = Fact(node["x-when"], **cited(provider, evidence, node))
    if "enum" in node:
        words.append(" · ".join(word(each) for each in node["enum"]))
    if "pattern" in node:
        words.append(f"like {node['pattern']}")
    return cell(
        provider,
        "; ".join(words),
        evidence,
        note=node.get("x-note", ""),
        pointer=place(provider, node),
        facts=facts,
    )


def statuses(provider: Provider, operation: Operation) -> Cell:
    """The statuses that the pages list, with or without a body."""
    said = [
        each
        for each in operation.responses.values()
        if not each.is_success and each.evidence.basis is Basis.DOCUMENTED
    ]
    if not said:
        return unsaid("none")
    return cell(
        provider,
        ", ".join(sorted(each.status for each in said)),
        said[0].evidence,
        pointer=f"openapi.yaml#{said[0].pointer}",
    )


def named(provider: Provider, operation: Operation) -> Cell:
    """The errors that pages tell apart, by the names of our catalogue."""
    named = [each for each in _documented(operation) if each.name not in USUAL]
    if not named:
        return unsaid("none")
    names = [each.name for each in named]
    more = len(names) - MOST_NAMED
    value = " · ".join(names[:MOST_NAMED])
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


def _documented(operation: Operation) -> list[ErrorExample]:
    errors = operation.errors.values()
    return [each for each in errors if each.evidence.basis is Basis.DOCUMENTED]


def envelope(provider: Provider, operation: Operation) -> Cell:
    response = operation.responses[str(operation.errors["invalid_request"].status)]
    body = response.bodies.get(JSON)
    if body is None or not isinstance(body.schema, dict):
        return unsaid("not said")
    outer = body.schema
    error = outer.get("properties", {}).get("error")
    inner = error if isinstance(error, dict) and "properties" in error else outer
    evidence = body.evidence.within(inner)
    listed = inner.get("properties", {})
    always = [each for each in listed if each in inner.get("required", ())]
    perhaps = [each for each in listed if each not in always]
    words = [f"{'error' if inner is error else 'body'}: {', '.join(always) or NOTHING}"]
    if perhaps:
        words.append(f"perhaps {', '.join(perhaps)}")
    facts = {
        name: Fact(
            {**_short(node), "required": name in always},
            **cited(provider, evidence, inner),
        )
        for name, node in listed.items()
    }
    for response in operation.responses.values():
        other = response.bodies.get(JSON)
        if not response.is_success and other and other.schema != outer:
            members = list(_below(other.schema))
            read = cited(provider, other.evidence, other.schema)
            facts[f"body of {response.status}"] = Fact(members, **read)
    return cell(
        provider,
        "; ".join(words),
        evidence,
        note=outer.get("x-note", ""),
        pointer=place(provider, outer),
        facts=facts,
    )


def retry_after(provider: Provider, operation: Operation) -> Cell:
    for response in operation.responses.values():
        for name, header in response.headers.items():
            if name.lower() == "retry-after":
                return cell(
                    provider,
                    f"seconds, on {response.status}",
                    response.evidence.within(header),
                    note=header.get("x-note", ""),
                    pointer=place(provider, header),
                )
    return unsaid("not said")


def _short(node: Any) -> dict[str, Any]:
    """What a schema says of a member of an answer, as far as callers see it."""
    if not isinstance(node, dict):
        return {}
    found: dict[str, Any] = {}
    if "type" in node:
        found["type"] = types(node)
    for keyword in ("enum", "const", "pattern", "format"):
        if keyword in node:
            found[keyword] = node[keyword]
    below = list(_below(node))
    if below:
        found["members"] = below
    return found


def _below(node: Any, above: str = "") -> Iterator[str]:
    """The members of a schema and of theirs, as paths."""
    listed = node.get("properties", {}) if isinstance(node, dict) else {}
    for name, member in listed.items():
        yield above + name
        yield from _below(member, f"{above}{name}.")


def cited(provider: Provider, evidence: Evidence, node: Any) -> dict[str, str]:
    pointer = place(provider, node)
    return {"source": evidence.source, "basis": evidence.basis, "pointer": pointer}
