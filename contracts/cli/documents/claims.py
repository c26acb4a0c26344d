"""The command `claims`: list documented claims with source and test coverage."""

import json
from collections.abc import Iterator, Sequence

import click

from contracts.cli.documents.requirements import print_requirement_set
from contracts.execution.campaign import Campaign
from contracts.execution.sending.target import Target
from contracts.planning.coverage import claim_records, coverage
from contracts.report.exercised import NEVER_SEEN_TO_FAIL
from contracts.report.model import ClaimRecord
from contracts.report.rows import claim_row
from contracts.text import join_some, pluralize
from mockserver.cli.common import PROVIDER, UsageError, load_providers, specs_option
from specs import Provider
from specs.requirement_sets import load_requirements, requirement_set_names

MAX_DEFECTS = 3  # that are listed per claim


@click.command()
@click.argument("provider", nargs=-1, type=PROVIDER)
@click.option(
    "--only",
    multiple=True,
    metavar="PART",
    help="List only claims with PART in their id. Can be repeated.",
)
@click.option(
    "--verbose", "is_verbose", is_flag=True, help="Print all that is known of a claim."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option(
    "--requirements",
    type=click.Choice(requirement_set_names()),
    metavar="NAME",
    help="List this set of requirements instead, with what it leaves out and why.",
)
@specs_option
def claims(
    provider: tuple[str, ...],
    only: tuple[str, ...],
    is_verbose: bool,
    as_json: bool,
    requirements: str | None,
    folder: str | None,
) -> None:
    """
    List the documented claims of each PROVIDER (default: all), one per line.

    Per claim: its source, the behavior of the mock, the number of planned cases that
    test it, and the planted defects of our test servers that made its check fail. With
    --verbose also its page, and its place in openapi.yaml.
    """
    if requirements:
        if provider or only or folder:
            raise UsageError("--requirements goes with --json and --verbose alone")
        print_requirement_set(
            load_requirements(requirements), as_json=as_json, is_verbose=is_verbose
        )
        return
    is_found = False
    for loaded in load_providers(provider, folder):
        target = Target("mock", "", is_mock=True)
        campaign = Campaign(loaded, target, fuzz=False)
        records = [
            each
            for each in claim_records(loaded, coverage(loaded, campaign.cases))
            if not only or any(part in each.id for part in only)
        ]
        is_found = is_found or bool(records)
        if as_json:
            for record in records:
                row = {"provider": loaded.id, **claim_row(record)}
                click.echo(json.dumps(row, ensure_ascii=False))
        elif records:
            _print_claims(loaded, records, is_verbose=is_verbose)
    if not is_found:
        raise UsageError(f"--only {' '.join(only)}: no claim has it in its id")


def _print_claims(
    provider: Provider, records: Sequence[ClaimRecord], *, is_verbose: bool
) -> None:
    unseen = sum(not each.exercised_by for each in records)
    click.echo(
        f"{provider.title} ({provider.id}): {pluralize(len(records), 'claim')}, "
        f"{unseen} with a {NEVER_SEEN_TO_FAIL}\n"
    )
    for operation in provider.all_operations.values():
        for name in operation.mentions:
            click.echo(f"Mentioned on its pages without a path: {name}\n")
    for record in records:
        parts = _verbose_lines(record, provider) if is_verbose else [_line(record)]
        for line in parts:
            click.echo(line)
    if not is_verbose:
        click.echo()


def _line(record: ClaimRecord) -> str:
    """All about a claim but its page and place, on one line."""
    source = f"{record.source} ({record.basis})"
    parts = [
        record.id,
        record.sentence,
        source,
        record.mock,
        f"tested by {pluralize(record.asked, 'case')}",
        _exercise_evidence(record),
    ]
    return "    ".join(" ".join(each.split()) for each in parts)


def _verbose_lines(record: ClaimRecord, provider: Provider) -> Iterator[str]:
    yield f"{record.id}\n    {record.sentence}"
    yield f"    source    {record.source} ({record.basis}) {record.source_title}"
    yield f"    document  {provider.undated_id}/openapi.yaml#{record.pointer}"
    yield f"    mock      {record.mock}"
    yield f"    tested    by {pluralize(record.asked, 'case')}"
    evidence = _exercise_evidence(record).removeprefix("check ")
    yield f"    check     {evidence}\n"


def _exercise_evidence(record: ClaimRecord) -> str:
    """The nearest defects that made the check of a claim fail, or that none did."""
    if not record.exercised_by:
        return NEVER_SEEN_TO_FAIL
    return f"check seen to fail on {join_some(record.exercised_by, MAX_DEFECTS)}"
