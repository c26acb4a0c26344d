"""The report as a badge: JSON for the endpoint badge of https://shields.io."""

import json

from contracts.report.model import Report
from contracts.report.summary import ProviderSummary, provider_summaries
from contracts.text import one_line, pluralize


def render(report: Report) -> str:
    """JSON of one badge: for the provider or, if there are several, for all."""
    summaries = provider_summaries(report)
    label = summaries[0].target.title if len(summaries) == 1 else "image API"
    message, color = _message(report, summaries)
    badge = {
        "schemaVersion": 1,
        "label": one_line(label),
        "message": message,
        "color": color,
    }
    return json.dumps(badge, ensure_ascii=False) + "\n"


def _message(report: Report, summaries: tuple[ProviderSummary, ...]) -> tuple[str, str]:
    """Text and colour; bright green only if all providers were tested completely."""
    tested = [each for each in summaries if each.tally.asked]
    failed = sum(len(each.broken) for each in tested)
    conforming = sum(not each.broken for each in tested)
    if not tested:
        return "not tested", "lightgrey"
    if failed and len(summaries) == 1:
        return pluralize(failed, "finding"), "red"
    if failed:
        return f"{conforming} of {len(summaries)} conform", "red"
    is_unclear = any(each.tally.inconclusive for each in tested)
    if report.stopped is not None or len(tested) < len(summaries) or is_unclear:
        return "conforms as far as tested", "yellowgreen"
    return "conforms", "brightgreen"
