"""The command `run`: test servers, or our mocks, against their documentation."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

import click
from rich.console import Console

import specs
from contracts import compare as comparison
from contracts.cli.run.budget_ledger import BudgetLedger
from contracts.cli.run.bundle import (
    bundle_recording,
    check_bundle_option,
    save_bundle,
)
from contracts.cli.run.campaigns import campaigns_of, check_selection
from contracts.cli.run.dry_run import estimate, list_cases
from contracts.cli.run.last_report import save_last_report
from contracts.cli.run.options import RunOptions
from contracts.cli.run.parameters import run_parameters
from contracts.cli.run.processes import is_divisible, run_in_processes
from contracts.cli.run.progress import campaign_progress, planning_status
from contracts.cli.run.resume import resume_campaigns
from contracts.cli.run.same_questions import compare_servers
from contracts.cli.run.targets import run_targets
from contracts.cli.shared.call_options import validate_operations
from contracts.cli.shared.exit_codes import COULD_NOT_RUN, exit_status
from contracts.cli.shared.interrupts import (
    Interrupted,
    report_on_interrupt,
    run_until_interrupted,
)
from contracts.cli.shared.options import copies_by_provider
from contracts.cli.shared.output import (
    check_outputs,
    read_history,
    render_report,
    write_outputs,
)
from contracts.execution.bundle.recording import BundleRecording
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.mocks import mocks_in_subprocess
from contracts.execution.run import execute, start
from contracts.execution.sending.client import Unreachable
from contracts.execution.sending.recording import BadRecording
from contracts.execution.targets import NamedTarget
from contracts.ledger.errors import LedgerError
from contracts.planning.generation.example_database import ExampleDatabase
from contracts.planning.request_model import PlanError
from contracts.report.model import Outcome, Report
from contracts.reporters.run import text
from contracts.text import format_elapsed
from mockserver.cli.common import GroupedCommand, UsageError, load_providers
from mockserver.heap import keep_heap_small
from specs.requirement_sets import load_requirements


@click.command(cls=GroupedCommand, help_group="Output")
@run_parameters
@report_on_interrupt
def run(**parameters: Any) -> None:
    """
    Test a server, or our mock, against its provider's documentation.

    Without --against or a URL, each PROVIDER (default: all) is tested at its own
    mock. PROVIDER=URL names a server for each of several providers.

    With --same-questions the servers are compared with each other, each in its own
    dialect. The exit status is then 1 if they behave differently although their
    documents agree.

    Exit status: 0 all documented claims passed, 1 documented claims failed (or
    findings that match --fail-on), 2 could not run, 3 stopped before the end. With
    --requirements: 0 if each server reaches the level "all musts", else 1.
    """
    started = time.monotonic()
    keep_heap_small()
    options = RunOptions.from_parameters(parameters)
    check_outputs(options.outputs)
    history = read_history(options.history, is_page=bool(options.outputs["html"]))
    check_bundle_option(options)
    if options.record and options.replay:
        raise UsageError("--record and --replay exclude each other: use one of them")
    with planning_status(shown=not options.quiet):
        targets = run_targets(options)
    if options.same_questions:
        raise SystemExit(compare_servers(options, targets))
    if options.unlisted:
        raise UsageError("--unlisted goes with --same-questions")
    _run(options, targets, history, started)


def _run(
    options: RunOptions,
    targets: Sequence[NamedTarget],
    history: Sequence[Report],
    started: float,
) -> None:
    keeps_examples = bool(targets) and not (
        options.no_fuzz or options.replay or options.dry_run or options.bundle
    )
    examples = ExampleDatabase(options.examples_folder) if keeps_examples else None
    servers = {each.provider.id: each.target for each in targets}
    with ExitStack() as stack:
        with planning_status(shown=not options.quiet) as show_title:
            providers = _providers(options, targets)
            documents = copies_by_provider(
                options.sarif_document,
                (each.id for each in providers),
                is_sarif=bool(options.outputs["sarif"]),
            )
            mocked = () if targets or options.dry_run else providers
            is_divided = is_divisible(options, mocked)
            campaigns: list[Campaign] = []
            recording = stack.enter_context(bundle_recording(options))
            if not is_divided:
                mocks = mocks_in_subprocess(mocked, options.folder)
                servers.update(stack.enter_context(mocks))
                campaigns += campaigns_of(options, providers, servers, examples)
                if recording is not None:
                    campaigns = [recording.attach(each) for each in campaigns]
                _plan(campaigns, options, show_title)
        if options.dry_run:
            list_cases(campaigns)
            return
        ledger = BudgetLedger.of(options)
        try:
            if options.resume:
                campaigns = resume_campaigns(
                    campaigns, options.resume, seed=options.seed
                )
            if options.repeat > 1 and not options.quiet:
                for campaign in campaigns:
                    click.echo(estimate(campaign, campaign.pending), err=True)
            if is_divided:
                titles = {each.id: each.title for each in providers}
                with campaign_progress(titles, shown=not options.quiet) as progress:
                    report, problem = run_in_processes(options, providers, progress)
            else:
                report, problem = _execute(campaigns, options, recording, ledger)
        except (Unreachable, CouldNotRun, BadRecording) as error:
            if ledger is not None:
                ledger.remove()
            raise UsageError(str(error)) from None
        saved = save_last_report(report, options.examples_folder)
        files = write_outputs(
            options.outputs,
            lambda name: render_report(
                name, report, options.folder, history, documents
            ),
        )
        files += save_bundle(options, recording, report, problem, providers)
        if ledger is not None:
            ledger.remove()
    if examples is not None:
        _save_examples(examples)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    status = exit_status(report, options.fail_on)
    if problem is not None:
        click.echo(f"Error: {problem}. The report has the other providers", err=True)
        status = COULD_NOT_RUN
    if options.quiet:
        text.print_result(report, console)
        raise SystemExit(status)
    text.print_summary(
        report,
        console,
        list(comparison.parameter_outcomes(report, providers)),
        path=saved,
    )
    if len(providers) > 1:
        text.print_documents_hint(comparison.compare(providers), console)
    for line in files:
        console.print(line, markup=False)
    line = f"{len(report.outcomes)} cases in {format_elapsed(started)}"
    console.print(f"{line}; saved as {saved}" if saved else line, markup=False)
    raise SystemExit(status)


def _providers(
    options: RunOptions, targets: Sequence[NamedTarget]
) -> list[specs.Provider]:
    """The providers to test. Raises `UsageError`, also for a bad `--fail-on`."""
    providers = [each.provider for each in targets]
    providers = providers or load_providers(options.provider, options.folder)
    validate_operations(options.operations, providers)
    options.fail_on.check_requirements(is_given=options.requirements is not None)
    options.fail_on.validate(
        lambda: (claim.id for each in providers for claim in specs.claims(each))
    )
    return providers


def _plan(
    campaigns: Sequence[Campaign], options: RunOptions, show: Callable[[str], None]
) -> None:
    """
    Plan the cases of each campaign after its title was shown.

    Raises `UsageError` if the options select no case, or no cases can be planned.
    """
    planned = 0
    for campaign in campaigns:
        show(campaign.provider.title)
        try:
            planned += len(campaign.cases)
        except PlanError as error:
            raise UsageError(str(error)) from None
    check_selection(options, planned)


def _save_examples(examples: ExampleDatabase) -> None:
    """Save them for the next run; a failure is only a warning, the run is complete."""
    try:
        examples.save()
    except OSError as error:
        click.echo(f"Warning: --examples cannot be saved: {error}", err=True)


def _execute(
    campaigns: Sequence[Campaign],
    options: RunOptions,
    recording: BundleRecording | None,
    ledger: BudgetLedger | None,
) -> tuple[Report, str | None]:
    """
    The report of a run; of an interrupted one, with the outcomes until then.

    The second value says why a provider could not be tested although others were.
    Raises `Unreachable` and `CouldNotRun` if none was, or if the run was resumed: its
    report has to keep all outcomes.
    """
    problem = None
    name = options.requirements
    run = start(
        campaigns,
        version=version("imageparity"),
        seed=options.seed,
        requirements=load_requirements(name) if name else None,
    )
    titles = {each.provider.id: each.provider.title for each in campaigns}
    with campaign_progress(titles, shown=not options.quiet) as progress:
        for campaign in campaigns:
            progress.begin(campaign.provider.id, len(campaign.pending))

        def note(outcome: Outcome) -> None:
            progress(outcome)
            if recording is not None:
                recording.count(outcome)

        coroutine = execute(
            run,
            progress=note,
            max_cases=options.max_cases,
            budget=options.budget,
            **_ledger_options(ledger),
        )
        try:
            asyncio.run(run_until_interrupted(coroutine))
        except Interrupted:
            run.stopped = "interrupt"
        except (Unreachable, CouldNotRun) as error:
            if options.resume or not run.campaigns:
                raise
            problem = str(error)
        except LedgerError as error:
            raise (ledger.problem(error) if ledger else error) from None
    return run.report(), problem


def _ledger_options(ledger: BudgetLedger | None) -> dict[str, Any]:
    if ledger is None:
        return {}
    return {"ledger": ledger.open(), "on_wait": ledger.on_wait}
