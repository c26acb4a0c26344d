"""
A run that sends the same requests to several servers, each in its own dialect.

Responses are compared with responses. The documents decide if a difference is an alarm:
only if they state the same.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from importlib.metadata import version

from contracts.compare.servers.confirmation import ServerComparison
from contracts.compare.servers.intents import combination_intents, intents
from contracts.compare.servers.model import Differences
from contracts.compare.servers.outputs import (
    ask_for_outputs,
    output_operations,
    output_questions,
)
from contracts.compare.servers.results import differences, feature_rows
from contracts.compare.servers.session import MAX_CONNECTIONS, Progress, TargetSession
from contracts.compare.servers.translation import Intent
from contracts.execution.campaign import CouldNotRun
from contracts.execution.sending.client import MAX_PAUSE, MAX_PAUSE_LIVE, Sender
from contracts.execution.sending.recording import CassetteSession
from contracts.execution.targets import NamedTarget
from contracts.execution.tasks.follow import Follower
from contracts.execution.tasks.waiting import MOCK_WAITING, Waiting
from contracts.media.registry import MEDIA, image_operations
from specs import Provider

Cassettes = Callable[[NamedTarget], CassetteSession | None]


async def execute(
    targets: Sequence[NamedTarget],
    *,
    seed: int = 0,
    progress: Progress = lambda label, done, total: None,
    only: Sequence[str] = (),
    operations: Sequence[str] = (),
    unlisted: bool = False,
    budget: float | None = None,
    rate: float | None = None,
    cassettes: Cassettes = lambda target: None,
    interrupt: asyncio.Event | None = None,
    fetch_from: frozenset[str] = frozenset(),
    waiting: Waiting | None = None,
) -> Differences:
    """
    Send the same requests to each target and compare the responses.

    `only` selects intents with an id that contains one of these texts, and the minimal
    requests of their operations; `operations` selects those of some operations; empty
    selects all. With `unlisted`, fields that a
    target's document does not list are sent under their canonical names. `budget` is
    the highest cost per target, in its provider's own currency. With a budget, requests
    are sent one by one, the cheapest first, none of them twice and no combinations.
    `rate` is the highest number of requests per minute and target. `cassettes` returns
    the recording or replay of a target, None for neither. After `interrupt` is set, no
    more is sent, and the responses so far are compared. Images are fetched from the
    targets and from the hosts `fetch_from`. `waiting` has the times for tasks, None for
    those of the documents.

    Raises `Unreachable`, `CouldNotRun`, `PlanError` and `BadRecording`.
    """
    _check_targets(targets)
    providers = [each.provider for each in targets]
    single, combined = _planned_intents(
        providers, seed, only, operations, with_pairs=budget is None
    )
    planned = [*single, *combined]
    questions = output_questions(providers, only, operations)
    if not planned and not questions:
        raise CouldNotRun(_nothing_selected(only, operations))
    async with AsyncExitStack() as stack:
        sessions = []
        for target in targets:
            sender = _sender(
                target,
                rate,
                cassettes(target),
                fetch_from,
                is_limited=budget is not None,
            )
            await stack.enter_async_context(sender)
            follower = _follower(target, sender, waiting)
            session = TargetSession(target, sender, unlisted, budget, follower)
            stack.push_async_callback(session.close)
            sessions.append(session)
        for session in sessions:
            await session.start(next(iter(single), None))
        comparison = ServerComparison(sessions, single)
        async with _stop_on_interrupt(interrupt, sessions):
            await asyncio.gather(
                *(session.send_all(planned, progress) for session in sessions)
            )
            await comparison.compare(planned)
            outputs = await ask_for_outputs(sessions, questions, operations)
        stats = [await each.stats() for each in sessions]
    return Differences(
        version=version("imageparity"),
        seed=seed,
        targets=tuple(stats),
        questions=len(planned) + len(questions),
        rows=tuple(feature_rows(comparison)),
        differences=tuple(differences(comparison)),
        outputs=tuple(outputs),
    )


def _check_targets(targets: Sequence[NamedTarget]) -> None:
    """Raise `CouldNotRun` if there is nothing to compare."""
    if len(targets) < 2:
        raise CouldNotRun("there is only one target: name another to compare it with")
    providers = [each.provider for each in targets]
    if not any(
        output_operations(each, medium)
        for each in providers
        for medium in MEDIA.values()
    ):
        titles = " and ".join(dict.fromkeys(each.title for each in providers))
        media = " or ".join(f"{each.noun}s" for each in MEDIA.values())
        raise CouldNotRun(f"{titles}: no operation responds with {media}")


def _nothing_selected(only: Sequence[str], operations: Sequence[str]) -> str:
    if only:
        return f"no test case has {' or '.join(only)} in its id"
    return f"no test case is about {' or '.join(operations)}"


def _planned_intents(
    providers: Sequence[Provider],
    seed: int,
    only: Sequence[str],
    operations: Sequence[str],
    *,
    with_pairs: bool,
) -> tuple[list[Intent], list[Intent]]:
    """The selected intents of one feature each, and combinations if `with_pairs`."""
    if not any(map(image_operations, providers)):
        return [], []
    single = _select(intents(providers), only, operations)
    pairs = combination_intents(providers, seed) if with_pairs and single else []
    return single, _select(pairs, only, operations)


def _follower(target: NamedTarget, sender: Sender, waiting: Waiting | None) -> Follower:
    own = MOCK_WAITING if target.target.is_mock else Waiting()
    return Follower(target.provider, sender, waiting or own)


def _sender(
    target: NamedTarget,
    rate: float | None,
    cassette: CassetteSession | None,
    fetch_from: frozenset[str],
    *,
    is_limited: bool,
) -> Sender:
    """A client of a target; with a budget one request at a time, and none again."""
    return Sender(
        target.target,
        max_connections=1 if is_limited else MAX_CONNECTIONS,
        rate=rate,
        max_pause=MAX_PAUSE_LIVE if is_limited else MAX_PAUSE,
        cassette=cassette,
        fetch_from=fetch_from,
        reuses_connections=not is_limited,
    )


@asynccontextmanager
async def _stop_on_interrupt(
    interrupt: asyncio.Event | None, sessions: Sequence[TargetSession]
) -> AsyncIterator[None]:
    """Stop all sessions if the event is set before the block ends."""
    if interrupt is None:
        yield
        return
    event = interrupt

    async def stop_sessions() -> None:
        await event.wait()
        for session in sessions:
            session.stop("interrupted")

    task = asyncio.create_task(stop_sessions())
    try:
        yield
    finally:
        task.cancel()


def _select(
    planned: Sequence[Intent], only: Sequence[str], operations: Sequence[str]
) -> list[Intent]:
    """The intents with one of the texts in their id, and their minimal requests."""
    if operations:
        planned = [each for each in planned if each.operation in operations]
    if not only:
        return list(planned)
    found = [each for each in planned if any(part in each.id for part in only)]
    plain = [Intent(each.operation) for each in found]
    return [e for e in planned if e in found or replace(e, feature="") in plain]
