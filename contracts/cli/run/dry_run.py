"""`run --dry-run`: list the cases and a cost estimate."""

from collections.abc import Sequence

import click

from contracts.execution.campaign import Campaign


def list_cases(campaigns: Sequence[Campaign]) -> None:
    """Print each case with the highest cost of its requests, then the totals."""
    for campaign in campaigns:
        total: float | None = 0.0
        for case in campaign.cases:
            amount = campaign.max_cost(case) if case.expected_error is None else 0.0
            total = None if total is None or amount is None else total + amount
            price = "?" if amount is None else f"{amount:.3f}"
            click.echo(f"{price:>8}  {case.expectation:<11}  {case.id}")
        currency = campaign.provider.dialect.currency or ""
        estimate = (
            "unknown, no prices are documented"
            if total is None
            else f"{total:.2f} {currency}"
        )
        click.echo(
            f"{campaign.provider.title}: {len(campaign.cases)} cases, "
            f"cost estimate at list prices: {estimate}"
        )
