"""The states of lanes in words, and their sums."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from contracts.fleet.campaign_file import CampaignFile
from contracts.fleet.lane import COMPLETE, UNTESTABLE
from contracts.ledger.base import MILLIONTHS, CampaignStatus, LaneStatus


class LaneState(StrEnum):
    """The states of a lane."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    BUDGET = "budget reached"
    ERRORS = "too many errors"
    STOPPED = "stopped"
    ABANDONED = "worker lost"
    COULD_NOT_RUN = "could not run"


_RESULTS = {
    COMPLETE: LaneState.COMPLETE,
    "budget": LaneState.BUDGET,
    "errors": LaneState.ERRORS,
    "interrupt": LaneState.STOPPED,
}


def state_of(status: LaneStatus) -> LaneState:
    """The state of a lane; `ABANDONED` if its lease ended and nobody has taken over."""
    if status.result.startswith(UNTESTABLE):
        return LaneState.COULD_NOT_RUN
    if status.result:
        return _RESULTS[status.result]
    if not status.holder:
        return LaneState.WAITING
    return LaneState.RUNNING if status.seconds_left else LaneState.ABANDONED


def all_lanes(campaign: CampaignFile, status: CampaignStatus) -> list[LaneStatus]:
    """The lanes in the order of the file, also those that have not begun."""
    known: Mapping[str, LaneStatus] = status.lanes
    return [known.get(each.name) or LaneStatus(each.name) for each in campaign.targets]


@dataclass(frozen=True, slots=True)
class LaneTotals:
    """The numbers of lanes and questions over several lanes."""

    lanes: int
    planned: int
    settled: int
    unsent: int
    lost: int
    failed: int
    states: Mapping[LaneState, int]

    @classmethod
    def of(cls, lanes: Iterable[LaneStatus]) -> "LaneTotals":
        lanes = list(lanes)
        return cls(
            lanes=len(lanes),
            planned=sum(each.planned for each in lanes),
            settled=sum(each.settled for each in lanes),
            unsent=sum(each.unsent for each in lanes),
            lost=sum(each.lost for each in lanes),
            failed=sum(each.failed for each in lanes),
            states=Counter(map(state_of, lanes)),
        )

    @property
    def ended(self) -> int:
        """Questions that have an end."""
        return self.settled + self.unsent + self.lost


def amount(millionths: int) -> float:
    """An amount of money in its currency."""
    return millionths / MILLIONTHS
