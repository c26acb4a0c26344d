"""`run --dry-run`: list the cases and a cost estimate."""

from collections.abc import Iterable, Sequence

import click

from contracts.execution.campaign import Campaign
from contracts.planning.case import Case
from contracts.text import pluralize


def list_cases(campaigns: Sequence[Campaign]) -> None:
    """Print each case with the highest cost of its requests, then the totals."""
    for campaign in campaigns:
        for case in campaign.cases:
            amount = _max_cost(campaign, case)
            price = "?" if amount is None else f"{amount:.3f}"
            click.echo(f"{price:>8}  {case.expectation:<11}  {case.id}")
        click.echo(estimate(campaign, campaign.cases))


def estimate(campaign: Campaign, cases: Iterable[Case]) -> str:
    """The number of cases, of requests if they are repeated, and the highest cost."""
    cases = list(cases)
    total: float | None = 0.0
    for case in cases:
        amount = _max_cost(campaign, case)
        total = None if total is None or amount is None else total + amount
    counts = pluralize(len(cases), "case")
    if campaign.repeat > 1:
        requests = sum(map(campaign.requests_of, cases))
        counts += f" x {campaign.repeat}: {pluralize(requests, 'request')}"
    currency = campaign.provider.dialect.currency or ""
    cost = (
        "unknown, no prices are documented"
        if total is None
        else f"{total:.2f} {currency}"
    )
    return f"{campaign.provider.title}: {counts}, cost estimate at list prices: {cost}"


def _max_cost(campaign: Campaign, case: Case) -> float | None:
    """The highest cost of a case; nothing if it must be rejected."""
    return campaign.max_cost(case) if case.expected_error is None else 0.0
