"""The result of a gate as Markdown and JUnit XML."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from rich.text import Text

from contracts.report.baseline import (
    AcceptedFinding,
    GateResult,
)
from contracts.report.summary import FindingSummary
from contracts.reporters.run.junit import DECLARATION
from contracts.reporters.run.markdown import escape_markdown
from contracts.text import one_line, pluralize, printable

MAX_ROWS = 30  # in Markdown, before the folds


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
