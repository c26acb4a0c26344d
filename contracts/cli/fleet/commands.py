"""Run a campaign, or a part of it; show its state; cancel it."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from contracts.cli.fleet.progress import fleet_progress, print_lanes
from contracts.cli.fleet.results import Results, page_writer, results_of, save
from contracts.cli.shared.exit_codes import STOPPED
from contracts.cli.shared.interrupts import keep_first_interrupt
from contracts.errors import HarnessError
from contracts.fleet.campaign_file import CampaignFile, read_campaign
from contracts.fleet.lane import lane_campaign
from contracts.fleet.launch import FleetResult, in_threads, status_of, watch
from contracts.fleet.launch import cancel as cancel_campaign
from contracts.ledger.errors import LaneBusy
from mockserver.cli.common import Decorator, UsageError, specs_option, with_options
from specs import SpecError

_SHARD = re.compile(r"(?:([1-9][0-9]*)/)?([1-9][0-9]*)")
JOB_INDEX = "JOB_COMPLETION_INDEX"  # of a Kubernetes Indexed Job, from 0 on

_campaign_parameters: tuple[Decorator, ...] = (
    click.argument(
        "path",
        metavar="CAMPAIGN.yaml",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
    ),
    click.option(
        "--name",
        metavar="NAME",
        help="The campaign in the ledger, instead of the `name` in the file. A new "
        "name starts from the beginning.",
    ),
    click.option(
        "--ledger",
        metavar="ADDRESS",
        help="redis://HOST:PORT/DB or sqlite:PATH, instead of the `ledger` in the "
        "file.",
    ),
    specs_option,
)
campaign_parameters = with_options(_campaign_parameters)
output_option = click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the reports and the page. The default is NAME-report.",
)
quiet_option = click.option("--quiet", is_flag=True, help="Print only the result.")


def _read(
    path: Path, name: str | None, ledger: str | None, folder: str | None
) -> CampaignFile:
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UsageError("--name: use letters, digits, `.`, `_` and `-`")
    try:
        return read_campaign(path, name=name, ledger=ledger, folder=folder)
    except SpecError as error:
        raise UsageError(str(error)) from None


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn an error of the harness into a `UsageError`, an interrupt into a status."""
    try:
        yield
    except HarnessError as error:
        raise UsageError(str(error)) from None
    except KeyboardInterrupt:
        click.echo("Stopped; the same command goes on.", err=True)
        raise SystemExit(STOPPED) from None


@click.command()
@campaign_parameters
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A Dask scheduler such as tcp://host:8786, whose workers run the lanes. "
    "Without it, workers are started on this machine.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Worker processes on this machine. The default is one per processor.",
)
@output_option
@quiet_option
def run(
    path: Path,
    name: str | None,
    ledger: str | None,
    folder: str | None,
    scheduler: str | None,
    workers: int | None,
    output: Path | None,
    quiet: bool,
) -> None:
    """
    Run the campaign of a file, or let it go on where it stopped.

    Writes a report per target, one of all targets, and a page into the output folder.

    Exit status: 0 all documented claims passed, 1 documented claims failed, 2 a target
    or the ledger could not be used, 3 stopped before the end.
    """
    from contracts.fleet.dask import on_dask

    campaign = _read(path, name, ledger, folder)
    if scheduler and workers:
        raise UsageError("--workers: the workers of --scheduler are started beside it")
    if scheduler and campaign.is_for_one_machine:
        raise UsageError(
            "--scheduler: a sqlite ledger serves the workers of one machine; give "
            "redis://HOST:PORT/DB as `ledger`"
        )
    names = [each.name for each in campaign.targets]
    with _usage_errors():
        for target in campaign.targets:
            lane_campaign(campaign, target, with_key=scheduler is None)
        folder_ = output or Path(f"{campaign.name}-report")
        results = _run(
            campaign,
            folder_,
            lambda: on_dask(campaign, names, scheduler=scheduler, workers=workers),
            quiet=quiet,
        )
    _end(campaign, results, folder_, names)


