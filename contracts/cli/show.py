"""The command show: convert a report to another format."""

import click
from rich.console import Console

from contracts import compare as comparison
from contracts.cli.options import (
    CONFORMS,
    COULD_NOT_RUN,
    FORMATS,
    NONCONFORMING,
    STOPPED,
    history_option,
    path_option,
)
from contracts.cli.output import (
    _read_history,
    _read_reports,
    _render,
)
from contracts.report.failure_policy import FailurePolicy, fail_on_option
from contracts.report.model import Report
from contracts.reporters.run import text
from mockserver.cli.common import specs_option


def _exit_status(report: Report, fail_on: FailurePolicy) -> int:
    if report.stopped:
        return COULD_NOT_RUN if report.stopped == "errors" else STOPPED
    return NONCONFORMING if any(map(fail_on.fails, report.findings)) else CONFORMS


@click.command()
@click.argument("report", type=path_option)
@click.option(
    "--format", "format_", type=click.Choice(["text", *FORMATS]), default="text"
)
@fail_on_option
@history_option
@specs_option
def show(
    report: str,
    format_: str,
    fail_on: FailurePolicy,
    history: tuple[str, ...],
    folder: str | None,
) -> None:
    """Show a REPORT again, in any format. Exit status as `run` had."""
    (found,) = _read_reports([report])
    older = _read_history(history, is_page=format_ == "html")
    fail_on.validate(lambda: found.claims)
    if format_ == "text":
        known = list(comparison.providers_of(found, *([folder] if folder else [])))
        fates = list(comparison.parameter_outcomes(found, known))
        text.print_summary(found, Console(highlight=False), fates)
    else:
        click.echo(_render(format_, found, folder, older), nl=False)
    raise SystemExit(_exit_status(found, fail_on))
