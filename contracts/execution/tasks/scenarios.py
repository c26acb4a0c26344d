"""Send the requests of the scenarios about tasks that schemathesis makes."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from contracts.execution.campaign import Campaign
from contracts.execution.sending.client import Sender
from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.task_scenarios import (
    ScenariosStopped,
    ScenarioStep,
    run_scenarios,
)
from contracts.planning.case import Case


def has_scenarios(campaign: Campaign) -> bool:
    """
    True if a run has scenarios: their requests follow from responses.

    They are not selected by id, they are not in recordings, and they cost money.
    """
    return (
        campaign.external_judge is not None
        and bool(campaign.provider.tasks)
        and not campaign.is_paid
        and not campaign.only
        and not campaign.operations
        and campaign.cassette is None
    )


async def scenario_steps(
    campaign: Campaign,
    sender: Sender,
    may_send: Callable[[Case], Coroutine[Any, Any, bool]],
    unserved: Collection[str],
) -> list[ScenarioStep]:
    """
    Run the scenarios in a thread, and send their requests from this event loop.

    Their cases join those of the campaign. Operations that are `unserved` have none.
    """
    loop = asyncio.get_running_loop()

    def send(case: Case) -> Interaction:
        operation = campaign.provider.all_operations[case.operation]
        if campaign.target.call.reason_not_tested(case):
            raise ScenariosStopped
        if not asyncio.run_coroutine_threadsafe(may_send(case), loop).result():
            raise ScenariosStopped
        sent = asyncio.run_coroutine_threadsafe(sender.send(case, operation), loop)
        return sent.result()

    steps = await asyncio.to_thread(
        run_scenarios, campaign.provider, campaign.seed, send, unserved
    )
    campaign.cases.extend(each.interaction.case for each in steps)
    return steps
