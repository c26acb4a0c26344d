"""`run --same-questions`: send the same requests to several servers and compare."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import click
from click.core import ParameterSource
from rich.console import Console

from contracts.cli.run.options import RunOptions
from contracts.cli.run.progress import planning_status, progress_bars
from contracts.cli.shared.call_options import validate_operations
from contracts.cli.shared.exit_codes import CONFORMS, NONCONFORMING, STOPPED
from contracts.cli.shared.image_operations import with_image_operations
from contracts.cli.shared.interrupts import Interrupted, run_until_interrupted
from contracts.cli.shared.output import write_outputs
from contracts.compare.servers.model import Differences
from contracts.compare.servers.run import execute
from contracts.execution.campaign import CouldNotRun
from contracts.execution.mocks import mocks_in_subprocess
from contracts.execution.sending.client import Unreachable
from contracts.execution.sending.recording import BadRecording
from contracts.execution.targets import NamedTarget
from contracts.planning.request_model import PlanError
from contracts.report.failure_policy import FailurePolicy
from contracts.reporters.servers import markdown, text
from mockserver.cli.common import UsageError, load_providers
from specs import Provider

OTHER_MODE_OPTIONS = (
    *("max_cases", "no_fuzz", "second_opinion", "dry_run", "resume"),
    *("sarif_document", "repeat", "requirements"),
)


def compare_servers(options: RunOptions, targets: Sequence[NamedTarget]) -> int:
    """
    Compare servers, or the mocks if there are no targets, and write the outputs.

    Returns the exit status. Raises `UsageError`.
    """
    _reject_incompatible_options(options)
    with ExitStack() as stack:
        with planning_status():
            providers = [] if targets else _mocked_providers(options)
            running = stack.enter_context(
                mocks_in_subprocess(providers, options.folder)
            )
        validate_operations(
            options.operations, [*providers, *(each.provider for each in targets)]
        )
        mocks = [NamedTarget(each.id, each, running[each.id]) for each in providers]
        try:
            differences = asyncio.run(_execute(options, [*targets, *mocks]))
        except Interrupted:
            raise UsageError("interrupted twice: nothing was compared") from None
        except (Unreachable, CouldNotRun, PlanError, BadRecording) as error:
            raise UsageError(str(error)) from None
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    text.print_summary(differences, console)
    renderers = {
        "report": Differences.json_text,
        "markdown": markdown.render,
    }
    for line in write_outputs(
        options.outputs, lambda name: renderers[name](differences)
    ):
        console.print(line, markup=False)
    if differences.stopped:
        return STOPPED
    is_alarming = differences.alarms or differences.output_alarms
    return NONCONFORMING if is_alarming else CONFORMS


def _mocked_providers(options: RunOptions) -> list[Provider]:
    """The providers that are named, else those that have operations for images."""
    providers = load_providers(options.provider, options.folder)
    if options.provider:
        return list(providers)
    return with_image_operations(providers, options.provider)


def _reject_incompatible_options(options: RunOptions) -> None:
    """Raises `UsageError` for an option of `run` that would have no effect."""
    context = click.get_current_context()
    for name in OTHER_MODE_OPTIONS:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with --same-questions"
            )
    if options.fail_on != FailurePolicy():
        raise UsageError("--fail-on does not go with --same-questions")
    for name, path in options.outputs.items():
        if path and name not in ("report", "markdown"):
            raise UsageError(
                f"--{name} does not go with --same-questions; use --markdown"
            )


async def _execute(options: RunOptions, targets: Sequence[NamedTarget]) -> Differences:
    """
    Send the requests and compare.

    The first interrupt ends with the differences so far. Raises `Interrupted` at the
    second one.
    """
    interrupt = asyncio.Event()
    with progress_bars() as progress:
        return await run_until_interrupted(
            execute(
                targets,
                seed=options.seed,
                only=options.only,
                operations=options.operations,
                unlisted=options.unlisted,
                budget=options.budget,
                rate=options.rate_limit,
                fetch_from=frozenset(options.fetch_from),
                cassettes=lambda target: options.open_cassettes(
                    target.label, by_label=True
                ),
                progress=progress,
                interrupt=interrupt,
                waiting=options.task_waiting,
            ),
            stop=interrupt,
        )
