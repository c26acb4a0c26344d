"""Measure what the targets of a run do for each feature, by outcomes and findings."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts.compare.documents.model import (
    Conformance,
    MeasuredBehavior,
    MeasuredTarget,
    TargetMeasurements,
)
from contracts.compare.measured.claim_rows import answer_names, has_nested_row, row_of
from contracts.compare.measured.evidence import (
    OPEN_VALUES,
    honours_field,
    missing_evidence,
    row_evidence,
    shows_field,
)
from contracts.judging.guarantees.table import COMPARED_FIELDS, GUARANTEES
from contracts.judging.outcome import FeatureVerdict
from contracts.planning.case import Origin
from contracts.report.model import (
    ClaimRecord,
    Finding,
    Outcome,
    Report,
    TargetRecord,
)
from specs import Provider

ACCEPTED = "accepted; no response shows if it is honoured"
# Origins of cases that each test one thing.
PROBE_ORIGINS = (Origin.PROBE, Origin.STREAM, Origin.EXAMPLE)
# A cell that fails does not also say that the field has its effect.
GOOD_VERDICTS = (FeatureVerdict.HONOURED, FeatureVerdict.RENAMED)


def measurements_of_run(
    report: Report, known: Mapping[str, Provider]
) -> Iterator[TargetMeasurements]:
    """Yield the measurements of each target that claims to be a known provider."""
    for target in report.metadata.targets:
        provider = known.get(target.provider)
        if provider is None:
            continue
        part = report.for_provider(target.provider)
        yield TargetMeasurements(
            MeasuredTarget(
                label=target.provider,
                provider=target.provider,
                title=target.title,
                base_url=target.base_url,
                is_mock=target.is_mock,
                started=report.metadata.started,
                asked=len(part.outcomes),
            ),
            measure(provider, target, part),
        )


@dataclass(slots=True)
class _RowEvidence:
    """
    The outcomes and findings of a run for one row.

    `request_count` is the number of cases that tested the row. `is_observable` is true
    if the document guarantees something that shows if a field is honoured.
    `effect_findings` are the findings that show that it is not. `operation` are all
    outcomes of the row's operation, or of the run for a row without one.
    """

    request_count: int = 0
    is_observable: bool = False
    operation: Sequence[Outcome] = ()
    outcomes: list[Outcome] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    effect_findings: list[Finding] = field(default_factory=list)


def measure(
    provider: Provider, target: TargetRecord, part: Report
) -> dict[str, MeasuredBehavior]:
    """
    The behaviour of the target of a run for each feature, by row id.

    Cases of an operation that is not served say nothing about its fields.
    """
    part = replace(part, outcomes=tuple(_of_served_operations(part.outcomes)))
    found: dict[str, _RowEvidence] = defaultdict(_RowEvidence)
    for claim in target.claims:
        row = row_of(provider, claim.id)
        found[row].request_count = max(found[row].request_count, claim.asked)
        for honoured_row in _honoured_rows(provider, claim, row):
            found[honoured_row].is_observable |= claim.asked > 0
    for outcome in part.outcomes:
        outcome_row = _row_of_outcome(provider, outcome)
        found[outcome_row].outcomes.append(outcome)
        for nested_row in _shown_nested_rows(provider, outcome):
            found[nested_row].outcomes.append(outcome)
        for finding in outcome.findings:
            evidence = found[_row_of_finding(provider, finding, outcome_row)]
            evidence.findings.append(finding)
            if _is_about_effect(finding):
                evidence.effect_findings.append(finding)
    by_operation: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in part.outcomes:
        by_operation[outcome.operation].append(outcome)
    for row, evidence in found.items():
        evidence.operation = by_operation.get(row.partition("/")[0], part.outcomes)
    return {
        row: _summarize(provider, row, evidence)
        for row, evidence in found.items()
        if row and (evidence.request_count or evidence.outcomes or evidence.findings)
    }


def _of_served_operations(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """The outcomes of served operations, and the first one of any other."""
    first_case = {
        each.operation: each.depends_on
        for each in outcomes
        if each.depends_on is not None
    }
    return (
        each
        for each in outcomes
        if first_case.get(each.operation, each.case) == each.case
    )


def _honoured_rows(provider: Provider, claim: ClaimRecord, row: str) -> Iterator[str]:
    """The rows of the request fields that a claim about a guarantee shows."""
    guarantee = GUARANTEES.get(claim.id.rpartition("/guarantees/")[2])
    if guarantee is None:
        return
    if guarantee.comparison_row:
        yield row
    if guarantee.row and guarantee.field:
        yield f"{claim.operation}/request/{guarantee.field}"
    operation = provider.operations.get(claim.operation)
    listed = answer_names(operation) if operation else ()
    for name in guarantee.echoed_fields:
        if name in listed:
            yield f"{claim.operation}/request/{name}"


def _row_of_outcome(provider: Provider, outcome: Outcome) -> str:
    """The row of a case: that of its id, or of its first claim for a stream."""
    is_stream = outcome.origin == Origin.STREAM and outcome.claims
    return row_of(provider, outcome.claims[0] if is_stream else outcome.case)


def _shown_nested_rows(provider: Provider, outcome: Outcome) -> Iterator[str]:
    """
    The rows of the fields inside others whose values a response shows.

    A case has the row of the field at the top, and may have sent several inside it.
    """
    for name in outcome.fields:
        is_nested = has_nested_row(provider, outcome.operation, name)
        if is_nested and shows_field(outcome, name):
            yield f"{outcome.operation}/request/{name}"


def _row_of_finding(provider: Provider, finding: Finding, outcome_row: str) -> str:
    """The row of the field that was not honoured, or else of the claim."""
    guarantee = GUARANTEES.get(finding.check)
    if guarantee is not None and finding.field:
        operation = finding.claim.partition("/")[0]
        row = f"{operation}/request/{finding.field}"
        is_nested = has_nested_row(provider, operation, finding.field)
        if is_nested or row == outcome_row or finding.field in guarantee.echoed_fields:
            return row
    return row_of(provider, finding.claim)


def _is_about_effect(finding: Finding) -> bool:
    """True if a guarantee fails that shows if a field is honoured."""
    guarantee = GUARANTEES.get(finding.check)
    return guarantee is not None and bool(
        guarantee.comparison_row or guarantee.echoed_fields
    )


def _summarize(
    provider: Provider, row: str, evidence: _RowEvidence
) -> MeasuredBehavior:
    severest = shown = _most_severe(evidence.findings)
    verdict, value, note = None, "", ""
    operation, is_request, member = row.partition("/request/")
    shown_by = row_evidence(row, evidence.outcomes, evidence.operation)
    standing = _conformance(severest, is_shown=bool(shown_by))
    if is_request:
        verdict, value, note = _verdict(evidence, member)
        if verdict in (FeatureVerdict.IGNORED, FeatureVerdict.ALTERED):
            shown = _most_severe(evidence.effect_findings)
        own = provider.dialect.wire_names(operation, member)[0]
        if verdict is FeatureVerdict.HONOURED and own != member:
            verdict, value = FeatureVerdict.RENAMED, own
        if standing is Conformance.BROKEN and verdict in GOOD_VERDICTS:
            verdict = None
    elif standing is Conformance.UNTESTED:
        note = missing_evidence(evidence.operation)
    if shown and verdict is not FeatureVerdict.UNTESTED:
        note = shown.message
    responses = sum(each.status is not None for each in evidence.outcomes)
    return MeasuredBehavior(
        standing=standing,
        verdict=verdict,
        asked=responses if is_request else max(evidence.request_count, responses),
        value=value,
        note=note,
        fingerprint=shown.fingerprint if shown else "",
        case=shown.case if shown else "",
    )


def _most_severe(findings: Sequence[Finding]) -> Finding | None:
    """The first documented claim that fails, else the first warning."""
    return next((e for e in findings if e.breaks), next(iter(findings), None))


def _conformance(severest: Finding | None, *, is_shown: bool) -> Conformance:
    if severest is None:
        return Conformance.KEPT if is_shown else Conformance.UNTESTED
    return Conformance.BROKEN if severest.breaks else Conformance.DIFFERS


def _verdict(
    evidence: _RowEvidence, field_name: str
) -> tuple[FeatureVerdict, str, str]:
    """
    The verdict on a request field, its value in the responses, and a note.

    The value is empty if it is unknown or not always the same.
    """
    positives = [
        each
        for each in evidence.outcomes
        if each.expectation == "valid" and each.origin in PROBE_ORIGINS
    ]
    for verdict, is_rejection in (
        (FeatureVerdict.REFUSED_BADLY, _is_unexpected_status),
        (FeatureVerdict.REFUSED, _is_client_error),
    ):
        rejected = next((each for each in positives if is_rejection(each.status)), None)
        if rejected is not None:
            return verdict, str(rejected.status or ""), ""
    findings = evidence.effect_findings
    if findings:
        values = {
            "" if each.check in COMPARED_FIELDS else each.came or ""
            for each in findings
        }
        value = values.pop() if len(values) == 1 else ""
        is_ignored = _is_ignored(findings, value, field_name, positives)
        verdict = FeatureVerdict.IGNORED if is_ignored else FeatureVerdict.ALTERED
        return verdict, value, ""
    if not evidence.outcomes:
        return FeatureVerdict.UNTESTED, "", "not tested"
    if not positives:
        note = "only requests to be rejected were sent"
        return FeatureVerdict.UNTESTED, "", note
    if evidence.is_observable and honours_field(
        field_name, positives, evidence.operation
    ):
        return FeatureVerdict.HONOURED, "", ""
    return FeatureVerdict.UNTESTED, "", missing_evidence(positives) or ACCEPTED


def _is_client_error(status: int | None) -> bool:
    return status is not None and 400 <= status < 500


def _is_unexpected_status(status: int | None) -> bool:
    """True if there is no response, or it is neither a success nor a client error."""
    return status is None or not (200 <= status < 300 or _is_client_error(status))


def _is_ignored(
    findings: Sequence[Finding],
    value: str,
    field_name: str,
    positives: Sequence[Outcome],
) -> bool:
    """True if the responses are the same for all values of a field."""
    if all(map(_has_no_effect, findings)):
        return True
    if not value:
        return False
    wrong = {each.case for each in findings}
    honoured = {
        each.fields.get(field_name)
        for each in positives
        if each.case not in wrong and shows_field(each, field_name)
    }
    return not honoured - {*OPEN_VALUES, value}


def _has_no_effect(finding: Finding) -> bool:
    """True if the response is the one to another value, or to none."""
    if finding.check in COMPARED_FIELDS:
        return finding.came is not None
    return (finding.asked, finding.came) == ("true", "false")
