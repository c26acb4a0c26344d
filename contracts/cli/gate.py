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
    Accepted,
    BadBaseline,
    Baseline,
    Judgement,
)
from contracts.report.failure_policy import DIFFERENCE, Failing, fail_on_option
from contracts.report.model import BadReport, Report, replacing
from contracts.report.summary import Sighting
from contracts.reporters.run.junit import DECLARATION
from contracts.reporters.run.markdown import prose
from contracts.text import one_line, plural, printable
from mockserver.cli.main import Usage

PASSES, FAILS, INCOMPLETE = 0, 1, 3
MOST_ROWS = 30  # in Markdown, before the folds
path_option = click.Path(dir_okay=False)


def _date(_: click.Context, option: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Usage(
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
    callback=_date,
    metavar="DATE",
    help="With --update: the last day on which they are.",
)
@click.option("--strict", is_flag=True, help="The same as --fail-on difference.")
@fail_on_option
@click.option(
    "--whole", is_flag=True, help="A report that was stopped fails (status 3)."
)
@click.option("--today", callback=_date, metavar="DATE", help="Another day than today.")
@click.option("--junit", type=path_option, help="Write JUnit XML.")
@click.option("--markdown", type=path_option, help="Write Markdown.")
def gate(
    report: str,
    path: str,
    update: bool,
    reason: str | None,
    until: date | None,
    strict: bool,
    fail_on: Failing,
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
        raise Usage("--reason and --until say why --update accepts: add --update")
    try:
        found, baseline = Report.read(report), Baseline.read(path)
    except (BadReport, BadBaseline) as error:
        raise Usage(str(error)) from None
    if strict:
        fail_on = Failing((*fail_on.patterns, DIFFERENCE))
    fail_on.check(lambda: found.claims)
    today = today or datetime.now(UTC).date()
    judgement = baseline.judge(found, today, fail_on)
    console = Console(highlight=False, soft_wrap=True)
    for line in _lines(judgement, stopped=found.stopped is not None):
        console.print(line)
    try:
        if update:
            new = baseline.updated(judgement, today, reason=reason, until=until)
            new.write(path)
            accepted = plural(len(new.accepted), "accepted finding")
            console.print(Text(f"{path}: {accepted}"))
        _write(judgement, junit, markdown)
    except OSError as error:
        raise Usage(f"{error.filename or path} cannot be written: {error}") from None
    if not update and not Path(path).exists() and not judgement.passes:
        console.print(Text(f"To accept these: add --update, which writes {path}."))
    raise SystemExit(_status(found, judgement, update=update, whole=whole))


def _status(report: Report, judgement: Judgement, *, update: bool, whole: bool) -> int:
    if whole and report.stopped is not None:
        return INCOMPLETE
    return PASSES if judgement.passes or update else FAILS


def _write(judgement: Judgement, junit: str | None, markdown: str | None) -> None:
    if junit:
        with replacing(junit) as out:
            out.write(as_junit(judgement))
    if markdown:
        with replacing(markdown) as out:
            out.write(as_markdown(judgement))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as out:
            out.write(as_markdown(judgement))


def verdict(judgement: Judgement) -> str:
    """The result in a line."""
    counts = [
        (len(judgement.new), "new"),
        (len(judgement.expired), "past their date"),
        (len(judgement.known), "known"),
        (len(judgement.fixed), "fixed"),
        (len(judgement.unasked), "not asked"),
    ]
    said = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"{'passes' if judgement.passes else 'fails'}: {said or 'no findings'}"


def _lines(judgement: Judgement, *, stopped: bool) -> Iterator[Text]:
    for each in judgement.new:
        yield Text(f"new      {_told(each)}", style="bold red")
        yield from _details(each)
    for each, entry in judgement.expired:
        text = f"expired  {_told(each)}; accepted until {entry.until}: {entry.reason}"
        yield Text(one_line(text), style="bold red")
        yield from _details(each)
    for each, entry in judgement.known:
        yield Text(one_line(f"known    {_told(each)}; {entry.reason}"))
    for entry in judgement.fixed:
        yield Text(f"fixed    {_entry(entry)}", style="green")
    for entry in judgement.unasked:
        yield Text(f"unasked  {_entry(entry)}", style="dim")
    if stopped:
        yield Text("The run was stopped: what it did not ask is not judged.")
    yield Text(f"The gate {verdict(judgement)}.", style="bold")


def _told(sighting: Sighting) -> str:
    finding = sighting.finding
    told = (
        f"{sighting.target.title}: {finding.kind}, {finding.claim}: {finding.message}"
    )
    return f"{one_line(told)} [{finding.fingerprint}]"


def _details(sighting: Sighting) -> Iterator[Text]:
    finding = sighting.finding
    yield Text(one_line(f"         expected: {finding.expected}"), style="dim")
    yield Text(
        one_line(f"         source: {sighting.title} ({sighting.place})"), style="dim"
    )


def _entry(entry: Accepted) -> str:
    told = f"{entry.provider}: {entry.kind}, {entry.claim}: {entry.says}"
    return f"{one_line(told)} [{entry.fingerprint}]"


def as_markdown(judgement: Judgement) -> str:
    """The verdict, then a table of what fails, in 40 lines; the rest folded."""
    mark = "\N{WHITE HEAVY CHECK MARK}" if judgement.passes else "\N{CROSS MARK}"
    lines = [f"## {mark} The gate {prose(verdict(judgement))}", ""]
    failing = [("new", each) for each in judgement.new]
    failing += [("expired", each) for each, _ in judgement.expired]
    if failing:
        lines += [
            "| | provider | kind | claim | what |",
            "| --- | --- | --- | --- | --- |",
        ]
    for name, each in failing[:MOST_ROWS]:
        finding = each.finding
        cells = (each.target.title, finding.kind, finding.claim, finding.message)
        lines.append(f"| {name} | {' | '.join(map(prose, cells))} |")
    more = failing[MOST_ROWS:]
    if more:
        title = plural(len(more), "more finding")
        lines += ["", f"<details><summary>{title}</summary>", ""]
        lines += [f"- {name}: {prose(_told(each))}" for name, each in more]
        lines += ["", "</details>"]
    folded = [("known", _told(each), entry) for each, entry in judgement.known]
    folded += [("fixed", _entry(entry), entry) for entry in judgement.fixed]
    folded += [("not asked", _entry(entry), entry) for entry in judgement.unasked]
    if folded:
        lines += ["", "<details><summary>Accepted findings</summary>", ""]
        lines += [
            f"- {name}: {prose(told)} ({prose(entry.reason)})"
            for name, told, entry in folded
        ]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n\n"


def as_junit(judgement: Judgement) -> str:
    """A case for each finding: new and expired fail, known is skipped, fixed passes."""
    failing = [("new", each) for each in judgement.new]
    failing += [("expired", each) for each, _ in judgement.expired]
    suite = ET.Element("testsuite", name="imageparity gate", errors="0")
    for kind, each in failing:
        case = _case(suite, each.target.provider, each.finding.claim)
        failure = ET.SubElement(case, "failure", type=kind)
        failure.set("message", one_line(each.finding.message))
        failure.text = printable(
            "\n".join([_told(each), *(str(line) for line in _details(each))])
        )
    for each, entry in judgement.known:
        case = _case(suite, each.target.provider, each.finding.claim)
        ET.SubElement(case, "skipped", message=one_line(entry.reason))
    for entry in judgement.fixed:
        _case(suite, entry.provider, entry.claim)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(failing)))
    suite.set("skipped", str(len(judgement.known)))
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
