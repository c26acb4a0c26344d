"""Send the cases of a campaign to its target, and judge each response as it comes."""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from copy import deepcopy
from dataclasses import dataclass, field, replace

from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.exchanges import (
    Exchange,
    MaySend,
    ended_exchanges,
    finish_exchanges,
    first_interaction,
    update_examples,
    with_creation,
)
from contracts.execution.models import listed_cases
from contracts.execution.outcomes import (
    as_flaky,
    open_task_outcome,
    tested_outcome,
    untested_outcome,
)
from contracts.execution.preflight import Preflight
from contracts.execution.repeat import Repeater, with_rate
from contracts.execution.sending.client import Sender
from contracts.execution.shrink import (
    REPRODUCTION_ATTEMPTS,
    Reproducer,
    may_repeat,
)
from contracts.execution.tasks.follow import Follower, OpenTask
from contracts.execution.tasks.scenarios import has_scenarios, scenario_steps
from contracts.judging.causes.attribution import Deduplicator
from contracts.judging.causes.signatures import Signature, signature_of
from contracts.judging.checks import CheckContext, Observation
from contracts.judging.examiner import Examiner, cost_of
from contracts.judging.findings import build_finding
from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.merge import ExternalFailure
from contracts.judging.tasks.conversation import Conversation
from contracts.judging.tasks.observations import conversation_observations
from contracts.media.previews import with_previews
from contracts.planning.case import Case
from contracts.report.model import (
    CONNECTION_FAILED,
    HARNESS_ERROR,
    INTERRUPTED,
    RATE_LIMITED,
    TASK_IS_GONE,
    CheckName,
    Finding,
    Outcome,
)
from contracts.report.repeats import PassRate

IN_FLIGHT = 32
MAX_REPRODUCED = 5  # findings of one signature, after which no more are repeated
MAX_EVIDENCE = 500  # cases


