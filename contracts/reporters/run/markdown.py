"""The report as Markdown: for a job's summary or a comment."""

import re
from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from contracts.report.model import Report
from contracts.report.summary import (
    FindingSummary,
    ProviderSummary,
    all_findings,
    cost_label,
    provider_summaries,
    run_verdict,
    stop_reason,
    total_cost,
)
from contracts.text import (
    clip,
    format_date,
    one_line,
    pluralize,
    printable,
    safe_url,
)

MAX_EXCERPT_LENGTH = 1_500
MAX_PROVIDERS = 25
MAX_FINDINGS = 50


def render(report: Report) -> str:
    """The summary first, within 40 lines; each finding folded."""
    each = provider_summaries(report)
    return "\n".join([*_head(report, each), *_findings(all_findings(each))]) + "\n"


def _head(report: Report, summaries: tuple[ProviderSummary, ...]) -> Iterator[str]:
    run = report.metadata
    yield f"## {escape_markdown(run_verdict(report, summaries))}"
    yield ""
    stopped = stop_reason(report)
    if stopped:
        yield f"> **{escape_markdown(stopped)}.**"
        yield ""
    asked = pluralize(len(report.outcomes), "request")
    yield escape_markdown(
        f"imageparity {run.version}, {format_date(run.started)}, seed {run.seed}: "
        f"{asked}. {cost_label(report)}: {total_cost(summaries)}."
    )
    yield ""
    yield "| provider | asked | kept | broken | differing | cost |"
    yield "| :-- | --: | --: | --: | --: | --: |"
    yield from (_provider_row(standing) for standing in summaries[:MAX_PROVIDERS])
    if len(summaries) > MAX_PROVIDERS:
        yield f"| and {len(summaries) - MAX_PROVIDERS} more | | | | | |"
    yield ""


def _provider_row(summary: ProviderSummary) -> str:
    target, tally = summary.target, summary.tally
    mode = "mock" if target.is_mock else target.base_url
    broken = f"**{tally.broken:,}**" if tally.broken else "0"
    cells = (
        f"{escape_markdown(target.title)} ({escape_markdown(mode)})",
        f"{tally.asked:,}",
        f"{tally.kept:,}",
        broken,
        f"{tally.differing:,}",
        escape_markdown(summary.price),
    )
    return f"| {' | '.join(cells)} |"


def _findings(findings: list[FindingSummary]) -> Iterator[str]:
    if not findings:
        yield "No findings."
        return
    for sighting in findings[:MAX_FINDINGS]:
        yield from _finding_details(sighting)
    if len(findings) > MAX_FINDINGS:
        more = pluralize(len(findings) - MAX_FINDINGS, "more finding")
        yield f"{more} in the HTML report."


def _finding_details(summary: FindingSummary) -> Iterator[str]:
    finding = summary.finding
    mark = "broken promise" if finding.breaks else "difference"
    head = f"{summary.target.title}: {finding.kind}, {mark}"
    yield f"<details><summary>{_escape_html(head)}, <code>{_escape_html(finding.claim)}</code>"
    yield "</summary>"
    yield ""
    yield f"- **Claim:** {escape_markdown(summary.sentence)}"
    yield f"- **Source:** {_source_link(summary)}"
    yield f"- **Expected:** {escape_markdown(finding.expected)}"
    yield f"- **Actual:** {escape_markdown(finding.message)}"
    yield f"- **Case:** {escape_markdown(finding.case)}, {pluralize(summary.times, 'case')} in all"
    if finding.also_seen_by:
        yield f"- **Also seen by:** {escape_markdown(', '.join(finding.also_seen_by))}"
    yield ""
    yield fenced_block(str(finding.request.get("curl") or ""), "sh")
    yield ""
    answer = finding.answer
    status, label = answer.get("status"), answer.get("content_type") or ""
    yield f"Answer: {escape_markdown(str(status or 'none'))} {escape_markdown(str(label))}"
    yield ""
    yield fenced_block(clip(str(answer.get("excerpt") or ""), MAX_EXCERPT_LENGTH))
    yield ""
    yield "</details>"
    yield ""


def _source_link(summary: FindingSummary) -> str:
    title, place = escape_markdown(summary.title), escape_markdown(summary.place)
    address = safe_url(summary.finding.source_url)
    if not address:
        return f"{title} ({place})"
    return f"[{title}](<{quote(address, safe=_URI_SAFE)}>) ({place})"


def escape_markdown(text: str) -> str:
    """Text that means nothing to Markdown, within a line or a cell of a table."""
    text = _MENTION.sub("\\g<0>\u200b", one_line(text))
    return _MARKDOWN_SPECIAL.sub(r"\\\g<0>", text).replace("|", "&#124;")


def fenced_block(text: str, language: str = "") -> str:
    """Text as it is, between fences that it cannot close."""
    text = printable(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _escape_html(text: str) -> str:
    """Text inside HTML, where Markdown is not read."""
    return escape(_MENTION.sub("\\g<0>\u200b", one_line(text)))


# `:` starts a link only before `//`, `.` only after `www`.
_MARKDOWN_SPECIAL = re.compile(r"[\\`*_\[\]<>~$&#]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_MENTION = re.compile(r"@|#(?=\d)")  # people and issues, where GitHub shows it
_URI_SAFE = ":/?#[]@!$&'*+,;=%-._~"
