"""The result of a gate as Markdown and JUnit XML."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from rich.text import Text

from contracts.report.baseline import (
    REASON_PLACEHOLDER,
    AcceptedFinding,
    Baseline,
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
            "| | provider | finding | cases | kind | claim |",
            "| --- | --- | --- | --: | --- | --- |",
        ]
    for name, summary in failing[:MAX_ROWS]:
        finding = summary.finding
        cells = (
            summary.target.title,
            summary.headline,
            str(summary.times),
            finding.kind,
            finding.claim,
        )
        lines.append(f"| {name} | {' | '.join(map(escape_markdown, cells))} |")
    more = failing[MAX_ROWS:]
    if more:
        title = pluralize(len(more), "more finding")
        lines += ["", f"<details><summary>{title}</summary>", ""]
        lines += [
            f"- {name}: {escape_markdown(_format_finding(each))}" for name, each in more
        ]
        lines += ["", "</details>"]
    if result.stale:
        lines += ["", "Stale entries of the baseline:", ""]
        lines += [f"- {escape_markdown(_format_stale(each))}" for each in result.stale]
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
    """JUnit XML: new, expired and stale ones fail, known are skipped, fixed pass."""
    failing = [("new", each) for each in result.new]
    failing += [("expired", each) for each, _ in result.expired]
    suite = ET.Element("testsuite", name="imageparity gate", errors="0")
    for kind, summary in failing:
        case = _case(suite, summary.target.provider, summary.finding.claim)
        failure = ET.SubElement(case, "failure", type=kind)
        failure.set("message", one_line(summary.headline))
        lines = [_format_finding(summary), *_detail_lines(summary)]
        failure.text = printable("\n".join(lines))
    for entry in result.stale:
        case = _case(suite, entry.provider, entry.claim)
        failure = ET.SubElement(case, "failure", type="stale")
        failure.set("message", one_line(_format_stale(entry)))
    for summary, entry in result.accepted:
        case = _case(suite, summary.target.provider, summary.finding.claim)
        ET.SubElement(case, "skipped", message=one_line(entry.reason))
    for entry in result.fixed:
        _case(suite, entry.provider, entry.claim)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(failing) + len(result.stale)))
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
        (len(result.stale), "stale"),
        (len(result.accepted), "known"),
        (len(result.fixed), "fixed"),
        (len(result.untested), "not tested"),
    ]
    text = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"{'passes' if result.passes else 'fails'}: {text or 'no findings'}"


def result_lines(
    result: GateResult, *, stopped: bool, update: bool = False
) -> Iterator[Text]:
    """
    The lines for a terminal, one per finding, those that fail first.

    `stopped` says that the run was not complete. With `update` the findings become
    those of the baseline, so there is no line with the result.
    """
    for summary in result.new:
        yield Text(f"new      {_format_finding(summary)}", style="bold red")
    for summary, entry in result.expired:
        until = f"accepted until {entry.until}: {entry.reason}"
        text = f"expired  {_format_finding(summary)}; {until}"
        yield Text(one_line(text), style="bold red")
    for entry in result.stale:
        yield Text(f"stale    {_format_stale(entry)}", style="bold red")
    for summary, entry in result.accepted:
        reason = "no reason yet" if entry.is_reason_missing else entry.reason
        yield Text(one_line(f"known    {_format_finding(summary)}; {reason}"))
    for entry in result.fixed:
        yield Text(f"fixed    {_format_entry(entry)}", style="green")
    for entry in result.untested:
        yield Text(f"untested {_format_entry(entry)}", style="dim")
    if stopped:
        yield Text(
            "The run stopped before its end: cases that were not run are not tested."
        )
    if not update:
        yield Text(f"The gate {result_text(result)}.", style="bold")


def missing_reasons(baseline: Baseline) -> str:
    """A warning about entries without a reason; empty if there are none."""
    missing = [each for each in baseline.accepted if each.is_reason_missing]
    if not missing:
        return ""
    verb = "has" if len(missing) == 1 else "have"
    return (
        f"{pluralize(len(missing), 'accepted finding')} {verb} no reason: replace "
        f"'{REASON_PLACEHOLDER}' in the baseline"
    )


def _format_finding(summary: FindingSummary) -> str:
    finding = summary.finding
    cases = pluralize(summary.times, "case")
    text = (
        f"{summary.target.title}: {summary.headline} "
        f"({cases}; {finding.kind}, {finding.claim})"
    )
    return f"{one_line(text)} [{finding.fingerprint}]"


def _detail_lines(summary: FindingSummary) -> Iterator[str]:
    yield one_line(f"expected: {summary.finding.expected}")
    yield one_line(f"source: {summary.title} ({summary.place})")


def _format_stale(entry: AcceptedFinding) -> str:
    return (
        f"{_format_entry(entry)} was not seen, although its claim was tested: remove "
        "the entry from the baseline, or add --update"
    )


def _format_entry(entry: AcceptedFinding) -> str:
    text = f"{entry.provider}: {entry.says} ({entry.kind}, {entry.claim})"
    return f"{one_line(text)} [{entry.fingerprint}]"
