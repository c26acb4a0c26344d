"""Checks of requests that must be rejected, and of error responses."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from contracts.judging.checks.context import (
    CheckContext,
    Observation,
    Observations,
    check_guarantee,
    schema_violations,
)
from contracts.judging.outcome import describe_response, error_fields
from contracts.media.description import describe_value
from contracts.planning.case import Origin
from contracts.report.model import CheckName, FindingKind
from specs import JSON, Basis, ErrorExample, Evidence, Response, State

# Errors that stand for many causes: their `code` and `type` are not checked.
GENERIC_ERRORS = {"invalid_request", "unauthenticated", "rate_limited", "server_error"}


def check_invalid_rejected(context: CheckContext) -> Observations:
    case, status = context.case, context.status
    if case.expected_error is None or not status:
        return
    claim = case.expected_error.claim
    expected_status = context.expected_error.status
    if context.interaction.is_refused and expected_status < 300:
        return
    if context.interaction.is_success:
        kind = FindingKind.ACCEPTS_INVALID
    elif status >= 500 > max(expected_status, *_other_statuses(context), 0):
        kind = FindingKind.CRASH
    elif status < 400:
        kind = FindingKind.WRONG_ERROR
    else:
        return
    yield Observation(
        kind,
        CheckName.INVALID_IS_REFUSED,
        claim,
        context.evidence(claim),
        describe_response(context.interaction),
        f"an error response with status {expected_status}: {context.sentence(claim)}",
        case.id,
    )


def check_unspecified_does_not_crash(context: CheckContext) -> Observations:
    if context.case.expectation is State.UNSPECIFIED and context.status >= 500:
        yield Observation(
            FindingKind.CRASH,
            CheckName.NO_CRASH,
            f"{context.operation.id}/path",
            Evidence(context.operation.evidence.source, Basis.ASSUMED),
            describe_response(context.interaction),
            "a status below 500; the request is unspecified by the documentation",
            context.case.id,
        )


def check_undocumented_request_rejected(context: CheckContext) -> Observations:
    """Check that undocumented methods, paths, media types and keys are rejected."""
    case = context.case
    is_undocumented = (
        case.origin in {Origin.TRANSPORT, Origin.AUTH} or case.content_type is not None
    )
    if (
        case.expectation is State.UNSPECIFIED
        and is_undocumented
        and context.interaction.is_success
    ):
        label = case.id.rpartition("/")[2].replace("-", " ")
        yield Observation(
            FindingKind.UNDOCUMENTED,
            CheckName.ELSEWHERE,
            context.main_claim,
            Evidence(context.operation.evidence.source, Basis.ASSUMED),
            f"accepted ({label}): {describe_response(context.interaction)}",
            "an error response; no such request is documented",
            case.id,
        )


def check_error_response(context: CheckContext) -> Observations:
    """Check the status, schema, `param` and `code` or `type` of an error response."""
    error, status = context.case.expected_error, context.status
    if error is None or not status >= 400:
        return
    example = context.expected_error
    if status >= 500 > example.status:
        return
    claim = f"{context.operation.id}/errors/{example.name}"
    declared = context.operation.responses[str(example.status)]
    statuses = {example.status, *_other_statuses(context)}
    if status not in statuses and context.case.origin != "malformed":
        yield Observation(
            FindingKind.WRONG_ERROR,
            CheckName.ERROR_STATUS,
            claim,
            declared.evidence,
            describe_response(context.interaction),
            f"status {example.status} for {example.name}",
        )
    response = context.operation.response_for(status) or declared
    yield from check_error_schema(context, response, claim)
    yield from _check_param(context, claim, example.evidence)
    yield from _check_name(context, claim, example)


def _other_statuses(context: CheckContext) -> Iterator[int]:
    """The statuses of the other faults of the request."""
    errors, expected = context.operation.errors, context.case.expected_error
    for name in expected.others if expected else ():
        if name in errors:
            yield errors[name].status


def check_error_schema(
    context: CheckContext, response: Response, claim: str
) -> Observations:
    """Check that an error response is a JSON object by its schema."""
    body = response.bodies.get(JSON)
    if body is None:
        return
    interaction = context.interaction
    if interaction.content_type in response.bodies.keys() - {JSON}:
        return  # an error as a text, which has no fields
    if interaction.content_type != JSON or interaction.object is None:
        yield Observation(
            FindingKind.WRONG_ERROR,
            CheckName.ERROR_IS_JSON,
            claim,
            body.evidence,
            describe_response(interaction),
            "the error as a JSON object",
        )
        return
    yield from schema_violations(
        body,
        interaction.object,
        FindingKind.WRONG_ERROR,
        CheckName.ERROR_ENVELOPE,
        f"{context.operation.id}/{response.status}",
        lambda claim: "an error by the documented schema",
    )


def _check_param(context: CheckContext, claim: str, evidence: Evidence) -> Observations:
    error = context.case.expected_error
    param = error_fields(context.interaction.object).get("param")
    if not error or not error.params or not isinstance(param, str) or not param:
        return
    name = param.replace("[", ".").partition(".")[0]
    if name not in error.params and param not in error.params:
        yield Observation(
            FindingKind.WRONG_ERROR,
            CheckName.ERROR_PARAM,
            claim,
            evidence,
            f"error.param is {describe_value(param)}",
            f"error.param is {' or '.join(error.params)}",
        )


def _check_name(
    context: CheckContext, claim: str, example: ErrorExample
) -> Observations:
    """Check the `code` of an error that has a name of its own, else its `type`."""
    error = context.case.expected_error
    if error is None or error.claim.endswith("/type"):
        return  # a server may reject a wrong type before it looks at any value
    is_named = example.name not in GENERIC_ERRORS
    is_documented = example.evidence.basis is Basis.DOCUMENTED
    if not (is_named and is_documented and context.case.expectation is State.INVALID):
        return
    if context.interaction.object is None:
        return  # what is no JSON object fails another check already
    shown = error_fields(example.body)
    actual = error_fields(context.interaction.object)
    is_code = isinstance(shown.get("code"), str)
    name = "code" if is_code else "type"
    wanted = shown.get(name)
    if isinstance(wanted, str) and "{" not in wanted and actual.get(name) != wanted:
        yield Observation(
            FindingKind.WRONG_ERROR,
            CheckName.ERROR_CODE if is_code else CheckName.ERROR_TYPE,
            claim,
            example.evidence,
            _describe_field(actual, name),
            f"error.{name} is {wanted!r}, as documented for {example.name}",
        )


def _describe_field(error: Mapping[str, Any], name: str) -> str:
    if name in error:
        return f"error.{name} is {describe_value(error[name])}"
    return f"error.{name} is missing; error is {describe_value(error)}"


def check_error_guarantees(context: CheckContext) -> Observations:
    """Check the guarantees of an error response, and that no response has secrets."""
    if (
        context.interaction.earlier_429
        and context.status != HTTPStatus.TOO_MANY_REQUESTS
    ):
        rate_limited = context.operation.responses[str(HTTPStatus.TOO_MANY_REQUESTS)]
        for guarantee in rate_limited.guarantees:
            yield from check_guarantee(context, rate_limited, guarantee)
    if context.interaction.is_success or not context.status:
        return
    declared = context.operation.response_for(context.status)
    guarantees = [(declared, each) for each in declared.guarantees] if declared else []
    success = context.operation.success
    guarantees += [
        (success, each) for each in success.guarantees if each.name == "keeps-secrets"
    ]
    for response, guarantee in guarantees:
        yield from check_guarantee(context, response, guarantee)
