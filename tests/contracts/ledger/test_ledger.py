"""Both ledgers: who may send, what it may cost, and what is kept."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.properties import examples
from support.redis_servers import redis_server

from contracts.ledger.address import open_ledger
from contracts.ledger.base import (
    AccountLimit,
    Answer,
    LaneStatus,
    Lease,
    Ledger,
    Question,
    millionths,
)
from contracts.ledger.errors import (
    BadLedgerAddress,
    CampaignCancelled,
    LaneBusy,
    LaneDiffers,
    LeaseLost,
    LedgerError,
    LedgerUnavailable,
)
from contracts.ledger.redis import RedisLedger
from contracts.ledger.sqlite import SqliteLedger

pytestmark = [pytest.mark.slow, pytest.mark.redis]

Open = Callable[[], Ledger]
numbers = itertools.count()


@pytest.fixture(params=["redis", "sqlite"])
def opened(request, redis_url, tmp_path) -> Open:
    """A function that opens the ledger of one campaign, as each worker does."""
    name = f"campaign-{next(numbers)}"
    place = redis_url if request.param == "redis" else f"sqlite:{tmp_path}/ledger"
    return lambda: open_ledger(place, name)


async def acquired(ledger: Ledger, holder: str = "one", seconds: float = 60) -> Lease:
    return await ledger.acquire(
        "a", identity="seed: 0", planned=9, holder=holder, seconds=seconds
    )


async def lane(ledger: Ledger) -> LaneStatus:
    return (await ledger.status()).lanes["a"]


def test_the_status_of_one_lane_is_that_of_all(opened: Open):
    async def scenario():
        async with opened() as ledger:
            for name in ("a", "b"):
                await ledger.acquire(
                    name, identity="seed: 0", planned=9, holder="one", seconds=60
                )
            found = (await ledger.status("a")).lanes
            together = (await ledger.status()).lanes
            assert (found.keys(), together.keys()) == ({"a"}, {"a", "b"})
            assert replace(found["a"], seconds_left=0) == replace(
                together["a"], seconds_left=0
            )
            assert (await ledger.status("other")).lanes == {}

    asyncio.run(scenario())


def test_a_lane_has_one_worker_at_a_time(opened: Open):
    async def scenario():
        async with opened() as ledger, opened() as other:
            lease = await acquired(ledger)
            with pytest.raises(LaneBusy, match="leased to one") as busy:
                await acquired(other, "two")
            assert 0 < busy.value.seconds <= 60
            await ledger.release(lease, "complete")
            assert (await lane(other)).result == "complete"
            second = await acquired(other, "two")
            assert second.token > lease.token

    asyncio.run(scenario())


def test_a_worker_whose_lease_ended_can_do_nothing_more(opened: Open):
    async def scenario():
        async with opened() as ledger, opened() as other:
            stopped = await acquired(ledger, seconds=0.0)
            assert await begun(ledger, stopped, "q") is Answer.STARTED
            await acquired(other, "two")
            before = await lane(other)
            for step in (
                ledger.renew(stopped),
                ledger.begin(stopped, Question("r")),
                ledger.settle(stopped, "q", row="late"),
                ledger.settle(stopped, "r", row="late", was_sent=False),
                ledger.release(stopped, "complete"),
            ):
                with pytest.raises(LeaseLost, match="another worker has it"):
                    await step
            after = await lane(other)
            assert replace(after, seconds_left=before.seconds_left) == before
            assert (await other.record("a")).settled == {}

    asyncio.run(scenario())


async def begun(ledger: Ledger, lease: Lease, id_: str, **more) -> Answer:
    return (await ledger.begin(lease, Question(id_, **more))).answer


def test_a_question_without_an_outcome_is_lost_and_costs_its_highest_price(
    opened: Open,
):
    async def scenario():
        async with opened() as ledger:
            lease = await acquired(ledger, seconds=0.0)
            await begun(ledger, lease, "settled", price=5)
            await ledger.settle(lease, "settled", row="{}", cost=3, failed=True)
            await begun(ledger, lease, "killed", price=7)
            assert (await lane(ledger)).reserved == 7

            lease = await acquired(ledger, "two")
            assert await begun(ledger, lease, "killed", price=7) is Answer.KNOWN
            assert await begun(ledger, lease, "settled", price=5) is Answer.KNOWN
            record, status = await ledger.record("a"), await lane(ledger)
            assert (record.settled, record.lost) == ({"settled": "{}"}, {"killed": 7})
            assert (status.spent, status.reserved, status.in_flight) == (10, 0, 0)
            assert (status.settled, status.lost, status.failed) == (1, 1, 1)

    asyncio.run(scenario())


def test_a_budget_is_kept_by_what_is_reserved_as_well(opened: Open):
    async def scenario():
        async with opened() as ledger:
            lease = await acquired(ledger)
            budget = {"budget": 10}
            assert await begun(ledger, lease, "1", price=6, **budget) == "started"
            assert await begun(ledger, lease, "2", price=5, **budget) == "budget"
            assert await begun(ledger, lease, "3", price=None, **budget) == "budget"
            assert await begun(ledger, lease, "4", price=4, **budget) == "started"
            await ledger.settle(lease, "1", row="", cost=1)
            assert await begun(ledger, lease, "2", price=5, **budget) == "started"
            await ledger.settle(lease, "2", row="")
            assert (await lane(ledger)).spent == 6

    asyncio.run(scenario())


def test_what_was_not_sent_is_free_and_may_be_asked_again(opened: Open):
    async def scenario():
        async with opened() as ledger:
            lease = await acquired(ledger)
            await begun(ledger, lease, "q", price=6)
            await ledger.settle(lease, "q", row="no connection", was_sent=False)
            await ledger.settle(lease, "r", row="depends on q", was_sent=False)
            record = await ledger.record("a")
            assert record.unsent == {"q": "no connection", "r": "depends on q"}
            assert await begun(ledger, lease, "q", price=6) is Answer.STARTED
            assert set((await ledger.record("a")).unsent) == {"r"}
            assert (await lane(ledger)).spent == 0

    asyncio.run(scenario())


def test_a_task_is_followed_again_and_paid_once(opened: Open):
    async def scenario():
        async with opened() as ledger:
            lease = await acquired(ledger, seconds=0.0)
            await begun(ledger, lease, "q", price=6)
            await ledger.settle(lease, "q", row="open", cost=6)
            again = {"price": 0, "continues": True}
            assert await begun(ledger, lease, "q", **again) is Answer.STARTED
            lease = await acquired(ledger, "two")  # the first was killed meanwhile
            assert (await ledger.record("a")).settled == {"q": "open"}
            assert await begun(ledger, lease, "q", **again) is Answer.STARTED
            await ledger.settle(lease, "q", row="done", cost=0)
            assert (await ledger.record("a")).settled == {"q": "done"}
            assert ((await lane(ledger)).spent, (await lane(ledger)).lost) == (6, 0)

    asyncio.run(scenario())


def test_lanes_share_the_rate_of_an_account(opened: Open):
    async def scenario():
        account = AccountLimit(f"shared-{next(numbers)}", rate=60)
        async with opened() as ledger:
            lease = await acquired(ledger)
            first = await ledger.begin(lease, Question("1", account=account))
            second = await ledger.begin(lease, Question("2", account=account))
            assert first.answer is Answer.STARTED
            assert second.answer is Answer.WAIT
            assert 0 < second.seconds <= 1
            assert 0 < await ledger.take(account) <= 1
            assert (await lane(ledger)).in_flight == 1
            assert await ledger.take(replace(account, name="another")) == 0

    asyncio.run(scenario())


def test_a_cancelled_campaign_begins_nothing_until_that_is_undone(opened: Open):
    async def scenario():
        async with opened() as ledger, opened() as other:
            lease = await acquired(ledger)
            await begun(ledger, lease, "q")
            await other.cancel()
            assert (await other.status()).is_cancelled
            with pytest.raises(CampaignCancelled, match="--undo"):
                await begun(ledger, lease, "r")
            with pytest.raises(CampaignCancelled):
                await acquired(other, "two")
            await ledger.settle(lease, "q", row="in flight")
            await other.cancel(undo=True)
            assert await begun(ledger, lease, "r") is Answer.STARTED

    asyncio.run(scenario())


def test_another_seed_is_another_campaign(opened: Open):
    async def scenario():
        async with opened() as ledger:
            await acquired(ledger, seconds=0.0)
            with pytest.raises(LaneDiffers, match=r"seed 0 \(now 1\)"):
                await ledger.acquire(
                    "a", identity="seed: 1", planned=9, holder="x", seconds=1
                )

    asyncio.run(scenario())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["acquire", "begin", "settle", "unsent", "release", "old", "reopen"]
        ),
        st.sampled_from(["p", "q", "r"]),
        st.integers(0, 6) | st.none(),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=examples(60), deadline=None)
@given(STEPS)
def test_both_ledgers_answer_the_same(redis_url, steps):
    """Any order of steps, also those of a worker that lost its lease."""
    name = f"campaign-{next(numbers)}"
    ledgers = (RedisLedger(redis_url, name), SqliteLedger(":memory:", name))

    first, second = (asyncio.run(answers(each, steps)) for each in ledgers)

    assert first == second


async def answers(ledger: Ledger, steps) -> list[object]:
    async with ledger:
        leases = [await acquired(ledger, "0", seconds=0.0)]
        found: list[object] = []
        for at, (kind, id_, amount, flag) in enumerate(steps):
            lease = leases[0] if kind == "old" else leases[-1]
            try:
                if kind == "acquire":
                    leases.append(await acquired(ledger, f"{at + 1}", seconds=0.0))
                elif kind == "begin":
                    question = Question(id_, amount, 10, None, continues=flag)
                    found.append(await ledger.begin(lease, question))
                elif kind == "reopen":
                    await ledger.reopen(lease, [id_, "s"])
                elif kind == "release":
                    await ledger.release(lease, str(at))
                else:
                    sent = kind != "unsent"
                    row = f"{at}"
                    await ledger.settle(
                        lease, id_, row=row, cost=amount, was_sent=sent, failed=flag
                    )
            except LedgerError as error:
                found.append(type(error))
            status = await lane(ledger)
            assert status.spent + status.reserved >= 0
            found += [status, await ledger.record("a")]
        return found


def test_a_ledger_that_is_away_stops_everything(tmp_path):
    away = RedisLedger("redis://:secret@127.0.0.1:1/0", "c", patience=0.3)
    folder = SqliteLedger("/proc/nowhere/ledger", "c")

    for ledger in (away, folder):
        with pytest.raises(LedgerUnavailable, match="nothing is sent") as problem:
            asyncio.run(acquired(ledger))
        assert "secret" not in str(problem.value)


def test_a_redis_that_lost_its_data_is_not_trusted(tmp_path):
    async def scenario():
        with redis_server(tmp_path) as (url, _):
            async with RedisLedger(url, "c") as ledger:
                lease = await acquired(ledger)
                await begun(ledger, lease, "q")
                await ledger._redis.flushall()
                with pytest.raises(LeaseLost):
                    await ledger.settle(lease, "q", row="")

    asyncio.run(scenario())


@pytest.mark.parametrize("address", ["", "sqlite:", "http://host", "ledger.sqlite"])
def test_an_address_that_no_ledger_has_is_refused(address: str):
    with pytest.raises(BadLedgerAddress, match="sqlite:PATH"):
        open_ledger(address, "c")


def test_money_is_rounded_up():
    assert millionths(0.1) == 100_000
    assert millionths(0.1 + 0.2) == 300_000
    assert millionths(0.0000001) == 1
