"""The account of a lane: the steps of a worker in the ledger while it sends."""

import asyncio
import hashlib
import json
import math
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from contracts.execution.campaign import Campaign
from contracts.execution.outcomes import untested_outcome
from contracts.execution.preflight import was_not_sent
from contracts.execution.sending.pace import RateLimiter
from contracts.ledger.base import (
    MILLIONTHS,
    AccountLimit,
    Answer,
    LaneRecord,
    Lease,
    Ledger,
    Question,
    millionths,
)
from contracts.ledger.errors import LaneBusy, LedgerError
from contracts.media.guarantee import AnswerHistory
from contracts.planning.case import Case
from contracts.report.model import (
    CONNECTION_FAILED,
    OUTCOME_LOST,
    RATE_LIMITED,
    Outcome,
)
from contracts.report.rows import outcome_from, outcome_row

RENEWALS = 3  # within the time of a lease
LEASE_FACTOR, LEASE_MARGIN = 1.1, 1.0  # times the longest response, plus seconds
MAX_WAIT = 1.0  # seconds, between two tries to acquire a lane
FREE = (CONNECTION_FAILED, RATE_LIMITED)
"""The beginnings of `not_tested` for a request that the server did not take."""


@dataclass
class LaneAccount:
    """
    The account of one lane, for the worker that has its lease.

    `budget` is in millionths of the currency; None for no limit. `shared_limit` is the
    rate of an account that other lanes use as well.
    """

    ledger: Ledger
    lease: Lease
    campaign: Campaign
    budget: int | None = None
    shared_limit: AccountLimit | None = None
    _rate: RateLimiter = field(init=False)
    _ends_at: float = 0.0  # of the lease, by the monotonic clock
    _has_turn: bool = False
    _problem: LedgerError | None = None
    _prices: dict[str, int | None] = field(default_factory=dict)
    _followed: set[str] = field(default_factory=set)  # cases of tasks kept open
    _free: list[str] = field(default_factory=list)  # settled, and cost nothing
    _kept: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._kept = [len(each) for each in _parts(self.campaign.history)]
        self._rate = RateLimiter(self.campaign.rate)

    async def begin(self, case: Case) -> Answer:
        """
        Reserve the money for a case, and wait for the rate of the account.

        Raises `LedgerError`, also for a case that was sent before.
        """
        earlier = self.campaign.open_tasks.get(case.id)
        highest = 0.0 if earlier else self.campaign.max_cost(case)
        price = None if highest is None else millionths(highest)
        question = Question(
            case.id,
            price,
            self.budget,
            self.shared_limit,
            continues=earlier is not None,
        )
        await self._rate.wait()  # a question that waits is not marked as sent
        while True:
            asked_at = time.monotonic()
            begun = await self.ledger.begin(self.lease, question)
            self._ends_at = asked_at + self.lease.seconds
            if begun.answer is not Answer.WAIT:
                break
            await asyncio.sleep(begun.seconds)
        if begun.answer is Answer.KNOWN:
            raise LedgerError(f"the ledger has {case.id} already: it is not sent again")
        if begun.answer is Answer.STARTED:
            self._prices[case.id], self._has_turn = price, True
        return begun.answer

    async def before_request(self) -> None:
        """
        Wait until the next request may be sent.

        The lease then lasts longer than the response may take. Raises `LeaseLost` if
        another worker has the lane, because this process did not run for so long.
        """
        if not self._has_turn:
            await self._wait_for_rates()
        self._has_turn = False
        if self._problem is not None:
            raise self._problem
        if time.monotonic() + self.campaign.timeout > self._ends_at:
            await self._renew()

    async def _wait_for_rates(self) -> None:
        await self._rate.wait()
        limit = self.shared_limit
        while limit is not None:
            seconds = await self.ledger.take(limit)
            if not seconds:
                break
            await asyncio.sleep(seconds)

    async def settle(self, outcome: Outcome, history: AnswerHistory) -> Outcome:
        """
        Keep an outcome; returns it with what it has cost.

        A request without a response has its highest price: the server may have worked.
        """
        case, reason = outcome.case, outcome.not_tested or ""
        earlier = case in self.campaign.open_tasks or case in self._followed
        if case in self._followed and case not in self._prices:
            return outcome  # kept when its task was created
        price = self._prices.pop(case, None)
        was_sent = not (was_not_sent(outcome) or reason.startswith(FREE))
        if was_sent and outcome.status is None and not earlier and price is not None:
            outcome = replace(outcome, cost=price / MILLIONTHS)
        cost = 0 if earlier else _cost(outcome.cost)
        await self.ledger.settle(
            self.lease,
            outcome.case,
            row=self._row(outcome, history),
            cost=cost,
            was_sent=was_sent,
            failed=any(each.breaks for each in outcome.findings),
        )
        if was_sent and not cost:
            self._free.append(outcome.case)
        return outcome

    async def keep_open(self, outcome: Outcome, history: AnswerHistory) -> None:
        """Keep the outcome of a task that is open, which is followed now."""
        await self.settle(outcome, history)
        self._followed.add(outcome.case)
        question = Question(outcome.case, price=0, continues=True)
        if (await self.ledger.begin(self.lease, question)).answer is Answer.STARTED:
            self._prices[outcome.case] = 0

    async def reopen(self) -> None:
        """Let what cost nothing be asked again: the target could not be tested."""
        await self.ledger.reopen(self.lease, self._free)

    def unsettled(self) -> list[Outcome]:
        """The outcomes of questions that were sent and not settled: they are lost."""
        prices = {id_: price or 0 for id_, price in self._prices.items()}
        return list(lost_outcomes(self.campaign, LaneRecord(lost=prices)).values())

    def _row(self, outcome: Outcome, history: AnswerHistory) -> str:
        """The outcome, and what later responses are compared with, as JSON."""
        new = []
        for at, part in enumerate(_parts(history)):
            new.append(list(islice(part.items(), self._kept[at], None)))
            self._kept[at] = len(part)
        row = {"outcome": outcome_row(outcome), "history": new}
        return json.dumps(row, ensure_ascii=False)

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator["LaneAccount"]:
        """Renew the lease until the block ends."""
        task = asyncio.create_task(self._keep_renewing())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _keep_renewing(self) -> None:
        """Renew the lease again and again; `before_request` raises what it raises."""
        while self._problem is None:
            await asyncio.sleep(self.lease.seconds / RENEWALS)
            try:
                await self._renew()
            except LedgerError as error:
                self._problem = error

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        await self.ledger.renew(self.lease)
        self._ends_at = asked_at + self.lease.seconds


