"""The command `compare`: differences between documents, and measured differences."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console

from contracts.cli.run.compare_servers import (
    are_servers,
    compare_server_options,
    compare_servers,
)
from contracts.cli.shared.options import no_color_option, path_option
from contracts.cli.shared.output import Outputs, check_outputs, write_outputs
from contracts.cli.shared.paging import print_with_pager
from contracts.compare import Comparison, compare, read
from contracts.compare.servers.model import Differences
from contracts.report.model import BadReport, Report
from contracts.reporters.comparison import compat, csv, overview, text
from mockserver.cli.common import PROVIDER, UsageError, load_providers, specs_option
from specs import Provider


def _render(name: str, comparison: Comparison, report: Report | None) -> str:
    """The text that the option of this name writes; the HTML page shows `report`."""
    if name == "html":
        from contracts.reporters.page.render import page

        return page(comparison, report)
    if name == "json":
        return json.dumps(comparison.as_json(), ensure_ascii=False, indent=1) + "\n"
    return {"csv": csv.render, "compat": compat.render}[name](comparison)


OUTPUTS = ("json", "html", "csv", "compat")
file_option = click.Path(dir_okay=False, allow_dash=True)


@click.command("compare")
@click.argument(
    "provider", nargs=-1, type=PROVIDER, metavar="[PROVIDER | [LABEL:]PROVIDER=URL]..."
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=path_option,
    metavar="FILE",
    help="Report of `run --report`. The table then also shows measured behavior. "
    "Can be repeated.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="PART",
    help="Show only features of a group (createImage, errors, operations, tasks) or "
    "with an id that matches a glob. Can be repeated.",
)
@click.option(
    "--all", "agreed", is_flag=True, help="Show also the features on which all agree."
)
@click.option(
    "--sources",
    "with_sources",
    is_flag=True,
    help="Show also the page of each value, and pages that contradict each other.",
)
@click.option("--no-pager", is_flag=True, help="Print long output without a pager.")
@click.option(
    "--json",
    type=file_option,
    help="Write JSON to this file (- for stdout, not with servers).",
)
@click.option("--html", type=file_option, help="Write an HTML page (- for stdout).")
@click.option(
    "--csv",
    type=file_option,
    help="Write CSV, one line per feature and provider (- for stdout).",
)
@click.option(
    "--compat",
    type=file_option,
    help="Write compatibility data as JSON (- for stdout).",
)
@no_color_option
@specs_option
@compare_server_options
def command(
    provider: tuple[str, ...],
    reports: tuple[str, ...],
    only: tuple[str, ...],
    agreed: bool,
    with_sources: bool,
    no_pager: bool,
    folder: str | None,
    **options: Any,
) -> None:
    """
    Show where the documents of PROVIDERs (default: all) differ. Sends nothing.

    Without PROVIDERs and --only, a ranking shows which differ most, and in what. In a
    terminal the command then asks which to compare. --all shows everything.

    Images are compared first, provider by provider. Then come the operations that make
    images, where there are others than those of the images API (--only operations), and
    long-running tasks, one kind of task with another (--only tasks).

    With PROVIDER=URL the servers are compared instead: the same requests are sent to
    all of them, as `run --same-questions` does, with the exit status of `run`.

    With --report also show measured behavior that differs from the provider's own
    document, or from providers with the same document text. The exit status is 0
    also if there are differences; see `gate`.
    """
    outputs = {name: options.pop(name) for name in OUTPUTS}
    if are_servers(provider, options):
        compare_servers(provider, only, outputs["json"], folder, options)
        return
    check_outputs({name: path for name, path in outputs.items() if path != "-"})
    if list(outputs.values()).count("-") > 1:
        raise UsageError("only one output can be - (stdout)")
    providers = load_providers(provider, folder)
    try:
        measurements = [read(each) for each in reports]
    except BadReport as error:
        raise UsageError(str(error)) from None
    for report in measurements:
        _warn_of_version_mismatch(report, providers)
    comparison = compare(providers, measurements)
    if reports and not comparison.targets:
        named = ", ".join(each.id for each in providers)
        raise UsageError(f"--report: no report has tests of {named}; give its PROVIDER")
    if only:
        comparison = comparison.select(only)
        if not (comparison.all_rows or comparison.timeline):
            raise UsageError(f"--only {' '.join(only)}: no feature matches; see --all")
    if "-" not in outputs.values():
        is_chosen = provider or only or agreed or with_sources or reports
        if not is_chosen and overview.is_too_wide(comparison):
            overview.print_overview(comparison, providers, Console(highlight=False))
            chosen = _asked(comparison, providers)
            shown = compare(chosen) if chosen else comparison
        else:
            chosen, shown = providers, comparison
        if chosen:
            print_with_pager(
                lambda console: text.print_comparison(
                    shown,
                    chosen,
                    console,
                    show_all=agreed,
                    with_sources=with_sources,
                ),
                Console(highlight=False),
                use_pager=not no_pager,
            )
    _write(comparison, measurements, outputs)


def _asked(comparison: Comparison, providers: Sequence[Provider]) -> Sequence[Provider]:
    """
    The providers that the user of a terminal chooses; none if there is no terminal.

    One provider is compared with the reference.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ()
    ids = overview.ranked_ids(comparison, providers)
    known = {each.id: each for each in providers}
    numbers = {str(number): id_ for number, id_ in enumerate(ids)}
    while True:
        words = click.prompt(
            "\nCompare which? Numbers or ids, such as 0 1; Enter for none",
            default="",
            show_default=False,
        )
        chosen = [
            numbers.get(each, each) for each in re.split(r"[\s,]+", words) if each
        ]
        unknown = [each for each in chosen if each not in known]
        if not unknown:
            break
        click.echo(f"No provider has the number or id {unknown[0]}.", err=True)
    if len(chosen) == 1:
        chosen = [*ids[:1], *chosen]
    return [known[each] for each in dict.fromkeys(chosen)]


def _write(
    comparison: Comparison,
    measurements: Sequence[Report | Differences],
    outputs: Outputs,
) -> None:
    """Write the files, then the output on stdout; then their paths go to stderr."""
    first = measurements[0] if len(measurements) == 1 else None
    report = first if isinstance(first, Report) else None
    on_stdout = [name for name, path in outputs.items() if path == "-"]
    files = {name: path for name, path in outputs.items() if path != "-"}
    for line in write_outputs(files, lambda name: _render(name, comparison, report)):
        click.echo(line, err=bool(on_stdout))
    for name in on_stdout:
        click.echo(_render(name, comparison, report), nl=False)


def _warn_of_version_mismatch(
    report: Report | Differences, providers: Sequence[Provider]
) -> None:
    """Warn if a report is about another version of a document."""
    known = {each.id: each for each in providers}
    for target in report.metadata.targets if isinstance(report, Report) else ():
        provider = known.get(target.provider)
        if provider and provider.version != target.document:
            click.echo(
                f"Warning: {provider.title} was tested against version "
                f"{target.document} of its document, not {provider.version}: "
                "run the tests again",
                err=True,
            )
