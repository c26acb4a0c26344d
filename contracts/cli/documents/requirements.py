"""Print a set of requirements."""

import json
from dataclasses import asdict

import click

from contracts.text import pluralize
from specs.requirement_sets import RequirementSet


def print_requirement_set(
    found: RequirementSet, *, as_json: bool, is_verbose: bool
) -> None:
    """Print each requirement, and what is excluded; with `is_verbose` all claims."""
    if as_json:
        for requirement in found.requirements:
            click.echo(json.dumps(asdict(requirement), ensure_ascii=False))
        return
    click.echo(
        f"{found.title} ({found.name}), version {found.version}, "
        f"released {found.released}, sha256 {found.sha256}\n{found.document}\n"
    )
    for requirement in found.requirements:
        needs = f" (needs {requirement.needs})" if requirement.needs else ""
        count = pluralize(len(requirement.claims), "claim")
        says = requirement.says if is_verbose else f"{requirement.says} [{count}]"
        click.echo(f"{requirement.level:<6}  {requirement.id}{needs}: {says}")
        if is_verbose:
            for claim, sentence in requirement.claims.items():
                click.echo(f"          {claim}: {sentence}")
    click.echo("\nNot among the requirements:")
    for exclusion in found.excluded:
        click.echo(f"- {exclusion.reason}:")
        if exclusion.claims:
            click.echo(f"    {' '.join(exclusion.claims)}")
        for sentence, source in exclusion.sentences:
            click.echo(f"    {sentence} ({source})")
    click.echo("\nA pass does not prove:")
    for line in found.proves_not:
        click.echo(f"- {line}")
