"""What the targets of a run did about each feature, by its outcomes and findings."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.compare.documents.model import (
    Conformance,
    MeasuredBehavior,
    MeasuredTarget,
    TargetMeasurements,
)
from contracts.compare.measured.claim_rows import GUARANTEE_ROWS, answer_names, row_of
from contracts.judging.outcome import FeatureVerdict
from contracts.planning.case import Origin
from contracts.report.model import ClaimRecord, Finding, Outcome, Report, TargetRecord
from specs import Provider

# What came, in the words of the guarantees.
_ACTUAL_VALUE = re.compile(
    r"(?:is|labelled|said to be) '?([^', ]+)'?, asked was"
    r"|, (\d+) came|comes as (.+), not"
)
# What follows in the name of a case, after what it asks of one member.
_CASE_NAME_SUFFIX = re.compile("[@+#]")
# Words of a guarantee that say that a member made no difference at all.
_NO_EFFECT_PHRASES = ("the very same", "a stream was asked for")
ACCEPTED = "accepted; no answer shows whether it is heeded"
ECHO, DELIVERY = "echoes-agree", "delivery-as-documented"
DELIVERY_PARAMETER = "/request/response_format"
# Members that a text of the answer repeats, where no picture can show them.
ECHOED_PARAMETERS = ("quality", "background")
# Origins of cases that each ask about one thing.
PROBE_ORIGINS = (Origin.PROBE, Origin.STREAM, Origin.EXAMPLE)


def measurements_of_run(
    report: Report, known: Mapping[str, Provider]
) -> Iterator[TargetMeasurements]:
    """What each target of a run did that claims to be one of these providers."""
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
    What a run has about one row.

    `shown` counts the answers that would show whether a member is heeded; `heeding`
    are the findings that say it is not.
    """

    request_count: int = 0
    observable_count: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    effect_findings: list[Finding] = field(default_factory=list)


def measure(
    provider: Provider, target: TargetRecord, part: Report
) -> dict[str, MeasuredBehavior]:
    """What the target of a run did about each feature, by the ids of rows."""
    found: dict[str, _RowEvidence] = defaultdict(_RowEvidence)
    for claim in target.claims:
        row = row_of(provider, claim.id)
        found[row].request_count = max(found[row].request_count, claim.asked)
        for member in _parameter_rows(provider, claim, row):
            found[member].observable_count += claim.asked
    for outcome in part.outcomes:
        subject = _row_of_case(provider, outcome)
        found[subject].outcomes.append(outcome)
        for each in outcome.findings:
            is_chosen = each.check == DELIVERY and subject.endswith(DELIVERY_PARAMETER)
            row = _echoed_parameter_row(each) or row_of(provider, each.claim)
            deed = found[subject if is_chosen else row]
            deed.findings.append(each)
            if each.check in (*GUARANTEE_ROWS, ECHO):
                deed.effect_findings.append(each)
    return {
        row: _summarize(provider, row, deed)
        for row, deed in found.items()
        if row and (deed.request_count or deed.outcomes or deed.findings)
    }


def _parameter_rows(provider: Provider, claim: ClaimRecord, row: str) -> Iterator[str]:
    """The members that a guarantee shows to be heeded, as rows."""
    name = claim.id.rpartition("/guarantees/")[2]
    if name in GUARANTEE_ROWS:
        yield row
    if name == DELIVERY:
        yield f"{claim.operation}{DELIVERY_PARAMETER}"
    if name == ECHO:
        operation = provider.operations.get(claim.operation)
        listed = answer_names(operation) if operation else ()
        yield from (
            f"{claim.operation}/request/{e}" for e in ECHOED_PARAMETERS if e in listed
        )


def _row_of_case(provider: Provider, outcome: Outcome) -> str:
    """The row that a case is about: its name tells, or its first claim."""
    row = row_of(provider, outcome.case)
    if outcome.origin == Origin.STREAM and outcome.claims:
        return row_of(provider, outcome.claims[0])
    return row


def _echoed_parameter_row(finding: Finding) -> str:
    """The row of the member that an answer repeats wrongly, if it is about one."""
    if finding.check != ECHO:
        return ""
    said = (
        each
        for each in ECHOED_PARAMETERS
        if finding.message.startswith(f"{each} is said")
    )
    operation = finding.claim.partition("/")[0]
    return next((f"{operation}/request/{each}" for each in said), "")


