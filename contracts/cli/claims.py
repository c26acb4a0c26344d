"""The command claims: list documented claims with source and test coverage."""

import click

from contracts.execution.campaign import Campaign
from contracts.execution.client import Target
from contracts.planning.coverage import claim_records, coverage
from mockserver.cli.common import PROVIDER, load_providers, specs_option


@click.command()
@click.argument("provider", nargs=-1, type=PROVIDER)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@specs_option
def claims(provider: tuple[str, ...], as_json: bool, folder: str | None) -> None:
    """Each documented claim: its source, its place, the mock, the harness."""
    import json
    from dataclasses import asdict

    for each in load_providers(provider, folder):
        target = Target("mock", "", is_mock=True)
        campaign = Campaign(each, target, fuzz=False)
        records = list(claim_records(each, coverage(each, campaign.cases)))
        if as_json:
            for record in records:
                row = {"provider": each.id, **asdict(record)}
                click.echo(json.dumps(row, ensure_ascii=False))
            continue
        click.echo(f"{each.title} ({each.id}): {len(records)} claims\n")
        for operation in each.operations.values():
            for name in operation.mentions:
                click.echo(f"Named on its pages without an address: {name}\n")
        for record in records:
            click.echo(f"{record.id}\n    {record.sentence}")
            click.echo(
                f"    source    {record.source} ({record.basis}) {record.source_title}"
            )
            click.echo(f"    document  {each.id}/openapi.yaml#{record.pointer}")
            click.echo(f"    mock      {record.mock}")
            click.echo(f"    asked     {record.asked} times\n")
