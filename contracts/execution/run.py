"""Execute campaigns: start, send, stop at a budget, an interrupt or too many errors."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from contracts.execution.budget import BudgetGuard
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.client import (
    MAX_RETRY_DELAY,
    MAX_RETRY_DELAY_LIVE,
    Sender,
)
from contracts.execution.session import Session
from contracts.report.model import (
    Outcome,
    Report,
    RunMetadata,
)

MAX_CONNECTIONS = 16
Progress = Callable[[Outcome], None]


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
    guard = BudgetGuard(max_cases=max_cases, budget=budget)
    for campaign in run.campaigns:
        run.outcomes += campaign.done.values()
        guard.spent += sum(each.cost or 0.0 for each in campaign.done.values())
    for campaign in run.campaigns:
        guard.consecutive_errors = guard.timeouts = 0
        async with _sender(campaign) as sender:
            await sender.check_reachable()
            session = Session(campaign, sender)
            # However it ends, requests in flight end before their connections do.
            outcomes = session.outcomes(partial(guard.may_send, campaign))
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    run.outcomes.append(outcome)
                    guard.add(campaign, outcome)
                    run.stopped = guard.stopped
                    progress(outcome)
        run.stopped = guard.stopped or ("budget" if guard.has_skipped else None)
        if run.stopped:
            return


def _sender(campaign: Campaign) -> Sender:
    is_paid = campaign.is_paid
    return Sender(
        campaign.target,
        max_connections=1 if is_paid else MAX_CONNECTIONS,
        rate=campaign.rate,
        max_retry_delay=MAX_RETRY_DELAY_LIVE if is_paid else MAX_RETRY_DELAY,
        timeout=campaign.timeout,
        cassette=campaign.cassette,
    )


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
