"""The report in the Common Test Report Format (CTRF), for dashboards."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from contracts.report.model import Report
from contracts.report.summary import (
    ProviderSummary,
    TestResult,
    provider_summaries,
    stop_reason,
)
from contracts.reporters.run.junit import finding_text
from contracts.text import one_line, printable

SPEC_VERSION = "0.1.0"


def render(report: Report) -> str:
    """
    CTRF as JSON: a test per finding and per passed claim, in a suite per operation.

    Durations are the sums of response times.
    """
    summaries = provider_summaries(report)
    tests = [test for summary in summaries for test in _tests(report, summary)]
    counts = Counter(test["status"] for test in tests)
    start = _epoch_milliseconds(report.metadata.started)
    duration = round(sum(outcome.seconds for outcome in report.outcomes) * 1000)
    stopped = stop_reason(report)
    extra = {
        "seed": report.metadata.seed,
        "base_urls": {each.target.provider: each.target.base_url for each in summaries},
        **({"stopped": stopped} if stopped else {}),
    }
    ctrf = {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "generatedBy": "imageparity",
        "results": {
            "tool": {"name": "imageparity", "version": report.metadata.version},
            "summary": {
                "tests": len(tests),
                "passed": counts["passed"],
                "failed": counts["failed"],
                "pending": 0,
                "skipped": 0,
                "other": counts["other"],
                "suites": len({tuple(test["suite"]) for test in tests}),
                "start": start,
                "stop": start + duration,
            },
            "tests": tests,
            "environment": {"healthy": stopped is None, "extra": extra},
        },
    }
    return json.dumps(ctrf, indent=1) + "\n"


def _tests(report: Report, summary: ProviderSummary) -> Iterator[dict[str, Any]]:
    seconds: dict[str, float] = defaultdict(float)
    for outcome in report.for_provider(summary.target.provider).outcomes:
        for claim in outcome.claims:
            seconds[claim] += outcome.seconds
    for result in summary.results:
        sighting = result.sighting
        claims = sighting.finding.contradicted_claims if sighting else (result.name,)
        duration = sum(seconds[each] for each in claims)
        row: dict[str, Any] = {
            "name": printable(result.name) or "no claim",
            "status": _status(result),
            "duration": round(duration * 1000),
            "suite": [printable(summary.target.title), printable(result.operation)],
        }
        if sighting is not None and result.is_failed:
            row["message"] = one_line(sighting.headline)
            row["trace"] = finding_text(sighting)
            row["rawStatus"] = sighting.finding.kind.value
            curl = str(sighting.finding.request.get("curl") or "")
            row["snippet"] = printable(curl)
        elif sighting is not None:
            row["stdout"] = finding_text(sighting).splitlines()
        yield row


def _status(result: TestResult) -> str:
    if result.is_inconclusive:
        return "other"
    return "failed" if result.is_failed else "passed"


def _epoch_milliseconds(started: str) -> int:
    """Milliseconds since 1970; 0 for a text that is not a date."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return 0
    return round(when.replace(tzinfo=when.tzinfo or UTC).timestamp() * 1000)
