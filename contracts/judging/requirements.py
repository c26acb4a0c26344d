"""Judge the targets of a run by a set of requirements."""

from contracts.judging.guarantees.table import GUARANTEES
from contracts.report.model import (
    ClaimRecord,
    Finding,
    FindingKind,
    Outcome,
    Report,
    TargetRecord,
)
from contracts.report.requirements import (
    RequirementResult,
    RequirementsRecord,
    RequirementStatus,
    RequirementVerdict,
)
from contracts.text import join_some
from specs import Basis
from specs.requirement_sets import Requirement, RequirementSet

MAX_NAMED = 3  # claims in a reason
_SCORED_BASES = {Basis.DOCUMENTED, Basis.REFERENCE}
_UNSHOWN_VALUES = (None, "auto")  # of a field: no response shows what became of it


def requirements_record(wanted: RequirementSet, report: Report) -> RequirementsRecord:
    """
    The results of a set of requirements at each target of a report.

    A requirement is judged by the claims of the target's own document that have the
    same id and say the same. It fails if a response contradicts one of them, is
    inconclusive if a contradiction was not seen each time, and passes if a response
    shows each.
    """
    return RequirementsRecord(
        wanted.name,
        wanted.title,
        wanted.version,
        wanted.sha256,
        wanted.proves_not,
        tuple(
            _TargetJudge(wanted, each, report.for_provider(each.provider)).verdict()
            for each in report.metadata.targets
        ),
    )


class _TargetJudge:
    """The claims, outcomes and findings of one target."""

    def __init__(
        self, wanted: RequirementSet, target: TargetRecord, part: Report
    ) -> None:
        self._wanted = wanted
        self._target = target
        self._claims = _by_reference_id(target)
        self._outcomes = [
            each
            for each in part.outcomes
            if each.status is not None and each.reason_not_tested is None
        ]
        self._failed: dict[str, set[str]] = {}
        self._unclear: dict[str, set[str]] = {}
        for outcome in part.outcomes:
            for finding in filter(_counts, outcome.findings):
                found = self._unclear if finding.flaky else self._failed
                found.setdefault(finding.claim, set()).add(finding.fingerprint)

    def verdict(self) -> RequirementVerdict:
        results: dict[str, RequirementResult] = {}
        for requirement in self._wanted.requirements:
            results[requirement.id] = self._result(requirement, results)
        return RequirementVerdict(
            self._target.provider, tuple(results.values()), self._not_scored()
        )

    def _result(
        self, requirement: Requirement, earlier: dict[str, RequirementResult]
    ) -> RequirementResult:
        status, reason = RequirementStatus.PASSED, ""
        claims, otherwise = self._applying(requirement)
        checks: set[str] = set()
        needed = earlier.get(requirement.needs)
        unseen = [each.id for each in claims if not self._is_shown(each)]
        ids = [each.id for each in claims]
        if not claims:
            status, reason = RequirementStatus.DOES_NOT_APPLY, otherwise
        elif needed is not None and needed.status is not RequirementStatus.PASSED:
            is_open = needed.status in {
                RequirementStatus.NOT_TESTED,
                RequirementStatus.INCONCLUSIVE,
            }
            status = (
                RequirementStatus.NOT_TESTED
                if is_open
                else RequirementStatus.DOES_NOT_APPLY
            )
            reason = f"it needs {needed.id}: {needed.status}"
        elif failed := [each for each in ids if each in self._failed]:
            status, reason = RequirementStatus.FAILED, _named("contradicted", failed)
            checks = set().union(*(self._failed[each] for each in failed))
        elif unclear := [each for each in ids if each in self._unclear]:
            status = RequirementStatus.INCONCLUSIVE
            reason = _named("not contradicted each time", unclear)
            checks = set().union(*(self._unclear[each] for each in unclear))
        elif unseen:
            status = RequirementStatus.NOT_TESTED
            reason = _named("no response shows", unseen)
        return RequirementResult(
            requirement.id,
            requirement.level,
            requirement.says,
            status,
            reason,
            tuple(ids),
            tuple(sorted(checks)),
        )

    def _applying(self, requirement: Requirement) -> tuple[list[ClaimRecord], str]:
        """The claims to judge it by; without any, the reason why it does not apply."""
        found: list[ClaimRecord] = []
        reason = "its document makes no such claim"
        call = self._target.call
        selected = call.operations if call else ()
        for id_, sentence in requirement.claims.items():
            claim = self._claims.get(id_)
            if claim is None:
                continue
            if selected and claim.operation not in selected:
                reason = f"{claim.operation} was left out with --operations"
            elif claim.basis not in _SCORED_BASES:
                reason = f"no page says it: {claim.id} is assumed"
            elif claim.sentence != sentence:
                reason = f"its document says otherwise: {claim.sentence}"
            else:
                found.append(claim)
        return found, reason

    def _is_shown(self, claim: ClaimRecord) -> bool:
        """True if a response shows whether the claim holds."""
        _, _, rest = claim.id.partition("/")
        head, _, part = rest.partition("/")
        own = [each for each in self._outcomes if each.operation == claim.operation]
        if head == "errors":
            return claim.asked > 0
        if head.isdigit() and not head.startswith("2"):
            return any(each.status == int(head) for each in own)
        shown = [each for each in own if each.images]
        if head.isdigit():
            return _shows_response(part, shown)
        if head == "path":
            return bool(shown)
        rejected = [each for each in own if _is_rejected(each)]
        return any(claim.id in each.claims for each in (*shown, *rejected))

    def _not_scored(self) -> int:
        """The number of tested claims that are neither required nor excluded."""
        required, exclusion_of = self._wanted.claims, self._wanted.exclusion_of
        known = {
            claim.id
            for id_, claim in self._claims.items()
            if id_ in required or exclusion_of(id_) is not None
        }
        operations = {each.partition("/")[0] for each in required}
        return sum(
            each.asked > 0
            and each.id not in known
            and each.operation in operations
            and each.basis in _SCORED_BASES
            for each in self._target.claims
        )


