"""The report as Markdown: for a job's summary or a comment."""

import re
from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from contracts.report.model import Report
from contracts.report.summary import (
    Sighting,
    Standing,
    all_sightings,
    bill,
    bill_label,
    standings,
    verdict,
    why_stopped,
)
from contracts.text import (
    clipped,
    moment,
    one_line,
    plural,
    printable,
    web_address,
)

EXCERPT = 1_500
MOST_PROVIDERS = 25
MOST_FINDINGS = 50


def render(report: Report) -> str:
    """The summary first, within 40 lines; each finding folded."""
    each = standings(report)
    return "\n".join([*_head(report, each), *_findings(all_sightings(each))]) + "\n"


def _head(report: Report, each: tuple[Standing, ...]) -> Iterator[str]:
    run = report.metadata
    yield f"## {prose(verdict(report, each))}"
    yield ""
    stopped = why_stopped(report)
    if stopped:
        yield f"> **{prose(stopped)}.**"
        yield ""
    asked = plural(len(report.outcomes), "request")
    yield prose(
        f"imageparity {run.version}, {moment(run.started)}, seed {run.seed}: "
        f"{asked}. {bill_label(report)}: {bill(each)}."
    )
    yield ""
    yield "| provider | asked | kept | broken | differing | cost |"
    yield "| :-- | --: | --: | --: | --: | --: |"
    yield from (_row(standing) for standing in each[:MOST_PROVIDERS])
    if len(each) > MOST_PROVIDERS:
        yield f"| and {len(each) - MOST_PROVIDERS} more | | | | | |"
    yield ""


def _row(standing: Standing) -> str:
    target, tally = standing.target, standing.tally
    mode = "mock" if target.is_mock else target.base_url
    broken = f"**{tally.broken:,}**" if tally.broken else "0"
    cells = (
        f"{prose(target.title)} ({prose(mode)})",
        f"{tally.asked:,}",
        f"{tally.kept:,}",
        broken,
        f"{tally.differing:,}",
        prose(standing.price),
    )
    return f"| {' | '.join(cells)} |"


def _findings(found: list[Sighting]) -> Iterator[str]:
    if not found:
        yield "No findings."
        return
    for sighting in found[:MOST_FINDINGS]:
        yield from _fold(sighting)
    if len(found) > MOST_FINDINGS:
        more = plural(len(found) - MOST_FINDINGS, "more finding")
        yield f"{more} in the HTML report."


def _fold(sighting: Sighting) -> Iterator[str]:
    finding = sighting.finding
    mark = "broken promise" if finding.breaks else "difference"
    head = f"{sighting.target.title}: {finding.kind}, {mark}"
    yield f"<details><summary>{_inline(head)}, <code>{_inline(finding.claim)}</code>"
    yield "</summary>"
    yield ""
    yield f"- **Claim:** {prose(sighting.sentence)}"
    yield f"- **Source:** {_source(sighting)}"
    yield f"- **Expected:** {prose(finding.expected)}"
    yield f"- **Actual:** {prose(finding.message)}"
    yield f"- **Case:** {prose(finding.case)}, {plural(sighting.times, 'case')} in all"
    if finding.also_seen_by:
        yield f"- **Also seen by:** {prose(', '.join(finding.also_seen_by))}"
    yield ""
    yield fenced(str(finding.request.get("curl") or ""), "sh")
    yield ""
    answer = finding.answer
    status, label = answer.get("status"), answer.get("content_type") or ""
    yield f"Answer: {prose(str(status or 'none'))} {prose(str(label))}"
    yield ""
    yield fenced(clipped(str(answer.get("excerpt") or ""), EXCERPT))
    yield ""
    yield "</details>"
    yield ""


def _source(sighting: Sighting) -> str:
    title, place = prose(sighting.title), prose(sighting.place)
    address = web_address(sighting.finding.source_url)
    if not address:
        return f"{title} ({place})"
    return f"[{title}](<{quote(address, safe=_URI)}>) ({place})"


def prose(text: str) -> str:
    """Text that means nothing to Markdown, within a line or a cell of a table."""
    text = _SUMMONS.sub("\\g<0>\u200b", one_line(text))
    return _ACTIVE.sub(r"\\\g<0>", text).replace("|", "&#124;")


def fenced(text: str, language: str = "") -> str:
    """Text as it is, between fences that it cannot close."""
    text = printable(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _inline(text: str) -> str:
    """Text inside HTML, where Markdown is not read."""
    return escape(_SUMMONS.sub("\\g<0>\u200b", one_line(text)))


# `:` starts a link only before `//`, `.` only after `www`.
_ACTIVE = re.compile(r"[\\`*_\[\]<>~$&#]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_SUMMONS = re.compile(r"@|#(?=\d)")  # people and issues, where GitHub shows it
_URI = ":/?#[]@!$&'*+,;=%-._~"
