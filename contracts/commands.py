"""The harness from the command line: what the words mean, and the exit statuses."""

import asyncio
import ipaddress
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import specs
from contracts import comparison
from contracts.campaign import (
    Campaign,
    CouldNotRun,
    Run,
    begin,
    claim_records,
    conduct,
    elapsed,
    mocks,
)
from contracts.desk import PlanError
from contracts.planner import asked
from contracts.report import BadReport, Outcome, Report, replacing
from contracts.reporters import REPORTERS, text
from contracts.sender import Target, Unreachable
from mockserver.cli import Usage, load_all

CONFORMS, BROKEN, STOPPED = 0, 1, 3  # 2, could not run, is what `Usage` exits with
FORMATS = ("html", "junit", "markdown", "sarif")

specs_option = click.option(
    "--specs",
    "folder",
    envvar="SPECS_PATH",
    type=click.Path(exists=True, file_okay=False),
    help="A folder of further providers' folders.",
)
path_option = click.Path(dir_okay=False)


@click.command()
@click.argument("provider", nargs=-1)
@click.option("--against", metavar="BASE_URL", help="A server that claims to be it.")
@click.option("--key-env", metavar="VAR", help="The variable that holds the key.")
@click.option("--seed", default=0, help="The same seed asks the same questions.")
@click.option(
    "--max-cases", type=click.IntRange(1), help="Stop after so many (status 3)."
)
@click.option("--only", multiple=True, metavar="PART", help="Cases whose id has PART.")
@click.option("--no-fuzz", is_flag=True, help="The planned cases alone.")
@click.option(
    "--dry-run", is_flag=True, help="List the cases and the bill; ask nothing."
)
@click.option("--live", is_flag=True, help="Allow a target beyond this machine.")
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    help="Stop before more is spent, in the provider's currency (status 3).",
)
@click.option("--report", "report_path", type=path_option, help="Write JSON lines.")
@click.option("--html", type=path_option, help="Write a page.")
@click.option("--junit", type=path_option, help="Write JUnit XML.")
@click.option("--markdown", type=path_option, help="Write Markdown.")
@click.option("--sarif", type=path_option, help="Write SARIF.")
@specs_option
def run(
    provider: tuple[str, ...],
    against: str | None,
    key_env: str | None,
    seed: int,
    max_cases: int | None,
    only: tuple[str, ...],
    no_fuzz: bool,
    dry_run: bool,
    live: bool,
    budget: float | None,
    report_path: str | None,
    folder: str | None,
    **paths: str | None,
) -> None:
    """
    Find where deed departs from promise.

    Without --against each PROVIDER (all, if none is named) is asked at its own mock.
    Exit status: 0 conforms, 1 broken promises found, 2 could not run, 3 stopped
    before the end.
    """
    started = time.monotonic()
    providers = load_all(provider, folder)
    outputs = {"report": report_path, **paths}
    _check_outputs(outputs)
    target = _target(providers, against, key_env, live=live, budget=budget)
    asks_mocks = target is None and not dry_run
    with mocks(providers if asks_mocks else ()) as running:
        campaigns = [
            Campaign(
                provider=each,
                target=target
                or running.get(each.id)
                or Target("mock", "", is_mock=True),
                seed=seed,
                fuzz=not no_fuzz,
                only=only,
                frugal=budget is not None,
            )
            for each in providers
        ]
        if dry_run:
            _list_cases(campaigns)
            return
        try:
            done = _conducted(campaigns, seed=seed, max_cases=max_cases, budget=budget)
        except (Unreachable, CouldNotRun, PlanError) as error:
            where = f"{against}: " if isinstance(error, Unreachable) else ""
            raise Usage(f"{where}{error}") from None
    differences = comparison.differences(providers) if len(providers) > 1 else []
    _write(done, outputs, differences)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    text.summary(done, console)
    if differences:
        text.differences(differences, console)
    for name, path in outputs.items():
        if path:
            console.print(f"{name}: {path}", markup=False)
    console.print(f"{len(done.outcomes)} cases in {elapsed(started)}", markup=False)
    raise SystemExit(_status(done))


