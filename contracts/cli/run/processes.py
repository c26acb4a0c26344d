"""
Test the mocks of many providers in several processes at once.

Each process has mocks of its own, and tests one provider after the other. Their reports
are merged into the one that a single process writes.
"""

import asyncio
import atexit
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from multiprocessing import get_context, parent_process
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

import specs
from contracts.cli.run.campaigns import campaigns_of, check_selection
from contracts.cli.run.options import RunOptions
from contracts.cli.run.progress import CampaignProgress
from contracts.cli.shared.interrupts import Interrupted, run_until_interrupted
from contracts.execution.campaign import CouldNotRun
from contracts.execution.mocks import mocks_in_subprocess
from contracts.execution.run import execute, start
from contracts.execution.sending.client import Unreachable
from contracts.execution.sending.target import Target
from contracts.judging.requirements import requirements_record
from contracts.planning.request_model import PlanError
from contracts.report.merge import merge
from contracts.report.model import Finding, Outcome, Report, TargetRecord
from mockserver.cli.common import UsageError, load_providers
from specs.requirement_sets import load_requirements

MIN_PROVIDERS = 4  # fewer are tested before further processes have started
MAX_PROCESSES = 4  # each takes up to 400 MB
STOP_INTERVAL = 0.2  # seconds
SHOW_TIMEOUT = 5.0  # seconds, for the last messages
SPAWN = get_context("spawn")

Message = tuple[str, int] | Outcome
"""The number of cases of a provider that is planned, or the outcome of a case."""


@dataclass(frozen=True, slots=True)
class Tested:
    """The report of one provider; without one, `problem` says why, if it is known."""

    report: Report | None = None
    problem: str | None = None


def is_divisible(options: RunOptions, providers: Sequence[specs.Provider]) -> bool:
    """True if the mocks of these providers can be tested at the same time."""
    depends_on_order = (
        options.max_cases,
        options.resume,
        options.record,
        options.bundle,
        options.repeat > 1,
    )
    enough = len(providers) >= MIN_PROVIDERS and _process_count() > 1
    return enough and not any(depends_on_order)


def _process_count() -> int:
    return min(MAX_PROCESSES, os.cpu_count() or 1)


def run_in_processes(
    options: RunOptions,
    providers: Sequence[specs.Provider],
    progress: CampaignProgress,
) -> tuple[Report, str | None]:
    """
    The report of all providers; of an interrupted run, with the outcomes until then.

    The second value says why a provider could not be tested although others were.
    Raises `UsageError` if none was, and `KeyboardInterrupt` if none had begun.
    """
    largest_first = sorted(providers, key=_claim_count, reverse=True)
    names = [each.id for each in largest_first]
    shared = _Shared(options, names)
    interrupted = asyncio.Event()
    with shared.shown_by(progress), _pool(shared) as pool:
        coroutine = _collect(pool, shared, interrupted)
        try:
            tested = asyncio.run(run_until_interrupted(coroutine, interrupted))
        except Interrupted:  # a second time
            raise KeyboardInterrupt from None
        except BrokenProcessPool:
            if interrupted.is_set():
                raise KeyboardInterrupt from None
            raise UsageError(
                "a process that tested providers was killed, perhaps for its memory: "
                "test fewer at a time with `imageparity run PROVIDER …`"
            ) from None
    reports = [each.report for each in tested if each.report is not None]
    problem = next((each.problem for each in tested if each.problem), None)
    if not reports:
        if interrupted.is_set():
            raise KeyboardInterrupt
        raise UsageError(str(problem))
    check_selection(options, sum(map(_planned, reports)))
    merged = merge([("a part of the run", each) for each in reports], None)
    report = _in_order(merged, [each.id for each in providers])
    if interrupted.is_set():
        report = replace(report, stopped="interrupt")
    if options.requirements:
        chosen = load_requirements(options.requirements)
        report = replace(report, requirements=requirements_record(chosen, report))
    return report, problem


def _claim_count(provider: specs.Provider) -> int:
    return sum(1 for _ in specs.claims(provider))


