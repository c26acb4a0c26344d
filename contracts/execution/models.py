"""The cases of models that a server has listed: their ids are known only in a run."""

from collections.abc import AsyncGenerator

from contracts.execution.campaign import Campaign
from contracts.execution.exchanges import MaySend
from contracts.media.guarantee import AnswerHistory
from contracts.planning.case import Case
from contracts.planning.models import listed_model_cases


async def listed_cases(
    campaign: Campaign, history: AnswerHistory, may_send: MaySend
) -> AsyncGenerator[Case, None]:
    """
    Yield the cases that read listed models; each joins those of the campaign.

    They are not selected by id, they are not in recordings, and no budget knows them.
    """
    is_partial = campaign.is_paid or campaign.only or campaign.operations
    if is_partial or campaign.cassette is not None:
        return
    for case in listed_model_cases(campaign.provider, list(history.models)):
        if await may_send(case):
            campaign.cases.append(case)
            yield case