@click.command()
@campaign_parameters
@click.option(
    "--shard",
    default="1/1",
    metavar="I/N",
    help="Run the I-th of N parts of the targets. With N alone, the part is that of "
    f"the variable {JOB_INDEX} of a Kubernetes Indexed Job.",
)
@output_option
@quiet_option
def lane(
    path: Path,
    name: str | None,
    ledger: str | None,
    folder: str | None,
    shard: str,
    output: Path | None,
    quiet: bool,
) -> None:
    """
    Run a part of the targets of a campaign in this process.

    For the matrix of a CI system or an Indexed Job: each job runs one part, and they
    share the ledger. Writes the reports of this part.
    """
    campaign = _read(path, name, ledger, folder)
    number, count = _parse_shard(shard)
    names = [each.name for each in campaign.targets][number - 1 :: count]
    if not names:
        click.echo(f"Shard {number}/{count} has no targets.")
        return
    told: set[str] = set()

    def on_wait(busy: LaneBusy) -> None:
        message = str(busy).partition(" for another")[0]
        if message not in told and not quiet:
            told.add(message)
            click.echo(f"Waiting: {message}", err=True)

    with _usage_errors():
        for target in names:
            lane_campaign(campaign, campaign.target(target))
        folder_ = output or Path(f"{campaign.name}-report")
        results = _run(
            campaign,
            folder_,
            lambda: in_threads(campaign, names, on_wait),
            quiet=quiet,
            names=names,
        )
    _end(campaign, results, folder_, names)


def _run(
    campaign: CampaignFile,
    folder: Path,
    open_fleet: Callable[[], Any],
    *,
    quiet: bool,
    names: Sequence[str] | None = None,
) -> Results:
    """Run lanes to their end, and write their reports. Raises `HarnessError`."""
    status_of(campaign, patience=0)  # a wrong address is told at once
    with (
        keep_first_interrupt() as check,
        fleet_progress(campaign, names, shown=not quiet) as on_status,
        open_fleet() as lanes,
    ):
        write_page = page_writer(campaign, folder, names)

        def on_each_status(status: Any) -> None:
            check()
            on_status(status)
            write_page(status)

        done: FleetResult = watch(campaign, lanes, on_each_status)
    results = results_of(campaign, done, names)
    save(campaign, results, folder)
    return results


def _end(
    campaign: CampaignFile, results: Results, folder: Path, names: Sequence[str]
) -> None:
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    print_lanes(campaign, results.status, console, names)
    for line in results.lines(folder):
        console.print(line, markup=False)
    raise SystemExit(results.exit_status)


@click.command()
@campaign_parameters
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per lane.")
def status(
    path: Path,
    name: str | None,
    ledger: str | None,
    folder: str | None,
    as_json: bool,
) -> None:
    """Show how far each target of a campaign came, and what it has cost."""
    campaign = _read(path, name, ledger, folder)
    with _usage_errors():
        found = status_of(campaign, patience=0)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    print_lanes(campaign, found, console, None, as_json=as_json)


@click.command()
@campaign_parameters
@click.option(
    "--undo", is_flag=True, help="Let the campaign go on when it is run again."
)
def cancel(
    path: Path,
    name: str | None,
    ledger: str | None,
    folder: str | None,
    undo: bool,
) -> None:
    """
    Let a campaign send nothing more, wherever its workers are.

    Requests in flight end, and their outcomes are kept.
    """
    campaign = _read(path, name, ledger, folder)
    with _usage_errors():
        cancel_campaign(campaign, undo=undo)
    word = "may go on" if undo else "sends nothing more"
    click.echo(f"The campaign {campaign.name} {word}.")


def _parse_shard(text: str) -> tuple[int, int]:
    """Number (from 1 on) and count. Raises `UsageError`."""
    match = _SHARD.fullmatch(text)
    if match is None:
        raise UsageError(f"--shard: '{text}' is not I/N, such as 1/4")
    index = match[1] or os.environ.get(JOB_INDEX)
    if index is None or not index.isdigit():
        raise UsageError(f"--shard {text}: give I/N, or set {JOB_INDEX}")
    number, count = int(index) + (not match[1]), int(match[2])
    if number > count:
        raise UsageError(f"--shard {text}: there are only {count} parts")
    return number, count
