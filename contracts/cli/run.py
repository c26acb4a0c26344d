"""The harness from the command line: what the words mean, and the exit statuses."""

import asyncio
import functools
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console

import specs
from contracts import compare as comparison
from contracts.cli.interrupts import report_on_interrupt
from contracts.cli.options import _parse_targets, history_option, path_option
from contracts.cli.output import (
    _read_history,
    _write_outputs,
    check_outputs,
)
from contracts.cli.progress import _progress
from contracts.cli.same_questions import _compare_servers, _reject_incompatible_options
from contracts.cli.show import _exit_status
from contracts.compare.servers import run as differential
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.client import Target, Unreachable
from contracts.execution.mocks import mocks_in_subprocess
from contracts.execution.recording import BadRecording, CassetteSession
from contracts.execution.run import Run, execute, start
from contracts.execution.targets import (
    LIVE_RATE,
    BadTarget,
)
from contracts.planning.example_database import ExampleDatabase
from contracts.planning.request_model import PlanError
from contracts.report.failure_policy import FailurePolicy, fail_on_option
from contracts.report.model import BadReport, Report
from contracts.reporters.run import text
from contracts.text import format_elapsed
from mockserver.cli.common import PROVIDER, UsageError, load_providers, specs_option


@click.command()
@click.argument(
    "provider", nargs=-1, type=PROVIDER, metavar="[PROVIDER | [LABEL:]PROVIDER=URL]..."
)
@click.option("--against", metavar="BASE_URL", help="A server that claims to be it.")
@click.option("--key-env", metavar="VAR", help="The variable that holds the key.")
@click.option("--seed", default=0, help="The same seed asks the same questions.")
@click.option(
    "--max-cases", type=click.IntRange(1), help="Stop after so many (status 3)."
)
@click.option("--only", multiple=True, metavar="PART", help="Cases whose id has PART.")
@click.option("--no-fuzz", is_flag=True, help="The planned cases alone.")
@click.option(
    "--second-opinion/--no-second-opinion",
    default=None,
    help="Ask and judge by schemathesis, too; unless --live or --no-fuzz, it does.",
)
@click.option(
    "--examples",
    "examples_folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".imageparity",
    show_default=True,
    metavar="DIR",
    help="Where drawn questions that showed something are kept for the next run.",
)
@click.option(
    "--dry-run", is_flag=True, help="List the cases and the bill; ask nothing."
)
@click.option(
    "--live",
    is_flag=True,
    allow_from_autoenv=False,
    help="Allow a target beyond this machine.",
)
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    allow_from_autoenv=False,
    help="Stop before more is spent, in the provider's currency (status 3).",
)
@click.option(
    "--same-questions",
    is_flag=True,
    help="Put the same questions to all, and compare what they do.",
)
@click.option(
    "--unlisted",
    is_flag=True,
    help="With --same-questions: send also what a document does not list.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help=f"Questions a minute; {LIVE_RATE:.0f} beyond this machine, else no limit.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, exists=True),
    metavar="REPORT",
    help="Go on where a run that was stopped left off.",
)
@click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write every exchange down, keys left out.",
)
@click.option(
    "--replay",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="DIR",
    help="Judge what was recorded there; nothing is asked.",
)
@click.option("--report", "report_path", type=path_option, help="Write JSON lines.")
@click.option("--html", type=path_option, help="Write a page.")
@history_option
@click.option("--junit", type=path_option, help="Write JUnit XML.")
@click.option("--markdown", type=path_option, help="Write Markdown.")
@click.option("--sarif", type=path_option, help="Write SARIF.")
@click.option("--ctrf", type=path_option, help="Write CTRF.")
@click.option("--badge", type=path_option, help="Write a badge's JSON.")
@fail_on_option
@specs_option
@report_on_interrupt
def run(
    provider: tuple[str, ...],
    against: str | None,
    key_env: str | None,
    seed: int,
    max_cases: int | None,
    only: tuple[str, ...],
    no_fuzz: bool,
    second_opinion: bool | None,
    examples_folder: Path,
    dry_run: bool,
    live: bool,
    budget: float | None,
    same_questions: bool,
    unlisted: bool,
    rate: float | None,
    resume: str | None,
    record: Path | None,
    replay: Path | None,
    report_path: str | None,
    history: tuple[str, ...],
    fail_on: FailurePolicy,
    folder: str | None,
    **paths: str | None,
) -> None:
    """
    Find where deed departs from promise.

    Without --against each PROVIDER (all, if none is named) is asked at its own mock;
    PROVIDER=URL names a server for each of several. With --same-questions what they do
    is compared, each spoken to in its dialect: status 1 where deeds differ although
    the documents promise the same. Exit status: 0 conforms, 1 broken promises found,
    or what --fail-on names, 2 could not run, 3 stopped before the end.
    """
    started = time.monotonic()
    outputs = {"report": report_path, **paths}
    check_outputs(outputs)
    older = _read_history(history, is_page=bool(outputs["html"]))
    if record and replay:
        raise UsageError("--record asks and --replay does not: use one of them")
    try:
        targets = _parse_targets(
            provider,
            against,
            folder,
            key_env=key_env,
            live=live,
            budget=budget,
            is_replay=replay is not None,
            may_repeat=same_questions,
        )
    except BadTarget as error:
        raise UsageError(str(error)) from None
    rate = rate or (LIVE_RATE if live else None)
    if same_questions:
        _reject_incompatible_options(fail_on)
        compared = functools.partial(
            differential.execute,
            seed=seed,
            only=only,
            unlisted=unlisted,
            budget=budget,
            rate=rate,
            cassettes=lambda each: _open_cassettes(
                each.label,
                record and record / each.label,
                replay and replay / each.label,
            ),
        )
        asked = targets or load_providers(provider, folder)
        raise SystemExit(_compare_servers(asked, folder, outputs, compared))
    if unlisted:
        raise UsageError("--unlisted goes with --same-questions")
    keeps_examples = bool(targets) and not (no_fuzz or replay or dry_run)
    examples = ExampleDatabase(examples_folder) if keeps_examples else None
    providers = [each.provider for each in targets] or load_providers(provider, folder)
    fail_on.validate(lambda: _claim_ids(providers))
    servers = {each.provider.id: each.target for each in targets}
    asks_mocks = not targets and not dry_run
    with mocks_in_subprocess(providers if asks_mocks else (), folder) as running:
        campaigns = [
            Campaign(
                provider=each,
                target=servers.get(each.id)
                or running.get(each.id)
                or Target("mock", "", is_mock=True),
                seed=seed,
                fuzz=not no_fuzz,
                second_opinion=_default_if_none(second_opinion, not (no_fuzz or live)),
                only=only,
                is_paid=budget is not None,
                rate=rate,
                cassette=_open_cassettes(each.id, record, replay),
                examples=examples,
            )
            for each in providers
        ]
        if only and not any(each.cases for each in campaigns):
            raise UsageError(f"--only {' '.join(only)}: no case has it; see --dry-run")
        if dry_run:
            _list_cases(campaigns)
            return
        try:
            if resume:
                campaigns = _resume_campaigns(campaigns, resume, seed=seed)
            done = _execute(campaigns, seed=seed, max_cases=max_cases, budget=budget)
        except (Unreachable, CouldNotRun, PlanError, BadRecording) as error:
            raise UsageError(str(error)) from None
    _write_outputs(done, outputs, folder, older)
    if examples is not None:
        _save_examples(examples)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    text.print_summary(
        done, console, list(comparison.parameter_outcomes(done, providers))
    )
    if len(providers) > 1:
        text.print_documents_hint(comparison.compare(providers), console)
    for name, path in outputs.items():
        if path:
            console.print(f"{name}: {path}", markup=False)
    console.print(
        f"{len(done.outcomes)} cases in {format_elapsed(started)}", markup=False
    )
    raise SystemExit(_exit_status(done, fail_on))


