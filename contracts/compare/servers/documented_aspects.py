"""Statements of a document about the aspects of a response."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.compare.servers.observed_aspects import (
    OUTCOME,
    PAIR_GUARANTEES,
    SCHEMA,
    Result,
)
from contracts.compare.servers.translation import Translation
from contracts.judging.guarantees.table import GUARANTEES
from contracts.planning.values.field_values import format_value
from specs import (
    COMPLETED,
    EVENT_STREAM,
    JSON,
    Basis,
    Body,
    ErrorExample,
    Operation,
    State,
    size_of,
)

# Guarantees by the aspect that shows them, with the field that they are about.
GUARANTEES_BY_ASPECT: Mapping[str, tuple[tuple[str, ...], str]] = {
    aspect: (
        tuple(name for name, each in GUARANTEES.items() if each.aspect == aspect),
        next(each.field for each in GUARANTEES.values() if each.aspect == aspect),
    )
    for aspect in dict.fromkeys(each.aspect for each in GUARANTEES.values())
    if aspect
}
ERROR_GUARANTEES = ("keeps-secrets", "retry-after-on-429")
DEFAULTS = {"n": 1, "stream": False}  # of fields that a request leaves out


@dataclass(frozen=True, slots=True)
class DocumentedAspect:
    """
    The statement of a document about one aspect of a response.

    `statement` is "" if the document has none. `is_binding` is true if the provider's
    own pages make the statement, so that a server can violate it.
    """

    statement: str = ""
    is_binding: bool = False


def documented_aspect(
    translation: Translation, name: str, result: Result
) -> DocumentedAspect:
    """The statement about an aspect of the response to a request, of class `result`."""
    is_documented = translation.basis is Basis.DOCUMENTED
    if name == OUTCOME:
        return _documented_outcome(translation.state, is_documented=is_documented)
    if result is Result.REFUSED:
        return _documented_error(translation, name)
    if translation.state is not State.VALID or not is_documented:
        return DocumentedAspect()
    if name == SCHEMA:
        title = translation.provider.title
        return DocumentedAspect(f"the schema of {title}'s document", is_binding=True)
    body = translation.operation.success.bodies.get(JSON)
    if name == "members" and body is not None:
        return DocumentedAspect(", ".join(sorted(body.properties)))
    if name in {"usage", "revised_prompt"}:
        return _documented_field(translation, name)
    guarantees, field = GUARANTEES_BY_ASPECT.get(name, ((name,), ""))
    return _documented_guarantee(translation, guarantees, field)


def documented_responsiveness(translation: Translation) -> DocumentedAspect:
    """The statement that another value of the feature gives another response."""
    name = PAIR_GUARANTEES.get(translation.intent.feature)
    if name is None or translation.state is not State.VALID:
        return DocumentedAspect()
    return _documented_guarantee(translation, (name,), "")


def _documented_outcome(state: State, *, is_documented: bool) -> DocumentedAspect:
    if state is State.UNSPECIFIED:
        return DocumentedAspect()
    if state is State.VALID:
        return DocumentedAspect(Result.ACCEPTED, is_documented)
    return DocumentedAspect(Result.REFUSED, is_binding=True)


def _documented_guarantee(
    translation: Translation, names: tuple[str, ...], field: str
) -> DocumentedAspect:
    """The first documented guarantee of these names that applies to the request."""
    for guarantee in translation.operation.success.guarantees:
        if (
            guarantee.name in names
            and guarantee.evidence.basis is Basis.DOCUMENTED
            and guarantee.applies_to(translation.canonical_payload)
        ):
            return _guarantee_statement(translation, guarantee.name, field)
    return DocumentedAspect()


def _guarantee_statement(
    translation: Translation, name: str, field: str
) -> DocumentedAspect:
    request = translation.canonical_payload
    if name == "delivery-as-documented":
        entry = translation.provider.dialect.delivery_for(request)
        is_binding = entry.basis is Basis.DOCUMENTED
        return DocumentedAspect(f"{name}: {entry.give}", is_binding)
    if not field:
        return DocumentedAspect(name, is_binding=True)
    requested = request.get(field, DEFAULTS.get(field))
    if requested is None or (field == "size" and size_of(requested) is None):
        return DocumentedAspect()
    return DocumentedAspect(f"{name}: {format_value(requested)}", is_binding=True)


def _documented_field(translation: Translation, name: str) -> DocumentedAspect:
    """The statement that a response field is required, optional or not listed."""
    body = _result_body(translation)
    schema = body.schema if body else True
    if name == "revised_prompt" and isinstance(schema, dict):
        schema = _entry_schema(translation.operation, schema)
    if body is None or not isinstance(schema, dict):
        return DocumentedAspect()
    listed = schema.get("properties", {}).get(name)
    if listed is None:
        return DocumentedAspect(f"{name} is not listed")
    is_required = name in schema.get("required", [])
    if is_required and _is_documented(body, schema, listed):
        return DocumentedAspect(f"{name} is required", is_binding=True)
    return DocumentedAspect(f"{name} is listed")


def _result_body(translation: Translation) -> Body | None:
    """The JSON body of a success, or the completed event of a stream."""
    bodies = translation.operation.success.bodies
    is_stream = translation.canonical_payload.get("stream") is True
    if not (is_stream and EVENT_STREAM in bodies):
        return bodies.get(JSON)
    name = translation.operation.layout.grammar.names.get(COMPLETED, "")
    return bodies[EVENT_STREAM].events.get(name)


def _entry_schema(operation: Operation, schema: Mapping[str, Any]) -> Any:
    """The schema of an entry for an image in the body of a success."""
    found: Any = schema
    for name in operation.layout.items.split("/")[1:]:
        is_item = name == "*"
        found = found.get("items" if is_item else "properties", {})
        found = found if is_item else found.get(name, {})
    return found.get("items", True)


def _is_documented(body: Body, schema: Mapping[str, Any], listed: Any) -> bool:
    evidence = body.evidence.within(schema)
    if isinstance(listed, dict):
        evidence = evidence.within(listed)
    return evidence.basis is Basis.DOCUMENTED


def _documented_error(translation: Translation, name: str) -> DocumentedAspect:
    """The statement about an aspect of an error response."""
    if name in ERROR_GUARANTEES:
        return _documented_guarantee(translation, (name,), "")
    example = _expected_error(translation)
    if example is None:
        return DocumentedAspect()
    if name == "blamed member":
        is_binding = example.evidence.basis is Basis.DOCUMENTED
        return DocumentedAspect("names the invalid field", is_binding)
    if name == "status":
        declared = translation.operation.responses[str(example.status)]
        is_binding = declared.evidence.basis is Basis.DOCUMENTED
        return DocumentedAspect(f"status {example.status}", is_binding)
    error = example.body.get("error") if isinstance(example.body, dict) else None
    field = name.removeprefix("error ")
    if isinstance(error, dict) and field in {"type", "code"}:
        return DocumentedAspect(f"{name} {format_value(error.get(field))}")
    return DocumentedAspect()


def _expected_error(translation: Translation) -> ErrorExample | None:
    """The error that the document states for a request; None unless it states one."""
    if translation.intent.raw is not None:
        return None
    errors = {each.evidence.error for each in translation.verdict.documented_violations}
    if translation.state is State.INVALID and not errors:
        errors = {"unauthenticated"}
    return translation.operation.errors[errors.pop()] if len(errors) == 1 else None
