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
from contracts.judging.interaction import Event, Interaction
from contracts.planning.case import Case
from contracts.report.model import Kind
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
GENERIC = {"invalid_request", "unauthenticated", "rate_limited", "server_error"}


@dataclass(frozen=True, slots=True)
class Observation:
    """
    Something that is not as promised.

    `cause` tells two observations of the same check and claim apart where they have
    causes of their own; `also_seen_by` names the checks of other tools that saw it.
    """

    kind: Kind
    check: str
    claim: str
    evidence: Evidence
    message: str
    expected: str
    cause: str = ""
    also_seen_by: tuple[str, ...] = ()


Observations = Iterator[Observation]


@dataclass(frozen=True)
class Subject:
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


def examine(subject: Subject) -> Observations:
    """Everything about an exchange that is not as promised."""
    for check in CHECKS:
        yield from check(subject)


def answers_at_all(subject: Subject) -> Observations:
    problem = subject.interaction.problem
    if problem is None:
        return
    claim = _main_claim(subject)
    evidence = _asked_on(subject, claim)
    yield Observation(
        Kind.CRASH,
        "answers",
        claim,
        evidence,
        problem,
        "a whole answer",
        subject.case.id,
    )


def valid_is_accepted(subject: Subject) -> Observations:
    case, status = subject.case, subject.status
    if (
        case.expectation is not State.VALID
        or not status
        or subject.interaction.is_success
    ):
        return
    claim = _main_claim(subject)
    kind = Kind.CRASH if status >= 500 else Kind.REJECTS_VALID
    yield Observation(
        kind,
        "valid-is-accepted",
        claim,
        _asked_on(subject, claim),
        f"status {status}: {_error_text(subject.interaction)}",
        f"a success: the document calls it valid ({subject.sentence(claim)})",
        case.id if case.origin == "probe" else "",
    )


def invalid_is_refused(subject: Subject) -> Observations:
    case, status = subject.case, subject.status
    if case.fault is None or not status:
        return
    claim = case.fault.claim
    wanted = _error(subject).status
    if subject.interaction.is_success:
        kind, message = Kind.ACCEPTS_INVALID, f"status {status}"
    elif status >= 500 > wanted:
        kind, message = (
            Kind.CRASH,
            f"status {status}: {_error_text(subject.interaction)}",
        )
    elif status < 400:
        kind, message = Kind.WRONG_ERROR, f"status {status}, which refuses nothing"
    else:
        return
    yield Observation(
        kind,
        "invalid-is-refused",
        claim,
        subject.evidence(claim),
        message,
        f"a refusal with status {wanted}: {subject.sentence(claim)}",
        case.id,
    )


def open_questions_do_not_crash(subject: Subject) -> Observations:
    if subject.case.expectation is State.UNSPECIFIED and subject.status >= 500:
        yield Observation(
            Kind.CRASH,
            "no-crash",
            f"{subject.operation.id}/path",
            Evidence(subject.operation.evidence.source, Basis.ASSUMED),
            f"status {subject.status}: {_error_text(subject.interaction)}",
            "an answer below 500; the document leaves this request open",
            subject.case.id,
        )


def nothing_else_answers(subject: Subject) -> Observations:
    """Another method, another path, another media type than the documented ones."""
    case = subject.case
    is_elsewhere = case.origin == "transport" or case.content_type is not None
    if (
        case.expectation is State.UNSPECIFIED
        and is_elsewhere
        and subject.interaction.is_success
    ):
        claim = _main_claim(subject)
        what = case.id.rpartition("/")[2].replace("-", " ")
        yield Observation(
            Kind.UNDOCUMENTED,
            "elsewhere",
            claim,
            Evidence(subject.operation.evidence.source, Basis.ASSUMED),
            f"status {subject.status} ({what})",
            "a refusal; the document knows no such request",
            case.id,
        )


def refusal_is_as_documented(subject: Subject) -> Observations:
    """Status, envelope and the member blamed."""
    fault, status = subject.case.fault, subject.status
    if fault is None or not status >= 400:
        return
    example = _error(subject)
    if status >= 500 > example.status:
        return
    claim = f"{subject.operation.id}/errors/{example.name}"
    declared = subject.operation.responses[str(example.status)]
    if status != example.status and subject.case.origin != "malformed":
        yield Observation(
            Kind.WRONG_ERROR,
            "error-status",
            claim,
            declared.evidence,
            f"status {status}",
            f"status {example.status} for {example.name}",
        )
    response = subject.operation.response_for(status) or declared
    yield from _envelope(subject, response, claim)
    yield from _blame(subject, claim, example.evidence)
    yield from _named(subject, claim, example)