def _claim_ids(providers: Sequence[specs.Provider]) -> Iterator[str]:
    return (claim.id for each in providers for claim in specs.claims(each))


def _default_if_none(value: bool | None, default: bool) -> bool:
    return default if value is None else value


def _save_examples(examples: ExampleDatabase) -> None:
    """The run is done and told: what cannot be kept for the next is only said."""
    try:
        examples.save()
    except OSError as error:
        click.echo(f"Warning: --examples cannot be kept: {error}", err=True)


def _open_cassettes(
    name: str, record: Path | None, replay: Path | None
) -> CassetteSession | None:
    """Where exchanges with one target are written or read. Raises `Usage`."""
    try:
        if record:
            return CassetteSession.recording(name, record)
        return CassetteSession.replaying(name, replay) if replay else None
    except BadRecording as error:
        raise UsageError(str(error)) from None


def _resume_campaigns(
    campaigns: Sequence[Campaign], path: str, *, seed: int
) -> list[Campaign]:
    """The campaigns without what a report has. Raises `Usage` for another run's."""
    try:
        earlier = Report.read(path)
    except BadReport as error:
        raise UsageError(str(error)) from None
    if earlier.stopped is None:
        raise UsageError(f"--resume {path}: that run came to its end")
    before = {each.provider: each for each in earlier.metadata.targets}
    differs = None
    if earlier.metadata.version != version("imageparity"):
        differs = f"version {earlier.metadata.version}"
    elif earlier.metadata.seed != seed:
        differs = f"--seed {earlier.metadata.seed}"
    for each in campaigns:
        found = before.get(each.provider.id)
        if found is None or found.document != each.provider.version:
            differs = differs or f"another document of {each.provider.title}"
        elif not found.is_mock and found.base_url != each.target.base_url:
            differs = differs or f"{found.base_url}"
    if differs:
        raise UsageError(
            f"--resume {path} was a run with {differs}: it cannot go on here"
        )
    return [
        each.resume_from(
            {row.case: row for row in earlier.for_provider(each.provider.id).outcomes}
        )
        for each in campaigns
    ]


def _list_cases(campaigns: Sequence[Campaign]) -> None:
    for campaign in campaigns:
        total: float | None = 0.0
        for case in campaign.cases:
            amount = campaign.max_cost(case) if case.expected_error is None else 0.0
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


def _execute(
    campaigns: Sequence[Campaign],
    *,
    seed: int,
    max_cases: int | None,
    budget: float | None,
) -> Report:
    """The report of a run; whole, or as far as it got when it was interrupted."""
    done = start(campaigns, version=version("imageparity"), seed=seed)
    with _progress(campaigns) as progress:
        asyncio.run(_execute_until_interrupted(done, progress, max_cases, budget))
    return done.report()


async def _execute_until_interrupted(
    done: Run,
    progress: Any,
    max_cases: int | None,
    budget: float | None,
) -> None:
    task = asyncio.ensure_future(
        execute(done, progress=progress, max_cases=max_cases, budget=budget)
    )
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        done.stopped = "interrupt"
