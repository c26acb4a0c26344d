"""One run: plan, send, judge, report. The plan is whole before anything is sent."""

import asyncio
import logging
import math
import time
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from contracts.execution.client import (
    MAX_RETRY_DELAY,
    MAX_RETRY_DELAY_LIVE,
    RESPONSE_TIMEOUT,
    Sender,
    Target,
)
from contracts.execution.recording import CassetteSession
from contracts.execution.shrink import same_observation, shrink_request
from contracts.judging.checks import CheckContext, Observation, examine
from contracts.judging.findings import build_finding
from contracts.judging.guarantees import (
    COMPARED_FIELD_NAMES,
    Answer,
    AnswerHistory,
    request_key,
)
from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.merge import Deduplicator, merge_external_failures
from contracts.media.image.thumbnails import with_previews
from contracts.planning.case import Case
from contracts.planning.plan import coverage, plan
from contracts.report.model import (
    ClaimRecord,
    Finding,
    FindingKind,
    Outcome,
    Report,
    RunMetadata,
    TargetRecord,
)
from specs import (
    Basis,
    Claim,
    Evidence,
    Provider,
    State,
    canonical_request,
    claims,
    cost,
)
from specs import (
    ClaimSubject as About,
)

if TYPE_CHECKING:
    from contracts.judging.second_opinion.requests import SecondOpinion
    from contracts.planning.example_database import ExampleDatabase

IN_FLIGHT = 32
MAX_CONNECTIONS = 16
REPRODUCTION_ATTEMPTS = 2
MAX_CONSECUTIVE_ERRORS = 20
MAX_CONSECUTIVE_ERRORS_PAID = 10
MAX_SHRUNK_FINDINGS = 10  # findings of one exchange
MAX_TIMEOUTS = 20  # answers for which the whole patience was spent
MAX_OBSERVATIONS = 100  # of one exchange
MAX_MESSAGE_LENGTH = 1000  # characters
SHUTDOWN_TIMEOUT = 10.0  # seconds, for answers that nobody will read
MOCK_KEY = "imageparity-key"
Progress = Callable[[Outcome], None]

log = logging.getLogger(__name__)


class CouldNotRun(Exception):
    """The run could not begin, or its target refuses to be asked; says what to do."""


