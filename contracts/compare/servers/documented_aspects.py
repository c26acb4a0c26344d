"""Statements of a document about the aspects of a response."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.compare.servers.aspects import OUTCOME, PAIR_GUARANTEES, SCHEMA, Result
from contracts.compare.servers.translation import Translation
from contracts.planning.values import format_value
from specs import EVENT_STREAM, Basis, Body, State, size_of

# What a provider may guarantee, by the aspect that shows it, and the member it is
# about.
GUARANTEES_BY_ASPECT: Mapping[str, tuple[tuple[str, ...], str]] = {
    "pictures": (("count-equals-n",), "n"),
    "size": (("size-as-asked",), "size"),
    "format": (("format-as-asked",), "output_format"),
    "transparency": (("alpha-as-asked", "opaque-as-asked"), "background"),
    "delivery": (("delivery-as-documented",), ""),
    "body": (("streams-when-asked",), "stream"),
}


@dataclass(frozen=True, slots=True)
class DocumentedAspect:
    """
    What a document says of an aspect: nothing, where the statement is empty.

    It is `firm` where a deed can break it.
    """

    statement: str = ""
    is_binding: bool = False


def documented_aspect(
    translation: Translation, name: str, result: Result
) -> DocumentedAspect:
    """What the document says of an aspect of the answer to a question."""
    documented = translation.basis is Basis.DOCUMENTED
    if name == OUTCOME:
        if translation.state is State.UNSPECIFIED:
            return DocumentedAspect()
        if translation.state is State.VALID:
            return DocumentedAspect(Result.ACCEPTED, documented)
        return DocumentedAspect(Result.REFUSED, is_binding=True)
    if result is Result.REFUSED:
        return _documented_error(translation, name)
    if translation.state is not State.VALID or not documented:
        return DocumentedAspect()
    if name == SCHEMA:
        return DocumentedAspect(
            f"the schema of {translation.provider.title}'s document", is_binding=True
        )
    body = translation.operation.success.bodies.get("application/json")
    if name == "members" and body is not None:
        return DocumentedAspect(", ".join(sorted(body.properties)))
    if name in {"usage", "revised_prompt"}:
        return _documented_field(translation, name)
    names, member = GUARANTEES_BY_ASPECT.get(name, ((name,), ""))
    return _documented_guarantee(translation, names, member)


def documented_responsiveness(translation: Translation) -> DocumentedAspect:
    """What the document says of whether answers respond to what was changed."""
    name = PAIR_GUARANTEES.get(translation.intent.feature)
    if name is None or translation.state is not State.VALID:
        return DocumentedAspect()
    return _documented_guarantee(translation, (name,), "")


def _documented_guarantee(
    translation: Translation, names: tuple[str, ...], member: str
) -> DocumentedAspect:
    for each in translation.operation.success.guarantees:
        documented = each.evidence.basis is Basis.DOCUMENTED
        if (
            each.name in names
            and documented
            and each.applies_to(translation.canonical_payload)
        ):
            return _guarantee_statement(translation, each.name, member)
    return DocumentedAspect()


def _guarantee_statement(
    translation: Translation, name: str, member: str
) -> DocumentedAspect:
    if name == "delivery-as-documented":
        entry = translation.provider.dialect.delivery_for(translation.canonical_payload)
        basis = entry.get("basis", Basis.DOCUMENTED)
        return DocumentedAspect(
            f"{name}: {entry['give']}", is_binding=basis == Basis.DOCUMENTED
        )
    if not member:
        return DocumentedAspect(name, is_binding=True)
    defaults = {"n": 1, "stream": False}
    wanted = translation.canonical_payload.get(member, defaults.get(member))
    if wanted is None or (member == "size" and size_of(wanted) is None):
        return DocumentedAspect()
    return DocumentedAspect(f"{name}: {format_value(wanted)}", is_binding=True)


def _documented_field(translation: Translation, name: str) -> DocumentedAspect:
    """Whether a member of the answer is listed, and whether it may be missing."""
    bodies = translation.operation.success.bodies
    if translation.canonical_payload.get("stream") is True and EVENT_STREAM in bodies:
        events = bodies[EVENT_STREAM].events
        body = next(
            (each for t, each in events.items() if t.endswith(".completed")), None
        )
    else:
        body = bodies.get("application/json")
    schema = body.schema if body else True
    if name == "revised_prompt" and isinstance(schema, dict):
        schema = schema.get("properties", {}).get("data", {}).get("items", True)
    if body is None or not isinstance(schema, dict):
        return DocumentedAspect()
    listed = schema.get("properties", {}).get(name)
    if listed is None:
        return DocumentedAspect(f"{name} is not listed")
    required = name in schema.get("required", []) and _is_documented(
        body, schema, listed
    )
    word = "required" if required else "listed"
    return DocumentedAspect(f"{name} is {word}", is_binding=required)


def _is_documented(body: Body, schema: Mapping[str, Any], listed: Any) -> bool:
    evidence = body.evidence.within(schema)
    if isinstance(listed, dict):
        evidence = evidence.within(listed)
    return evidence.basis is Basis.DOCUMENTED


def _documented_error(translation: Translation, name: str) -> DocumentedAspect:
    operation, intent = translation.operation, translation.intent
    if name in {"keeps-secrets", "retry-after-on-429"}:
        return _documented_guarantee(translation, (name,), "")
    errors = {each.evidence.error for each in translation.verdict.documented_violations}
    if intent.raw is None and translation.state is State.INVALID and not errors:
        errors = {"unauthenticated"}
    if len(errors) != 1 or intent.raw is not None:
        return DocumentedAspect()
    example = operation.errors[errors.pop()]
    if name == "blamed member":
        firm = example.evidence.basis is Basis.DOCUMENTED
        return DocumentedAspect("blames the right member", firm)
    if name == "status":
        declared = operation.responses[str(example.status)]
        firm = declared.evidence.basis is Basis.DOCUMENTED
        return DocumentedAspect(f"status {example.status}", firm)
    error = example.body.get("error") if isinstance(example.body, dict) else None
    member = name.removeprefix("error ")
    if isinstance(error, dict) and member in {"type", "code"}:
        return DocumentedAspect(f"{name} {format_value(error.get(member))}")
    return DocumentedAspect()
