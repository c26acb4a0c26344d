"""The report as a badge: JSON for an endpoint that https://shields.io is led to."""

import json

from contracts.report.model import Report
from contracts.report.summary import Standing, standings
from contracts.text import one_line, plural


def render(report: Report) -> str:
    """One badge: of the provider, if only one was asked, else of them all."""
    each = standings(report)
    label = each[0].target.title if len(each) == 1 else "image API"
    message, color = _message(report, each)
    badge = {
        "schemaVersion": 1,
        "label": one_line(label),
        "message": message,
        "color": color,
    }
    return json.dumps(badge, ensure_ascii=False) + "\n"


def _message(report: Report, each: tuple[Standing, ...]) -> tuple[str, str]:
    """What is known, and a colour that promises no more than that."""
    asked = [standing for standing in each if standing.tally.asked]
    broken = sum(len(standing.broken) for standing in asked)
    keeping = sum(not standing.broken for standing in asked)
    if not asked:
        return "not asked", "lightgrey"
    if broken and len(each) == 1:
        return plural(broken, "broken promise"), "red"
    if broken:
        return f"{keeping} of {len(each)} conform", "red"
    if report.stopped is not None or len(asked) < len(each):
        return "conforms as far as asked", "yellowgreen"
    return "conforms", "brightgreen"