def _cost(amount: float | None) -> int | None:
    return None if amount is None else millionths(amount)


def _parts(history: AnswerHistory) -> tuple[dict[str, Any], ...]:
    return history.by_request_key, history.by_prompt, history.by_name, history.models


async def open_account(
    ledger: Ledger,
    campaign: Campaign,
    lane: str,
    *,
    version: str,
    budget: float | None = None,
    shared_limit: AccountLimit | None = None,
    on_wait: Callable[[LaneBusy], object] = lambda busy: None,
) -> LaneAccount:
    """
    The account of a lane, with its lease, and with what earlier workers have asked.

    Waits while another worker has the lane; `on_wait` gets the reason each time. The
    lease is longer than a response may take: a request of a worker that was killed has
    ended before another worker begins. Raises `LedgerError`.
    """
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    while True:
        try:
            lease = await ledger.acquire(
                lane,
                identity=lane_identity(campaign, version),
                planned=len(campaign.cases),
                holder=holder,
                seconds=campaign.timeout * LEASE_FACTOR + LEASE_MARGIN,
            )
        except LaneBusy as busy:
            on_wait(busy)
            await asyncio.sleep(min(busy.seconds, MAX_WAIT))
        else:
            break
    continued = continue_campaign(campaign, await ledger.record(lane))
    limit = None if budget is None else math.floor(budget * MILLIONTHS)
    return LaneAccount(ledger, lease, continued, limit, shared_limit)


def lane_identity(campaign: Campaign, version: str) -> str:
    """The facts that must stay the same for a lane to go on, one a line."""
    target = campaign.target
    facts = {
        "version": version,
        "seed": str(campaign.seed),
        "provider": campaign.provider.id,
        "document": campaign.provider.version,
        "server": "mock" if target.is_mock else target.base_url,
        "cases": hashlib.sha256(
            "\n".join(sorted(each.id for each in campaign.cases)).encode()
        ).hexdigest()[:12],
        **campaign.call_record.options,
    }
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def continue_campaign(campaign: Campaign, record: LaneRecord) -> Campaign:
    """
    The campaign without the cases that were sent already.

    Responses are compared with theirs, and tasks that they created are followed.
    """
    history = AnswerHistory()
    done, open_tasks = dict(campaign.done), dict(campaign.open_tasks)
    for text in record.settled.values():
        outcome, new = _read_row(text)
        for part, items in zip(_parts(history), new, strict=True):
            part.update((key, _value(value)) for key, value in items)
        is_open = outcome.open_task and not campaign.target.is_mock
        (open_tasks if is_open else done)[outcome.case] = outcome
    done |= lost_outcomes(campaign, record)
    continued = replace(campaign, done=done, open_tasks=open_tasks, history=history)
    vars(continued)["cases"] = campaign.cases  # the cached property, planned already
    return continued


def recorded_outcomes(campaign: Campaign, record: LaneRecord) -> dict[str, Outcome]:
    """The outcomes of all cases in a ledger, by case."""
    texts = {**record.unsent, **record.settled}
    known = {case: _read_row(text)[0] for case, text in texts.items()}
    return known | lost_outcomes(campaign, record)


def _read_row(text: str) -> tuple[Outcome, list[list[list[Any]]]]:
    row: Mapping[str, Any] = json.loads(text)
    return outcome_from(row["outcome"]), row["history"]


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def lost_outcomes(campaign: Campaign, record: LaneRecord) -> dict[str, Outcome]:
    """Outcomes that are not tested, at the highest price, for lost questions."""
    cases = {each.id: each for each in campaign.cases}
    return {
        id_: untested_outcome(
            campaign.provider, case, OUTCOME_LOST, cost=price / MILLIONTHS
        )
        for id_, price in record.lost.items()
        if (case := cases.get(id_)) is not None
    }