def _in_order(report: Report, providers: Sequence[str]) -> Report:
    """The report with its targets in the order in which they were chosen."""

    def place(row: TargetRecord | Outcome | Finding) -> int:
        return providers.index(row.provider)

    targets = tuple(sorted(report.metadata.targets, key=place))
    return replace(
        report,
        metadata=replace(report.metadata, targets=targets),
        outcomes=tuple(sorted(report.outcomes, key=place)),
        causes=tuple(sorted(report.causes or (), key=place)),
    )


def _planned(report: Report) -> int:
    return sum(each.planned for each in report.metadata.targets)


@dataclass(frozen=True)
class _Shared:
    """The options that all processes have, their messages, and the order to stop."""

    options: RunOptions
    names: Sequence[str]
    messages: "Queue[Message | None]" = field(default_factory=SPAWN.Queue)
    stop: Event = field(default_factory=SPAWN.Event)

    @contextmanager
    def shown_by(self, progress: CampaignProgress) -> Iterator[None]:
        """Show the messages, until the block ends."""

        def show() -> None:
            while (message := self.messages.get()) is not None:
                if isinstance(message, Outcome):
                    progress(message)
                else:
                    progress.begin(*message)

        thread = threading.Thread(target=show, daemon=True)
        thread.start()
        try:
            yield
        finally:
            # A process that was killed while it wrote would be waited for.
            self.messages.cancel_join_thread()
            self.messages.put(None)
            thread.join(SHOW_TIMEOUT)

    @cached_property
    def targets(self) -> Mapping[str, Target]:
        """The mocks of a process, which run until it ends."""
        stack = ExitStack()
        atexit.register(stack.close)
        options = self.options
        providers = load_providers(self.names, options.folder)
        return stack.enter_context(mocks_in_subprocess(providers, options.folder))


def _pool(shared: _Shared) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        _process_count(), mp_context=SPAWN, initializer=_begin, initargs=(shared,)
    )


async def _collect(
    pool: ProcessPoolExecutor, shared: _Shared, interrupted: asyncio.Event
) -> list[Tested]:
    """The result of each provider that has begun, until the run is interrupted."""
    futures = [pool.submit(_test, name) for name in shared.names]
    waiting = asyncio.create_task(interrupted.wait())
    whole = asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)
    ends: list[asyncio.Future[Any]] = [waiting, whole]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if interrupted.is_set():
            shared.stop.set()
            _cancel(futures)
        found = await whole
    finally:
        shared.stop.set()
        _cancel(futures)
        waiting.cancel()
    for result in found:
        if isinstance(result, Exception):
            raise result
    return [each for each in found if isinstance(each, Tested)]


def _cancel(futures: Sequence[Future[Tested]]) -> None:
    for future in futures:
        future.cancel()


_own: list[_Shared] = []  # one, in a process of the pool


def _begin(shared: _Shared) -> None:
    """Begin a process: signals are for the one that started it, whose end ends it."""
    _own.append(shared)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.setsid()  # what a terminal or `timeout` sends to all is not for this one
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _test(name: str) -> Tested:
    """Test a provider, in a process of the pool."""
    (shared,) = _own
    options = shared.options
    if shared.stop.is_set():
        return Tested()
    try:
        providers = load_providers([name], options.folder)
        (campaign,) = campaigns_of(options, providers, shared.targets, None)
        shared.messages.put((name, len(campaign.cases)))
        run = start([campaign], version=version("imageparity"), seed=options.seed)
        tested = execute(run, progress=shared.messages.put)
        if not asyncio.run(_has_ended(tested, shared.stop)):
            run.stopped = "interrupt"
    except (PlanError, Unreachable, CouldNotRun) as error:
        return Tested(problem=str(error))
    return Tested(run.report())


async def _has_ended(coroutine: Coroutine[Any, Any, None], stop: Event) -> bool:
    """Await a coroutine; False if `stop` was set before it ended."""
    task = asyncio.ensure_future(coroutine)
    while not task.done() and not stop.is_set():
        await asyncio.wait([task], timeout=STOP_INTERVAL)
    if task.done():
        task.result()
        return True
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return False
