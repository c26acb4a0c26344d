"""The report in the Common Test Report Format, CTRF: for dashboards."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from contracts.report.model import Report
from contracts.report.summary import Standing, standings, why_stopped
from contracts.reporters.run.junit import account
from contracts.text import one_line, printable

SPEC_VERSION = "0.1.0"


def render(report: Report) -> str:
    """
    One test a claim that was asked, in the suite of its provider and operation.

    How long things took is how long answers took, one after the other.
    """
    each = standings(report)
    tests = [test for standing in each for test in _tests(report, standing)]
    counts = Counter(test["status"] for test in tests)
    start = _milliseconds(report.metadata.started)
    asked = round(sum(outcome.seconds for outcome in report.outcomes) * 1000)
    stopped = why_stopped(report)
    extra = {
        "seed": report.metadata.seed,
        "base_urls": {one.target.provider: one.target.base_url for one in each},
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
                "stop": start + asked,
            },
            "tests": tests,
            "environment": {"healthy": stopped is None, "extra": extra},
        },
    }
    return json.dumps(ctrf, indent=1) + "\n"


def _tests(report: Report, standing: Standing) -> Iterator[dict[str, Any]]:
    seconds: dict[str, float] = defaultdict(float)
    for outcome in report.of(standing.target.provider).outcomes:
        for claim in outcome.claims:
            seconds[claim] += outcome.seconds
    for tested in standing.tests:
        row: dict[str, Any] = {
            "name": printable(tested.claim) or "no claim",
            "status": "failed" if tested.broken else "passed",
            "duration": round(seconds[tested.claim] * 1000),
            "suite": [printable(standing.target.title), printable(tested.operation)],
        }
        if tested.broken:
            first = tested.broken[0].finding
            row["message"] = one_line(first.message)
            row["trace"] = account(tested.broken)
            row["rawStatus"] = first.kind.value
            row["snippet"] = printable(str(first.request.get("curl") or ""))
        if tested.differing:
            row["stdout"] = account(tested.differing).splitlines()
        yield row


def _milliseconds(started: str) -> int:
    """Since 1970; 0 for what is no date."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return 0
    return round(when.replace(tzinfo=when.tzinfo or UTC).timestamp() * 1000)