def _named(subject: Subject, claim: str, example: ErrorExample) -> Observations:
    """Whether an error with a name of its own bears it: its code, else its type."""
    fault = subject.case.fault
    if fault is None or fault.claim.endswith("/type"):
        return  # wrong types may be refused before any value is looked at
    is_named = example.name not in GENERIC
    is_promised = example.evidence.basis is Basis.DOCUMENTED
    if not (is_named and is_promised and subject.case.expectation is State.INVALID):
        return
    shown, came = _members(example.body), _members(subject.interaction.object)
    member = "code" if isinstance(shown.get("code"), str) else "type"
    wanted = shown.get(member)
    if isinstance(wanted, str) and "{" not in wanted and came.get(member) != wanted:
        yield Observation(
            Kind.WRONG_ERROR,
            f"error-{member}",
            claim,
            example.evidence,
            f"{member} is {str(came.get(member))[:80]!r}",
            f"{member} {wanted!r}, as of every {example.name}",
        )


def _members(body: Any) -> dict[str, Any]:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _envelope(subject: Subject, response: Response, claim: str) -> Observations:
    body = response.bodies.get("application/json")
    if body is None:
        return
    interaction = subject.interaction
    if interaction.content_type != "application/json" or interaction.object is None:
        yield Observation(
            Kind.WRONG_ERROR,
            "error-is-json",
            claim,
            body.evidence,
            _what_came(interaction),
            "the error as a JSON object",
        )
        return
    begin = f"{subject.operation.id}/{response.status}"
    yield from _violations(
        body,
        interaction.object,
        Kind.WRONG_ERROR,
        "error-envelope",
        begin,
        lambda claim: "an error as the document shows it",
    )


def _violations(
    body: Body,
    value: Any,
    kind: Kind,
    check: str,
    begin: str,
    expected: Callable[[str], str],
) -> Observations:
    """What the judge has against a part of an answer, claim by claim."""
    for violation in body.judge.judge(value).violations:
        claim = f"{begin}/{violation.claim}"
        yield Observation(
            kind, check, claim, violation.evidence, str(violation), expected(claim)
        )


def _blame(subject: Subject, claim: str, evidence: Evidence) -> Observations:
    fault = subject.case.fault
    error = (subject.interaction.object or {}).get("error")
    param = error.get("param") if isinstance(error, dict) else None
    if not fault or not fault.params or not isinstance(param, str) or not param:
        return
    blamed = param.replace("[", ".").partition(".")[0]
    if blamed not in fault.params:
        yield Observation(
            Kind.WRONG_ERROR,
            "error-param",
            claim,
            evidence,
            f"param is {param[:80]!r}",
            f"param names {' or '.join(fault.params)}",
        )


def success_is_as_documented(subject: Subject) -> Observations:
    """The schema of a success, and what it must keep beyond it."""
    if not subject.interaction.is_success or subject.case.fault is not None:
        return
    response = subject.operation.response_for(subject.status)
    if response is None:
        yield Observation(
            Kind.UNDOCUMENTED,
            "status",
            f"{subject.operation.id}/path",
            subject.operation.evidence,
            f"status {subject.status} is not in the document",
            f"one of {', '.join(subject.operation.responses)}",
        )
        return
    is_valid = subject.case.expectation is State.VALID
    if is_valid or subject.interaction.is_stream:
        yield from _schema(subject, response)
    if not is_valid and not subject.interaction.is_stream:
        return
    for guarantee in response.guarantees:
        if not is_valid and guarantee.evidence.basis is Basis.DOCUMENTED:
            continue  # promised of what the document speaks of, not of this
        if guarantee.applies_to(subject.answer.asked):
            yield from _kept(subject, response, guarantee.name, guarantee.evidence)


def refusals_keep_guarantees(subject: Subject) -> Observations:
    if subject.interaction.is_success or not subject.status:
        return
    declared = subject.operation.response_for(subject.status)
    own = [(declared, each) for each in declared.guarantees] if declared else []
    success = subject.operation.success
    both = [
        (success, each) for each in success.guarantees if each.name == "keeps-secrets"
    ]
    for response, guarantee in (*own, *both):
        yield from _kept(subject, response, guarantee.name, guarantee.evidence)


