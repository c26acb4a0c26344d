"""The command `gate`: compare a report with a baseline of accepted findings."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from contracts.cli.shared.options import no_color_option, path_option
from contracts.cli.shared.output import file_errors, write_outputs
from contracts.report.baseline import (
    BadBaseline,
    Baseline,
    GateResult,
)
from contracts.report.failure_policy import DIFFERENCE, FailurePolicy, fail_on_option
from contracts.report.model import BadReport, Report
from contracts.reporters.gate import (
    as_junit,
    as_markdown,
    missing_reasons,
    result_lines,
)
from contracts.text import pluralize
from mockserver.cli.common import UsageError

PASSES, FAILS, INCOMPLETE = 0, 1, 3


def _parse_date(
    _: click.Context, option: click.Parameter, value: str | None
) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UsageError(
            f"{option.opts[0]} takes a date as YYYY-MM-DD, not '{value}'"
        ) from None


@click.command()
@click.argument("report", type=path_option)
@click.option(
    "--baseline",
    "path",
    type=path_option,
    required=True,
    metavar="FILE",
    help="File of the accepted findings: JSON if it ends in .json, else YAML.",
)
@click.option(
    "--update",
    is_flag=True,
    help="Update the baseline: accept new findings, remove fixed ones.",
)
@click.option(
    "--reason",
    metavar="TEXT",
    help="With --update: the reason to accept the new findings.",
)
@click.option(
    "--until",
    callback=_parse_date,
    metavar="DATE",
    help="With --update: the last day on which the new findings are accepted.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Fail on warnings, too. Same as --fail-on difference.",
)
@click.option(
    "--strict-baseline",
    is_flag=True,
    help="Fail on entries of the baseline whose finding was not seen, although its "
    "claim was tested.",
)
@fail_on_option
@click.option(
    "--whole",
    is_flag=True,
    help="Require a complete report: that of a stopped run fails (exit status 3).",
)
@click.option(
    "--today",
    callback=_parse_date,
    metavar="DATE",
    help="Check expiry as of this date instead of today.",
)
@click.option("--junit", type=path_option, help="Write JUnit XML to this file.")
@click.option("--markdown", type=path_option, help="Write Markdown to this file.")
@no_color_option
def gate(
    report: str,
    path: str,
    update: bool,
    reason: str | None,
    until: date | None,
    strict: bool,
    strict_baseline: bool,
    fail_on: FailurePolicy,
    whole: bool,
    today: date | None,
    junit: str | None,
    markdown: str | None,
) -> None:
    """
    Compare the findings of a REPORT with a baseline of accepted findings.

    Exit status: 0 no new findings, 1 new findings, accepted ones that have expired, or
    stale entries with --strict-baseline, 2 unusable files, 3 the report of a stopped
    run with --whole. In a GitHub Actions job the result is appended to the job summary.
    """
    if not update and (reason or until):
        raise UsageError("--reason and --until go with --update: add it")
    try:
        current, baseline = Report.read(report), Baseline.read(path)
    except (BadReport, BadBaseline) as error:
        raise UsageError(str(error)) from None
    if strict:
        fail_on = FailurePolicy((*fail_on.patterns, DIFFERENCE))
    fail_on.validate(lambda: current.claims)
    fail_on = fail_on.for_report(current)
    today = today or datetime.now(UTC).date()
    result = baseline.judge(current, today, fail_on, strict=strict_baseline)
    console = Console(highlight=False, soft_wrap=True)
    is_missing = not update and not Path(path).exists()
    if is_missing:
        console.print(Text(f"{path} does not exist", style="bold yellow"))
    stopped = current.stopped is not None
    for line in result_lines(result, stopped=stopped, update=update):
        console.print(line)
    for sentence in baseline.call_differences(current):
        console.print(Text(f"{sentence}.", style="yellow"))
    if update:
        baseline = baseline.update(result, today, reason=reason, until=until)
        baseline = baseline.with_calls(current)
        with file_errors(path):
            baseline.write(path)
        accepted = pluralize(len(baseline.accepted), "accepted finding")
        console.print(Text(f"{path}: {accepted}"))
    if warning := missing_reasons(baseline):
        console.print(Text(f"{warning}.", style="yellow"))
    renderers = {"junit": as_junit, "markdown": as_markdown}
    write_outputs(
        {"junit": junit, "markdown": markdown}, lambda name: renderers[name](result)
    )
    _append_job_summary(result)
    if is_missing and not result.passes:
        console.print(Text(f"To accept these: add --update, which writes {path}."))
    raise SystemExit(_exit_status(current, result, update=update, whole=whole))


def _exit_status(
    report: Report, result: GateResult, *, update: bool, whole: bool
) -> int:
    if whole and report.stopped is not None:
        return INCOMPLETE
    return PASSES if result.passes or update else FAILS


def _append_job_summary(result: GateResult) -> None:
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with file_errors(summary), Path(summary).open("a", encoding="utf-8") as out:
            out.write(as_markdown(result))
