"""What the targets of a run did about each feature, by its outcomes and findings."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.compare.documents.model import Deeds, Measured, Standing, TargetFacts
from contracts.compare.measured.claim_rows import GUARANTEED, answer_names, row_of
from contracts.judging.outcome import Verdict
from contracts.report.model import ClaimRecord, Finding, Outcome, Report, TargetRecord
from specs import Provider

# What came, in the words of the guarantees.
_CAME = re.compile(
    r"(?:is|labelled|said to be) '?([^', ]+)'?, asked was"
    r"|, (\d+) came|comes as (.+), not"
)
# What follows in the name of a case, after what it asks of one member.
_BESIDE = re.compile("[@+#]")
# Words of a guarantee that say that a member made no difference at all.
_NO_DIFFERENCE = ("the very same", "a stream was asked for")
ACCEPTED = "accepted; no answer shows whether it is heeded"
ECHO, DELIVERY = "echoes-agree", "delivery-as-documented"
CHOOSES = "/request/response_format"
# Members that a text of the answer repeats, where no picture can show them.
ECHOED = ("quality", "background")
# Origins of cases that each ask about one thing.
PROBES = ("probe", "stream", "example")


def of_run(report: Report, known: Mapping[str, Provider]) -> Iterator[Deeds]:
    """What each target of a run did that claims to be one of these providers."""
    for target in report.metadata.targets:
        provider = known.get(target.provider)
        if provider is None:
            continue
        part = report.of(target.provider)
        yield Deeds(
            TargetFacts(
                label=target.provider,
                provider=target.provider,
                title=target.title,
                base_url=target.base_url,
                is_mock=target.is_mock,
                started=report.metadata.started,
                asked=len(part.outcomes),
            ),
            measured(provider, target, part),
        )


@dataclass(slots=True)
class _Deed:
    """
    What a run has about one row.

    `shown` counts the answers that would show whether a member is heeded; `heeding`
    are the findings that say it is not.
    """

    asked: int = 0
    shown: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    heeding: list[Finding] = field(default_factory=list)


def measured(
    provider: Provider, target: TargetRecord, part: Report
) -> dict[str, Measured]:
    """What the target of a run did about each feature, by the ids of rows."""
    found: dict[str, _Deed] = defaultdict(_Deed)
    for claim in target.claims:
        row = row_of(provider, claim.id)
        found[row].asked = max(found[row].asked, claim.asked)
        for member in _shown_by(provider, claim, row):
            found[member].shown += claim.asked
    for outcome in part.outcomes:
        subject = _subject(provider, outcome)
        found[subject].outcomes.append(outcome)
        for each in outcome.findings:
            is_chosen = each.check == DELIVERY and subject.endswith(CHOOSES)
            row = _echoed(each) or row_of(provider, each.claim)
            deed = found[subject if is_chosen else row]
            deed.findings.append(each)
            if each.check in (*GUARANTEED, ECHO):
                deed.heeding.append(each)
    return {
        row: _measured(provider, row, deed)
        for row, deed in found.items()
        if row and (deed.asked or deed.outcomes or deed.findings)
    }


def _shown_by(provider: Provider, claim: ClaimRecord, row: str) -> Iterator[str]:
    """The members that a guarantee shows to be heeded, as rows."""
    name = claim.id.rpartition("/guarantees/")[2]
    if name in GUARANTEED:
        yield row
    if name == DELIVERY:
        yield f"{claim.operation}{CHOOSES}"
    if name == ECHO:
        operation = provider.operations.get(claim.operation)
        listed = answer_names(operation) if operation else ()
        yield from (f"{claim.operation}/request/{e}" for e in ECHOED if e in listed)


def _subject(provider: Provider, outcome: Outcome) -> str:
    """The row that a case is about: its name tells, or its first claim."""
    row = row_of(provider, outcome.case)
    if outcome.origin == "stream" and outcome.claims:
        return row_of(provider, outcome.claims[0])
    return row


def _echoed(finding: Finding) -> str:
    """The row of the member that an answer repeats wrongly, if it is about one."""
    if finding.check != ECHO:
        return ""
    said = (each for each in ECHOED if finding.message.startswith(f"{each} is said"))
    operation = finding.claim.partition("/")[0]
    return next((f"{operation}/request/{each}" for each in said), "")


def _measured(provider: Provider, row: str, deed: _Deed) -> Measured:
    heaviest = shown = _heaviest(deed.findings)
    verdict, value, why = None, "", ""
    operation, is_request, member = row.partition("/request/")
    if is_request:
        verdict, value, why = _verdict(deed)
        if verdict in (Verdict.IGNORED, Verdict.ALTERED):
            shown = _heaviest(deed.heeding)
        own = provider.dialect.names(operation, member)[0]
        if verdict is Verdict.HONOURED and own != member:
            verdict, value = Verdict.RENAMED, own
    answered = sum(each.status is not None for each in deed.outcomes)
    asked = answered if is_request else max(deed.asked, answered)
    return Measured(
        standing=_standing(heaviest, asked),
        verdict=verdict,
        asked=asked,
        value=value,
        note=shown.message if shown else why,
        fingerprint=shown.fingerprint if shown else "",
        case=shown.case if shown else "",
    )


def _heaviest(findings: Sequence[Finding]) -> Finding | None:
    """The first broken promise, else the first difference."""
    return next((e for e in findings if e.breaks), next(iter(findings), None))


def _standing(heaviest: Finding | None, asked: int) -> Standing:
    if heaviest is None:
        return Standing.KEPT if asked else Standing.UNTESTED
    return Standing.BROKEN if heaviest.breaks else Standing.DIFFERS


def _verdict(deed: _Deed) -> tuple[Verdict, str, str]:
    """What became of a member, what came of it, and why no more is known."""
    positives = [
        each
        for each in deed.outcomes
        if each.expectation == "valid" and each.origin in PROBES
    ]
    for verdict, is_such in (
        (Verdict.REFUSED_BADLY, _is_bad),
        (Verdict.REFUSED, _is_no),
    ):
        refused = next((each for each in positives if is_such(each.status)), None)
        if refused is not None:
            return verdict, str(refused.status or ""), ""
    if deed.heeding:
        came = {_came(each.message) for each in deed.heeding}
        value = came.pop() if len(came) == 1 else ""
        is_ignored = _is_ignored(deed.heeding, value, positives)
        return (Verdict.IGNORED if is_ignored else Verdict.ALTERED), value, ""
    if not deed.outcomes:
        return Verdict.UNTESTED, "", "not asked"
    if deed.shown and positives:
        return Verdict.HONOURED, "", ""
    return Verdict.UNTESTED, "", ACCEPTED if positives else "only refusals were asked"


def _is_no(status: int | None) -> bool:
    return status is not None and 400 <= status < 500


def _is_bad(status: int | None) -> bool:
    """Whether that is neither a success nor a refusal."""
    return status is None or not (200 <= status < 300 or _is_no(status))


def _came(message: str) -> str:
    found = _CAME.search(message)
    return next(filter(None, found.groups())) if found else ""


def _is_ignored(
    heeding: Sequence[Finding], came: str, positives: Sequence[Outcome]
) -> bool:
    """Whether the same came whatever was asked for."""
    if all(any(w in each.message for w in _NO_DIFFERENCE) for each in heeding):
        return True
    checks = {each.check for each in heeding} - {ECHO}
    if checks and checks <= {"alpha-as-asked", "opaque-as-asked"}:
        return len(checks) == 1
    if not came:
        return False
    wrong = {each.case for each in heeding}
    return not any(
        _is_heeded(each, came) for each in positives if each.case not in wrong
    )


def _is_heeded(outcome: Outcome, came: str) -> bool:
    """Whether a case got what it asked for, which was not what comes anyway."""
    label = _BESIDE.split(outcome.case)[0].rpartition("/")[2]
    return not label.endswith((came, "auto", "null", "plain"))
