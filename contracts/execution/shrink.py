"""
A finding's request, made as small as still shows the finding.

By structure, not by chance: a member is dropped, and stays dropped if the same thing is
still wrong. That takes about as many requests as there are members.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.execution.client import Sender
from contracts.judging.checks import CheckContext, Observation
from contracts.judging.guarantees import AnswerHistory
from contracts.planning.case import Case
from contracts.planning.request_model import RequestModel, request_models
from specs import State

if TYPE_CHECKING:
    from contracts.execution.campaign import Campaign

MAX_FIELDS = 24


async def shrink_request(
    context: CheckContext,
    observation: Observation,
    campaign: "Campaign",
    sender: Sender,
) -> CheckContext | None:
    """The exchange of a smaller request with the same finding, if there is one."""
    case, best = context.case, None
    operation = context.operation
    desk = request_models(campaign.provider).get((operation.id, case.media_type or ""))
    if desk is None:
        return None
    extra = [name for name in case.payload if name not in desk.minimal_request]
    if len(extra) < 2:
        return None
    for name in extra[:MAX_FIELDS]:
        payload = {key: value for key, value in case.payload.items() if key != name}
        candidate = _with_payload(case, payload, desk)
        if candidate is None:
            continue
        interaction = await sender.send(candidate, operation)
        found = campaign.check_context(interaction, AnswerHistory())
        if any(
            same_observation(each, observation) for each in campaign.observations(found)
        ):
            case, best = candidate, found
    return best


def _with_payload(
    case: Case, payload: dict[str, object], request_model: RequestModel
) -> Case | None:
    """The case with a smaller payload, if the document says the same of it."""
    verdict = request_model.judge(payload)
    if verdict.state is not case.expectation:
        return None
    if verdict.state is State.INVALID and case.expected_error is not None:
        claims = {
            f"{request_model.name}/{each.claim}"
            for each in verdict.documented_violations
        }
        if case.expected_error.claim not in claims:
            return None
    return replace(case, payload=payload)


def same_observation(one: Observation, other: Observation) -> bool:
    """Whether two observations are of the same thing, whatever their cause."""
    return (one.kind, one.check, one.claim) == (other.kind, other.check, other.claim)
