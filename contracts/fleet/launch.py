"""Start the lanes of a campaign, and watch them until the last one has ended."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from contracts.fleet.campaign_file import CampaignFile
from contracts.fleet.lane import LaneResult, run_lane
from contracts.ledger.address import open_ledger
from contracts.ledger.base import CampaignStatus
from contracts.ledger.errors import LaneBusy

POLL_INTERVAL = 0.5  # seconds
MAX_THREADS = 64  # of one process without Dask

OnStatus = Callable[[CampaignStatus], object]


class LaneFuture(Protocol):
    """A lane that runs somewhere."""

    def done(self) -> bool: ...
    def exception(self) -> BaseException | None: ...
    def result(self) -> LaneResult: ...


@dataclass(frozen=True, slots=True)
class FleetResult:
    """The lanes that ended, and the reasons of those that did not, by name."""

    results: Mapping[str, LaneResult]
    problems: Mapping[str, str]
    is_interrupted: bool = False


def status_of(
    campaign: CampaignFile, *, patience: float | None = None
) -> CampaignStatus:
    """The state of a campaign in its ledger. Raises `LedgerUnavailable`."""

    async def read() -> CampaignStatus:
        place, name = campaign.ledger, campaign.name
        async with open_ledger(place, name, patience=patience) as ledger:
            return await ledger.status()

    return asyncio.run(read())


def cancel(campaign: CampaignFile, *, undo: bool = False) -> None:
    """Let no lane send anything more, or, with `undo`, let them again."""

    async def write() -> None:
        async with open_ledger(campaign.ledger, campaign.name) as ledger:
            await ledger.cancel(undo=undo)

    asyncio.run(write())


@contextmanager
def in_threads(
    campaign: CampaignFile,
    names: Sequence[str],
    on_wait: Callable[[LaneBusy], object] = lambda busy: None,
) -> Iterator[Mapping[str, LaneFuture]]:
    """Run lanes in threads of this process; yields a future for each."""
    with ThreadPoolExecutor(min(MAX_THREADS, len(names) or 1)) as pool:
        yield {each: pool.submit(run_lane, campaign, each, on_wait) for each in names}


def watch(
    campaign: CampaignFile, lanes: Mapping[str, LaneFuture], on_status: OnStatus
) -> FleetResult:
    """
    Wait until all lanes have ended; `on_status` gets the state of the ledger meanwhile.

    An interrupt lets the questions in flight end; a second one does not wait.
    """
    is_interrupted = False
    try:
        _wait(campaign, lanes, on_status)
    except KeyboardInterrupt:
        is_interrupted = True
        was_cancelled = status_of(campaign).is_cancelled
        cancel(campaign)
        try:
            _wait(campaign, lanes, on_status)
        finally:
            if not was_cancelled:
                cancel(campaign, undo=True)
    results, problems = {}, {}
    for name, lane in lanes.items():
        error = lane.exception()
        if error is None:
            results[name] = lane.result()
        else:
            problems[name] = str(error) or type(error).__name__
    return FleetResult(results, problems, is_interrupted)


def _wait(
    campaign: CampaignFile, lanes: Mapping[str, LaneFuture], on_status: OnStatus
) -> None:
    while not all(each.done() for each in lanes.values()):
        time.sleep(POLL_INTERVAL)
        on_status(status_of(campaign))