@dataclass(frozen=True)
class Campaign:
    """
    A provider, the target that claims to be it, and the questions to be put.

    Without `questions` they are planned: a target that is our mock gets those that
    only it can be asked, `fuzz` adds what Hypothesis draws, `second_opinion` what
    schemathesis draws and has against the answers; `examples` of earlier runs are asked
    first, and `only` keeps the cases whose id has one of these parts. A `frugal`
    campaign asks one question at a time, the cheapest first, and none that was not
    planned: each may cost money. At most `rate` questions are asked a minute. `done`
    are the outcomes of an earlier run, by case, that need not be asked again. A `tape`
    takes down what is said, or gives it again. An answer has `patience` seconds.
    """

    provider: Provider
    target: Target
    seed: int = 0
    fuzz: bool = True
    second_opinion: bool = False
    examples: "ExampleDatabase | None" = None
    only: tuple[str, ...] = ()
    selected_cases: Sequence[Case] | None = None
    is_paid: bool = False
    rate: float | None = None
    done: Mapping[str, Outcome] = field(default_factory=dict)
    cassette: CassetteSession | None = None
    timeout: float = RESPONSE_TIMEOUT

    @cached_property
    def cases(self) -> list[Case]:
        """All of them, in the order in which they will be asked."""
        found = list(self.selected_cases or ())
        if self.selected_cases is None:
            found = plan(self.provider, seed=self.seed, is_mock=self.target.is_mock)
        if self.fuzz:
            from contracts.planning.fuzz import fuzz

            found += fuzz(self.provider, seed=self.seed)
        if self._second_opinion is not None:
            found += self._second_opinion.cases
        if self.examples is not None:
            found = [*self.examples.cases(self.provider), *found]
        if self.only:
            found = [
                each for each in found if any(part in each.id for part in self.only)
            ]
        return sorted(found, key=self._expected_cost) if self.is_paid else found

    @cached_property
    def _second_opinion(self) -> "SecondOpinion | None":
        if not self.second_opinion:
            return None
        from contracts.judging.second_opinion.requests import second_opinion

        return second_opinion(self.provider, self.seed)

    @cached_property
    def pending(self) -> list[Case]:
        """The cases that no earlier run has asked."""
        return [each for each in self.cases if each.id not in self.done]

    def resume_from(self, done: Mapping[str, Outcome]) -> "Campaign":
        """
        The same without the questions of an earlier run.

        One that a question still open will be compared with is asked again.
        """
        planned = {each.id: each for each in self.cases}
        answered = {
            name: each
            for name, each in done.items()
            if name in planned and each.status is not None
        }
        names = {
            name: set(self._comparison_keys(each)) for name, each in planned.items()
        }
        still_open = set().union(
            *(names[name] for name in planned if name not in answered)
        )
        kept = {
            name: each
            for name, each in answered.items()
            if not names[name] & still_open
        }
        resumed = replace(self, done=kept)
        vars(resumed)["cases"] = self.cases  # planned already
        return resumed

    def _comparison_keys(self, case: Case) -> Iterator[str]:
        """Names of the comparisons with other answers that a case takes part in."""
        if case.expectation is not State.INVALID and case.is_payload_only:
            asked = self._request(case)
            for member in COMPARED_FIELD_NAMES.values():
                media_type = case.media_type or ""
                yield f"{member} {request_key(asked, media_type, without=member)}"

    def _expected_cost(self, case: Case) -> float:
        """What a case is expected to cost: nothing for one that is to be refused."""
        if case.expected_error is not None:
            return 0.0
        worst = self.max_cost(case)
        return math.inf if worst is None else worst

    @cached_property
    def claims(self) -> Mapping[str, Claim]:
        return {each.id: each for each in claims(self.provider)}

    def max_cost(self, case: Case) -> float | None:
        """What a case would cost if it were answered with pictures."""
        request = self._request(case)
        count = request.get("n", 1)
        if isinstance(count, bool) or not isinstance(count, int):
            count = 1
        dialect = self.provider.dialect
        return cost(dialect, case.operation, request, count=count).amount

    def target_record(self, answered: Collection[str] = ()) -> TargetRecord:
        """The target, and every claim with how many answered cases asked for it."""
        counts = coverage(
            self.provider, [each for each in self.cases if each.id in answered]
        )
        return TargetRecord(
            provider=self.provider.id,
            title=self.provider.title,
            base_url=self.target.base_url,
            is_mock=self.target.is_mock,
            document=self.provider.version,
            planned=len(self.cases),
            currency=self.provider.dialect.prices.get("currency"),
            claims=tuple(claim_records(self.provider, counts)),
        )

    def _cost(self, interaction: Interaction) -> float | None:
        """What a call cost: nothing for a refusal, where any price is documented."""
        dialect = self.provider.dialect
        if not dialect.prices or not interaction.is_success:
            return 0.0 if dialect.prices else None
        bodies = [interaction.object or {}, *_event_data(interaction)]
        usage = next((each["usage"] for each in bodies if each.get("usage")), None)
        case = interaction.case
        return cost(
            dialect,
            case.operation,
            self._request(case),
            count=max(1, len(interaction.pictures)),
            usage=usage if isinstance(usage, dict) else None,
        ).amount

    def _request(self, case: Case) -> dict[str, Any]:
        operation = self.provider.operations[case.operation]
        body = operation.bodies.get(case.media_type or "")
        if body is None:
            return {}
        return canonical_request(self.provider.dialect, operation, body, case.payload)

    async def outcomes(
        self, sender: Sender, may_send: Callable[[Case], bool]
    ) -> AsyncGenerator[Outcome, None]:
        """
        Each case's outcome, in the order of the plan.

        A case that `may_ask` forbids is passed over.
        """
        memory = AnswerHistory()
        known: set[str] = set()
        causes = Deduplicator(self.provider)
        tasks: list[tuple[asyncio.Task[Interaction], asyncio.Event]] = []
        waiting = iter(self.pending)
        try:
            while True:
                while len(tasks) < self._max_in_flight and (
                    case := next(waiting, None)
                ):
                    if not may_send(case):
                        continue
                    operation = self.provider.operations[case.operation]
                    turn = asyncio.Event()
                    sending = sender.send(case, operation, turn)
                    tasks.append((asyncio.create_task(sending), turn))
                if not tasks:
                    return
                task, turn = tasks.pop(0)
                turn.set()
                interaction = await task
                yield await self._outcome(interaction, sender, memory, known, causes)
        finally:
            await _finish_tasks([task for task, _ in tasks])

    @property
    def _max_in_flight(self) -> int:
        """How many answers may be waited for at once."""
        return 1 if self.is_paid else IN_FLIGHT

    def check_context(
        self, interaction: Interaction, history: AnswerHistory
    ) -> CheckContext:
        case = interaction.case
        operation = self.provider.operations[case.operation]
        answer = Answer(
            interaction=interaction,
            dialect=self.provider.dialect,
            request=self._request(case),
            media_type=case.media_type or "",
            key=self.target.key,
            now=interaction.at,
            history=history,
        )
        return CheckContext(answer, case, operation, self.claims)

    def observations(self, context: CheckContext) -> Iterator[Observation]:
        """
        What about an exchange is not as promised, whoever saw it; each thing once.

        Of very much, the first is enough. What schemathesis says of an answer that is
        not whole, or too much to be read, is not heard.
        """
        second, interaction = self._second_opinion, context.interaction
        is_read = interaction.problem is None and interaction.limit_error is None
        opinions = (
            second.failures_for(interaction) if second is not None and is_read else []
        )
        seen: set[tuple[str, ...]] = set()
        for each in merge_external_failures(context, _run_checks(context), opinions):
            key = (each.kind, each.check, each.claim, each.cause)
            if key not in seen:
                seen.add(key)
                yield replace(each, message=each.message[:MAX_MESSAGE_LENGTH])

    async def _outcome(
        self,
        interaction: Interaction,
        sender: Sender,
        history: AnswerHistory,
        known_fingerprints: set[str],
        deduplicator: Deduplicator,
    ) -> Outcome:
        case = interaction.case
        subject = self.check_context(interaction, history)
        self._check_key_accepted(subject, known_fingerprints)
        known_fingerprints.add("asked")
        seen_before = set(known_fingerprints)
        found: list[Finding] = []
        again = Reproducer(self, subject, sender)
        for observation in self.observations(subject):
            each = await self._finding(
                observation, subject, again, known_fingerprints, deduplicator
            )
            if each.fingerprint not in {other.fingerprint for other in found}:
                found.append(each)
        self._update_examples(interaction, found, seen_before)
        return Outcome(
            provider=self.provider.id,
            case=case.id,
            operation=case.operation,
            origin=case.origin,
            expectation=case.expectation,
            claims=case.claims,
            status=interaction.status,
            seconds=round(interaction.seconds, 4),
            cost=self._cost(interaction),
            findings=tuple(found),
        )

    def _update_examples(
        self,
        interaction: Interaction,
        findings: Sequence[Finding],
        known_fingerprints: set[str],
    ) -> None:
        """Keep a drawn request that showed something new, for the next run."""
        if self.examples is None or interaction.status is None:
            return
        if any(
            each.breaks and each.fingerprint not in known_fingerprints
            for each in findings
        ):
            self.examples.add(self.provider.id, interaction.case)
        elif not findings:
            self.examples.mark_passed(self.provider.id, interaction.case)

    def _check_key_accepted(
        self, context: CheckContext, known_fingerprints: set[str]
    ) -> None:
        """A first answer of 401 to our key says that nothing else will be answered."""
        if (
            not known_fingerprints
            and context.status == 401
            and context.case.auth == "key"
        ):
            raise CouldNotRun(
                f"{self.target.base_url} refuses the key (401). "
                f"Check {self.provider.dialect.key_env}, or name another variable "
                "with --key-env"
            )

    async def _finding(
        self,
        observation: Observation,
        context: CheckContext,
        reproducer: "Reproducer",
        known_fingerprints: set[str],
        deduplicator: Deduplicator,
    ) -> Finding:
        """The finding, its request made as small as still shows it."""
        url = self.target.url(context.case, context.operation)
        named = deduplicator.attribute(observation, context.case)
        found = build_finding(named, context, self.provider, url, self.target.key)
        is_new = found.fingerprint not in known_fingerprints
        known_fingerprints.add(found.fingerprint)
        if is_new:
            found = with_previews(found, context.interaction.result_images)
        can_shrink = (
            not self.is_paid
            and observation.check not in COMPARED_FIELD_NAMES
            and not self._is_slow_to_repeat(context.interaction)
        )
        if is_new and can_shrink and not await reproducer.reproduces(observation):
            message = (
                f"{found.message} (not seen again in {REPRODUCTION_ATTEMPTS} tries)"
            )
            return replace(found, flaky=True, message=message)
        if is_new and can_shrink and context.case.is_payload_only:
            small = await reproducer.shrink(observation)
            if small is not None:
                shown = build_finding(named, small, self.provider, url, self.target.key)
                shown = with_previews(shown, small.interaction.result_images)
                found = replace(found, request=shown.request, answer=shown.answer)
        return found

    def _is_slow_to_repeat(self, interaction: Interaction) -> bool:
        """Whether the same question would take as long again."""
        return interaction.status == 429 or self._has_timed_out(interaction)

    def _has_timed_out(self, interaction: Interaction) -> bool:
        return interaction.problem is not None and interaction.seconds >= self.timeout


