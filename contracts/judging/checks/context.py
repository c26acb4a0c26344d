"""The exchange that checks examine, the observations they yield, and common parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.judging.guarantees.table import GUARANTEES, Answer
from contracts.judging.interaction import Interaction
from contracts.media.description import describe_value, shorten_base64
from contracts.planning.case import Case
from contracts.report.model import CheckName, FindingKind
from specs import (
    Basis,
    Body,
    Claim,
    ErrorExample,
    Evidence,
    Guarantee,
    Operation,
    Response,
    State,
    Violation,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """
    One violation that a check saw in one exchange.

    `cause` distinguishes observations of the same check and claim that have different
    causes. `also_seen_by` has the checks of other tools that saw the same. `field`,
    `asked` and `came` are those of a `Breach`.
    """

    kind: FindingKind
    check: str
    claim: str
    evidence: Evidence
    message: str
    expected: str
    cause: str = ""
    also_seen_by: tuple[str, ...] = ()
    field: str | None = None
    asked: str | None = None
    came: str | None = None


Observations = Iterator[Observation]
NOT_SERVED = (404, 405, 501)  # the statuses of a path that a server does not know


@dataclass(frozen=True)
class CheckContext:
    """
    An exchange, its case, and the operation and claims it is checked against.

    `models` are those that the document names.
    """

    answer: Answer
    case: Case
    operation: Operation
    claims: Mapping[str, Claim]
    models: Sequence[str] = ()

    @property
    def interaction(self) -> Interaction:
        return self.answer.interaction

    @property
    def status(self) -> int:
        """The status of the response; 0 if there is none."""
        return self.interaction.status or 0

    @property
    def main_claim(self) -> str:
        """The claim that is violated if the case does not get the expected result."""
        if self.case.expected_error is not None:
            return self.case.expected_error.claim
        return next(iter(self.case.claims), f"{self.operation.id}/path")

    @property
    def expected_error(self) -> ErrorExample:
        """The error of the document that the case leads to."""
        error = self.case.expected_error
        errors = self.operation.errors
        return errors.get(error.error if error else "", errors["invalid_request"])

    def evidence(self, claim: str) -> Evidence:
        known = self.claims.get(claim)
        return known.evidence if known else self.operation.evidence

    def acceptance_evidence(self, claim: str) -> Evidence:
        """
        The evidence that the request succeeds: not firmer than that it is valid.

        A server of images need not serve operations on models.
        """
        evidence = self.evidence(claim)
        is_first = self.case.claims[:1] == (f"{self.operation.id}/path",)
        is_unserved = self.operation.models is not None and self.status in NOT_SERVED
        if self.case.expectation is State.UNSPECIFIED or (is_first and is_unserved):
            return Evidence(evidence.source, Basis.ASSUMED)
        if self.case.basis is not Basis.DOCUMENTED:
            return Evidence(evidence.source, self.case.basis)
        return evidence

    def sentence(self, claim: str) -> str:
        """The claim as a sentence; empty for an unknown claim."""
        known = self.claims.get(claim)
        return known.sentence if known else ""


def check_guarantee(
    context: CheckContext, response: Response, documented: Guarantee
) -> Observations:
    """Yield the breaches of one guarantee that a response of the document has."""
    claim = f"{context.operation.id}/{response.status}/guarantees/{documented.name}"
    guarantee = GUARANTEES[documented.name]
    is_error = guarantee.errors_only or not context.interaction.is_success
    kind = FindingKind.WRONG_ERROR if is_error else FindingKind.WRONG_RESPONSE
    for breach in guarantee.check(context.answer):
        yield Observation(
            kind,
            documented.name,
            claim,
            documented.evidence,
            breach.message,
            context.sentence(claim),
            field=breach.field,
            asked=breach.asked,
            came=breach.came,
        )


def schema_violations(
    body: Body,
    value: object,
    kind: FindingKind,
    check: CheckName,
    claim_prefix: str,
    expected: Callable[[str], str],
    place: str = "",
) -> Observations:
    """
    Yield the violations of a schema by a part of a response, one per claim.

    `place` is where the part stood, if it is not the whole body: `event 2`.
    """
    for violation in body.judge.judge(value).violations:
        claim = f"{claim_prefix}/{violation.claim}"
        message = describe_violation(violation, place or "the body")
        yield Observation(
            kind, check, claim, violation.evidence, message, expected(claim)
        )


def describe_violation(violation: Violation, place: str) -> str:
    """The value that violates a schema, where it stood, and what it must be."""
    inside = "" if place == "the body" else f" of {place}"
    if violation.keyword == "required":
        parent = describe_value(violation.value)
        return f"{violation.param}{inside} is missing from {parent}"
    where = f"{violation.param}{inside}" if violation.param else place
    rule = shorten_base64(violation.message)
    return f"{where} is {describe_value(violation.value)}; {rule}"
