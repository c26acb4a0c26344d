"""The command `show`: convert a report to another format."""

import click
from rich.console import Console

from contracts import compare as comparison
from contracts.cli.exit_codes import exit_status
from contracts.cli.options import history_option, path_option
from contracts.cli.output import read_history, read_reports
from contracts.report.failure_policy import FailurePolicy, fail_on_option
from contracts.reporters import REPORTERS
from contracts.reporters.run import text
from mockserver.cli.common import specs_option


@click.command()
@click.argument("report_path", type=path_option, metavar="REPORT")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", *REPORTERS]),
    default="text",
    show_default=True,
    help="Format to print.",
)
@fail_on_option
@history_option
@specs_option
def show(
    report_path: str,
    format_: str,
    fail_on: FailurePolicy,
    history: tuple[str, ...],
    folder: str | None,
) -> None:
    """
    Print a REPORT of `run` in another format.

    The exit status is the one that the run had.
    """
    (report,) = read_reports([report_path])
    older = read_history(history, is_page=format_ == "html")
    fail_on.validate(lambda: report.claims)
    folders = [folder] if folder else []
    if format_ == "text":
        known = list(comparison.providers_of(report, *folders))
        outcomes = list(comparison.parameter_outcomes(report, known))
        text.print_summary(report, Console(highlight=False), outcomes)
    else:
        click.echo(REPORTERS[format_].render(report, folders, older), nl=False)
    raise SystemExit(exit_status(report, fail_on))