@dataclass(slots=True)
class Reproducer:
    """The question of an exchange asked again, however much is wrong with it."""

    campaign: Campaign
    context: CheckContext
    sender: Sender
    attempts: list[list[Observation]] = field(default_factory=list)
    shrink_count: int = 0

    async def reproduces(self, observation: Observation) -> bool:
        """Whether the same question leads to the same observation once more."""
        for at in range(REPRODUCTION_ATTEMPTS):
            if at == len(self.attempts):
                case, operation = self.context.case, self.context.operation
                interaction = await self.sender.send(case, operation)
                subject = self.campaign.check_context(interaction, AnswerHistory())
                self.attempts.append(list(self.campaign.observations(subject)))
            if any(same_observation(each, observation) for each in self.attempts[at]):
                return True
        return False

    async def shrink(self, observation: Observation) -> CheckContext | None:
        """A smaller request with the same finding, for the first that are found."""
        self.shrink_count += 1
        if self.shrink_count > MAX_SHRUNK_FINDINGS:
            return None
        return await shrink_request(
            self.context, observation, self.campaign, self.sender
        )


def _event_data(interaction: Interaction) -> list[dict[str, Any]]:
    found = interaction.events if interaction.is_stream else []
    return [each.data for each in found if isinstance(each.data, dict)]


