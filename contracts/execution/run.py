"""Execute campaigns: start, send, stop at a budget, an interrupt or too many errors."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from contracts.execution.account import LaneAccount, open_account
from contracts.execution.budget import BudgetGuard
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.preflight import was_not_sent
from contracts.execution.sending.client import (
    MAX_PAUSE,
    MAX_PAUSE_LIVE,
    Sender,
    Unreachable,
)
from contracts.execution.session import Session
from contracts.execution.tasks.follow import OpenTask
from contracts.judging.causes.grouping import causes_of
from contracts.judging.requirements import requirements_record
from contracts.ledger.base import Ledger, millionths
from contracts.ledger.errors import LaneBusy
from contracts.ledger.sqlite import MEMORY, SqliteLedger
from contracts.planning.case import Case
from contracts.report.model import Outcome, Report, RunMetadata
from specs.requirement_sets import RequirementSet

MAX_CONNECTIONS = 16
Progress = Callable[[Outcome], None]


@dataclass(slots=True)
class Run:
    """
    A run in progress, with its outcomes so far, and more evidence by provider.

    `stopped` is why it stopped early: `budget`, `errors` or `interrupt`. None if it
    did not. `requirements` are those that its report has the results of.
    """

    metadata: RunMetadata
    campaigns: Sequence[Campaign]
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: str | None = None
    requirements: RequirementSet | None = None
    evidence: dict[str, Sequence[tuple[Case, Outcome]]] = field(default_factory=dict)

    def report(self) -> Report:
        """The report of the outcomes so far."""
        answered: dict[str, set[str]] = {
            each.provider.id: set() for each in self.campaigns
        }
        for outcome in self.outcomes:
            if outcome.status is not None and outcome.reason_not_tested is None:
                answered[outcome.provider].add(outcome.case)
        records = tuple(
            each.target_record(answered[each.provider.id]) for each in self.campaigns
        )
        metadata = replace(self.metadata, targets=records)
        causes = tuple(
            finding
            for each in self.campaigns
            for finding in causes_of(
                each.provider,
                {case.id: case for case in each.cases},
                [row for row in self.outcomes if row.provider == each.provider.id],
                self.evidence.get(each.provider.id, ()),
            )
        )
        report = Report(metadata, tuple(self.outcomes), self.stopped, causes)
        if self.requirements is None:
            return report
        results = requirements_record(self.requirements, report)
        return replace(report, requirements=results)


def start(
    campaigns: Sequence[Campaign],
    *,
    version: str,
    seed: int,
    requirements: RequirementSet | None = None,
) -> Run:
    """
    A run with all cases planned and none sent.

    Its report has the results of `requirements`.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    for campaign in campaigns:
        _ = campaign.cases
    repeat = max((each.repeat for each in campaigns), default=1)
    metadata = RunMetadata(version, started, seed, (), repeat=repeat)
    return Run(metadata, campaigns, requirements=requirements)


async def execute(
    run: Run,
    *,
    progress: Progress = lambda outcome: None,
    max_cases: int | None = None,
    budget: float | None = None,
    ledger: Ledger | None = None,
    on_wait: Callable[[LaneBusy], object] = lambda busy: None,
) -> None:
    """
    Send all cases, one provider after the other; `progress` gets each outcome.

    The run stops after `max_cases`. With a `budget` (in the provider's currency), a
    case is skipped if its price is unknown or could exceed what is left; the run then
    counts as stopped. The money is counted in the `ledger`, None for one in memory; it
    is closed at the end. What a run that was killed has left in it is not sent again;
    `on_wait` is called while the lease of such a run has not ended.

    Raises `Unreachable` and `CouldNotRun` for the first provider that could not be
    tested, after the others were; `run` then has the campaigns of these. Raises
    `LedgerError` at once.
    """
    if budget is not None:
        _check_budget(run.campaigns, budget)
    for campaign in run.campaigns:
        run.outcomes += campaign.done.values()
    guard = BudgetGuard(max_cases)
    failures: dict[str, Unreachable | CouldNotRun] = {}
    async with ledger or SqliteLedger(MEMORY, "run") as opened:
        for campaign in run.campaigns:
            guard.consecutive_errors = guard.timeouts = 0
            current = campaign
            try:
                if budget is not None:
                    guard.account = await _open_account(
                        run, campaign, budget, opened, on_wait
                    )
                    current = guard.account.campaign
                await execute_campaign(run, current, guard, progress)
            except (Unreachable, CouldNotRun) as error:
                failures[campaign.provider.id] = error
            run.stopped = guard.stopped or ("budget" if guard.has_skipped else None)
            if run.stopped:
                break
    if failures:
        run.campaigns = [
            each for each in run.campaigns if each.provider.id not in failures
        ]
        run.outcomes = [each for each in run.outcomes if each.provider not in failures]
        raise next(iter(failures.values()))