@dataclass
class Session:
    """
    The execution of a campaign, with the fingerprints of its findings so far.

    `evidence` are further cases, with their outcomes, that tell which fields matter.
    `unchecked_429` has the headers of 429 responses to untested cases, for a check with
    the next response. `unreported` are the exchanges that ended when the run stopped.
    """

    campaign: Campaign
    sender: Sender
    examiner: Examiner = field(init=False)
    deduplicator: Deduplicator = field(init=False)
    follower: Follower = field(init=False)
    repeater: Repeater = field(init=False)
    fingerprints: set[str] = field(default_factory=set)
    has_response: bool = False
    unchecked_429: tuple[Mapping[str, str], ...] = ()
    evidence: list[tuple[Case, Outcome]] = field(default_factory=list)
    reproduced: Counter[Signature] = field(default_factory=Counter)
    unreported: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        campaign = self.campaign
        provider, key = campaign.provider, campaign.target.key
        history = deepcopy(campaign.history)
        self.examiner = Examiner(provider, key, campaign.external_judge, history)
        self.deduplicator = Deduplicator(provider)
        self.fingerprints |= {
            finding.fingerprint
            for outcome in campaign.done.values()
            for finding in outcome.findings
        }
        self.follower = Follower(provider, self.sender, campaign.waiting)
        self.repeater = Repeater(
            self.examiner, self.sender, campaign.repeat, self.follower.stopping
        )

    async def outcomes(self, may_send: MaySend) -> AsyncGenerator[Outcome, None]:
        """
        Yield the outcome of each case: those of the preflight, then in their order.

        A case that `may_send` forbids is left out. The cases of an operation that
        accepts no preflight case are not sent. Raises `CouldNotRun` when the target
        rejects the key of the first request, serves no operation, or knows no URL.
        """
        preflight = Preflight(self.campaign)
        sent: set[str] = set()
        for case in preflight.cases() if self.campaign.preflight else ():
            if not await may_send(case):
                break
            sent.add(case.id)
            exchange = await self._send(case)
            yield await self._outcome(exchange)
            if case.id in self.campaign.open_tasks:
                continue  # nothing was created: it tells nothing about creations
            preflight.add(first_interaction(exchange))
            if not preflight.has_served(case) and not self.campaign.is_paid:
                # What fails only now and then does not end a run.
                again = await self._send_once(case, None)
                preflight.add(again)
        await preflight.check()
        pending = [each for each in self.campaign.pending if each.id not in sent]
        async for outcome in self._send_all(pending, preflight, may_send):
            yield outcome
        async for case in listed_cases(self.campaign, self.examiner.history, may_send):
            yield self._last_outcome(await self._send_once(case, None))
        if has_scenarios(self.campaign):
            steps = await scenario_steps(
                self.campaign, self.sender, may_send, preflight.unserved
            )
            for step in steps:
                yield self._last_outcome(step.interaction, step.failures)
        await preflight.check_known()

    async def _send_all(
        self,
        cases: Iterable[Case],
        preflight: Preflight,
        may_send: MaySend,
    ) -> AsyncGenerator[Outcome, None]:
        """Yield the outcomes of cases in their order, several at a time in flight."""
        limit = 1 if self.campaign.is_paid else IN_FLIGHT
        tasks: list[tuple[asyncio.Task[Exchange], asyncio.Event, Case]] = []
        pending = iter(cases)
        try:
            while True:
                while len(tasks) < limit and (case := next(pending, None)):
                    if reason := preflight.reason_not_to_send(case):
                        yield self._not_tested(case, reason)
                        continue
                    if not await may_send(case):
                        continue
                    turn = asyncio.Event()
                    sending = asyncio.create_task(self._send(case, turn))
                    tasks.append((sending, turn, case))
                if not tasks:
                    return
                task, turn, case = tasks[0]
                turn.set()
                # What was paid must be known, even if the run ends now.
                is_kept = case.follow or self.campaign.is_paid
                exchange = await (asyncio.shield(task) if is_kept else task)
                tasks.pop(0)
                if case.id not in self.campaign.open_tasks:
                    preflight.note(first_interaction(exchange))
                yield await self._outcome(exchange)
        finally:
            self.follower.stopping.set()
            await finish_exchanges([task for task, *_ in tasks])
            self.unreported += ended_exchanges(task for task, *_ in tasks)

    async def _send(self, case: Case, turn: asyncio.Event | None = None) -> Exchange:
        """Send a case; follow the task that it creates, if it says so."""
        if case.follow is not None:
            earlier = self.campaign.open_tasks.get(case.id)
            task_id = earlier.open_task if earlier else None
            return await self.follower.follow(case, task_id)
        if self.campaign.requests_of(case) > 1:
            return await self.repeater.send(case, turn)
        return await self._send_once(case, turn)

    async def _send_once(self, case: Case, turn: asyncio.Event | None) -> Interaction:
        operation = self.campaign.provider.all_operations[case.operation]
        return await self.sender.send(case, operation, turn)

    def _not_tested(self, case: Case, why: str, status: int | None = None) -> Outcome:
        return untested_outcome(self.campaign.provider, case, why, status)

    async def _outcome(self, exchange: Exchange) -> Outcome:
        interaction = first_interaction(exchange)
        self._check_key_accepted(interaction)
        if isinstance(exchange, Conversation) and exchange.created is None:
            return self._conversation_outcome(exchange)
        if interaction.is_rate_limited:
            self.unchecked_429 += (*interaction.earlier_429, interaction.headers)
            return self._not_tested(interaction.case, RATE_LIMITED, interaction.status)
        if interaction.is_unsent:
            return self._not_tested(interaction.case, CONNECTION_FAILED)
        if self.unchecked_429:
            earlier = (*self.unchecked_429, *interaction.earlier_429)
            interaction = replace(interaction, earlier_429=earlier)
            self.unchecked_429 = ()
        if isinstance(exchange, Conversation) and interaction.is_success:
            return self._conversation_outcome(exchange)
        context = self.examiner.context(interaction)
        known, harness_error = set(self.fingerprints), None
        findings: dict[str, Finding] = {}
        observations = []
        for observation in self.examiner.observations(context):
            if observation.check == CheckName.NOT_JUDGED:
                harness_error = f"{HARNESS_ERROR} {observation.cause}"
            else:
                observations.append(observation)
        seen = [(context, each) for each in observations]
        repetitions = self.repeater.take(interaction.case)
        if repetitions is not None:
            seen += repetitions.other_failures(observations)
            repetitions.add_cost(cost_of(self.campaign.provider, interaction))
            if harness_error is None:
                repetitions.add(context, observations)
        reproducer = Reproducer(self.examiner, context, self.sender)
        for place, observation in seen:
            rate = repetitions.rate(observation) if repetitions else None
            finding = await self._finding(observation, place, reproducer, rate)
            findings.setdefault(finding.fingerprint, finding)
        update_examples(self.campaign, interaction, findings.values(), known)
        self._add_evidence(reproducer)
        outcome = self._outcome_of(context, findings.values())
        if repetitions is not None:
            repeats = repetitions.result()
            outcome = replace(outcome, cost=repetitions.cost, repeats=repeats)
        if findings or harness_error is None:
            return outcome
        return replace(outcome, not_tested=harness_error)

    def last_outcomes(self, known: Container[str]) -> Iterator[Outcome]:
        """
        Yield the outcomes of exchanges that ended when the run stopped, and of tasks.

        They come in the order of their cases; those of `known` cases are left out.
        """
        ended = {first_interaction(each).case.id: each for each in self.unreported}
        cases = [each.id for each in self.campaign.cases if each.id not in known]
        for case_id in cases:
            exchange, task = ended.get(case_id), self.follower.open_tasks.get(case_id)
            if isinstance(exchange, Interaction):
                if self.campaign.is_paid:
                    yield self._last_outcome(exchange)
            elif exchange is not None:
                if exchange.id is not None:
                    yield self._conversation_outcome(exchange)
            elif task is not None:
                yield self.open_outcome(task)

    def open_outcome(self, task: OpenTask) -> Outcome:
        """The outcome of a case whose task is not followed to its end."""
        earlier = self.campaign.open_tasks.get(task.case.id)
        return open_task_outcome(self.campaign.provider, task, earlier)

    def _conversation_outcome(self, talk: Conversation) -> Outcome:
        """The outcome of a case whose task was followed, with all its exchanges."""
        case, task = talk.case, self.follower.open_tasks.get(talk.case.id)
        if task is not None and talk.not_finished == INTERRUPTED:
            return self.open_outcome(task)
        earlier = self.campaign.open_tasks.get(case.id)
        if talk.created is None and not talk.reads and task is None:
            gone = self._not_tested(case, TASK_IS_GONE)
            return replace(gone, cost=earlier.cost if earlier else None)
        findings: dict[str, Finding] = {}
        for context, observation in conversation_observations(self.examiner, talk):
            attributed = self.deduplicator.attribute(observation, case)
            finding = replace(self._build(attributed, context), case=case.id)
            if talk.created is not None and context.case is not case:
                creation = self.examiner.context(talk.created.interaction)
                request = self._build(attributed, creation).request
                finding = replace(finding, request=with_creation(finding, request))
            if talk.has_recovered(context.interaction):
                finding = as_flaky(finding, "(a later read succeeds)")
            self.fingerprints.add(finding.fingerprint)
            findings.setdefault(finding.fingerprint, finding)
        first = self.examiner.context(first_interaction(talk))
        outcome = self._outcome_of(first, findings.values())
        return replace(
            outcome,
            case=case.id,
            operation=case.operation,
            claims=case.claims,
            cost=earlier.cost if earlier else outcome.cost,
            images=sum(each.problem is None for each in talk.results),
            not_fetched=len(talk.not_fetched),
            not_tested=None if findings else talk.not_finished,
            open_task=task.id if task else "",
        )

    def _last_outcome(
        self,
        interaction: Interaction,
        failures: Sequence[ExternalFailure] | None = None,
    ) -> Outcome:
        """The outcome of an exchange that is not repeated."""
        if interaction.is_rate_limited:
            return self._not_tested(interaction.case, RATE_LIMITED, interaction.status)
        if interaction.is_unsent:
            return self._not_tested(interaction.case, CONNECTION_FAILED)
        context = self.examiner.context(interaction)
        findings = [
            self._build(self.deduplicator.attribute(each, interaction.case), context)
            for each in self.examiner.observations(context, failures)
        ]
        return self._outcome_of(context, findings)

    def _outcome_of(
        self, context: CheckContext, findings: Iterable[Finding]
    ) -> Outcome:
        return tested_outcome(self.campaign.provider, context, findings)

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
        self,
        observation: Observation,
        context: CheckContext,
        reproducer: Reproducer,
        rate: PassRate | None,
    ) -> Finding:
        """
        The finding of an observation; a new one is repeated and shrunk.

        With a pass rate it has been repeated already.
        """
        attributed = self.deduplicator.attribute(observation, context.case)
        finding = with_rate(self._build(attributed, context), rate)
        if finding.fingerprint in self.fingerprints:
            return finding
        self.fingerprints.add(finding.fingerprint)
        found = context.interaction
        finding = with_previews(finding, found.medium, found.success_outputs)
        signature = signature_of(finding, context.status)
        is_known = self.reproduced[signature] >= MAX_REPRODUCED
        is_clear = is_known or finding.flaky
        if is_clear or not may_repeat(
            self.campaign, observation.check, context.interaction
        ):
            return finding
        is_reproduced = rate is not None or await reproducer.reproduces(observation)
        self.reproduced[signature] += is_reproduced
        if not is_reproduced:
            note = f"(not reproduced in {REPRODUCTION_ATTEMPTS} attempts)"
            return as_flaky(finding, note)
        if context.case.is_payload_only and context is reproducer.context:
            smaller = await reproducer.shrink(observation)
            if smaller is not None:
                shown = self._build(attributed, smaller)
                outputs = smaller.interaction.success_outputs
                shown = with_previews(shown, found.medium, outputs)
                return replace(finding, request=shown.request, answer=shown.answer)
        return finding

    def _build(self, observation: Observation, context: CheckContext) -> Finding:
        target = self.campaign.target
        url = target.url(context.case, context.operation)
        provider = self.campaign.provider
        return build_finding(
            observation, context, provider, url, target.secrets, target.call
        )
