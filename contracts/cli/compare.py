"""`imageparity compare`: where documents differ, and where deeds do."""

import json
from collections.abc import Sequence

import click
from rich.console import Console

from contracts.cli.output import check_outputs, open_output
from contracts.compare import Comparison, compare, read
from contracts.compare.servers.model import Differences
from contracts.report.model import BadReport, Report
from contracts.reporters.comparison import compat, csv, text
from mockserver.cli.common import PROVIDER, UsageError, load_providers, specs_option
from specs import Provider

path_option = click.Path(dir_okay=False)


def _render(name: str, comparison: Comparison, report: Report | None) -> str:
    """What the option of this name writes; the page has the `report` in it."""
    if name == "html":
        from contracts.reporters.page.render import page

        return page(comparison, report)
    if name == "json":
        return json.dumps(comparison.as_json(), ensure_ascii=False, indent=1) + "\n"
    return {"csv": csv.render, "compat": compat.render}[name](comparison)


file_option = click.Path(dir_okay=False, allow_dash=True)


@click.command("compare")
@click.argument("provider", nargs=-1, type=PROVIDER)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=path_option,
    metavar="FILE",
    help="What a run wrote with --report: the table tells what was measured, too.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="PART",
    help="Features of a group (createImage, errors) or whose id a glob names.",
)
@click.option("--all", "agreed", is_flag=True, help="Also where all agree.")
@click.option("--json", type=file_option, help="Write all of it as JSON (- to stdout).")
@click.option("--html", type=file_option, help="Write a page.")
@click.option("--csv", type=file_option, help="Write a line a feature and provider.")
@click.option("--compat", type=file_option, help="Write compatibility data.")
@specs_option
def command(
    provider: tuple[str, ...],
    reports: tuple[str, ...],
    only: tuple[str, ...],
    agreed: bool,
    folder: str | None,
    **outputs: str | None,
) -> None:
    """
    Where the PROVIDERs differ, by their documents; nothing is asked.

    With --report also by their deeds: against their own document, and against peers
    whose documents say the same. Exit status 0, whatever differs; see `gate`.
    """
    check_outputs({name: path for name, path in outputs.items() if path != "-"})
    if list(outputs.values()).count("-") > 1:
        raise UsageError("- is one stdout: write only one of them there")
    providers = load_providers(provider, folder)
    try:
        deeds = [read(each) for each in reports]
    except BadReport as error:
        raise UsageError(str(error)) from None
    for each in deeds:
        _warn_of_version_mismatch(each, providers)
    found = compare(providers, deeds)
    if reports and not found.targets:
        named = ", ".join(each.id for each in providers)
        raise UsageError(f"--report: no report is about {named}; name its PROVIDER")
    if only:
        found = found.select(only)
        if not found.rows:
            raise UsageError(f"--only {' '.join(only)}: no feature has it; see --all")
    if "-" not in outputs.values():
        console = Console(highlight=False)
        text.print_comparison(found, providers, console, show_all=agreed)
    only_one = deeds[0] if len(deeds) == 1 else None
    report = only_one if isinstance(only_one, Report) else None
    for name, path in outputs.items():
        if path == "-":
            click.echo(_render(name, found, report), nl=False)
        elif path:
            with open_output(path) as out:
                out.write(_render(name, found, report))
            click.echo(f"{name}: {path}", err="-" in outputs.values())


def _warn_of_version_mismatch(
    report: Report | Differences, providers: Sequence[Provider]
) -> None:
    """A report says which document its target was held to."""
    known = {each.id: each for each in providers}
    for target in report.metadata.targets if isinstance(report, Report) else ():
        provider = known.get(target.provider)
        if provider and provider.version != target.document:
            click.echo(
                f"Warning: {provider.title} was held to version {target.document} of "
                f"its document, not to {provider.version}: ask it again",
                err=True,
            )
