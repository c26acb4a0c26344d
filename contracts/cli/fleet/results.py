"""The results of a campaign: reports, the page, and the exit status."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.cli.shared.exit_codes import (
    CONFORMS,
    COULD_NOT_RUN,
    NONCONFORMING,
    STOPPED,
)
from contracts.fleet.campaign_file import CampaignFile
from contracts.fleet.lane import UNTESTABLE
from contracts.fleet.launch import FleetResult
from contracts.fleet.reports import (
    MERGED,
    LaneReport,
    lane_report,
    merge_lanes,
    shared_providers,
    write_reports,
)
from contracts.fleet.states import LaneState, all_lanes, state_of
from contracts.ledger.address import open_ledger
from contracts.ledger.base import CampaignStatus
from contracts.report.file import atomic_write
from contracts.reporters.fleet import page
from contracts.text import join_words, pluralize
from mockserver.cli.common import UsageError

PAGE = "index.html"


@dataclass
class Results:
    """
    The lanes of one command with their reports.

    `problems` are the reasons why lanes ended without a result. `notes` are lines for
    the terminal.
    """

    lanes: Sequence[LaneReport]
    status: CampaignStatus
    problems: dict[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        states = {state_of(each.status) for each in self.lanes}
        if self.problems or states & {LaneState.COULD_NOT_RUN, LaneState.ERRORS}:
            return COULD_NOT_RUN
        if states != {LaneState.COMPLETE}:
            return STOPPED
        reports = [each.report for each in self.lanes if each.report]
        return CONFORMS if all(each.conforms for each in reports) else NONCONFORMING

    def lines(self, folder: Path) -> Iterator[str]:
        """Yield the lines that follow the table of lanes."""
        for lane in self.lanes:
            if lane.problem:
                yield f"{lane.target.name} could not run: {lane.problem}"
        by_problem: dict[str, list[str]] = {}
        for name, problem in self.problems.items():
            by_problem.setdefault(problem, []).append(name)
        for problem, names in by_problem.items():
            yield f"{join_words(names)}: {problem}"
        lost = sum(each.status.lost for each in self.lanes)
        if lost:
            yield (
                f"{pluralize(lost, 'outcome')} lost: a worker ended between request "
                "and response. They count at their highest price and are not asked "
                "again"
            )
        yield from self.notes
        yield f"page: {folder / PAGE}"


def results_of(
    campaign: CampaignFile, done: FleetResult, names: Sequence[str] | None
) -> Results:
    """The results of some lanes, None for all, as the ledger has them."""

    async def read() -> Results:
        async with open_ledger(campaign.ledger, campaign.name) as ledger:
            status = await ledger.status()
            lanes = [
                await lane_report(campaign, each, ledger, status)
                for each in campaign.targets
                if names is None or each.name in names
            ]
        known = {name: each.result for name, each in status.lanes.items()}
        failed = {
            name: each.result
            for name, each in done.results.items()
            if each.result.startswith(UNTESTABLE) and each.result != known.get(name)
        }
        return Results(lanes, status, {**failed, **done.problems})

    return asyncio.run(read())


def save(campaign: CampaignFile, results: Results, folder: Path) -> None:
    """Write the reports and the page into a folder. Raises `UsageError`."""
    try:
        paths = write_reports(folder, results.lanes)
        if paths:
            merged = merge_lanes(results.lanes)
            if merged is not None:
                merged.write(folder / MERGED)
                results.notes.append(f"report of all targets: {folder / MERGED}")
            elif shared := shared_providers(results.lanes):
                results.notes.append(
                    "the reports stay apart: a report has one server per provider, "
                    f"and several targets are {join_words(shared)}"
                )
            files = {
                name: path.relative_to(folder).as_posix()
                for name, path in paths.items()
            }
        else:
            files = {}
        html = page.render(campaign, results.lanes, files_by_lane=files)
        with atomic_write(folder / PAGE) as out:
            out.write(html)
    except OSError as error:
        raise UsageError(f"--output {folder} cannot be written: {error}") from None


def page_writer(
    campaign: CampaignFile, folder: Path, names: Sequence[str] | None
) -> Callable[[CampaignStatus], None]:
    """A function that writes the page of a running campaign, now and then."""
    written = 0.0

    def write(status: CampaignStatus) -> None:
        nonlocal written
        if time.monotonic() < written + page.REFRESH_INTERVAL:
            return
        written = time.monotonic()
        rows = zip(campaign.targets, all_lanes(campaign, status), strict=True)
        lanes = [
            LaneReport(target, lane, None)
            for target, lane in rows
            if names is None or target.name in names
        ]
        try:
            with atomic_write(folder / PAGE) as out:
                out.write(page.render(campaign, lanes, is_running=True))
        except OSError as error:
            raise UsageError(f"--output {folder} cannot be written: {error}") from None

    return write
