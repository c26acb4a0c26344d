"""Checks of requests that must succeed, and of success responses."""

from collections.abc import Mapping
from typing import Any

from contracts.judging.checks.context import (
    CheckContext,
    Observation,
    Observations,
    check_guarantee,
    schema_violations,
)
from contracts.judging.checks.models import declared_fields, rejected_declaration
from contracts.judging.guarantees.table import GUARANTEES
from contracts.judging.interaction import (
    STREAM_STAYS_OPEN,
    Interaction,
    ServerSentEvent,
)
from contracts.judging.outcome import describe_response
from contracts.media.description import describe_value
from contracts.report.model import CheckName, FindingKind
from specs import DONE, EVENT_STREAM, JSON, Basis, Body, EventGrammar, Response, State


def check_answered(context: CheckContext) -> Observations:
    problem = context.interaction.problem
    if problem is None or _is_guaranteed_to_end(context):
        return
    claim = context.main_claim
    yield Observation(
        FindingKind.CRASH,
        CheckName.ANSWERS,
        claim,
        context.acceptance_evidence(claim),
        _incomplete_response(context.interaction, problem),
        "a complete response",
        context.case.id,
    )


def _is_guaranteed_to_end(context: CheckContext) -> bool:
    """True if a guarantee of the document reports a stream that stays open."""
    names = {each.name for each in context.operation.success.guarantees}
    return context.interaction.problem == STREAM_STAYS_OPEN and "stream-ends" in names


def _incomplete_response(interaction: Interaction, problem: str) -> str:
    """The problem, with the beginning of the response if there is one."""
    if interaction.status is None:
        return problem
    return f"{problem}; it begins {describe_response(interaction)}"


def check_valid_accepted(context: CheckContext) -> Observations:
    case, status = context.case, context.status
    is_rejected = status and not context.interaction.is_success
    if case.expectation is not State.VALID or not is_rejected:
        return
    if rejected_declaration(context) is not None:
        return  # check_declared says so
    claim = context.main_claim
    yield Observation(
        FindingKind.CRASH if status >= 500 else FindingKind.REJECTS_VALID,
        CheckName.VALID_IS_ACCEPTED,
        claim,
        context.acceptance_evidence(claim),
        describe_response(context.interaction),
        f"a success response: the request is valid ({context.sentence(claim)})",
        case.id if case.origin == "probe" else "",
    )


def check_success_response(context: CheckContext) -> Observations:
    """Check the schema and the guarantees of a success response."""
    if not context.interaction.is_success or context.case.expected_error is not None:
        return
    response = context.operation.response_for(context.status)
    if response is None:
        yield Observation(
            FindingKind.UNDOCUMENTED,
            CheckName.STATUS,
            f"{context.operation.id}/path",
            context.operation.evidence,
            f"status {context.status} is not documented: "
            f"{describe_response(context.interaction)}",
            f"one of {', '.join(context.operation.responses)}",
        )
        return
    is_valid = context.case.expectation is State.VALID
    if is_valid or context.interaction.is_stream:
        yield from check_success_schema(context, response)
    if not is_valid and not context.interaction.is_stream:
        return
    declared = declared_fields(context)
    for guarantee in response.guarantees:
        if not is_valid and guarantee.evidence.basis is Basis.DOCUMENTED:
            continue  # documented for valid requests only
        if GUARANTEES[guarantee.name].field in declared:
            continue  # check_declared does it
        if guarantee.applies_to(context.answer.request):
            yield from check_guarantee(context, response, guarantee)


