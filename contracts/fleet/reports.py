"""The reports of lanes, made from the ledger, and the one of all lanes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from contracts.execution.account import recorded_outcomes
from contracts.execution.campaign import Campaign
from contracts.execution.order import in_order
from contracts.fleet.campaign_file import CampaignFile, LaneTarget
from contracts.fleet.lane import COMPLETE, UNTESTABLE, lane_campaign
from contracts.judging.causes.grouping import causes_of
from contracts.ledger.base import CampaignStatus, LaneRecord, LaneStatus, Ledger
from contracts.report.merge import merge
from contracts.report.model import Report, RunMetadata

LANES = "lanes"
MERGED = "merged.jsonl"


@dataclass(frozen=True, slots=True)
class LaneReport:
    """
    A lane with its state, and its report.

    The report is None if there is no outcome yet, or the target could not be tested.
    """

    target: LaneTarget
    status: LaneStatus
    report: Report | None

    @property
    def problem(self) -> str:
        """The reason why the target could not be tested; empty for none."""
        text = self.status.result
        return text.removeprefix(UNTESTABLE) if text.startswith(UNTESTABLE) else ""


async def lane_report(
    campaign: CampaignFile, target: LaneTarget, ledger: Ledger, status: CampaignStatus
) -> LaneReport:
    """The report of a lane as far as it came."""
    known = status.lanes.get(target.name)
    if known is None or status.started is None:
        return LaneReport(target, LaneStatus(target.name), None)
    if known.result.startswith(UNTESTABLE):
        return LaneReport(target, known, None)
    record = await ledger.record(target.name)
    lane = lane_campaign(campaign, target, with_key=False)
    started = datetime.fromtimestamp(status.started, UTC).isoformat(timespec="seconds")
    metadata = RunMetadata(version("imageparity"), started, campaign.seed, ())
    report = _report(lane, record, metadata, known) if _has_outcomes(record) else None
    return LaneReport(target, known, report)


def _has_outcomes(record: LaneRecord) -> bool:
    return bool(record.settled or record.unsent or record.lost)


def _report(
    lane: Campaign, record: LaneRecord, metadata: RunMetadata, status: LaneStatus
) -> Report:
    outcomes = in_order(lane, recorded_outcomes(lane, record))
    answered = {
        each.case
        for each in outcomes
        if each.status is not None and each.reason_not_tested is None
    }
    metadata = RunMetadata(
        metadata.version,
        metadata.started,
        metadata.seed,
        (lane.target_record(answered),),
    )
    causes = causes_of(lane.provider, {each.id: each for each in lane.cases}, outcomes)
    return Report(metadata, tuple(outcomes), _stopped(status), tuple(causes))


def _stopped(status: LaneStatus) -> str | None:
    """The reason why a lane is incomplete, as a report has it."""
    if status.result == COMPLETE:
        return None
    return status.result if status.result in {"budget", "errors"} else "interrupt"


def write_reports(folder: Path, lanes: Sequence[LaneReport]) -> Mapping[str, Path]:
    """Write the report of each lane that has one; returns the paths by lane."""
    paths = {}
    for lane in lanes:
        if lane.report is not None:
            path = folder / LANES / f"{lane.target.name}.jsonl"
            lane.report.write(path)
            paths[lane.target.name] = path
    return paths


def shared_providers(lanes: Sequence[LaneReport]) -> list[str]:
    """The providers that several targets claim to be: their reports stay apart."""
    counts = Counter(each.target.provider for each in lanes if each.report)
    return [name for name, count in counts.items() if count > 1]


def merge_lanes(lanes: Sequence[LaneReport]) -> Report | None:
    """
    The report of one process for all lanes, in the order of their providers.

    None if there is none, because several targets claim to be one provider.
    """
    named = [(each.target.name, each.report) for each in lanes if each.report]
    if not named or shared_providers(lanes):
        return None
    return merge(named, None)
