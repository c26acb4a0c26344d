"""The command `show`: convert a report to another format."""

from pathlib import Path

import click
from rich.console import Console

from contracts import compare as comparison
from contracts.cli.run.last_report import LAST_REPORT
from contracts.cli.shared.exit_codes import exit_status
from contracts.cli.shared.options import (
    copies_by_provider,
    history_option,
    no_color_option,
    path_option,
    sarif_document_option,
)
from contracts.cli.shared.output import read_history, read_reports
from contracts.report.failure_policy import FailurePolicy, fail_on_option
from contracts.reporters import REPORTERS
from contracts.reporters.run import text
from mockserver.cli.common import UsageError, specs_option


@click.command()
@click.argument("report_path", type=path_option, metavar="[REPORT]", required=False)
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
@sarif_document_option
@no_color_option
@specs_option
def show(
    report_path: str | None,
    format_: str,
    fail_on: FailurePolicy,
    history: tuple[str, ...],
    sarif_document: tuple[tuple[str, Path], ...],
    folder: str | None,
) -> None:
    """
    Print a REPORT of `run` in another format.

    Without REPORT, it is the one that the last `run` saved in .imageparity.
    The exit status is the one that the run had.
    """
    if report_path is None and not LAST_REPORT.exists():
        raise UsageError(f"there is no {LAST_REPORT}: name a REPORT, or `run` first")
    path = report_path or str(LAST_REPORT)
    (report,) = read_reports([path])
    older = read_history(history, is_page=format_ == "html")
    documents = copies_by_provider(
        sarif_document,
        (each.provider for each in report.metadata.targets),
        is_sarif=format_ == "sarif",
    )
    fail_on.validate(lambda: report.claims)
    folders = [folder] if folder else []
    if format_ == "text":
        known = list(comparison.providers_of(report, *folders))
        outcomes = list(comparison.parameter_outcomes(report, known))
        text.print_summary(report, Console(highlight=False), outcomes, path=path)
    else:
        rendered = REPORTERS[format_].render(report, folders, older, documents)
        click.echo(rendered, nl=False)
    raise SystemExit(exit_status(report, fail_on))