def _by_reference_id(target: TargetRecord) -> dict[str, ClaimRecord]:
    """
    The claims of a target by the ids that the reference has for them.

    An operation with one kind of body has it in no claim id, one with two in each.
    """
    own = {each.id: each for each in target.claims}
    found: dict[str, ClaimRecord] = {}
    for id_, claim in own.items():
        start = f"{claim.operation}/request"
        body = own.get(start)
        if body is not None and (id_ == start or id_.startswith(f"{start}/")):
            kind = "form" if "multipart/" in body.sentence else "json"
            found[f"{start}-{kind}{id_.removeprefix(start)}"] = claim
    return {**found, **own}


def _counts(finding: Finding) -> bool:
    """True for what contradicts a claim of the document or of the reference."""
    return finding.kind is not FindingKind.UNDOCUMENTED and (
        finding.basis in _SCORED_BASES
    )


def _shows_response(part: str, shown: list[Outcome]) -> bool:
    """True if one of the responses with images shows a claim about a success."""
    _, _, name = part.partition("guarantees/")
    guarantee = GUARANTEES.get(name)
    is_of_stream = part.startswith("events/") or (
        guarantee is not None and guarantee.streams_only
    )
    if is_of_stream:
        shown = [each for each in shown if each.fields.get("stream") == "true"]
    if guarantee is None:
        return bool(shown)
    if guarantee.comparison:
        return len(shown) > 1
    if not guarantee.field or guarantee.row:
        return bool(shown)
    values = (each.fields.get(guarantee.field) for each in shown)
    return any(each not in _UNSHOWN_VALUES for each in values)


def _is_rejected(outcome: Outcome) -> bool:
    is_client_error = 400 <= (outcome.status or 0) < 500
    return outcome.expectation == "invalid" and is_client_error


def _named(problem: str, claims: list[str]) -> str:
    return f"{problem}: {join_some(claims, MAX_NAMED)}"