def _kept(
    subject: Subject, response: Response, name: str, evidence: Evidence
) -> Observations:
    claim = f"{subject.operation.id}/{response.status}/guarantees/{name}"
    kind = Kind.WRONG_RESPONSE if subject.interaction.is_success else Kind.WRONG_ERROR
    for message in guarantees.CHECKS[name](subject.answer):
        yield Observation(kind, name, claim, evidence, message, subject.sentence(claim))


def _schema(subject: Subject, response: Response) -> Observations:
    begin = f"{subject.operation.id}/{response.status}"
    if subject.interaction.is_stream and EVENT_STREAM in response.bodies:
        known = response.bodies[EVENT_STREAM].events
        for event in subject.interaction.events:
            yield from _event(
                event, known, begin, response.bodies[EVENT_STREAM].evidence
            )
        return
    body = response.bodies.get("application/json")
    value = subject.interaction.object
    if body is None:
        return
    if value is None:
        yield Observation(
            Kind.WRONG_RESPONSE,
            "body",
            f"{begin}/type",
            body.evidence,
            _what_came(subject.interaction),
            "a JSON object",
        )
        return
    yield from _violations(
        body, value, Kind.WRONG_RESPONSE, "schema", begin, subject.sentence
    )
    for name in _unlisted(value, body.schema):
        yield Observation(
            Kind.UNDOCUMENTED,
            "member",
            f"{begin}/type",
            body.evidence,
            f"the answer has a member '{name}' that the document does not list",
            "no more than the document lists",
            name,
        )


def _event(
    event: Event, known: Mapping[str, Body], begin: str, evidence: Evidence
) -> Observations:
    if event.data == "[DONE]":
        yield Observation(
            Kind.UNDOCUMENTED,
            "event",
            f"{begin}/events",
            evidence,
            "the stream ends with [DONE]",
            "an end without a sentinel",
        )
        return
    type_ = event.data.get("type") if isinstance(event.data, dict) else None
    body = known.get(str(type_))
    if body is None:
        wrong = event.problem or f"its type is {type_!r}"
        yield Observation(
            Kind.WRONG_RESPONSE,
            "event",
            f"{begin}/events",
            evidence,
            f"an event {wrong}",
            f"events of the types {', '.join(known)}",
        )
        return
    yield from _violations(
        body,
        event.data,
        Kind.WRONG_RESPONSE,
        "event-schema",
        f"{begin}/events/{type_}",
        lambda claim: f"an event {type_} as the document shows it",
    )


def _unlisted(value: Any, schema: Any, above: str = "") -> Iterator[str]:
    """Members that a schema with properties does not list, one of each."""
    if isinstance(value, list) and isinstance(schema, dict):
        seen = {
            name
            for each in value
            for name in _unlisted(each, schema.get("items"), f"{above}[]")
        }
        yield from sorted(seen)
    if not isinstance(value, dict) or not isinstance(schema, dict):
        return
    listed = schema.get("properties")
    if listed is None:
        return
    for name, each in value.items():
        path = f"{above}.{name}".removeprefix(".")
        if name not in listed:
            yield path
        else:
            yield from _unlisted(each, listed[name], path)


def _error(subject: Subject) -> Any:
    name = subject.case.fault.error if subject.case.fault else "invalid_request"
    errors = subject.operation.errors
    return errors.get(name, errors["invalid_request"])


def _main_claim(subject: Subject) -> str:
    case = subject.case
    if case.fault is not None:
        return case.fault.claim
    return next(iter(case.claims), f"{subject.operation.id}/path")


def _asked_on(subject: Subject, claim: str) -> Evidence:
    """The evidence for a request's being answered: never firmer than its validity."""
    evidence = subject.evidence(claim)
    if subject.case.expectation is State.UNSPECIFIED:
        return Evidence(evidence.source, Basis.ASSUMED)
    if subject.case.basis is not Basis.DOCUMENTED:
        return Evidence(evidence.source, subject.case.basis)
    return evidence


def _what_came(interaction: Interaction) -> str:
    return (
        f"{interaction.content_type or 'no content type'}: {_error_text(interaction)}"
    )


def _error_text(interaction: Interaction) -> str:
    text = interaction.body[:300].decode("utf-8", "replace")
    return " ".join(text.split())[:160] or "an empty body"


CHECKS = (
    answers_at_all,
    valid_is_accepted,
    invalid_is_refused,
    open_questions_do_not_crash,
    nothing_else_answers,
    refusal_is_as_documented,
    success_is_as_documented,
    refusals_keep_guarantees,
)
