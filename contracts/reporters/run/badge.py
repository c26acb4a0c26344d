"""The report as a badge: JSON for an endpoint that https://shields.io is led to."""

import json

from contracts.report.model import Report
from contracts.report.summary import ProviderSummary, provider_summaries
from contracts.text import one_line, pluralize


def render(report: Report) -> str:
    """One badge: of the provider, if only one was asked, else of them all."""
    each = provider_summaries(report)
    label = each[0].target.title if len(each) == 1 else "image API"
    message, color = _message(report, each)
    badge = {
        "schemaVersion": 1,
        "label": one_line(label),
        "message": message,
        "color": color,
    }
    return json.dumps(badge, ensure_ascii=False) + "\n"


def _message(report: Report, summaries: tuple[ProviderSummary, ...]) -> tuple[str, str]:
    """What is known, and a colour that promises no more than that."""
    asked = [standing for standing in summaries if standing.tally.asked]
    broken = sum(len(standing.broken) for standing in asked)
    keeping = sum(not standing.broken for standing in asked)
    if not asked:
        return "not asked", "lightgrey"
    if broken and len(summaries) == 1:
        return pluralize(broken, "broken promise"), "red"
    if broken:
        return f"{keeping} of {len(summaries)} conform", "red"
    if report.stopped is not None or len(asked) < len(summaries):
        return "conforms as far as asked", "yellowgreen"
    return "conforms", "brightgreen"
