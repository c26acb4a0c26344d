"""Limit a run by cases, money, errors and timeouts."""

from dataclasses import dataclass

from contracts.execution.campaign import Campaign
from contracts.planning.case import Case, Origin
from contracts.report.model import Outcome

MAX_CONSECUTIVE_ERRORS = 20
MAX_CONSECUTIVE_ERRORS_PAID = 10
MAX_TIMEOUTS = 20  # in a campaign


@dataclass(slots=True)
class BudgetGuard:
    """
    Counts what a run sends and spends, and decides which cases may be sent.

    `max_cases` and `budget` (in the provider's currency) are None for no limit.
    `stopped` is why no more cases are sent: `errors`, `budget`, or None.
    """

    max_cases: int | None
    budget: float | None
    sent: int = 0
    spent: float = 0.0
    consecutive_errors: int = 0
    timeouts: int = 0
    has_skipped: bool = False
    stopped: str | None = None

    def add(self, campaign: Campaign, outcome: Outcome) -> None:
        """Add an outcome; too many errors in a row or timeouts stop the run."""
        self.spent += outcome.cost or 0.0
        status = outcome.status
        is_complete = all(each.check != "answers" for each in outcome.findings)
        failed = (
            status in {None, 429}
            or not is_complete
            or (campaign.is_paid and (status or 0) >= 500)
        )
        self.consecutive_errors = (
            self.consecutive_errors + 1
            if failed and outcome.origin != Origin.ERROR
            else 0
        )
        self.timeouts += outcome.seconds >= campaign.timeout
        max_errors = (
            MAX_CONSECUTIVE_ERRORS_PAID if campaign.is_paid else MAX_CONSECUTIVE_ERRORS
        )
        if self.consecutive_errors >= max_errors or self.timeouts >= MAX_TIMEOUTS:
            self.stopped = "errors"

    def may_send(self, campaign: Campaign, case: Case) -> bool:
        """True if a case is within the limits; a cheaper one may be even if not."""
        if self.stopped:
            return False
        if self.max_cases is not None and self.sent >= self.max_cases:
            self.stopped = "budget"
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
