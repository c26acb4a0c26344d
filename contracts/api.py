"""A run from Python: the same as from the command line, and its report as a value."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import specs
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.client import Target
from contracts.execution.mocks import mocks
from contracts.execution.run import execute, start
from contracts.execution.targets import LIVE_RATE, target_of
from contracts.planning.request_model import PlanError
from contracts.report.model import Outcome, Report

T = TypeVar("T")


def run(
    *providers: str | specs.Provider,
    against: str | None = None,
    key: str | None = None,
    key_env: str | None = None,
    seed: int = 0,
    max_cases: int | None = None,
    only: str | Sequence[str] = (),
    fuzz: bool = True,
    second_opinion: bool | None = None,
    live: bool = False,
    budget: float | None = None,
    rate: float | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    specs_path: str | Path | None = None,
) -> Report:
    """
    Find where deed departs from promise, and give the report of it.

    Each provider (all, when none is named) is asked at its own mock, or the one that
    is named at the base URL `against`. Its key is `key`, else what the variable
    `key_env` holds, else the one of its dialect; it is nowhere in the report. `only`
    keeps the cases whose id has one of these parts; without `fuzz` the planned cases
    alone are asked. What schemathesis asks and says is part of a run with `fuzz` that
    is not `live`, unless `second_opinion` says otherwise. The run stops after
    `max_cases`, and before more than `budget` (in the provider's currency) is spent:
    `report.stopped` says so. Beyond this machine `live=True` and a budget are needed;
    at most `rate` questions a minute are asked there, 60 unless said otherwise.
    `specs_path` is a folder of further providers.

    The call blocks until the report is there, also within a running event loop: from a
    coroutine, use `asyncio.to_thread`, and always where that loop serves what is asked.
    `on_outcome` is called with each outcome as it comes, in another thread; what it
    raises ends the run.

    Raises `Unreachable` when nobody answers, `CouldNotRun` when the key is refused or
    the budget pays for nothing, `SpecError` for an unknown provider, and `ValueError`
    (of which `BadTarget` is one) for arguments that do not go together.
    """
    _validate_arguments(
        against, only=only, max_cases=max_cases, budget=budget, rate=rate
    )
    given = [each for each in (key, key_env, budget) if each is not None]
    if against is None and (live or given):
        raise ValueError("live, budget, key and key_env go with against='http://…'")
    loaded = load_providers(providers, specs_path)
    if against is not None and len(loaded) != 1:
        raise ValueError("against asks one server: name the one provider it claims")
    with mocks(() if against else loaded) as running:
        campaigns = [
            Campaign(
                provider=each,
                target=_resolve_target(
                    each, against, running, key, key_env, live, budget
                ),
                seed=seed,
                fuzz=fuzz,
                second_opinion=fuzz and not live
                if second_opinion is None
                else second_opinion,
                only=id_parts(only),
                is_paid=budget is not None,
                rate=rate or (LIVE_RATE if live else None),
            )
            for each in loaded
        ]
        try:
            done = start(campaigns, version=version("imageparity"), seed=seed)
        except PlanError as error:
            raise CouldNotRun(str(error)) from None
        if not any(each.cases for each in campaigns):
            raise ValueError(f"no case has {' or '.join(id_parts(only))} in its id")
        tell = on_outcome or _ignore_outcome
        run_in_thread(execute(done, progress=tell, max_cases=max_cases, budget=budget))
    return done.report()


def _validate_arguments(
    against: str | None,
    *,
    only: str | Sequence[str],
    max_cases: int | None,
    budget: float | None,
    rate: float | None,
) -> None:
    """Raises `ValueError`."""
    if against == "":
        raise ValueError("against is empty: give the base URL of a server, or None")
    for name, value in (("max_cases", max_cases), ("budget", budget), ("rate", rate)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value}: give a number above 0, or None")
    if "" in id_parts(only):
        raise ValueError("only has an empty part, which every id has: leave it out")


def _ignore_outcome(_: Outcome) -> None:
    """Nobody wants to know before the end."""


def _resolve_target(
    provider: specs.Provider,
    against: str | None,
    mock_targets: dict[str, Target],
    key: str | None,
    key_env: str | None,
    live: bool,
    budget: float | None,
) -> Target:
    if against is None:
        return mock_targets[provider.id]
    return target_of(
        provider, against, key=key, key_env=key_env, live=live, budget=budget
    )


def load_providers(
    providers: Sequence[str | specs.Provider], specs_path: str | Path | None
) -> list[specs.Provider]:
    """The providers, each once, or all. Raises `SpecError`."""
    more = [specs_path] if specs_path else []
    return [
        each if isinstance(each, specs.Provider) else specs.load(each, *more)
        for each in dict.fromkeys(providers) or specs.names(*more)
    ]


def id_parts(only: str | Sequence[str]) -> tuple[str, ...]:
    """One part of an id, or several."""
    return (only,) if isinstance(only, str) else tuple(only)


def run_in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    """
    What a coroutine gives in a thread with a loop of its own, whatever runs here.

    What is raised here meanwhile, such as `KeyboardInterrupt`, cancels it.
    """
    begun: Future[Callable[[], object]] = Future()

    async def work() -> T:
        task = asyncio.ensure_future(coroutine)
        begun.set_result(partial(task.get_loop().call_soon_threadsafe, task.cancel))
        return await task

    with ThreadPoolExecutor(1, thread_name_prefix="imageparity") as pool:
        done = pool.submit(asyncio.run, work())
        try:
            return done.result()
        except BaseException:
            if not done.done():
                with suppress(RuntimeError):  # its loop has just ended by itself
                    begun.result()()
            raise