def check_success_schema(context: CheckContext, response: Response) -> Observations:
    """Check the body of a success response, or its events, by their schemas."""
    prefix = f"{context.operation.id}/{response.status}"
    if context.interaction.is_stream and EVENT_STREAM in response.bodies:
        stream = response.bodies[EVENT_STREAM]
        events, layout = context.interaction.events, context.operation.layout
        for at, event in enumerate(events):
            is_end = at == len(events) - 1 and layout.ends_with_done
            if not (is_end and event.data == DONE):
                yield from _check_event(at, event, stream, layout.grammar, prefix)
        if layout.ends_with_done and (not events or events[-1].data != DONE):
            yield Observation(
                FindingKind.WRONG_RESPONSE,
                CheckName.EVENT,
                f"{prefix}/events",
                stream.evidence,
                "the last event is not [DONE]",
                "a stream that ends with [DONE]",
            )
        return
    body = response.bodies.get(JSON)
    value = context.interaction.value
    if body is None:
        return
    is_list = isinstance(value, list) and context.operation.models is not None
    if not isinstance(value, dict) and not is_list:
        yield Observation(
            FindingKind.WRONG_RESPONSE,
            CheckName.BODY,
            f"{prefix}/type",
            body.evidence,
            describe_response(context.interaction),
            "a JSON object",
        )
        return
    yield from schema_violations(
        body,
        value,
        FindingKind.WRONG_RESPONSE,
        CheckName.SCHEMA,
        prefix,
        context.sentence,
    )
    for name, shown in _undocumented_fields(value, body.schema).items():
        yield Observation(
            FindingKind.UNDOCUMENTED,
            CheckName.MEMBER,
            f"{prefix}/type",
            body.evidence,
            f"the response has a field '{name}' that is not documented: {shown}",
            "documented fields only",
            name,
        )


def _check_event(
    at: int,
    event: ServerSentEvent,
    stream: Body,
    grammar: EventGrammar,
    claim_prefix: str,
) -> Observations:
    if event.data == DONE:
        yield Observation(
            FindingKind.UNDOCUMENTED,
            CheckName.EVENT,
            f"{claim_prefix}/events",
            stream.evidence,
            f"event {at} is [DONE]",
            "a stream without an end marker",
        )
        return
    name = grammar.name_of(event.data)
    body = stream.events.get(str(name))
    if body is None:
        problem = _wrong_type(event, grammar)
        if event.problem:
            problem = f"{event.problem}; its data is {describe_value(event.data)}"
        yield Observation(
            FindingKind.WRONG_RESPONSE,
            CheckName.EVENT,
            f"{claim_prefix}/events",
            stream.evidence,
            f"event {at} {problem}",
            f"events of the types {', '.join(stream.events)}",
        )
        return
    yield from schema_violations(
        body,
        event.data,
        FindingKind.WRONG_RESPONSE,
        CheckName.EVENT_SCHEMA,
        f"{claim_prefix}/events/{name}",
        lambda claim: f"an event {name} by the documented schema",
        place=f"event {at} ({name})",
    )


def _wrong_type(event: ServerSentEvent, grammar: EventGrammar) -> str:
    if not isinstance(event.data, dict):
        return f"is {describe_value(event.data)}"
    if grammar.name_field not in event.data or not grammar.has_named_events:
        return f"has no type; it is {describe_value(event.data)}"
    return f"has the type {describe_value(event.data[grammar.name_field])}"


def _listed_fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a schema and of the parts under its `allOf`, with their schemas."""
    found: dict[str, Any] = {}
    for part in schema.get("allOf", ()):
        found |= _listed_fields(part) if isinstance(part, dict) else {}
    return {**found, **schema.get("properties", {})}


def _undocumented_fields(
    value: Any, schema: Any, parent_path: str = ""
) -> dict[str, str]:
    """
    The paths of fields that a schema with properties does not list, with their values.

    A field of several entries of an array is listed once, with its first value.
    """
    found: dict[str, str] = {}
    if isinstance(value, list) and isinstance(schema, dict):
        for entry in value:
            fields = _undocumented_fields(
                entry, schema.get("items"), f"{parent_path}[]"
            )
            found = fields | found
        return dict(sorted(found.items()))
    if not isinstance(value, dict) or not isinstance(schema, dict):
        return found
    listed = _listed_fields(schema)
    if not listed:
        return found
    for name, field_value in value.items():
        path = f"{parent_path}.{name}".removeprefix(".")
        if name not in listed:
            found[path] = describe_value(field_value)
        else:
            found |= _undocumented_fields(field_value, listed[name], path)
    return found