def _run_checks(context: CheckContext) -> Iterator[Observation]:
    """What our checks see; should an answer be more than they can take, that, too."""
    try:
        yield from islice(examine(context), MAX_OBSERVATIONS)
    except Exception as error:
        log.exception("the answer to %s could not be judged", context.case.id)
        yield Observation(
            FindingKind.UNDOCUMENTED,
            "not-judged",
            f"{context.operation.id}/path",
            Evidence(context.operation.evidence.source, Basis.ASSUMED),
            f"the answer could not be judged: {type(error).__name__}, a fault of ours",
            "an answer that we can judge",
            type(error).__name__,
        )


async def _finish_tasks(tasks: Collection[asyncio.Task[Interaction]]) -> None:
    """
    Wait for what is under way, then end it.

    A request cut off in the middle would leave its connection half open; a second
    interrupt does not wait.
    """
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=SHUTDOWN_TIMEOUT)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def claim_records(
    provider: Provider, counts: Mapping[str, int]
) -> Iterator[ClaimRecord]:
    """Every claim as the report shows it."""
    for claim in claims(provider):
        source = provider.source(claim.evidence.source)
        place = claim.evidence.source.partition("#")[2]
        title = source.title if source else claim.evidence.source
        yield ClaimRecord(
            id=claim.id,
            operation=claim.operation,
            subject=claim.subject,
            sentence=claim.sentence,
            source=claim.evidence.source,
            source_title=f"{title}, {place}" if place else title,
            source_url=source.url if source else "",
            source_date=source.date if source else "",
            basis=claim.evidence.basis,
            pointer=claim.pointer,
            asked=counts.get(claim.id, 0),
            mock=_mock_treatment(claim),
        )


