"""`imageparity gate`: known findings pass, new ones fail, fixed ones are told."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import click
from rich.console import Console
from rich.text import Text

from contracts.report.baseline import (
    AcceptedFinding,
    BadBaseline,
    Baseline,
    GateResult,
)
from contracts.report.failure_policy import DIFFERENCE, FailurePolicy, fail_on_option
from contracts.report.model import BadReport, Report, atomic_write
from contracts.report.summary import FindingSummary
from contracts.reporters.run.junit import DECLARATION
from contracts.reporters.run.markdown import escape_markdown
from contracts.text import one_line, pluralize, printable
from mockserver.cli.main import UsageError

PASSES, FAILS, INCOMPLETE = 0, 1, 3
MAX_ROWS = 30  # in Markdown, before the folds
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


def result_text(result: GateResult) -> str:
    """The result in a line."""
    counts = [
        (len(result.new), "new"),
        (len(result.expired), "past their date"),
        (len(result.accepted), "known"),
        (len(result.fixed), "fixed"),
        (len(result.untested), "not asked"),
    ]
    said = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"{'passes' if result.passes else 'fails'}: {said or 'no findings'}"


def _result_lines(result: GateResult, *, stopped: bool) -> Iterator[Text]:
    for each in result.new:
        yield Text(f"new      {_format_finding(each)}", style="bold red")
        yield from _detail_lines(each)
    for each, entry in result.expired:
        text = f"expired  {_format_finding(each)}; accepted until {entry.until}: {entry.reason}"
        yield Text(one_line(text), style="bold red")
        yield from _detail_lines(each)
    for each, entry in result.accepted:
        yield Text(one_line(f"known    {_format_finding(each)}; {entry.reason}"))
    for entry in result.fixed:
        yield Text(f"fixed    {_format_entry(entry)}", style="green")
    for entry in result.untested:
        yield Text(f"unasked  {_format_entry(entry)}", style="dim")
    if stopped:
        yield Text("The run was stopped: what it did not ask is not judged.")
    yield Text(f"The gate {result_text(result)}.", style="bold")


def _format_finding(summary: FindingSummary) -> str:
    finding = summary.finding
    told = f"{summary.target.title}: {finding.kind}, {finding.claim}: {finding.message}"
    return f"{one_line(told)} [{finding.fingerprint}]"


def _detail_lines(summary: FindingSummary) -> Iterator[Text]:
    finding = summary.finding
    yield Text(one_line(f"         expected: {finding.expected}"), style="dim")
    yield Text(
        one_line(f"         source: {summary.title} ({summary.place})"), style="dim"
    )


def _format_entry(entry: AcceptedFinding) -> str:
    told = f"{entry.provider}: {entry.kind}, {entry.claim}: {entry.says}"
    return f"{one_line(told)} [{entry.fingerprint}]"


def as_markdown(result: GateResult) -> str:
    """The verdict, then a table of what fails, in 40 lines; the rest folded."""
    mark = "\N{WHITE HEAVY CHECK MARK}" if result.passes else "\N{CROSS MARK}"
    lines = [f"## {mark} The gate {escape_markdown(result_text(result))}", ""]
    failing = [("new", each) for each in result.new]
    failing += [("expired", each) for each, _ in result.expired]
    if failing:
        lines += [
            "| | provider | kind | claim | what |",
            "| --- | --- | --- | --- | --- |",
        ]
    for name, each in failing[:MAX_ROWS]:
        finding = each.finding
        cells = (each.target.title, finding.kind, finding.claim, finding.message)
        lines.append(f"| {name} | {' | '.join(map(escape_markdown, cells))} |")
    more = failing[MAX_ROWS:]
    if more:
        title = pluralize(len(more), "more finding")
        lines += ["", f"<details><summary>{title}</summary>", ""]
        lines += [
            f"- {name}: {escape_markdown(_format_finding(each))}" for name, each in more
        ]
        lines += ["", "</details>"]
    folded = [
        ("known", _format_finding(each), entry) for each, entry in result.accepted
    ]
    folded += [("fixed", _format_entry(entry), entry) for entry in result.fixed]
    folded += [("not asked", _format_entry(entry), entry) for entry in result.untested]
    if folded:
        lines += ["", "<details><summary>Accepted findings</summary>", ""]
        lines += [
            f"- {name}: {escape_markdown(told)} ({escape_markdown(entry.reason)})"
            for name, told, entry in folded
        ]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n\n"


def as_junit(result: GateResult) -> str:
    """A case for each finding: new and expired fail, known is skipped, fixed passes."""
    failing = [("new", each) for each in result.new]
    failing += [("expired", each) for each, _ in result.expired]
    suite = ET.Element("testsuite", name="imageparity gate", errors="0")
    for kind, each in failing:
        case = _case(suite, each.target.provider, each.finding.claim)
        failure = ET.SubElement(case, "failure", type=kind)
        failure.set("message", one_line(each.finding.message))
        failure.text = printable(
            "\n".join(
                [_format_finding(each), *(str(line) for line in _detail_lines(each))]
            )
        )
    for each, entry in result.accepted:
        case = _case(suite, each.target.provider, each.finding.claim)
        ET.SubElement(case, "skipped", message=one_line(entry.reason))
    for entry in result.fixed:
        _case(suite, entry.provider, entry.claim)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(failing)))
    suite.set("skipped", str(len(result.accepted)))
    root = ET.Element("testsuites", name="imageparity gate")
    for count in ("tests", "failures", "skipped"):
        root.set(count, suite.get(count, "0"))
    root.append(suite)
    ET.indent(root)
    return f"{DECLARATION}{ET.tostring(root, encoding='unicode')}\n"


def _case(suite: ET.Element, provider: str, claim: str) -> ET.Element:
    return ET.SubElement(
        suite,
        "testcase",
        classname=printable(provider),
        name=printable(claim) or "no claim",
        time="0",
    )
