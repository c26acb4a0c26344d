"""
The interface of a ledger.

A *lane* is one target with one key: at most one worker sends to it at a time. A worker
acquires a *lease* of the lane, which has a fencing token and ends unless it is renewed.
Each question (a test case, by its id) is begun before it is sent, and settled with its
outcome after the response. Every operation is one atomic step.

Amounts of money are integers: millionths of the currency of the lane.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

MILLIONTHS = 1_000_000


def millionths(amount: float) -> int:
    """An amount of money in millionths, rounded up, so that no sum is too small."""
    return math.ceil(round(amount * MILLIONTHS, 3))


@dataclass(frozen=True, slots=True)
class Lease:
    """
    The right to send to a lane.

    `token` is higher than that of every earlier lease of the lane. `holder` describes
    the worker. `seconds` is how long the lease lasts after each step.
    """

    lane: str
    token: int
    holder: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AccountLimit:
    """The rate of an account that several lanes share, in requests per minute."""

    name: str
    rate: float

    @property
    def interval(self) -> float:
        """The time between two requests, in seconds."""
        return 60.0 / self.rate


@dataclass(frozen=True, slots=True)
class Question:
    """
    A question that is about to be sent.

    `price` is the highest that it may cost, `budget` what the lane may cost in all, in
    millionths; None for an unknown price and for no limit. With `continues`, an earlier
    worker has paid for the question, and its task is followed now.
    """

    id: str
    price: int | None = None
    budget: int | None = None
    account: AccountLimit | None = None
    continues: bool = False


class Answer(StrEnum):
    """The answers of a ledger to the question whether something may be sent."""

    STARTED = "started"
    WAIT = "wait"
    OVER_BUDGET = "budget"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Begun:
    """`seconds` is how long to wait for the rate of the account before the next try."""

    answer: Answer
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LaneRecord:
    """
    The questions of a lane that have an end, by id.

    `settled` and `unsent` have a text that the worker gave. `unsent` cost nothing and
    may be asked again. `lost` were sent by a worker that ended before it settled them;
    they have their highest price in millionths.
    """

    settled: Mapping[str, str] = field(default_factory=dict)
    unsent: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """
    The state of a lane.

    `planned`, `settled`, `unsent`, `lost`, `in_flight` and `failed` count questions.
    `spent` and `reserved` are in millionths. `holder` is the worker of the last lease
    and `seconds_left` the rest of that lease, 0 if it has ended. `result` is how the
    last worker released the lane; empty while one has it, or if it was killed.
    """

    name: str
    planned: int = 0
    settled: int = 0
    unsent: int = 0
    lost: int = 0
    in_flight: int = 0
    failed: int = 0
    spent: int = 0
    reserved: int = 0
    holder: str = ""
    seconds_left: float = 0.0
    result: str = ""


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    """
    A campaign: when it started (seconds since 1970), and its lanes by name.

    `started` is None if no lane was acquired yet.
    """

    started: float | None = None
    is_cancelled: bool = False
    lanes: Mapping[str, LaneStatus] = field(default_factory=dict)


class Ledger(ABC):
    """
    The ledger of one campaign. An asynchronous context manager.

    Every operation raises `LedgerUnavailable` if the ledger does not respond, and those
    with a lease raise `LeaseLost` if another worker has acquired the lane since.
    """

    def __init__(self, campaign: str) -> None:
        self.campaign = campaign

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    async def acquire(
        self, lane: str, *, identity: str, planned: int, holder: str, seconds: float
    ) -> Lease:
        """
        Acquire the lease of a lane, for so many seconds.

        Questions that an earlier worker has sent and not settled are lost from now on.
        `identity` describes what is tested; `holder` is unique for each worker.
        Raises `LaneBusy`, `LaneDiffers` and `CampaignCancelled`.
        """

    @abstractmethod
    async def renew(self, lease: Lease) -> None:
        """Make the lease last for its seconds from now on."""

    @abstractmethod
    async def release(self, lease: Lease, result: str) -> None:
        """End the lease; `result` says how far the lane came."""

    @abstractmethod
    async def begin(self, lease: Lease, question: Question) -> Begun:
        """
        Reserve the money for a question, take from its account, and mark it as sent.

        Nothing is changed if the answer is not `STARTED`. Renews the lease. Raises
        `CampaignCancelled`.
        """

    @abstractmethod
    async def settle(
        self,
        lease: Lease,
        question: str,
        *,
        row: str,
        cost: int | None = None,
        was_sent: bool = True,
        failed: bool = False,
    ) -> None:
        """
        Keep the outcome of a question, and renew the lease.

        `cost` is in millionths, None for the highest price. A question that was not
        sent costs nothing, and may be asked again.
        """

    @abstractmethod
    async def reopen(self, lease: Lease, questions: Sequence[str]) -> None:
        """Let settled questions, which cost nothing, be asked again."""

    @abstractmethod
    async def take(self, account: AccountLimit) -> float:
        """
        Take one request from the rate of an account.

        Returns 0 if it was taken, or else the seconds to wait before the next try.
        """

    @abstractmethod
    async def record(self, lane: str) -> LaneRecord:
        """The questions of a lane that have an end."""

    @abstractmethod
    async def status(self, lane: str | None = None) -> CampaignStatus:
        """The state of the campaign and of its lanes, or of one `lane` alone."""

    @abstractmethod
    async def cancel(self, *, undo: bool = False) -> None:
        """Let no question of this campaign begin, or, with `undo`, let them again."""


def lost_lease(lease: Lease) -> str:
    """The message of `LeaseLost`."""
    return (
        f"the lease of the lane {lease.lane} has ended and another worker has it now: "
        "this worker sends nothing more"
    )


def different_lane(lane: str, known: str, identity: str) -> str:
    """The message of `LaneDiffers`; identities are lines `name: value`."""
    earlier, now = (
        dict(line.partition(": ")[::2] for line in text.splitlines())
        for text in (known, identity)
    )
    names = [each for each in {**earlier, **now} if earlier.get(each) != now.get(each)]
    changes = ", ".join(
        f"{each} {earlier.get(each) or 'none'} (now {now.get(each) or 'none'})"
        for each in names
    )
    return f"the ledger has the lane {lane} with another {changes}"


CANCELLED = (
    "the campaign was cancelled: `imageparity campaign cancel --undo FILE` "
    "lets it go on"
)
