"""The order in which a run sends its cases, from the outcomes that it had."""

from collections.abc import Iterator, Mapping

from contracts.execution.campaign import Campaign
from contracts.planning.preflight import preflight_cases
from contracts.report.model import CheckName, Outcome


def in_order(campaign: Campaign, outcomes: Mapping[str, Outcome]) -> list[Outcome]:
    """Outcomes, given by case, in the order in which one run makes them."""
    first = dict.fromkeys(_preflight(campaign, outcomes))
    order = dict.fromkeys([*first, *(each.id for each in campaign.cases)])
    return [outcomes[case] for case in order if case in outcomes]


def _preflight(campaign: Campaign, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield the plain cases, then the alternatives until one was accepted."""
    planned = preflight_cases(campaign.provider, campaign.cases)
    accepted: set[str] = set()
    for operation, cases in planned.items():
        yield from (each.id for each in cases.plain)
        if any(is_accepted(outcomes.get(each.id)) for each in cases.plain):
            accepted.add(operation)
    for operation, cases in planned.items():
        for case in cases.alternatives:
            if operation in accepted:
                break
            yield case.id
            if is_accepted(outcomes.get(case.id)):
                accepted.add(operation)


def is_accepted(outcome: Outcome | None) -> bool:
    """True for a complete success response."""
    if outcome is None or outcome.status is None:
        return False
    is_complete = all(each.check != CheckName.ANSWERS for each in outcome.findings)
    return 200 <= outcome.status < 300 and is_complete
