"""The report as JUnit XML: for the test tab of a build."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from contracts.report import Report
from contracts.reporters.standings import Sighting, Standing, standings, why_stopped
from contracts.reporters.wording import one_line, printable

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
    found = _by_claim(standing)
    cases = [_case(standing, claim, found[claim]) for claim in _claims(standing)]
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


def _by_claim(standing: Standing) -> dict[str, list[Sighting]]:
    found: dict[str, list[Sighting]] = defaultdict(list)
    for sighting in standing.sightings:
        found[sighting.finding.claim].append(sighting)
    return found


def _claims(standing: Standing) -> list[str]:
    """Claims that were asked, and whatever else a finding is about."""
    own = [each.id for each in standing.target.claims if standing.asked[each.id]]
    return list(dict.fromkeys([*own, *_by_claim(standing)]))


def _case(standing: Standing, claim: str, found: Sequence[Sighting]) -> ET.Element:
    operations = {each.id: each.operation for each in standing.target.claims}
    operation = operations.get(claim) or claim.partition("/")[0]
    name = printable(claim) or "no claim"
    case = ET.Element("testcase", classname=printable(operation), name=name, time="0")
    broken = [each for each in found if each.finding.breaks]
    differing = [each for each in found if not each.finding.breaks]
    if broken:
        first = broken[0].finding
        failure = ET.SubElement(case, "failure", type=first.kind.value)
        failure.set("message", one_line(first.message))
        failure.text = _account(broken)
    if differing:
        ET.SubElement(case, "system-out").text = _account(differing)
    return case


def _account(found: Sequence[Sighting]) -> str:
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
