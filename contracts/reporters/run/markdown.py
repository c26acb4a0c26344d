"""The report as Markdown, for a job summary or a comment."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from urllib.parse import quote

from contracts.report.model import Report
from contracts.report.summary import (
    FindingSummary,
    ProviderSummary,
    all_findings,
    case_columns,
    cost_label,
    document_days,
    not_tested_notes,
    provider_summaries,
    run_verdict,
    stop_reason,
    total_cost,
)
from contracts.reporters.run import requirements
from contracts.reporters.run.repeats import COLUMNS, repeat_notes, repeat_rows
from contracts.reporters.run.verdicts import verdict_rows
from contracts.text import (
    clip,
    format_date,
    join_words,
    one_line,
    pluralize,
    printable,
    safe_url,
)

MAX_EXCERPT_LENGTH = 1_500
MAX_PROVIDERS = 25
MAX_FINDINGS = 50
MAX_CLAIMS = 6


def render(report: Report) -> str:
    """Markdown: a summary of at most 40 lines, each finding folded, the verdicts."""
    summaries = provider_summaries(report)
    findings = all_findings(summaries)
    lines = [*_head(report, summaries), *_findings(findings)]
    lines += _verdicts(report, findings)
    lines += _requirements(report)
    return "\n".join(lines) + "\n"


def _head(report: Report, summaries: tuple[ProviderSummary, ...]) -> Iterator[str]:
    run = report.metadata
    yield f"## {escape_markdown(run_verdict(report, summaries))}"
    yield ""
    stopped = stop_reason(report)
    if stopped:
        yield f"> **{escape_markdown(stopped)}.**"
        yield ""
    cases = pluralize(len(report.outcomes), "test case")
    yield escape_markdown(
        f"imageparity {run.version}, {format_date(run.started)}, seed {run.seed}: "
        f"{cases}. {cost_label(report)}: {total_cost(summaries)}."
    )
    yield ""
    counts = [case_columns(each, summaries) for each in summaries[:MAX_PROVIDERS]]
    columns = (*(counts[0] if counts else ()), "findings", "cost")
    yield from _table_head("provider", columns)
    for summary, row in zip(summaries, counts, strict=False):
        yield _provider_row(summary, row)
    if len(summaries) > MAX_PROVIDERS:
        yield f"| and {len(summaries) - MAX_PROVIDERS} more |{' |' * len(columns)}"
    yield ""
    for line in document_days(report):
        yield f"{escape_markdown(line)}."
        yield ""
    yield from _repeats(report)
    for note in (*not_tested_notes(summaries), *repeat_notes(report)):
        yield f"{escape_markdown(note)}."
        yield ""


def _table_head(first: str, columns: Sequence[str]) -> Iterator[str]:
    yield f"| {first} | {' | '.join(columns)} |"
    yield f"| :-- |{' --: |' * len(columns)}"


def _provider_row(summary: ProviderSummary, counts: Mapping[str, int]) -> str:
    target = summary.target
    mode = "mock" if target.is_mock else target.base_url
    cells = (
        f"{escape_markdown(target.title)} ({escape_markdown(mode)})",
        *(
            f"**{count:,}**" if name == "failed" and count else f"{count:,}"
            for name, count in counts.items()
        ),
        f"{len(summary.sightings):,}",
        escape_markdown(summary.price),
    )
    return f"| {' | '.join(cells)} |"


def _repeats(report: Report) -> Iterator[str]:
    """A table of what was sent several times; nothing without it."""
    rows = repeat_rows(report)
    if rows:
        yield from _table_head("repeated", COLUMNS)
        for title, cells in rows:
            yield f"| {' | '.join(map(escape_markdown, (title, *cells)))} |"
        yield ""


def _findings(findings: list[FindingSummary]) -> Iterator[str]:
    if not findings:
        yield "No findings."
        return
    for number, finding in enumerate(findings[:MAX_FINDINGS], 1):
        yield from _finding_details(number, finding)
    if len(findings) > MAX_FINDINGS:
        more = pluralize(len(findings) - MAX_FINDINGS, "more finding")
        yield f"{more} in the HTML report."


def _verdicts(report: Report, findings: list[FindingSummary]) -> Iterator[str]:
    """The verdicts as a list."""
    yield ""
    for question, verdict in verdict_rows(report, findings):
        yield f"- **{escape_markdown(question)}:** {escape_markdown(verdict)}"


def _requirements(report: Report) -> Iterator[str]:
    """The level of each server by a set of requirements, and what it does not mean."""
    record = report.requirements
    if record is None:
        return
    yield ""
    yield f"### Requirements {escape_markdown(requirements.set_label(record))}"
    for verdict, sentence in requirements.verdict_sentences(report):
        yield ""
        yield f"**{escape_markdown(sentence)}.**"
        yield ""
        yield from _table_head("level", requirements.COLUMNS)
        for row in requirements.level_rows(verdict):
            yield f"| {' | '.join(row)} |"
        yield ""
        rows = requirements.open_requirements(verdict)
        for status, name, text in rows[: requirements.MAX_LISTED]:
            yield f"- **{status}**, {name}: {escape_markdown(text)}"
        more = len(rows) - requirements.MAX_LISTED
        if more > 0:
            yield f"- {pluralize(more, 'more requirement')}"
        for note in requirements.notes(verdict):
            yield f"- {escape_markdown(note)}"
    yield ""
    yield f"{requirements.DISCLAIMER}:"
    yield ""
    for line in record.proves_not:
        yield f"- {escape_markdown(line)}"


def _finding_details(number: int, summary: FindingSummary) -> Iterator[str]:
    finding = summary.finding
    verdict = "failed" if finding.breaks else "warning"
    cases = pluralize(summary.times, "case")
    title = summary.target.title
    head = f"{number}. {title}: {verdict} ({cases}): {summary.headline}"
    yield f"<details><summary>{_escape_html(head)}</summary>"
    yield ""
    claim = f"{summary.sentence} ({finding.claim})"
    yield f"- **Claim:** {escape_markdown(claim)}"
    yield f"- **Source:** {_source_link(summary)}"
    yield f"- **Expected:** {escape_markdown(finding.expected)}"
    yield f"- **Actual:** {escape_markdown(finding.message)}"
    yield f"- **Kind:** {finding.kind}"
    yield f"- **Simplest of {cases}:** {escape_markdown(finding.case)}"
    if summary.other_claims:
        others = join_words(summary.other_claims[:MAX_CLAIMS])
        more = len(summary.other_claims) - MAX_CLAIMS
        others += f" and {more} more" if more > 0 else ""
        yield f"- **Also contradicts:** {escape_markdown(others)}"
    if finding.also_seen_by:
        yield f"- **Also seen by:** {escape_markdown(', '.join(finding.also_seen_by))}"
    yield ""
    yield fenced_block(str(finding.request.get("curl") or ""), "sh")
    yield ""
    answer = finding.answer
    status, media_type = answer.get("status"), answer.get("content_type") or ""
    text = f"{status or 'none'} {media_type}".strip()
    yield f"Response: {escape_markdown(text)}"
    yield ""
    yield fenced_block(clip(str(answer.get("excerpt") or ""), MAX_EXCERPT_LENGTH))
    yield ""
    yield "</details>"
    yield ""


def _source_link(summary: FindingSummary) -> str:
    title, place = escape_markdown(summary.title), escape_markdown(summary.place)
    url = safe_url(summary.finding.source_url)
    if not url:
        return f"{title} ({place})"
    return f"[{title}](<{quote(url, safe=_URI_SAFE)}>) ({place})"


def escape_markdown(text: str) -> str:
    """Text without effect in Markdown, for use in a line or a cell of a table."""
    text = _MENTION.sub("\\g<0>\u200b", one_line(text))
    return _MARKDOWN_SPECIAL.sub(r"\\\g<0>", text).replace("|", "&#124;")


def fenced_block(text: str, language: str = "") -> str:
    """A code block with a fence longer than any in the text."""
    text = printable(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _escape_html(text: str) -> str:
    """Text for HTML inside Markdown, where Markdown has no effect."""
    return escape(_MENTION.sub("\\g<0>\u200b", one_line(text)))


# `:` starts a link only before `//`, `.` only after `www`.
_MARKDOWN_SPECIAL = re.compile(r"[\\`*_\[\]<>~$&#]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_MENTION = re.compile(r"@|#(?=\d)")  # GitHub turns them into links to people and issues
_URI_SAFE = ":/?#[]@!$&'*+,;=%-._~"
