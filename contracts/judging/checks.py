"""
The judges of an answer: each yields what it finds, and asks not whom it talks to.

What the document says of the request decides what is expected; the judge, the error
catalogue and the guarantees say whether it came.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.judging import guarantees
from contracts.judging.guarantees import Answer
from contracts.judging.interaction import Interaction, ServerSentEvent
from contracts.judging.outcome import top_level_field
from contracts.planning.case import Case, Origin
from contracts.report.model import FindingKind
from specs import (
    EVENT_STREAM,
    Basis,
    Body,
    Claim,
    ErrorExample,
    Evidence,
    Operation,
    Response,
    State,
)

# Each stands for many; only those with a name of their own have words of their own.
GENERIC_ERRORS = {"invalid_request", "unauthenticated", "rate_limited", "server_error"}


@dataclass(frozen=True, slots=True)
class Observation:
    """
    Something that is not as promised.

    `cause` tells two observations of the same check and claim apart where they have
    causes of their own; `also_seen_by` names the checks of other tools that saw it.
    """

    kind: FindingKind
    check: str
    claim: str
    evidence: Evidence
    message: str
    expected: str
    cause: str = ""
    also_seen_by: tuple[str, ...] = ()


Observations = Iterator[Observation]


@dataclass(frozen=True)
class CheckContext:
    """One exchange under examination."""

    answer: Answer
    case: Case
    operation: Operation
    claims: Mapping[str, Claim]

    @property
    def interaction(self) -> Interaction:
        return self.answer.interaction

    @property
    def status(self) -> int:
        return self.interaction.status or 0

    def evidence(self, claim: str) -> Evidence:
        found = self.claims.get(claim)
        return found.evidence if found else self.operation.evidence

    def sentence(self, claim: str) -> str:
        found = self.claims.get(claim)
        return found.sentence if found else ""


def examine(context: CheckContext) -> Observations:
    """Everything about an exchange that is not as promised."""
    for check in CHECKS:
        yield from check(context)


def check_answered(context: CheckContext) -> Observations:
    problem = context.interaction.problem
    if problem is None:
        return
    claim = _main_claim(context)
    evidence = _acceptance_evidence(context, claim)
    yield Observation(
        FindingKind.CRASH,
        "answers",
        claim,
        evidence,
        problem,
        "a whole answer",
        context.case.id,
    )


def check_valid_accepted(context: CheckContext) -> Observations:
    case, status = context.case, context.status
    if (
        case.expectation is not State.VALID
        or not status
        or context.interaction.is_success
    ):
        return
    claim = _main_claim(context)
    kind = FindingKind.CRASH if status >= 500 else FindingKind.REJECTS_VALID
    yield Observation(
        kind,
        "valid-is-accepted",
        claim,
        _acceptance_evidence(context, claim),
        f"status {status}: {_body_excerpt(context.interaction)}",
        f"a success: the document calls it valid ({context.sentence(claim)})",
        case.id if case.origin == Origin.PROBE else "",
    )


def check_invalid_rejected(context: CheckContext) -> Observations:
    case, status = context.case, context.status
    if case.expected_error is None or not status:
        return
    claim = case.expected_error.claim
    wanted = _expected_error(context).status
    if context.interaction.is_success:
        kind, message = FindingKind.ACCEPTS_INVALID, f"status {status}"
    elif status >= 500 > wanted:
        kind, message = (
            FindingKind.CRASH,
            f"status {status}: {_body_excerpt(context.interaction)}",
        )
    elif status < 400:
        kind, message = (
            FindingKind.WRONG_ERROR,
            f"status {status}, which refuses nothing",
        )
    else:
        return
    yield Observation(
        kind,
        "invalid-is-refused",
        claim,
        context.evidence(claim),
        message,
        f"a refusal with status {wanted}: {context.sentence(claim)}",
        case.id,
    )


def check_unspecified_does_not_crash(context: CheckContext) -> Observations:
    if context.case.expectation is State.UNSPECIFIED and context.status >= 500:
        yield Observation(
            FindingKind.CRASH,
            "no-crash",
            f"{context.operation.id}/path",
            Evidence(context.operation.evidence.source, Basis.ASSUMED),
            f"status {context.status}: {_body_excerpt(context.interaction)}",
            "an answer below 500; the document leaves this request open",
            context.case.id,
        )


def check_undocumented_request_rejected(context: CheckContext) -> Observations:
    """Another method, another path, another media type than the documented ones."""
    case = context.case
    is_elsewhere = case.origin == Origin.TRANSPORT or case.content_type is not None
    if (
        case.expectation is State.UNSPECIFIED
        and is_elsewhere
        and context.interaction.is_success
    ):
        claim = _main_claim(context)
        what = case.id.rpartition("/")[2].replace("-", " ")
        yield Observation(
            FindingKind.UNDOCUMENTED,
            "elsewhere",
            claim,
            Evidence(context.operation.evidence.source, Basis.ASSUMED),
            f"status {context.status} ({what})",
            "a refusal; the document knows no such request",
            case.id,
        )


def check_error_response(context: CheckContext) -> Observations:
    """Status, envelope and the member blamed."""
    fault, status = context.case.expected_error, context.status
    if fault is None or not status >= 400:
        return
    example = _expected_error(context)
    if status >= 500 > example.status:
        return
    claim = f"{context.operation.id}/errors/{example.name}"
    declared = context.operation.responses[str(example.status)]
    if status != example.status and context.case.origin != Origin.MALFORMED:
        yield Observation(
            FindingKind.WRONG_ERROR,
            "error-status",
            claim,
            declared.evidence,
            f"status {status}",
            f"status {example.status} for {example.name}",
        )
    response = context.operation.response_for(status) or declared
    yield from _check_error_schema(context, response, claim)
    yield from _check_error_param(context, claim, example.evidence)
    yield from _check_error_name(context, claim, example)


def _check_error_name(
    context: CheckContext, claim: str, example: ErrorExample
) -> Observations:
    """Whether an error with a name of its own bears it: its code, else its type."""
    fault = context.case.expected_error
    if fault is None or fault.claim.endswith("/type"):
        return  # wrong types may be refused before any value is looked at
    is_named = example.name not in GENERIC_ERRORS
    is_promised = example.evidence.basis is Basis.DOCUMENTED
    if not (is_named and is_promised and context.case.expectation is State.INVALID):
        return
    shown, came = _error_fields(example.body), _error_fields(context.interaction.object)
    member = "code" if isinstance(shown.get("code"), str) else "type"
    wanted = shown.get(member)
    if isinstance(wanted, str) and "{" not in wanted and came.get(member) != wanted:
        yield Observation(
            FindingKind.WRONG_ERROR,
            f"error-{member}",
            claim,
            example.evidence,
            f"{member} is {str(came.get(member))[:80]!r}",
            f"{member} {wanted!r}, as of every {example.name}",
        )


def _error_fields(body: Any) -> dict[str, Any]:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _check_error_schema(
    context: CheckContext, response: Response, claim: str
) -> Observations:
    body = response.bodies.get("application/json")
    if body is None:
        return
    interaction = context.interaction
    if interaction.content_type != "application/json" or interaction.object is None:
        yield Observation(
            FindingKind.WRONG_ERROR,
            "error-is-json",
            claim,
            body.evidence,
            _describe_response(interaction),
            "the error as a JSON object",
        )
        return
    begin = f"{context.operation.id}/{response.status}"
    yield from _schema_violations(
        body,
        interaction.object,
        FindingKind.WRONG_ERROR,
        "error-envelope",
        begin,
        lambda claim: "an error as the document shows it",
    )


def _schema_violations(
    body: Body,
    value: Any,
    kind: FindingKind,
    check: str,
    claim_prefix: str,
    expected: Callable[[str], str],
) -> Observations:
    """What the judge has against a part of an answer, claim by claim."""
    for violation in body.judge.judge(value).violations:
        claim = f"{claim_prefix}/{violation.claim}"
        yield Observation(
            kind, check, claim, violation.evidence, str(violation), expected(claim)
        )


def _check_error_param(
    context: CheckContext, claim: str, evidence: Evidence
) -> Observations:
    fault = context.case.expected_error
    error = (context.interaction.object or {}).get("error")
    param = error.get("param") if isinstance(error, dict) else None
    if not fault or not fault.params or not isinstance(param, str) or not param:
        return
    if top_level_field(param) not in fault.params:
        yield Observation(
            FindingKind.WRONG_ERROR,
            "error-param",
            claim,
            evidence,
            f"param is {param[:80]!r}",
            f"param names {' or '.join(fault.params)}",
        )


def check_success_response(context: CheckContext) -> Observations:
    """The schema of a success, and what it must keep beyond it."""
    if not context.interaction.is_success or context.case.expected_error is not None:
        return
    response = context.operation.response_for(context.status)
    if response is None:
        yield Observation(
            FindingKind.UNDOCUMENTED,
            "status",
            f"{context.operation.id}/path",
            context.operation.evidence,
            f"status {context.status} is not in the document",
            f"one of {', '.join(context.operation.responses)}",
        )
        return
    is_valid = context.case.expectation is State.VALID
    if is_valid or context.interaction.is_stream:
        yield from _check_success_schema(context, response)
    if not is_valid and not context.interaction.is_stream:
        return
    for guarantee in response.guarantees:
        if not is_valid and guarantee.evidence.basis is Basis.DOCUMENTED:
            continue  # promised of what the document speaks of, not of this
        if guarantee.applies_to(context.answer.request):
            yield from _check_guarantee(
                context, response, guarantee.name, guarantee.evidence
            )


def check_error_guarantees(context: CheckContext) -> Observations:
    if context.interaction.is_success or not context.status:
        return
    declared = context.operation.response_for(context.status)
    own = [(declared, each) for each in declared.guarantees] if declared else []
    success = context.operation.success
    both = [
        (success, each) for each in success.guarantees if each.name == "keeps-secrets"
    ]
    for response, guarantee in (*own, *both):
        yield from _check_guarantee(
            context, response, guarantee.name, guarantee.evidence
        )


def _check_guarantee(
    context: CheckContext, response: Response, guarantee_name: str, evidence: Evidence
) -> Observations:
    claim = f"{context.operation.id}/{response.status}/guarantees/{guarantee_name}"
    kind = (
        FindingKind.WRONG_RESPONSE
        if context.interaction.is_success
        else FindingKind.WRONG_ERROR
    )
    for message in guarantees.CHECKS[guarantee_name](context.answer):
        yield Observation(
            kind, guarantee_name, claim, evidence, message, context.sentence(claim)
        )


def _check_success_schema(context: CheckContext, response: Response) -> Observations:
    begin = f"{context.operation.id}/{response.status}"
    if context.interaction.is_stream and EVENT_STREAM in response.bodies:
        known = response.bodies[EVENT_STREAM].events
        for event in context.interaction.events:
            yield from _check_event(
                event, known, begin, response.bodies[EVENT_STREAM].evidence
            )
        return
    body = response.bodies.get("application/json")
    value = context.interaction.object
    if body is None:
        return
    if value is None:
        yield Observation(
            FindingKind.WRONG_RESPONSE,
            "body",
            f"{begin}/type",
            body.evidence,
            _describe_response(context.interaction),
            "a JSON object",
        )
        return
    yield from _schema_violations(
        body, value, FindingKind.WRONG_RESPONSE, "schema", begin, context.sentence
    )
    for name in _undocumented_fields(value, body.schema):
        yield Observation(
            FindingKind.UNDOCUMENTED,
            "member",
            f"{begin}/type",
            body.evidence,
            f"the answer has a member '{name}' that the document does not list",
            "no more than the document lists",
            name,
        )


def _check_event(
    event: ServerSentEvent,
    bodies_by_type: Mapping[str, Body],
    claim_prefix: str,
    evidence: Evidence,
) -> Observations:
    if event.data == "[DONE]":
        yield Observation(
            FindingKind.UNDOCUMENTED,
            "event",
            f"{claim_prefix}/events",
            evidence,
            "the stream ends with [DONE]",
            "an end without a sentinel",
        )
        return
    type_ = event.data.get("type") if isinstance(event.data, dict) else None
    body = bodies_by_type.get(str(type_))
    if body is None:
        wrong = event.problem or f"its type is {type_!r}"
        yield Observation(
            FindingKind.WRONG_RESPONSE,
            "event",
            f"{claim_prefix}/events",
            evidence,
            f"an event {wrong}",
            f"events of the types {', '.join(bodies_by_type)}",
        )
        return
    yield from _schema_violations(
        body,
        event.data,
        FindingKind.WRONG_RESPONSE,
        "event-schema",
        f"{claim_prefix}/events/{type_}",
        lambda claim: f"an event {type_} as the document shows it",
    )


def _undocumented_fields(
    value: Any, schema: Any, parent_path: str = ""
) -> Iterator[str]:
    """Members that a schema with properties does not list, one of each."""
    if isinstance(value, list) and isinstance(schema, dict):
        seen = {
            name
            for each in value
            for name in _undocumented_fields(
                each, schema.get("items"), f"{parent_path}[]"
            )
        }
        yield from sorted(seen)
    if not isinstance(value, dict) or not isinstance(schema, dict):
        return
    listed = schema.get("properties")
    if listed is None:
        return
    for name, each in value.items():
        path = f"{parent_path}.{name}".removeprefix(".")
        if name not in listed:
            yield path
        else:
            yield from _undocumented_fields(each, listed[name], path)


def _expected_error(context: CheckContext) -> Any:
    name = (
        context.case.expected_error.error
        if context.case.expected_error
        else "invalid_request"
    )
    errors = context.operation.errors
    return errors.get(name, errors["invalid_request"])


def _main_claim(context: CheckContext) -> str:
    case = context.case
    if case.expected_error is not None:
        return case.expected_error.claim
    return next(iter(case.claims), f"{context.operation.id}/path")


def _acceptance_evidence(context: CheckContext, claim: str) -> Evidence:
    """The evidence for a request's being answered: never firmer than its validity."""
    evidence = context.evidence(claim)
    if context.case.expectation is State.UNSPECIFIED:
        return Evidence(evidence.source, Basis.ASSUMED)
    if context.case.basis is not Basis.DOCUMENTED:
        return Evidence(evidence.source, context.case.basis)
    return evidence


def _describe_response(interaction: Interaction) -> str:
    return (
        f"{interaction.content_type or 'no content type'}: {_body_excerpt(interaction)}"
    )


def _body_excerpt(interaction: Interaction) -> str:
    text = interaction.body[:300].decode("utf-8", "replace")
    return " ".join(text.split())[:160] or "an empty body"


CHECKS = (
    check_answered,
    check_valid_accepted,
    check_invalid_rejected,
    check_unspecified_does_not_crash,
    check_undocumented_request_rejected,
    check_error_response,
    check_success_response,
    check_error_guarantees,
)
