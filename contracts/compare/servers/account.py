"""The money that the requests to one server cost, in a ledger in memory."""

from itertools import count

from contracts.ledger.base import MILLIONTHS, Answer, Lease, Question, millionths
from contracts.ledger.sqlite import MEMORY, SqliteLedger

_SECONDS = 1e9  # of the lease: nobody else has the ledger


class ServerAccount:
    """
    The cost of the requests to one server, and its limit.

    Amounts are in the currency of the provider; with a budget of None there is no
    limit.
    """

    def __init__(self, label: str, budget: float | None) -> None:
        self._label = label
        self._budget = None if budget is None else millionths(budget)
        self._ledger = SqliteLedger(MEMORY, "same questions")
        self._lease: Lease | None = None
        self._numbers = count(1)

    async def begin(self, price: float | None) -> str | None:
        """
        Reserve the highest price of a request, None if it has no documented one.

        Returns the id of the request, or None if the budget does not allow it.
        """
        id_ = str(next(self._numbers))
        highest = None if price is None else millionths(price)
        begun = await self._ledger.begin(
            await self._own_lease(), Question(id_, highest, self._budget)
        )
        return id_ if begun.answer is Answer.STARTED else None

    async def settle(self, id_: str, cost: float | None) -> None:
        """Replace the reserved price by the cost; None if the highest price counts."""
        await self._ledger.settle(
            await self._own_lease(),
            id_,
            row="",
            cost=None if cost is None else millionths(cost),
        )

    async def spent(self) -> float:
        lanes = (await self._ledger.status()).lanes
        return lanes[self._label].spent / MILLIONTHS if self._label in lanes else 0.0

    async def close(self) -> None:
        await self._ledger.close()

    async def _own_lease(self) -> Lease:
        if self._lease is None:
            self._lease = await self._ledger.acquire(
                self._label, identity="", planned=0, holder="", seconds=_SECONDS
            )
        return self._lease
