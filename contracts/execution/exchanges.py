"""The exchange of a case, or the conversation about the task that it creates."""

import asyncio
from collections.abc import (
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any

from contracts.execution.campaign import Campaign
from contracts.judging.interaction import Interaction
from contracts.judging.tasks.conversation import Conversation
from contracts.planning.case import Case
from contracts.report.model import Finding

Exchange = Interaction | Conversation
MaySend = Callable[[Case], Coroutine[Any, Any, bool]]

SHUTDOWN_TIMEOUT = 10.0  # seconds, for responses that nobody will read


def first_interaction(exchange: Exchange) -> Interaction:
    """The interaction, or the first one of a conversation."""
    if isinstance(exchange, Conversation):
        return exchange.steps[0].interaction
    return exchange


def with_creation(finding: Finding, creation: Mapping[str, str]) -> dict[str, str]:
    """The request that creates a task; as curl also the one with the finding."""
    second = f"# then, with the id of the new task:\n{finding.request['curl']}"
    return {**creation, "curl": f"{creation['curl']}\n{second}"}


def ended_exchanges(tasks: Iterable[asyncio.Task[Exchange]]) -> Iterator[Exchange]:
    """Yield the exchanges of tasks that have ended without an exception."""
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is None:
            yield task.result()


async def finish_exchanges(tasks: Collection[asyncio.Task[Exchange]]) -> None:
    """
    Wait for the requests in flight, then cancel them.

    A request cancelled halfway would leave its connection half open. A second interrupt
    does not wait.
    """
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=SHUTDOWN_TIMEOUT)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def update_examples(
    campaign: Campaign,
    interaction: Interaction,
    findings: Collection[Finding],
    known: Collection[str],
) -> None:
    """Keep a generated request that showed something new, for the next run."""
    examples, provider = campaign.examples, campaign.provider.id
    if examples is None or interaction.status is None:
        return
    if any(each.breaks and each.fingerprint not in known for each in findings):
        examples.add(provider, interaction.case)
    elif not findings:
        examples.mark_passed(provider, interaction.case)
