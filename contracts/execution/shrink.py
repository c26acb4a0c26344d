"""
A finding's request, made as small as still shows the finding.

By structure, not by chance: a member is dropped, and stays dropped if the same thing is
still wrong. That takes about as many requests as there are members.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.execution.client import Sender
from contracts.judging.checks import Observation, Subject
from contracts.judging.guarantees import Memory
from contracts.planning.case import Case
from contracts.planning.request_model import Desk, desks_of
from specs import State

if TYPE_CHECKING:
    from contracts.execution.campaign import Campaign

MOST = 24


async def smaller(
    subject: Subject, observation: Observation, campaign: "Campaign", sender: Sender
) -> Subject | None:
    """The exchange of a smaller request with the same finding, if there is one."""
    case, best = subject.case, None
    operation = subject.operation
    desk = desks_of(campaign.provider).get((operation.id, case.media_type or ""))
    if desk is None:
        return None
    extra = [name for name in case.payload if name not in desk.base]
    if len(extra) < 2:
        return None
    for name in extra[:MOST]:
        payload = {key: value for key, value in case.payload.items() if key != name}
        candidate = _again(case, payload, desk)
        if candidate is None:
            continue
        interaction = await sender.send(candidate, operation)
        found = campaign.subject(interaction, Memory())
        if any(same(each, observation) for each in campaign.examined(found)):
            case, best = candidate, found
    return best


def _again(case: Case, payload: dict[str, object], desk: Desk) -> Case | None:
    """The case with a smaller payload, if the document says the same of it."""
    verdict = desk.judge(payload)
    if verdict.state is not case.expectation:
        return None
    if verdict.state is State.INVALID and case.fault is not None:
        claims = {f"{desk.name}/{each.claim}" for each in verdict.documented}
        if case.fault.claim not in claims:
            return None
    return replace(case, payload=payload)


def same(one: Observation, other: Observation) -> bool:
    """Whether two observations are of the same thing, whatever their cause."""
    return (one.kind, one.check, one.claim) == (other.kind, other.check, other.claim)
