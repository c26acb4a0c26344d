"""The command `claims`: list documented claims with source and test coverage."""

import json

import click

from contracts.execution.campaign import Campaign
from contracts.execution.client import Target
from contracts.planning.coverage import claim_records, coverage
from contracts.report.exercised import NEVER_SEEN_TO_FAIL
from contracts.report.model import ClaimRecord
from contracts.report.rows import claim_row
from contracts.text import join_some, pluralize
from mockserver.cli.common import PROVIDER, load_providers, specs_option

MAX_DEFECTS = 3  # that are listed per claim


@click.command()
@click.argument("provider", nargs=-1, type=PROVIDER)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@specs_option
def claims(provider: tuple[str, ...], as_json: bool, folder: str | None) -> None:
    """
    List the documented claims of each PROVIDER (default: all).

    Per claim: its source, its place in openapi.yaml, the behavior of the mock, the
    number of planned cases that test it, and the planted defects of our test servers
    that made its check fail.
    """
    for loaded in load_providers(provider, folder):
        target = Target("mock", "", is_mock=True)
        campaign = Campaign(loaded, target, fuzz=False)
        records = list(claim_records(loaded, coverage(loaded, campaign.cases)))
        if as_json:
            for record in records:
                row = {"provider": loaded.id, **claim_row(record)}
                click.echo(json.dumps(row, ensure_ascii=False))
            continue
        unseen = sum(not each.exercised_by for each in records)
        click.echo(
            f"{loaded.title} ({loaded.id}): {len(records)} claims, "
            f"{unseen} with a {NEVER_SEEN_TO_FAIL}\n"
        )
        for operation in loaded.operations.values():
            for name in operation.mentions:
                click.echo(f"Mentioned on its pages without a path: {name}\n")
        for record in records:
            click.echo(f"{record.id}\n    {record.sentence}")
            click.echo(
                f"    source    {record.source} ({record.basis}) {record.source_title}"
            )
            click.echo(f"    document  {loaded.id}/openapi.yaml#{record.pointer}")
            click.echo(f"    mock      {record.mock}")
            click.echo(f"    tested    by {pluralize(record.asked, 'case')}")
            click.echo(f"    exercised {_exercise_evidence(record)}\n")


def _exercise_evidence(record: ClaimRecord) -> str:
    """The nearest defects that made the check of a claim fail, or that none did."""
    if not record.exercised_by:
        return NEVER_SEEN_TO_FAIL
    return f"by {join_some(record.exercised_by, MAX_DEFECTS)}"
