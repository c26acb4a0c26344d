"""`imageparity gate`: known findings pass, new ones fail, fixed ones are told."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from contracts.report.baseline import (
    BadBaseline,
    Baseline,
    GateResult,
)
from contracts.report.failure_policy import DIFFERENCE, FailurePolicy, fail_on_option
from contracts.report.file import atomic_write
from contracts.report.model import BadReport, Report
from contracts.reporters.gate import _result_lines, as_junit, as_markdown
from contracts.text import pluralize
from mockserver.cli.common import UsageError

PASSES, FAILS, INCOMPLETE = 0, 1, 3
path_option = click.Path(dir_okay=False)


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
    help="The accepted findings, as YAML or, if it ends so, .json.",
)
@click.option("--update", is_flag=True, help="Accept what is new, drop what is fixed.")
@click.option("--reason", help="With --update: why the new ones are accepted.")
@click.option(
    "--until",
    callback=_parse_date,
    metavar="DATE",
    help="With --update: the last day on which they are.",
)
@click.option("--strict", is_flag=True, help="The same as --fail-on difference.")
@fail_on_option
@click.option(
    "--whole", is_flag=True, help="A report that was stopped fails (status 3)."
)
@click.option(
    "--today", callback=_parse_date, metavar="DATE", help="Another day than today."
)
@click.option("--junit", type=path_option, help="Write JUnit XML.")
@click.option("--markdown", type=path_option, help="Write Markdown.")
def gate(
    report: str,
    path: str,
    update: bool,
    reason: str | None,
    until: date | None,
    strict: bool,
    fail_on: FailurePolicy,
    whole: bool,
    today: date | None,
    junit: str | None,
    markdown: str | None,
) -> None:
    """
    Hold a REPORT against the findings that are known and accepted.

    Exit status: 0 nothing new, 1 new findings or accepted ones past their date, 2
    unusable files, 3 a report of a stopped run with --whole. In a GitHub job the
    result is appended to its summary.
    """
    if not update and (reason or until):
        raise UsageError("--reason and --until say why --update accepts: add --update")
    try:
        found, baseline = Report.read(report), Baseline.read(path)
    except (BadReport, BadBaseline) as error:
        raise UsageError(str(error)) from None
    if strict:
        fail_on = FailurePolicy((*fail_on.patterns, DIFFERENCE))
    fail_on.validate(lambda: found.claims)
    today = today or datetime.now(UTC).date()
    judgement = baseline.judge(found, today, fail_on)
    console = Console(highlight=False, soft_wrap=True)
    for line in _result_lines(judgement, stopped=found.stopped is not None):
        console.print(line)
    try:
        if update:
            new = baseline.update(judgement, today, reason=reason, until=until)
            new.write(path)
            accepted = pluralize(len(new.accepted), "accepted finding")
            console.print(Text(f"{path}: {accepted}"))
        _write_outputs(judgement, junit, markdown)
    except OSError as error:
        raise UsageError(
            f"{error.filename or path} cannot be written: {error}"
        ) from None
    if not update and not Path(path).exists() and not judgement.passes:
        console.print(Text(f"To accept these: add --update, which writes {path}."))
    raise SystemExit(_exit_status(found, judgement, update=update, whole=whole))


def _exit_status(
    report: Report, result: GateResult, *, update: bool, whole: bool
) -> int:
    if whole and report.stopped is not None:
        return INCOMPLETE
    return PASSES if result.passes or update else FAILS


def _write_outputs(result: GateResult, junit: str | None, markdown: str | None) -> None:
    if junit:
        with atomic_write(junit) as out:
            out.write(as_junit(result))
    if markdown:
        with atomic_write(markdown) as out:
            out.write(as_markdown(result))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as out:
            out.write(as_markdown(result))
