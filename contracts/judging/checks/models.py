"""Checks of the lists of models, and of what the models in them declare."""

from collections.abc import Iterator
from typing import Any

from contracts.judging.checks.context import CheckContext, Observation, Observations
from contracts.judging.guarantees.table import GUARANTEES
from contracts.judging.outcome import describe_response
from contracts.media.description import describe_value
from contracts.media.guarantee import Guarantee
from contracts.planning.models import model_of_path
from contracts.report.model import CheckName, FindingKind
from contracts.text import join_some
from specs import ModelsAction, State, is_declared
from specs.documents.claims.models import DECLARED, ID, MODELS, NAMED

CLAIM_END = f"/{MODELS}/{DECLARED}"
MAX_SHOWN = 4  # models in a message
NOT_HONOURED = "declared, not honoured"
REJECTED = (400, 422)  # the statuses of a value that a server does not take


def check_models(context: CheckContext) -> Observations:
    """Check that a list has the models of the document, and a read the one asked."""
    role, interaction = context.operation.models, context.interaction
    is_success = interaction.is_success and context.case.expectation is State.VALID
    if role is None or not is_success:
        return
    claims = f"{context.operation.id}/{MODELS}"
    if role.action is ModelsAction.READ:
        asked = model_of_path(context.operation, context.case)
        came = role.id_of(interaction.value)
        if asked is not None and came != asked:
            message = f"the model is {describe_value(came)}; requested: {asked}"
            yield _observation(context, CheckName.MODEL_ID, f"{claims}/{ID}", message)
        return
    listed = role.models_in(interaction.value)
    missing = [each for each in context.models if each not in listed]
    if missing:
        names = join_some(missing, MAX_SHOWN)
        message = f"the list of {len(listed)} models has no {names}"
        claim = f"{claims}/{NAMED}"
        yield _observation(context, CheckName.MODELS_LISTED, claim, message)


def check_declared(context: CheckContext) -> Observations:
    """
    Check that a request field is honoured which the requested model declares.

    The response is checked by the guarantees of the document about the field; without
    any, by all that there are.
    """
    if context.case.expected_error is not None:
        return
    field = rejected_declaration(context)
    declared = declared_fields(context) if context.interaction.is_success else {}
    if field is None and not declared:
        return
    claim = next((each for each in context.claims if each.endswith(CLAIM_END)), None)
    if claim is None:
        return
    if field is not None:
        shown = describe_response(context.interaction)
        message = f"{NOT_HONOURED}: {_value_of(context, field)} is rejected: {shown}"
        yield _observation(context, CheckName.DECLARED, claim, message)
        return
    for name in declared:
        for guarantee in _guarantees_of(context, name):
            for breach in guarantee.check(context.answer):
                message = f"{NOT_HONOURED}: {breach.message}"
                yield _observation(
                    context,
                    CheckName.DECLARED,
                    claim,
                    message,
                    cause=name,
                    field=breach.field,
                    asked=breach.asked,
                    came=breach.came,
                )


def declared_fields(context: CheckContext) -> dict[str, str]:
    """
    The sent fields whose values the requested model declares, by their usual names.

    The values are the names that the provider has for them.
    """
    payload, dialect = context.case.payload, context.answer.dialect
    return {
        dialect.canonical_name(context.operation.id, name): name
        for name, declaration in context.answer.declared.items()
        if payload.get(name) is not None and is_declared(declaration, payload[name])
    }


def rejected_declaration(context: CheckContext) -> str | None:
    """The declared field that a rejected request is about, or None."""
    if context.status not in REJECTED or context.case.expected_error is not None:
        return None
    tested = {part for claim in context.case.claims for part in claim.split("/")}
    fields = declared_fields(context).values()
    return next((each for each in fields if each in tested), None)


def _guarantees_of(context: CheckContext, name: str) -> Iterator[Guarantee]:
    """Yield the guarantees about a field that one response shows."""
    request, response = context.answer.request, context.operation.success
    own = [each for each in response.guarantees if GUARANTEES[each.name].field == name]
    if own:
        yield from (GUARANTEES[e.name] for e in own if e.applies_to(request))
        return
    for guarantee in GUARANTEES.values():
        needs_more = guarantee.comparison or guarantee.uses_history
        is_about_stream = guarantee.streams_only and not context.interaction.is_stream
        if guarantee.field == name and not needs_more and not is_about_stream:
            yield guarantee


def _value_of(context: CheckContext, field: str) -> str:
    return f"{field} {describe_value(context.case.payload[field])}"


def _observation(
    context: CheckContext, check: CheckName, claim: str, message: str, **more: Any
) -> Observation:
    return Observation(
        FindingKind.WRONG_RESPONSE,
        check,
        claim,
        context.evidence(claim),
        message,
        context.sentence(claim),
        **more,
    )
