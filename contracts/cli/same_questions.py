"""Run with --same-questions: send the same requests to several servers and compare."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

import specs
from contracts.cli.options import CONFORMS, NONCONFORMING, STOPPED
from contracts.cli.output import (
    open_output,
)
from contracts.cli.progress import _progress_bars
from contracts.compare.servers.model import Differences
from contracts.execution.campaign import CouldNotRun
from contracts.execution.client import Unreachable
from contracts.execution.mocks import mocks_in_subprocess
from contracts.execution.recording import BadRecording
from contracts.execution.targets import (
    NamedTarget,
)
from contracts.planning.request_model import PlanError
from contracts.report.failure_policy import FailurePolicy
from contracts.reporters import servers as deeds
from mockserver.cli.common import UsageError


def _reject_incompatible_options(fail_on: FailurePolicy) -> None:
    """Raises `Usage` for an option of a run that would be of no effect."""
    context = click.get_current_context()
    for name in ("max_cases", "no_fuzz", "second_opinion", "dry_run", "resume"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with --same-questions"
            )
    if fail_on != FailurePolicy():
        raise UsageError("--fail-on does not go with --same-questions")


def _compare_servers(
    servers: Sequence[NamedTarget] | Sequence[specs.Provider],
    folder: str | None,
    outputs: Mapping[str, str | None],
    run_comparison: Callable[..., Coroutine[Any, Any, Differences]],
) -> int:
    """Compare servers, or mocks of providers; the exit status. Raises `Usage`."""
    useless = [
        f"--{name}"
        for name, path in outputs.items()
        if path and name not in ("report", "markdown")
    ]
    if useless:
        raise UsageError(
            f"{useless[0]} is not made of --same-questions; take --markdown"
        )
    providers = [each for each in servers if isinstance(each, specs.Provider)]
    with mocks_in_subprocess(providers, folder) as running:
        targets = [each for each in servers if isinstance(each, NamedTarget)]
        targets += [NamedTarget(each.id, each, running[each.id]) for each in providers]
        try:
            with _progress_bars() as progress:
                found = asyncio.run(
                    _run_interruptible(run_comparison, targets, progress)
                )
        except (Unreachable, CouldNotRun, PlanError, BadRecording) as error:
            raise UsageError(str(error)) from None
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    deeds.print_summary(found, console)
    for name, path in outputs.items():
        if path:
            with open_output(path) as out:
                text = found.json_text() if name == "report" else deeds.markdown(found)
                out.write(text)
            console.print(f"{name}: {path}", markup=False)
    if found.stopped:
        return STOPPED
    return NONCONFORMING if found.alarms else CONFORMS


async def _run_interruptible(
    run_comparison: Callable[..., Coroutine[Any, Any, Differences]],
    targets: Sequence[NamedTarget],
    progress: Callable[[str, int, int], None],
) -> Differences:
    """What `compared` gives; at an interrupt what it has, at a second one nothing."""
    interrupt = asyncio.Event()
    task = asyncio.ensure_future(
        run_comparison(targets, progress=progress, interrupt=interrupt)
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if interrupt.is_set():
            task.cancel()
        interrupt.set()

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop)
    try:
        return await task
    except asyncio.CancelledError:
        raise CouldNotRun("interrupted twice: nothing was compared") from None
