"""The report as JUnit XML, for the test tab of a build."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from contracts.report.model import Report
from contracts.report.summary import (
    FindingSummary,
    ProviderSummary,
    TestResult,
    provider_summaries,
    stop_reason,
)
from contracts.text import one_line, pluralize, printable

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def render(report: Report) -> str:
    """JUnit XML: a suite per provider, with each finding and each passed claim."""
    suites = [_suite(report, summary) for summary in provider_summaries(report)]
    root = ET.Element("testsuites", name="imageparity")
    for count in ("tests", "failures"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.extend(suites)
    ET.indent(root)
    return f"{DECLARATION}{ET.tostring(root, encoding='unicode')}\n"


def _suite(report: Report, summary: ProviderSummary) -> ET.Element:
    cases = [_case(result) for result in summary.results]
    seconds = sum(
        each.seconds for each in report.for_provider(summary.target.provider).outcomes
    )
    suite = ET.Element(
        "testsuite",
        name=printable(summary.target.provider),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
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


def _case(result: TestResult) -> ET.Element:
    name = printable(result.name) or "no claim"
    case = ET.Element("testcase", classname=printable(result.operation), name=name)
    case.set("time", "0")
    if result.sighting is None:
        return case
    text = finding_text(result.sighting)
    if result.is_failed:
        kind = result.sighting.finding.kind.value
        failure = ET.SubElement(case, "failure", type=kind)
        failure.set("message", one_line(result.sighting.headline))
        failure.text = text
    elif result.is_inconclusive:
        skipped = ET.SubElement(case, "skipped")
        skipped.set("message", one_line(f"inconclusive: {result.sighting.headline}"))
        ET.SubElement(case, "system-out").text = text
    else:
        ET.SubElement(case, "system-out").text = text
    return case


def finding_text(summary: FindingSummary) -> str:
    """A finding in full."""
    return printable("\n".join(_finding_lines(summary)))


def _finding_lines(summary: FindingSummary) -> Iterator[str]:
    finding = summary.finding
    yield f"{finding.kind}: {summary.headline}"
    yield f"actual: {finding.message}"
    yield f"claim: {summary.sentence}"
    yield f"expected: {finding.expected}"
    yield f"source: {summary.title} ({summary.place}) {finding.source_url}"
    yield f"status: {finding.answer.get('status')}"
    yield f"case: {finding.case} ({pluralize(summary.times, 'case')} failed)"
    if summary.other_claims:
        yield f"other claims: {', '.join(summary.other_claims)}"
    yield f"fingerprint: {finding.fingerprint}"
    yield str(finding.request.get("curl") or "")