async def _open_account(
    run: Run,
    campaign: Campaign,
    budget: float,
    ledger: Ledger,
    on_wait: Callable[[LaneBusy], object],
) -> LaneAccount:
    """The account of a campaign, with what is left of the budget of the run."""
    lane = campaign.provider.id
    account = await open_account(
        ledger, campaign, lane, version=run.metadata.version, on_wait=on_wait
    )
    run.outcomes += [
        each
        for case, each in account.campaign.done.items()
        if case not in campaign.done
    ]
    lanes = (await ledger.status()).lanes
    others = sum(
        each.spent + each.reserved for each in lanes.values() if each.name != lane
    )
    reported = sum(
        each.cost or 0.0 for one in run.campaigns for each in one.done.values()
    )
    account.budget = max(0, millionths(budget) - others - millionths(reported))
    return account


async def execute_campaign(
    run: Run, campaign: Campaign, guard: BudgetGuard, progress: Progress
) -> None:
    """
    Send the cases of a campaign, and keep their outcomes in its account.

    Raises `Unreachable`, `CouldNotRun` and `LedgerError`.
    """
    account = guard.account
    async with AsyncExitStack() as stack:
        sender = await stack.enter_async_context(_sender(campaign, account))
        await sender.check_reachable()
        session = Session(campaign, sender)
        if account is not None:
            await stack.enter_async_context(account.renewed())
            session.follower.on_created = partial(_keep_open, account, session)
        run.evidence[campaign.provider.id] = session.evidence
        # Requests in flight end before the sender closes their connections.
        outcomes = session.outcomes(guard.may_send)
        try:
            async with aclosing(outcomes):
                async for made in outcomes:
                    outcome = await _settled(account, session, made)
                    run.outcomes.append(outcome)
                    if not was_not_sent(outcome):
                        guard.add(campaign, outcome)
                    run.stopped = guard.stopped
                    progress(outcome)
        finally:
            known = {
                each.case
                for each in run.outcomes
                if each.provider == campaign.provider.id
            }
            for made in session.last_outcomes(known):
                run.outcomes.append(await _settled(account, session, made))
            run.outcomes += account.unsettled() if account else []


async def _settled(
    account: LaneAccount | None, session: Session, outcome: Outcome
) -> Outcome:
    if account is None:
        return outcome
    return await account.settle(outcome, session.examiner.history)


async def _keep_open(account: LaneAccount, session: Session, task: OpenTask) -> None:
    """Keep a task as soon as it is created: another worker could follow it."""
    outcome = session.open_outcome(task)
    await account.keep_open(outcome, session.examiner.history)


def _sender(campaign: Campaign, account: LaneAccount | None) -> Sender:
    is_paid = campaign.is_paid
    return campaign.open_sender(
        campaign.target,
        max_connections=1 if is_paid else MAX_CONNECTIONS,
        rate=None if account else campaign.rate,  # the account waits for the rate
        max_pause=MAX_PAUSE_LIVE if is_paid else MAX_PAUSE,
        timeout=campaign.timeout,
        cassette=campaign.cassette,
        fetch_from=campaign.fetch_from,
        before_request=account.before_request if account else None,
        reuses_connections=not is_paid,
    )


def _check_budget(campaigns: Sequence[Campaign], budget: float) -> None:
    """Raise `CouldNotRun` if the budget pays for no image."""
    for campaign in campaigns:
        paid = [each for each in campaign.cases if each.expected_error is None]
        prices = [price for each in paid if (price := campaign.max_cost(each))]
        if paid and (not prices or min(prices) > budget):
            currency = campaign.provider.dialect.currency
            cost = f"costs {min(prices):g} {currency}" if prices else "has no price"
            if campaign.repeat > 1:
                cost += f" with {campaign.repeat} requests"
            raise CouldNotRun(
                f"{campaign.provider.title}: the cheapest image {cost}; the budget is "
                f"{budget:g}. Raise --budget, or select requests that are rejected "
                "with --only"
            )