def _mock_treatment(claim: Claim) -> str:
    """How our mock treats a claim."""
    if claim.subject in (About.REQUEST, About.TRANSPORT):
        return "enforced" if claim.evidence.basis is Basis.DOCUMENTED else "lenient"
    return "on demand" if claim.subject is About.ERROR else "kept"


@dataclass(slots=True)
class Run:
    """
    A run in progress: what it is, what came of it so far, and why it stopped.

    `stopped` is None until and unless it stops before its end.
    """

    metadata: RunMetadata
    campaigns: Sequence[Campaign]
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: str | None = None

    def report(self) -> Report:
        """The report of what was asked so far."""
        answered: dict[str, set[str]] = {
            each.provider.id: set() for each in self.campaigns
        }
        for outcome in self.outcomes:
            if outcome.status is not None:
                answered[outcome.provider].add(outcome.case)
        records = tuple(
            each.target_record(answered[each.provider.id]) for each in self.campaigns
        )
        metadata = replace(self.metadata, targets=records)
        return Report(metadata, tuple(self.outcomes), self.stopped)


def start(campaigns: Sequence[Campaign], *, version: str, seed: int) -> Run:
    """A run that has asked nothing yet; all its cases are planned."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    for each in campaigns:
        _ = each.cases
    return Run(RunMetadata(version, started, seed, ()), campaigns)


async def execute(
    run: Run,
    *,
    progress: Progress = lambda outcome: None,
    max_cases: int | None = None,
    budget: float | None = None,
) -> None:
    """
    Ask everything, one provider after the other.

    Stops at `max_cases`. A call that could exceed the `budget` (in the provider's
    currency), or whose price is unknown while there is one, is passed over, and the
    run counts as stopped. Raises `Unreachable` and `CouldNotRun`.
    """
    if budget is not None:
        _check_budget(run.campaigns, budget)
    ledger = BudgetGuard(run, max_cases=max_cases, budget=budget)
    for campaign in run.campaigns:
        run.outcomes += campaign.done.values()
        ledger.spent += sum(each.cost or 0.0 for each in campaign.done.values())
    for campaign in run.campaigns:
        ledger.consecutive_errors = ledger.timeouts = 0
        async with Sender(
            campaign.target,
            max_connections=1 if campaign.is_paid else MAX_CONNECTIONS,
            rate=campaign.rate,
            max_retry_delay=MAX_RETRY_DELAY_LIVE
            if campaign.is_paid
            else MAX_RETRY_DELAY,
            timeout=campaign.timeout,
            cassette=campaign.cassette,
        ) as sender:
            await sender.check_reachable()
            may_ask = partial(ledger.may_send, campaign)
            # However it ends, what is under way ends before its connections do.
            async with aclosing(campaign.outcomes(sender, may_ask)) as outcomes:
                async for outcome in outcomes:
                    run.outcomes.append(outcome)
                    ledger.add(campaign, outcome)
                    progress(outcome)
        if ledger.has_skipped:
            run.stopped = run.stopped or "budget"
        if run.stopped:
            return


def _check_budget(campaigns: Sequence[Campaign], budget: float) -> None:
    """Raises `CouldNotRun` when not one picture may be paid for."""
    for campaign in campaigns:
        dear = [each for each in campaign.cases if each.expected_error is None]
        prices = [price for each in dear if (price := campaign.max_cost(each))]
        if dear and (not prices or min(prices) > budget):
            least = f"costs {min(prices):g}" if prices else "has no known price"
            currency = campaign.provider.dialect.prices.get("currency", "")
            raise CouldNotRun(
                f"{campaign.provider.title}: its cheapest picture {least} {currency}, "
                f"more than the budget of {budget:g}: raise --budget, or ask with "
                "--only for what is refused"
            )


@dataclass(slots=True)
class BudgetGuard:
    """How much was asked and spent, against how much may be."""

    run: Run
    max_cases: int | None
    budget: float | None
    sent: int = 0
    spent: float = 0.0
    consecutive_errors: int = 0
    timeouts: int = 0
    has_skipped: bool = False

    def add(self, campaign: Campaign, outcome: Outcome) -> None:
        """Add an outcome; a target that is down, or hardly moves, stops the run."""
        self.spent += outcome.cost or 0.0
        status = outcome.status
        is_whole = all(each.check != "answers" for each in outcome.findings)
        failed = (
            status in {None, 429}
            or not is_whole
            or (campaign.is_paid and (status or 0) >= 500)
        )
        self.consecutive_errors = (
            self.consecutive_errors + 1 if failed and outcome.origin != "error" else 0
        )
        self.timeouts += outcome.seconds >= campaign.timeout
        most = (
            MAX_CONSECUTIVE_ERRORS_PAID if campaign.is_paid else MAX_CONSECUTIVE_ERRORS
        )
        if self.consecutive_errors >= most or self.timeouts >= MAX_TIMEOUTS:
            self.run.stopped = "errors"

    def may_send(self, campaign: Campaign, case: Case) -> bool:
        """Whether there is enough left for a case; cheaper ones may yet be asked."""
        if self.run.stopped:
            return False
        if self.max_cases is not None and self.sent >= self.max_cases:
            self.run.stopped = "budget"
            return False
        if self._exceeds_budget(campaign, case):
            self.has_skipped = True
            return False
        self.sent += 1
        return True

    def _exceeds_budget(self, campaign: Campaign, case: Case) -> bool:
        if self.budget is None:
            return False
        price = campaign.max_cost(case)
        return price is None or self.spent + price > self.budget


@contextmanager
def mocks_in_subprocess(
    providers: Sequence[Provider], folder: str | None
) -> Iterator[dict[str, Target]]:
    """As `mocks`, by the documents of a folder, in a process of their own."""
    from mockserver.embedded.subprocess import running_in_subprocess

    if not providers:
        yield {}
        return
    with running_in_subprocess([each.id for each in providers], folder) as urls:
        yield _targets(urls)


@contextmanager
def mocks(providers: Sequence[Provider]) -> Iterator[dict[str, Target]]:
    """Each provider's own mock, embedded, until the block ends; none for none."""
    import mockserver

    if not providers:
        yield {}
        return
    with mockserver.running(*providers) as running:
        yield _targets(running.base_urls)


def _targets(urls: Mapping[str, str]) -> dict[str, Target]:
    return {name: Target(url, MOCK_KEY, is_mock=True) for name, url in urls.items()}


def format_elapsed(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
