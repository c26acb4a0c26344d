"""Cells for error responses."""

from contracts.compare.documents.cells import (
    NOT_DOCUMENTED,
    cell,
    citation,
    document_pointer,
    in_document,
    unstated_cell,
)
from contracts.compare.documents.model import NO_VALUE, Fact, ProviderCell
from contracts.compare.documents.responses import property_paths, schema_facts
from specs import JSON, Basis, ErrorExample, Operation, Provider

MAX_NAMED_ERRORS = 6
# Errors that every document must have, named by a page or not.
COMMON_ERRORS = ("invalid_request", "unauthenticated", "rate_limited", "server_error")


def statuses_cell(provider: Provider, operation: Operation) -> ProviderCell:
    """The documented error statuses, with or without a body."""
    documented = [
        each
        for each in operation.responses.values()
        if not each.is_success and each.evidence.basis is Basis.DOCUMENTED
    ]
    if not documented:
        return unstated_cell("none")
    return cell(
        provider,
        ", ".join(sorted(each.status for each in documented)),
        documented[0].evidence,
        pointer=in_document(documented[0].pointer),
    )


def error_names_cell(provider: Provider, operation: Operation) -> ProviderCell:
    """The documented errors besides the common ones, by their name in the document."""
    named = [
        each
        for each in operation.errors.values()
        if each.evidence.basis is Basis.DOCUMENTED and each.name not in COMMON_ERRORS
    ]
    if not named:
        return unstated_cell("none")
    value = " · ".join(each.name for each in named[:MAX_NAMED_ERRORS])
    more = len(named) - MAX_NAMED_ERRORS
    return cell(
        provider,
        f"{value} and {more} more" if more > 0 else value,
        named[0].evidence,
        pointer=in_document(named[0].pointer),
        facts={each.name: _error_fact(each) for each in named},
    )


def _error_fact(example: ErrorExample) -> Fact:
    """The status of an error, with its `type` and `code` if it has them."""
    body = example.body if isinstance(example.body, dict) else {}
    error = body.get("error")
    error = error if isinstance(error, dict) else body
    fields = {key: error[key] for key in ("type", "code") if error.get(key)}
    evidence = example.evidence
    return Fact(
        {"status": example.status, **fields},
        evidence.source,
        evidence.basis,
        in_document(example.pointer),
    )


def error_body_cell(provider: Provider, operation: Operation) -> ProviderCell:
    """The fields of the error body, with other bodies of other statuses as facts."""
    response = operation.responses[str(operation.errors["invalid_request"].status)]
    body = response.bodies.get(JSON)
    if body is None or not isinstance(body.schema, dict):
        return unstated_cell(NOT_DOCUMENTED)
    outer = body.schema
    error = outer.get("properties", {}).get("error")
    inner = error if isinstance(error, dict) and "properties" in error else outer
    evidence = body.evidence.within(inner)
    listed = inner.get("properties", {})
    required = [each for each in listed if each in inner.get("required", ())]
    optional = [each for each in listed if each not in required]
    label = "error" if inner is error else "body"
    texts = [f"{label}: {', '.join(required) or NO_VALUE}"]
    if optional:
        texts.append(f"optional: {', '.join(optional)}")
    facts = {
        name: Fact(
            {**schema_facts(node), "required": name in required},
            **citation(provider, evidence, inner),
        )
        for name, node in listed.items()
    }
    return cell(
        provider,
        "; ".join(texts),
        evidence,
        note=outer.get("x-note", ""),
        pointer=document_pointer(provider, outer),
        facts={**facts, **_other_bodies(provider, operation, outer)},
    )


def _other_bodies(
    provider: Provider, operation: Operation, schema: object
) -> dict[str, Fact]:
    """The field paths of error bodies that have another schema."""
    facts = {}
    for response in operation.responses.values():
        body = response.bodies.get(JSON)
        if not response.is_success and body and body.schema != schema:
            paths = list(property_paths(body.schema))
            cited = citation(provider, body.evidence, body.schema)
            facts[f"body of {response.status}"] = Fact(paths, **cited)
    return facts


def retry_after_cell(provider: Provider, operation: Operation) -> ProviderCell:
    for response in operation.responses.values():
        for name, header in response.headers.items():
            if name.lower() == "retry-after":
                return cell(
                    provider,
                    f"seconds, with status {response.status}",
                    response.evidence.within(header),
                    note=header.get("x-note", ""),
                    pointer=document_pointer(provider, header),
                )
    return unstated_cell(NOT_DOCUMENTED)
