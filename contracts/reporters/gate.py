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

MAX_ROWS = 30  # of the table in Markdown; further findings are in a fold


def as_markdown(result: GateResult) -> str:
    """Markdown: the result and a table of failures in 40 lines; the rest is folded."""
    mark = "\N{WHITE HEAVY CHECK MARK}" if result.passes else "\N{CROSS MARK}"
    lines = [f"## {mark} The gate {escape_markdown(result_text(result))}", ""]
    failing = [("new", each) for each in result.new]
    failing += [("expired", each) for each, _ in result.expired]
    if failing:
        lines += [
            "| | provider | kind | claim | finding |",
            "| --- | --- | --- | --- | --- |",
        ]
    for name, summary in failing[:MAX_ROWS]:
        finding = summary.finding
        cells = (summary.target.title, finding.kind, finding.claim, finding.message)
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
    folded += [("not tested", _format_entry(entry), entry) for entry in result.untested]
    if folded:
        lines += ["", "<details><summary>Accepted findings</summary>", ""]
        lines += [
            f"- {name}: {escape_markdown(text)} ({escape_markdown(entry.reason)})"
            for name, text, entry in folded
        ]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n\n"


def as_junit(result: GateResult) -> str:
    """JUnit XML: new and expired findings fail, known are skipped, fixed pass."""
    failing = [("new", each) for each in result.new]
    failing += [("expired", each) for each, _ in result.expired]
    suite = ET.Element("testsuite", name="imageparity gate", errors="0")
    for kind, summary in failing:
        case = _case(suite, summary.target.provider, summary.finding.claim)
        failure = ET.SubElement(case, "failure", type=kind)
        failure.set("message", one_line(summary.finding.message))
        lines = [_format_finding(summary), *map(str, _detail_lines(summary))]
        failure.text = printable("\n".join(lines))
    for summary, entry in result.accepted:
        case = _case(suite, summary.target.provider, summary.finding.claim)
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
    """The result in one line, such as `fails: 2 new, 1 known`."""
    counts = [
        (len(result.new), "new"),
        (len(result.expired), "expired"),
        (len(result.accepted), "known"),
        (len(result.fixed), "fixed"),
        (len(result.untested), "not tested"),
    ]
    text = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"{'passes' if result.passes else 'fails'}: {text or 'no findings'}"


def result_lines(result: GateResult, *, stopped: bool) -> Iterator[Text]:
    """The lines for a terminal; `stopped` says that the run was not complete."""
    for summary in result.new:
        yield Text(f"new      {_format_finding(summary)}", style="bold red")
        yield from _detail_lines(summary)
    for summary, entry in result.expired:
        until = f"accepted until {entry.until}: {entry.reason}"
        text = f"expired  {_format_finding(summary)}; {until}"
        yield Text(one_line(text), style="bold red")
        yield from _detail_lines(summary)
    for summary, entry in result.accepted:
        yield Text(one_line(f"known    {_format_finding(summary)}; {entry.reason}"))
    for entry in result.fixed:
        yield Text(f"fixed    {_format_entry(entry)}", style="green")
    for entry in result.untested:
        yield Text(f"untested {_format_entry(entry)}", style="dim")
    if stopped:
        yield Text(
            "The run stopped before its end: cases that were not run are not tested."
        )
    yield Text(f"The gate {result_text(result)}.", style="bold")


def _format_finding(summary: FindingSummary) -> str:
    finding = summary.finding
    text = f"{summary.target.title}: {finding.kind}, {finding.claim}: {finding.message}"
    return f"{one_line(text)} [{finding.fingerprint}]"


def _detail_lines(summary: FindingSummary) -> Iterator[Text]:
    finding = summary.finding
    yield Text(one_line(f"         expected: {finding.expected}"), style="dim")
    yield Text(
        one_line(f"         source: {summary.title} ({summary.place})"), style="dim"
    )


def _format_entry(entry: AcceptedFinding) -> str:
    text = f"{entry.provider}: {entry.kind}, {entry.claim}: {entry.says}"
    return f"{one_line(text)} [{entry.fingerprint}]"
