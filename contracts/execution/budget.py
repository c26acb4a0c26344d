"""Limit a run by cases, money, errors and timeouts."""

from dataclasses import dataclass

from contracts.execution.account import LaneAccount
from contracts.execution.campaign import Campaign
from contracts.ledger.base import Answer
from contracts.planning.case import Case, Origin
from contracts.report.model import Outcome

MAX_CONSECUTIVE_ERRORS = 20
MAX_CONSECUTIVE_ERRORS_PAID = 10
MAX_TIMEOUTS = 20  # in a campaign


@dataclass(slots=True)
class BudgetGuard:
    """
    Counts what a run sends, and decides which cases may be sent.

    `max_cases` is None for no limit. `account` has the money; None if a run costs
    nothing. `stopped` is why no more cases are sent: `errors`, `budget`, or None.
    """

    max_cases: int | None
    account: LaneAccount | None = None
    sent: int = 0
    consecutive_errors: int = 0
    timeouts: int = 0
    has_skipped: bool = False
    stopped: str | None = None

    def add(self, campaign: Campaign, outcome: Outcome) -> None:
        """Add an outcome; too many errors in a row or timeouts stop the run."""
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

    async def may_send(self, case: Case) -> bool:
        """
        True if a case is within the limits; a cheaper one may be even if not.

        Raises `LedgerError` if the run must stop.
        """
        if self.stopped:
            return False
        if self.max_cases is not None and self.sent >= self.max_cases:
            self.stopped = "budget"
            return False
        if self.account is not None:
            answer = await self.account.begin(case)
            if answer is not Answer.STARTED:
                self.has_skipped |= answer is Answer.OVER_BUDGET
                return False
        self.sent += 1
        return True