def _summarize(
    provider: Provider, row: str, evidence: _RowEvidence
) -> MeasuredBehavior:
    heaviest = shown = _most_severe(evidence.findings)
    verdict, value, why = None, "", ""
    operation, is_request, member = row.partition("/request/")
    if is_request:
        verdict, value, why = _verdict(evidence)
        if verdict in (FeatureVerdict.IGNORED, FeatureVerdict.ALTERED):
            shown = _most_severe(evidence.effect_findings)
        own = provider.dialect.wire_names(operation, member)[0]
        if verdict is FeatureVerdict.HONOURED and own != member:
            verdict, value = FeatureVerdict.RENAMED, own
    answered = sum(each.status is not None for each in evidence.outcomes)
    asked = answered if is_request else max(evidence.request_count, answered)
    return MeasuredBehavior(
        standing=_conformance(heaviest, asked),
        verdict=verdict,
        asked=asked,
        value=value,
        note=shown.message if shown else why,
        fingerprint=shown.fingerprint if shown else "",
        case=shown.case if shown else "",
    )


def _most_severe(findings: Sequence[Finding]) -> Finding | None:
    """The first broken promise, else the first difference."""
    return next((e for e in findings if e.breaks), next(iter(findings), None))


def _conformance(heaviest: Finding | None, asked: int) -> Conformance:
    if heaviest is None:
        return Conformance.KEPT if asked else Conformance.UNTESTED
    return Conformance.BROKEN if heaviest.breaks else Conformance.DIFFERS


def _verdict(evidence: _RowEvidence) -> tuple[FeatureVerdict, str, str]:
    """What became of a member, what came of it, and why no more is known."""
    positives = [
        each
        for each in evidence.outcomes
        if each.expectation == "valid" and each.origin in PROBE_ORIGINS
    ]
    for verdict, is_such in (
        (FeatureVerdict.REFUSED_BADLY, _is_unexpected_status),
        (FeatureVerdict.REFUSED, _is_client_error),
    ):
        refused = next((each for each in positives if is_such(each.status)), None)
        if refused is not None:
            return verdict, str(refused.status or ""), ""
    if evidence.effect_findings:
        came = {_actual_value(each.message) for each in evidence.effect_findings}
        value = came.pop() if len(came) == 1 else ""
        is_ignored = _is_ignored(evidence.effect_findings, value, positives)
        return (
            (FeatureVerdict.IGNORED if is_ignored else FeatureVerdict.ALTERED),
            value,
            "",
        )
    if not evidence.outcomes:
        return FeatureVerdict.UNTESTED, "", "not asked"
    if evidence.observable_count and positives:
        return FeatureVerdict.HONOURED, "", ""
    return (
        FeatureVerdict.UNTESTED,
        "",
        ACCEPTED if positives else "only refusals were asked",
    )


def _is_client_error(status: int | None) -> bool:
    return status is not None and 400 <= status < 500


def _is_unexpected_status(status: int | None) -> bool:
    """Whether that is neither a success nor a refusal."""
    return status is None or not (200 <= status < 300 or _is_client_error(status))


def _actual_value(message: str) -> str:
    found = _ACTUAL_VALUE.search(message)
    return next(filter(None, found.groups())) if found else ""


def _is_ignored(
    findings: Sequence[Finding], actual: str, positives: Sequence[Outcome]
) -> bool:
    """Whether the same came whatever was asked for."""
    if all(any(w in each.message for w in _NO_EFFECT_PHRASES) for each in findings):
        return True
    checks = {each.check for each in findings} - {ECHO}
    if checks and checks <= {"alpha-as-asked", "opaque-as-asked"}:
        return len(checks) == 1
    if not actual:
        return False
    wrong = {each.case for each in findings}
    return not any(
        _is_honoured(each, actual) for each in positives if each.case not in wrong
    )


def _is_honoured(outcome: Outcome, actual: str) -> bool:
    """Whether a case got what it asked for, which was not what comes anyway."""
    label = _CASE_NAME_SUFFIX.split(outcome.case)[0].rpartition("/")[2]
    return not label.endswith((actual, "auto", "null", "plain"))
