"""Send the cases of a campaign to its target, and judge each response as it comes."""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace

from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.preflight import Preflight
from contracts.execution.sending.client import Sender
from contracts.execution.shrink import REPRODUCTION_ATTEMPTS, Reproducer
from contracts.judging.causes.attribution import Deduplicator
from contracts.judging.causes.signatures import Signature, signature_of
from contracts.judging.checks import CheckContext, Observation
from contracts.judging.evidence import evidence_in
from contracts.judging.examiner import Examiner, cost_of, shown_fields
from contracts.judging.findings import build_finding
from contracts.judging.guarantees.table import HISTORY_CHECKS
from contracts.judging.interaction import Interaction
from contracts.media.image.thumbnails import with_previews
from contracts.planning.case import Case
from contracts.report.model import (
    CONNECTION_FAILED,
    HARNESS_ERROR,
    RATE_LIMITED,
    CheckName,
    Finding,
    Outcome,
)
from specs import Operation

IN_FLIGHT = 32
MAX_REPRODUCED = 5  # findings of one signature, after which no more are repeated
MAX_EVIDENCE = 500  # cases
SHUTDOWN_TIMEOUT = 10.0  # seconds, for responses that nobody will read


@dataclass
class Session:
    """
    The execution of a campaign, with the fingerprints of its findings so far.

    `evidence` are further cases, with their outcomes, that tell which fields matter.
    `unchecked_429` has the headers of 429 responses to cases that were not tested; they
    are checked with the next response.
    """

    campaign: Campaign
    sender: Sender
    examiner: Examiner = field(init=False)
    deduplicator: Deduplicator = field(init=False)
    fingerprints: set[str] = field(default_factory=set)
    has_response: bool = False
    unchecked_429: tuple[Mapping[str, str], ...] = ()
    evidence: list[tuple[Case, Outcome]] = field(default_factory=list)
    reproduced: Counter[Signature] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        campaign = self.campaign
        provider, key = campaign.provider, campaign.target.key
        self.examiner = Examiner(provider, key, campaign.external_judge)
        self.deduplicator = Deduplicator(provider)

    async def outcomes(
        self, may_send: Callable[[Case], bool]
    ) -> AsyncGenerator[Outcome, None]:
        """
        Yield the outcome of each case: those of the preflight, then in their order.

        A case that `may_send` forbids is left out. The cases of an operation that
        accepts no preflight case are not sent. Raises `CouldNotRun` when the target
        rejects the key of the first request, serves no operation, or knows no URL.
        """
        preflight = Preflight(self.campaign)
        sent: set[str] = set()
        for case in preflight.cases() if self.campaign.preflight else ():
            if not may_send(case):
                break
            sent.add(case.id)
            interaction = await self.sender.send(case, self._operation(case))
            preflight.add(interaction)
            yield await self._outcome(interaction)
            if not preflight.has_served(case) and not self.campaign.is_paid:
                # What fails only now and then does not end a run.
                again = await self.sender.send(case, self._operation(case))
                preflight.add(again)
        await preflight.check()
        pending = [each for each in self.campaign.pending if each.id not in sent]
        async for outcome in self._send_all(pending, preflight, may_send):
            yield outcome
        await preflight.check_known()

    async def _send_all(
        self,
        cases: Iterable[Case],
        preflight: Preflight,
        may_send: Callable[[Case], bool],
    ) -> AsyncGenerator[Outcome, None]:
        """Yield the outcomes of cases in their order, several at a time in flight."""
        limit = 1 if self.campaign.is_paid else IN_FLIGHT
        tasks: list[tuple[asyncio.Task[Interaction], asyncio.Event]] = []
        pending = iter(cases)
        try:
            while True:
                while len(tasks) < limit and (case := next(pending, None)):
                    if reason := self._reason_not_to_send(case, preflight):
                        yield self._not_tested(case, reason)
                        continue
                    if not may_send(case):
                        continue
                    turn = asyncio.Event()
                    sending = self.sender.send(case, self._operation(case), turn)
                    tasks.append((asyncio.create_task(sending), turn))
                if not tasks:
                    return
                task, turn = tasks.pop(0)
                turn.set()
                interaction = await task
                preflight.note(interaction)
                yield await self._outcome(interaction)
        finally:
            await _finish_tasks([task for task, _ in tasks])

    def _reason_not_to_send(self, case: Case, preflight: Preflight) -> str | None:
        """The reason why a case is not sent; None if it must be sent."""
        own = self.campaign.target.call.reason_not_tested(case)
        return own or preflight.reason_not_to_send(case)

    def _operation(self, case: Case) -> Operation:
        return self.campaign.provider.operations[case.operation]

    def _not_tested(
        self, case: Case, reason: str, status: int | None = None
    ) -> Outcome:
        return Outcome(
            provider=self.campaign.provider.id,
            case=case.id,
            operation=case.operation,
            origin=case.origin,
            expectation=case.expectation,
            claims=case.claims,
            status=status,
            seconds=0.0,
            cost=0.0,
            not_tested=reason,
        )

    async def _outcome(self, interaction: Interaction) -> Outcome:
        self._check_key_accepted(interaction)
        if interaction.is_rate_limited:
            self.unchecked_429 += (*interaction.earlier_429, interaction.headers)
            return self._not_tested(interaction.case, RATE_LIMITED, interaction.status)
        if interaction.is_unsent:
            return self._not_tested(interaction.case, CONNECTION_FAILED)
        if self.unchecked_429:
            earlier = (*self.unchecked_429, *interaction.earlier_429)
            interaction = replace(interaction, earlier_429=earlier)
            self.unchecked_429 = ()
        context = self.examiner.context(interaction)
        known, harness_error = set(self.fingerprints), None
        findings: dict[str, Finding] = {}
        reproducer = Reproducer(self.examiner, context, self.sender)
        for observation in self.examiner.observations(context):
            if observation.check == CheckName.NOT_JUDGED:
                harness_error = f"{HARNESS_ERROR} {observation.cause}"
                continue
            finding = await self._finding(observation, context, reproducer)
            findings.setdefault(finding.fingerprint, finding)
        self._update_examples(interaction, list(findings.values()), known)
        self._add_evidence(reproducer)
        outcome = self._outcome_of(context, findings.values())
        return replace(outcome, not_tested=None if findings else harness_error)

    def _outcome_of(
        self, context: CheckContext, findings: Iterable[Finding]
    ) -> Outcome:
        case, interaction = context.case, context.interaction
        provider = self.campaign.provider
        return Outcome(
            provider=provider.id,
            case=case.id,
            operation=case.operation,
            origin=case.origin,
            expectation=case.expectation,
            claims=case.claims,
            status=interaction.status,
            seconds=round(interaction.seconds, 4),
            cost=cost_of(provider, interaction),
            findings=tuple(findings),
            fields=shown_fields(provider, case, context.answer.request),
            **evidence_in(context.answer),
        )

    def _add_evidence(self, reproducer: Reproducer) -> None:
        """Keep the exchanges of smaller requests, as cases of their own."""
        for context, observations in reproducer.exchanges:
            if len(self.evidence) == MAX_EVIDENCE:
                return
            outcome = self._outcome_of(
                context, (self._build(each, context) for each in observations)
            )
            case_id = f"{context.case.id}~{len(self.evidence)}"
            case = replace(context.case, id=case_id)
            self.evidence.append((case, replace(outcome, case=case_id)))

    def _update_examples(
        self, interaction: Interaction, findings: Sequence[Finding], known: set[str]
    ) -> None:
        """Keep a generated request that showed something new, for the next run."""
        examples, provider = self.campaign.examples, self.campaign.provider.id
        if examples is None or interaction.status is None:
            return
        if any(each.breaks and each.fingerprint not in known for each in findings):
            examples.add(provider, interaction.case)
        elif not findings:
            examples.mark_passed(provider, interaction.case)

    def _check_key_accepted(self, interaction: Interaction) -> None:
        """Raise `CouldNotRun` if the first response rejects the API key."""
        is_first, self.has_response = not self.has_response, True
        if is_first and interaction.status == 401 and interaction.case.auth == "key":
            target = self.campaign.target
            remedy = target.call.key_remedy(self.campaign.provider)
            raise CouldNotRun(
                f"{target.base_url} rejects the API key (401). Check {remedy}"
            )

    async def _finding(
        self, observation: Observation, context: CheckContext, reproducer: Reproducer
    ) -> Finding:
        """The finding of an observation; a new one is repeated and shrunk."""
        attributed = self.deduplicator.attribute(observation, context.case)
        finding = self._build(attributed, context)
        if finding.fingerprint in self.fingerprints:
            return finding
        self.fingerprints.add(finding.fingerprint)
        finding = with_previews(finding, context.interaction.result_images)
        signature = signature_of(finding, context.status)
        is_known = self.reproduced[signature] >= MAX_REPRODUCED
        if is_known or not self._may_repeat(observation, context.interaction):
            return finding
        is_reproduced = await reproducer.reproduces(observation)
        self.reproduced[signature] += is_reproduced
        if not is_reproduced:
            note = f"(not reproduced in {REPRODUCTION_ATTEMPTS} attempts)"
            return replace(finding, flaky=True, message=f"{finding.message} {note}")
        if context.case.is_payload_only:
            smaller = await reproducer.shrink(observation)
            if smaller is not None:
                shown = self._build(attributed, smaller)
                shown = with_previews(shown, smaller.interaction.result_images)
                return replace(finding, request=shown.request, answer=shown.answer)
        return finding

    def _build(self, observation: Observation, context: CheckContext) -> Finding:
        target = self.campaign.target
        url = target.url(context.case, context.operation)
        provider = self.campaign.provider
        return build_finding(
            observation, context, provider, url, target.secrets, target.call
        )

    def _may_repeat(self, observation: Observation, interaction: Interaction) -> bool:
        """True if a request is free and fast, and repeating it could show the same."""
        has_timed_out = (
            interaction.problem is not None
            and interaction.seconds >= self.campaign.timeout
        )
        return not (
            self.campaign.is_paid
            or observation.check in HISTORY_CHECKS
            or interaction.status == 429
            or has_timed_out
        )


async def _finish_tasks(tasks: Collection[asyncio.Task[Interaction]]) -> None:
    """
    Wait for the requests in flight, then cancel them.

    A request cancelled halfway would leave its connection half open. A second interrupt
    does not wait.
    """
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=SHUTDOWN_TIMEOUT)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