def _status(report: Report) -> int:
    if report.stopped:
        return STOPPED
    return CONFORMS if report.conforms else BROKEN


def _target(
    providers: Sequence[specs.Provider],
    against: str | None,
    key_env: str | None,
    *,
    live: bool,
    budget: float | None,
) -> Target | None:
    """The server to be asked; None for the mocks. Raises `Usage`."""
    if against is None:
        if live or budget or key_env:
            raise Usage("--live, --budget and --key-env go with --against BASE_URL")
        return None
    if len(providers) != 1:
        raise Usage("--against tests one PROVIDER: name it")
    parts = urlsplit(against)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Usage(f"--against takes a base URL such as http://…/v1, not '{against}'")
    if not _is_loopback(parts.hostname):
        _check_live(providers[0], against, live=live, budget=budget)
    name = key_env or providers[0].dialect.key_env
    key = os.environ.get(name, "").strip()
    if not key:
        raise Usage(
            f"{name} is not set: export the key in it, or name another variable "
            "with --key-env"
        )
    return Target(against, key)


def _check_live(
    provider: specs.Provider, against: str, *, live: bool, budget: float | None
) -> None:
    if not live or budget is None:
        raise Usage(
            f"{against} is not on this machine, so it may cost money: "
            "add --live and --budget AMOUNT (see --dry-run for the bill)"
        )
    if not provider.dialect.prices:
        raise Usage(
            f"no price of {provider.title} is documented, so a budget cannot be kept; "
            "run it through a server of your own on this machine instead"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_outputs(outputs: dict[str, str | None]) -> None:
    """Raises `Usage` now if a file could not be written in the end."""
    for name, path in outputs.items():
        if not path:
            continue
        place = Path(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Usage(f"--{name} {path} cannot be written: {error}") from None
        if place.is_dir() or not os.access(place.parent, os.W_OK):
            raise Usage(
                f"--{name} {path} cannot be written: choose a file in a folder of yours"
            )


def _list_cases(campaigns: Sequence[Campaign]) -> None:
    for campaign in campaigns:
        total: float | None = 0.0
        for case in campaign.cases:
            amount = campaign.worst_cost(case) if case.fault is None else 0.0
            total = None if total is None or amount is None else total + amount
            price = "?" if amount is None else f"{amount:.3f}"
            click.echo(f"{price:>8}  {case.expectation:<11}  {case.id}")
        currency = campaign.provider.dialect.prices.get("currency", "")
        bill = (
            "unknown: no prices documented"
            if total is None
            else f"{total:.2f} {currency}"
        )
        click.echo(
            f"{campaign.provider.title}: {len(campaign.cases)} cases, "
            f"if all goes as documented: {bill}"
        )


def _conducted(
    campaigns: Sequence[Campaign],
    *,
    seed: int,
    max_cases: int | None,
    budget: float | None,
) -> Report:
    """The report of a run; whole, or as far as it got when it was interrupted."""
    done = begin(campaigns, version=version("imageparity"), seed=seed)
    with _progress(campaigns) as progress:
        asyncio.run(_until_interrupted(done, progress, max_cases, budget))
    return done.report()


async def _until_interrupted(
    done: Run,
    progress: Any,
    max_cases: int | None,
    budget: float | None,
) -> None:
    task = asyncio.ensure_future(
        conduct(done, progress=progress, max_cases=max_cases, budget=budget)
    )
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        done.stopped = "interrupt"


@contextmanager
def _progress(campaigns: Sequence[Campaign]) -> Iterator[Any]:
    """A bar for each provider on a terminal, plain lines elsewhere; on stderr."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _PlainProgress(campaigns, console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[found]}"),
    )
    with Progress(*columns, console=console) as bars:
        tasks = {
            each.provider.id: bars.add_task(
                each.provider.title, total=len(each.cases), found=""
            )
            for each in campaigns
        }
        found: dict[str, set[str]] = {each: set() for each in tasks}

        def advance(outcome: Outcome) -> None:
            known = found[outcome.provider]
            known.update(each.fingerprint for each in outcome.findings if each.breaks)
            shown = f"[red]{len(known)} broken[/]" if known else ""
            bars.update(tasks[outcome.provider], advance=1, found=shown)

        yield advance


class _PlainProgress:
    """A line when a provider begins and one when it is done."""

    def __init__(self, campaigns: Sequence[Campaign], console: Console) -> None:
        self._left = {each.provider.id: len(each.cases) for each in campaigns}
        self._titles = {each.provider.id: each.provider.title for each in campaigns}
        self._begun: set[str] = set()
        self._console = console

    def __call__(self, outcome: Outcome) -> None:
        name = outcome.provider
        if name not in self._begun:
            self._begun.add(name)
            self._say(f"{self._titles[name]}: asking {self._left[name]} questions")
        self._left[name] -= 1
        if not self._left[name]:
            self._say(f"{self._titles[name]}: done")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False)


def _write(
    report: Report,
    outputs: dict[str, str | None],
    differences: list[dict[str, Any]],
) -> None:
    try:
        for name, path in outputs.items():
            if not path:
                continue
            if name == "report":
                report.write(path)
                continue
            with replacing(path) as out:
                out.write(_rendered(name, report, differences))
    except OSError as error:
        raise Usage(
            f"{error.filename or 'a report'} cannot be written: {error}"
        ) from None


def _rendered(name: str, report: Report, differences: list[dict[str, Any]]) -> str:
    if name == "html":
        from contracts.reporters.html import render

        return render(report, differences)
    return REPORTERS[name](report)


@click.command()
@click.argument("report", type=path_option)
@click.option(
    "--format", "format_", type=click.Choice(["text", *FORMATS]), default="text"
)
def show(report: str, format_: str) -> None:
    """Show a REPORT again, in any format. Exit status as `run` had."""
    try:
        found = Report.read(report)
    except BadReport as error:
        raise Usage(str(error)) from None
    if format_ == "text":
        text.summary(found, Console(highlight=False))
    else:
        click.echo(_rendered(format_, found, []))
    raise SystemExit(_status(found))


@click.command()
@click.argument("provider", nargs=-1)
@specs_option
def compare(provider: tuple[str, ...], folder: str | None) -> None:
    """Where the documents of the PROVIDERs differ; nothing is asked."""
    rows = comparison.differences(load_all(provider, folder))
    text.differences(rows, Console(highlight=False))


@click.command()
@click.argument("provider", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@specs_option
def claims(provider: tuple[str, ...], as_json: bool, folder: str | None) -> None:
    """Each documented claim: its source, its place, the mock, the harness."""
    import json
    from dataclasses import asdict

    for each in load_all(provider, folder):
        target = Target("mock", "", is_mock=True)
        campaign = Campaign(each, target, fuzz=False)
        records = list(claim_records(each, asked(each, campaign.cases)))
        if as_json:
            for record in records:
                row = {"provider": each.id, **asdict(record)}
                click.echo(json.dumps(row, ensure_ascii=False))
            continue
        click.echo(f"{each.title} ({each.id}): {len(records)} claims\n")
        for operation in each.operations.values():
            for name in operation.mentions:
                click.echo(f"Named on its pages without an address: {name}\n")
        for record in records:
            click.echo(f"{record.id}\n    {record.sentence}")
            click.echo(
                f"    source    {record.source} ({record.basis}) {record.source_title}"
            )
            click.echo(f"    document  {each.id}/openapi.yaml#{record.pointer}")
            click.echo(f"    mock      {record.mock}")
            click.echo(f"    asked     {record.asked} times\n")
