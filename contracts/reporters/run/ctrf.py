"""The report in the Common Test Report Format (CTRF), for dashboards."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from contracts.report.model import Report
from contracts.report.summary import ProviderSummary, provider_summaries, stop_reason
from contracts.reporters.run.junit import findings_text
from contracts.text import one_line, printable

SPEC_VERSION = "0.1.0"


def render(report: Report) -> str:
    """
    CTRF as JSON: one test per tested claim, in a suite per provider and operation.

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
                "other": 0,
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
    for tested in summary.tested_claims:
        row: dict[str, Any] = {
            "name": printable(tested.claim) or "no claim",
            "status": "failed" if tested.broken else "passed",
            "duration": round(seconds[tested.claim] * 1000),
            "suite": [printable(summary.target.title), printable(tested.operation)],
        }
        if tested.broken:
            first = tested.broken[0].finding
            row["message"] = one_line(first.message)
            row["trace"] = findings_text(tested.broken)
            row["rawStatus"] = first.kind.value
            row["snippet"] = printable(str(first.request.get("curl") or ""))
        if tested.differing:
            row["stdout"] = findings_text(tested.differing).splitlines()
        yield row


def _epoch_milliseconds(started: str) -> int:
    """Milliseconds since 1970; 0 for a text that is not a date."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return 0
    return round(when.replace(tzinfo=when.tzinfo or UTC).timestamp() * 1000)
