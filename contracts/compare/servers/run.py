"""
The same questions to several targets, each in its own dialect: where deeds differ.

Deeds are compared with deeds. Whether a difference is one to be alarmed at, the
documents say: only where they promise the same.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from importlib.metadata import version

from contracts.compare.servers.divergence import ServerComparison
from contracts.compare.servers.intents import combination_intents, intents
from contracts.compare.servers.model import Difference, Differences, DocumentAgreement
from contracts.compare.servers.session import MAX_CONNECTIONS, Progress, TargetSession
from contracts.compare.servers.translation import Intent
from contracts.execution.campaign import CouldNotRun
from contracts.execution.client import MAX_RETRY_DELAY, MAX_RETRY_DELAY_LIVE, Sender
from contracts.execution.recording import CassetteSession
from contracts.execution.targets import NamedTarget


async def execute(
    targets: Sequence[NamedTarget],
    *,
    seed: int = 0,
    progress: Progress = lambda label, done, total: None,
    only: Sequence[str] = (),
    unlisted: bool = False,
    budget: float | None = None,
    rate: float | None = None,
    cassettes: Callable[[NamedTarget], CassetteSession | None] = lambda target: None,
    interrupt: asyncio.Event | None = None,
) -> Differences:
    """
    Ask each target the same questions, and compare what comes of them.

    With `only`, no questions but the plain ones and those whose id has one of these
    parts. With `unlisted`, members that a target's document does not list are sent
    all the same, under their canonical names. A `budget`, in each provider's own
    currency, is what each target may cost; then it is asked one question at a time,
    the cheapest first, nothing twice and no combinations. At most `rate` questions a
    minute go to each. `progress` is told a label, how many of its questions are done,
    and of how many. `tapes` gives each target its own, to write down what is said or to
    give it again. Once `interrupt` is set nothing more is asked, and what was answered
    is compared. Raises `Unreachable`, `CouldNotRun`, `PlanError` and `BadTape`.
    """
    providers = [each.provider for each in targets]
    if len(targets) < 2:
        raise CouldNotRun("one target: name another to compare it with")
    known = _select(intents(providers), only)
    more = _select(combination_intents(providers, seed), only) if budget is None else []
    if not known:
        raise CouldNotRun(f"no question has {' or '.join(only)} in its id")
    async with AsyncExitStack() as stack:
        askers = []
        for each in targets:
            sender = Sender(
                each.target,
                max_connections=1 if budget is not None else MAX_CONNECTIONS,
                rate=rate,
                max_retry_delay=MAX_RETRY_DELAY
                if budget is None
                else MAX_RETRY_DELAY_LIVE,
                cassette=cassettes(each),
            )
            await stack.enter_async_context(sender)
            askers.append(TargetSession(each, sender, unlisted, budget))
        for asker in askers:
            await asker.start(known[0])
        panel = ServerComparison(askers, known)
        async with _stop_on_interrupt(interrupt, askers):
            await asyncio.gather(
                *(asker.send_all([*known, *more], progress) for asker in askers)
            )
            await panel.compare([*known, *more])
        return Differences(
            version=version("imageparity"),
            seed=seed,
            targets=tuple(each.stats() for each in askers),
            questions=len(known) + len(more),
            rows=tuple(panel.rows()),
            differences=tuple(sorted(panel.differences(), key=_rank)),
        )


@asynccontextmanager
async def _stop_on_interrupt(
    interrupt: asyncio.Event | None, sessions: Sequence[TargetSession]
) -> AsyncIterator[None]:
    """Until the block ends, an interrupt stops all askers."""
    if interrupt is None:
        yield
        return
    event = interrupt

    async def heed() -> None:
        await event.wait()
        for each in sessions:
            each.stopped = each.stopped or "interrupted"

    task = asyncio.create_task(heed())
    try:
        yield
    finally:
        task.cancel()


def _select(questions: Sequence[Intent], only: Sequence[str]) -> list[Intent]:
    """Those whose id has one of the parts, and the plain ones beside them."""
    if not only:
        return list(questions)
    found = [each for each in questions if any(part in each.id for part in only)]
    plain = [Intent(each.operation) for each in found]
    return [e for e in questions if e in found or replace(e, feature="") in plain]


def _rank(difference: Difference) -> tuple[bool, int]:
    return not difference.alarms, list(DocumentAgreement).index(difference.kind)
