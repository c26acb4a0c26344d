"""Show campaigns on a terminal: progress on stderr, the state of lanes on stdout."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import click
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from contracts.fleet.campaign_file import CampaignFile
from contracts.fleet.states import LaneState, LaneTotals, all_lanes, amount, state_of
from contracts.ledger.base import CampaignStatus, LaneStatus
from contracts.reporters.terminal import safe_text

STYLES = {
    LaneState.COMPLETE: "green",
    LaneState.RUNNING: "cyan",
    LaneState.WAITING: "dim",
    LaneState.BUDGET: "yellow",
    LaneState.STOPPED: "yellow",
    LaneState.ABANDONED: "bold red",
    LaneState.ERRORS: "bold red",
    LaneState.COULD_NOT_RUN: "bold red",
}
ENDED = (
    LaneState.COMPLETE,
    LaneState.BUDGET,
    LaneState.ERRORS,
    LaneState.COULD_NOT_RUN,
)


@contextmanager
def fleet_progress(
    campaign: CampaignFile, names: Sequence[str] | None, *, shown: bool
) -> Iterator[Callable[[CampaignStatus], None]]:
    """A bar for all lanes on a terminal, a line per lane that ended elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not shown:
        yield lambda status: None
    elif console.is_terminal:
        with _bars(console) as bars:
            task = bars.add_task("Starting …", total=None)

            def show(status: CampaignStatus) -> None:
                totals = LaneTotals.of(_lanes(campaign, status, names))
                bars.update(
                    task,
                    description=_states(totals),
                    completed=totals.ended,
                    total=totals.planned or None,
                    failed=f"[red]{totals.failed:,} failed[/]" if totals.failed else "",
                )

            yield show
    else:
        told: set[str] = set()

        def tell(status: CampaignStatus) -> None:
            for lane in _lanes(campaign, status, names):
                state = state_of(lane)
                if state in ENDED and lane.name not in told:
                    told.add(lane.name)
                    console.print(f"{lane.name}: {state}", markup=False)

        yield tell


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("test cases"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[failed]}"),
        console=console,
    )


def _states(totals: LaneTotals) -> str:
    """`3 of 9 lanes complete, 4 running`."""
    parts = [f"{totals.states.get(LaneState.COMPLETE, 0)} of {totals.lanes} complete"]
    parts += [
        f"{count} {state}"
        for state, count in totals.states.items()
        if state not in {LaneState.COMPLETE, LaneState.WAITING}
    ]
    return ", ".join(parts)


def _lanes(
    campaign: CampaignFile, status: CampaignStatus, names: Sequence[str] | None
) -> list[LaneStatus]:
    lanes = all_lanes(campaign, status)
    return [each for each in lanes if names is None or each.name in names]


def print_lanes(
    campaign: CampaignFile,
    status: CampaignStatus,
    console: Console,
    names: Sequence[str] | None = None,
    *,
    as_json: bool = False,
) -> None:
    """Print the state of lanes as a table, or as lines of JSON."""
    lanes = _lanes(campaign, status, names)
    if as_json:
        for lane in lanes:
            row = {**asdict(lane), "state": state_of(lane)}
            row |= {name: amount(row[name]) for name in ("spent", "reserved")}
            click.echo(json.dumps(row))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("target", overflow="fold")
    table.add_column("state")
    for name in ("cases", "failed", "lost", "spent", "budget"):
        table.add_column(name, justify="right")
    budgets = {each.name: each.budget for each in campaign.targets}
    for lane in lanes:
        state, budget = state_of(lane), budgets[lane.name]
        ended = lane.settled + lane.unsent + lane.lost
        table.add_row(
            safe_text(lane.name),
            safe_text(state, STYLES[state]),
            f"{ended} of {lane.planned}" if lane.planned else "",
            str(lane.failed or ""),
            str(lane.lost or ""),
            f"{amount(lane.spent + lane.reserved):.3f}",
            "" if budget is None else f"{budget:g}",
        )
    console.print(table)
    if status.is_cancelled:
        console.print(
            "cancelled: `imageparity campaign cancel --undo` lets it go on",
            markup=False,
        )
