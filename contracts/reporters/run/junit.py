"""The report as JUnit XML: for the test tab of a build."""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from contracts.report.model import Report
from contracts.report.summary import (
    Sighting,
    Standing,
    Tested,
    standings,
    why_stopped,
)
from contracts.text import one_line, printable

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def render(report: Report) -> str:
    """One suite a provider, one case a claim that was asked."""
    suites = [_suite(report, standing) for standing in standings(report)]
    root = ET.Element("testsuites", name="imageparity")
    for count in ("tests", "failures"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.extend(suites)
    ET.indent(root)
    return f"{DECLARATION}{ET.tostring(root, encoding='unicode')}\n"


def _suite(report: Report, standing: Standing) -> ET.Element:
    cases = [_case(tested) for tested in standing.tests]
    seconds = sum(each.seconds for each in report.of(standing.target.provider).outcomes)
    suite = ET.Element(
        "testsuite",
        name=printable(standing.target.provider),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped="0",
        time=f"{seconds:.3f}",
        timestamp=printable(report.metadata.started),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report, standing):
        ET.SubElement(properties, "property", name=name, value=printable(value))
    suite.extend(cases)
    return suite


def _properties(report: Report, standing: Standing) -> Iterator[tuple[str, str]]:
    yield "version", report.metadata.version
    yield "seed", str(report.metadata.seed)
    yield "base_url", standing.target.base_url
    yield "document", standing.target.document
    yield "cost", standing.price
    stopped = why_stopped(report)
    if stopped:
        yield "stopped", stopped


def _case(tested: Tested) -> ET.Element:
    name = printable(tested.claim) or "no claim"
    case = ET.Element("testcase", classname=printable(tested.operation), name=name)
    case.set("time", "0")
    if tested.broken:
        first = tested.broken[0].finding
        failure = ET.SubElement(case, "failure", type=first.kind.value)
        failure.set("message", one_line(first.message))
        failure.text = account(tested.broken)
    if tested.differing:
        ET.SubElement(case, "system-out").text = account(tested.differing)
    return case


def account(found: Sequence[Sighting]) -> str:
    """Some findings in full: a test tab shows the text of one failure only."""
    return printable("\n\n".join("\n".join(_lines(each)) for each in found))


def _lines(sighting: Sighting) -> Iterator[str]:
    finding = sighting.finding
    yield f"{finding.kind}: {finding.message}"
    yield f"claim: {sighting.sentence}"
    yield f"expected: {finding.expected}"
    yield f"source: {sighting.title} ({sighting.place}) {finding.source_url}"
    yield f"status: {finding.answer.get('status')}"
    yield f"case: {finding.case} ({sighting.times} showed it)"
    yield f"fingerprint: {finding.fingerprint}"
    yield str(finding.request.get("curl") or "")
