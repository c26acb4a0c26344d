"""The report as JUnit XML, for the test tab of a build."""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from contracts.report.model import Report
from contracts.report.summary import (
    FindingSummary,
    ProviderSummary,
    TestedClaim,
    provider_summaries,
    stop_reason,
)
from contracts.text import one_line, pluralize, printable

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def render(report: Report) -> str:
    """JUnit XML: a suite per provider and a case per tested claim."""
    suites = [_suite(report, summary) for summary in provider_summaries(report)]
    root = ET.Element("testsuites", name="imageparity")
    for count in ("tests", "failures"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.extend(suites)
    ET.indent(root)
    return f"{DECLARATION}{ET.tostring(root, encoding='unicode')}\n"


def _suite(report: Report, summary: ProviderSummary) -> ET.Element:
    cases = [_case(tested) for tested in summary.tested_claims]
    seconds = sum(
        each.seconds for each in report.for_provider(summary.target.provider).outcomes
    )
    suite = ET.Element(
        "testsuite",
        name=printable(summary.target.provider),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped="0",
        time=f"{seconds:.3f}",
        timestamp=printable(report.metadata.started),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report, summary):
        ET.SubElement(properties, "property", name=name, value=printable(value))
    suite.extend(cases)
    return suite


def _properties(report: Report, summary: ProviderSummary) -> Iterator[tuple[str, str]]:
    yield "version", report.metadata.version
    yield "seed", str(report.metadata.seed)
    yield "base_url", summary.target.base_url
    yield "document", summary.target.document
    yield "cost", summary.price
    stopped = stop_reason(report)
    if stopped:
        yield "stopped", stopped


def _case(tested: TestedClaim) -> ET.Element:
    name = printable(tested.claim) or "no claim"
    case = ET.Element("testcase", classname=printable(tested.operation), name=name)
    case.set("time", "0")
    if tested.broken:
        first = tested.broken[0].finding
        failure = ET.SubElement(case, "failure", type=first.kind.value)
        failure.set("message", one_line(first.message))
        failure.text = findings_text(tested.broken)
    if tested.differing:
        ET.SubElement(case, "system-out").text = findings_text(tested.differing)
    return case


def findings_text(findings: Sequence[FindingSummary]) -> str:
    """Some findings in full; a test tab shows the text of only one failure."""
    return printable("\n\n".join("\n".join(_finding_lines(each)) for each in findings))


def _finding_lines(summary: FindingSummary) -> Iterator[str]:
    finding = summary.finding
    yield f"{finding.kind}: {finding.message}"
    yield f"claim: {summary.sentence}"
    yield f"expected: {finding.expected}"
    yield f"source: {summary.title} ({summary.place}) {finding.source_url}"
    yield f"status: {finding.answer.get('status')}"
    yield f"case: {finding.case} (seen in {pluralize(summary.times, 'case')})"
    yield f"fingerprint: {finding.fingerprint}"
    yield str(finding.request.get("curl") or "")
