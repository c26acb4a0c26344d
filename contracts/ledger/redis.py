"""A ledger in Redis, for the workers of several machines."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from contracts.ledger import redis_steps as steps
from contracts.ledger.base import (
    CANCELLED,
    AccountLimit,
    Answer,
    Begun,
    CampaignStatus,
    LaneRecord,
    LaneStatus,
    Lease,
    Ledger,
    Question,
    different_lane,
    lost_lease,
)
from contracts.ledger.errors import (
    CampaignCancelled,
    LaneBusy,
    LaneDiffers,
    LeaseLost,
    LedgerUnavailable,
)

PREFIX = "imageparity:ledger"
SOCKET_TIMEOUT = 5.0  # seconds
PATIENCE = 20.0  # seconds, for a Redis that restarts; nothing is sent meanwhile
RETRY_INTERVAL = 0.2  # seconds
MICROSECONDS = 1_000_000


class RedisLedger(Ledger):
    """
    A ledger in Redis 5 or later, which must keep its data in an append-only file.

    Each step is one Lua script. A step is repeated for `patience` seconds while Redis
    does not respond: each can be repeated without harm.
    """

    def __init__(self, url: str, campaign: str, *, patience: float = PATIENCE) -> None:
        super().__init__(campaign)
        self._redis = redis.asyncio.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=SOCKET_TIMEOUT,
            socket_timeout=SOCKET_TIMEOUT,
            decode_responses=True,
        )
        self._patience = patience
        self._place = url.rpartition("@")[2].removeprefix("redis://")  # no password
        self._campaign_key = f"{PREFIX}:campaign:{campaign}"
        self._lane_prefix = f"{PREFIX}:lane:{campaign}:"
        self._scripts = {
            source: self._redis.register_script(source)
            for source in (
                steps.ACQUIRE,
                steps.RENEW,
                steps.RELEASE,
                steps.BEGIN,
                steps.SETTLE,
                steps.REOPEN,
                steps.TAKE,
                steps.STATUS,
            )
        }

    async def close(self) -> None:
        await self._redis.aclose()

    def _keys(self, lane: str, account: AccountLimit | None = None) -> list[str]:
        key = f"{self._lane_prefix}{lane}"
        ends = ("sent", "settled", "unsent", "lost", "failed")
        name = account.name if account else ""
        questions = [f"{key}:{each}" for each in ends]
        return [self._campaign_key, key, *questions, f"{PREFIX}:account:{name}"]

    async def _run(
        self, script: str, keys: list[str], *values: Any, marks_repeats: bool = False
    ) -> list[Any]:
        """Run a step; `marks_repeats` adds whether it may have run before."""
        deadline, is_repeated = time.monotonic() + self._patience, False
        while True:
            marks = [int(is_repeated)] if marks_repeats else []
            try:
                found: list[Any] = await self._scripts[script](
                    keys=keys, args=[*values, *marks]
                )
            except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
                if time.monotonic() >= deadline:
                    raise self._unavailable(error) from None
            except redis.RedisError as error:  # such as no memory, or a replica
                raise self._unavailable(error) from None
            else:
                return found
            is_repeated = True
            await asyncio.sleep(RETRY_INTERVAL)

    def _unavailable(self, error: Exception) -> LedgerUnavailable:
        reason = str(error).rstrip(".")
        return LedgerUnavailable(
            f"the ledger at {self._place} does not respond: {reason}; nothing is sent "
            "without it. Start Redis and run the same command again"
        )

    async def acquire(
        self, lane: str, *, identity: str, planned: int, holder: str, seconds: float
    ) -> Lease:
        answer, *rest = await self._run(
            steps.ACQUIRE,
            self._keys(lane),
            *(holder, _microseconds(seconds), identity, planned, lane),
        )
        if answer == "cancelled":
            raise CampaignCancelled(CANCELLED)
        if answer == "differs":
            raise LaneDiffers(different_lane(lane, rest[0], identity))
        if answer == "busy":
            raise LaneBusy(lane, rest[0], int(rest[1]) / MICROSECONDS)
        return Lease(lane, int(rest[0]), holder, seconds)

    async def _step(
        self, script: str, lease: Lease, *values: Any, **more: Any
    ) -> list[Any]:
        """A step with a lease. Raises `LeaseLost` and `CampaignCancelled`."""
        keys = self._keys(lease.lane, more.pop("account", None))
        held = (lease.token, lease.holder, _microseconds(lease.seconds))
        answer = await self._run(script, keys, *held, *values, **more)
        if answer[0] == "fenced":
            raise LeaseLost(lost_lease(lease))
        if answer[0] == "cancelled":
            raise CampaignCancelled(CANCELLED)
        return answer

    async def renew(self, lease: Lease) -> None:
        await self._step(steps.RENEW, lease)

    async def release(self, lease: Lease, result: str) -> None:
        await self._step(steps.RELEASE, lease, result)

    async def begin(self, lease: Lease, question: Question) -> Begun:
        account = question.account
        answer, *rest = await self._step(
            steps.BEGIN,
            lease,
            question.id,
            _or_empty(question.price),
            _or_empty(question.budget),
            _microseconds(account.interval) if account else "",
            int(question.continues),
            account=account,
            marks_repeats=True,
        )
        wait = int(rest[0]) / MICROSECONDS if rest else 0.0
        return Begun(Answer(answer), wait)

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
        await self._step(
            steps.SETTLE,
            lease,
            *(question, _or_empty(cost), row, int(was_sent), int(failed)),
            marks_repeats=True,
        )

    async def reopen(self, lease: Lease, questions: Sequence[str]) -> None:
        await self._step(steps.REOPEN, lease, *questions)

    async def take(self, account: AccountLimit) -> float:
        keys = self._keys("", account)
        _, wait = await self._run(steps.TAKE, keys, _microseconds(account.interval))
        return int(wait) / MICROSECONDS

    async def record(self, lane: str) -> LaneRecord:
        settled, unsent, lost = self._keys(lane)[3:6]
        try:
            async with self._redis.pipeline() as pipe:
                for key in (settled, unsent, lost):
                    pipe.hgetall(key)
                found = await pipe.execute()
        except (redis.RedisError, OSError) as error:
            raise self._unavailable(error) from None
        prices = {name: int(price) for name, price in found[2].items()}
        return LaneRecord(found[0], found[1], prices)

    async def status(self, lane: str | None = None) -> CampaignStatus:
        head, *rows = await self._run(
            steps.STATUS, [self._campaign_key], self._lane_prefix, lane or ""
        )
        campaign = _mapping(head)
        started = campaign.get("started")
        lanes = {row[0]: _lane_status(row) for row in rows}
        return CampaignStatus(
            int(started) / MICROSECONDS if started else None,
            "cancelled" in campaign,
            lanes,
        )

    async def cancel(self, *, undo: bool = False) -> None:
        try:
            if undo:
                await self._redis.hdel(self._campaign_key, "cancelled")
            else:
                await self._redis.hset(self._campaign_key, "cancelled", "1")
        except (redis.RedisError, OSError) as error:
            raise self._unavailable(error) from None


def _microseconds(seconds: float) -> int:
    return round(seconds * MICROSECONDS)


def _or_empty(number: int | None) -> str:
    return "" if number is None else str(number)


def _mapping(flat: list[str]) -> Mapping[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _lane_status(row: list[Any]) -> LaneStatus:
    name, flat, settled, unsent, lost, in_flight, failed, now = row
    fields = _mapping(flat)
    left = (int(fields.get("expires", 0)) - int(now)) / MICROSECONDS
    return LaneStatus(
        name,
        planned=int(fields["planned"]),
        settled=settled,
        unsent=unsent,
        lost=lost,
        in_flight=in_flight,
        failed=failed,
        spent=int(fields.get("spent", 0)),
        reserved=int(fields.get("reserved", 0)),
        holder=fields.get("holder", ""),
        seconds_left=max(0.0, left),
        result=fields.get("result", ""),
    )
