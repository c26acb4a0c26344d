"""The HTML page of a campaign: one file that needs no network."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from contracts.fleet.campaign_file import CampaignFile
from contracts.fleet.reports import LaneReport
from contracts.fleet.states import LaneState, LaneTotals, amount, state_of
from contracts.report.model import Finding
from contracts.text import one_line, pluralize, printable

MAX_FINDINGS = 5  # that are listed per lane
MAX_TEXT = 200  # characters of one text
REFRESH_INTERVAL = 5  # seconds, while a campaign runs
TONES = {
    LaneState.COMPLETE: "K",
    LaneState.RUNNING: "V",
    LaneState.WAITING: "N",
    LaneState.BUDGET: "D",
    LaneState.STOPPED: "D",
    LaneState.ABANDONED: "B",
    LaneState.ERRORS: "B",
    LaneState.COULD_NOT_RUN: "B",
}


def render(
    campaign: CampaignFile,
    lanes: Sequence[LaneReport],
    *,
    is_running: bool = False,
    files_by_lane: Mapping[str, str] | None = None,
) -> str:
    """
    The page of a campaign; it loads itself again while the campaign is running.

    `files_by_lane` has the path of each report, relative to the page.
    """
    return _template().render(
        campaign=campaign,
        totals=LaneTotals.of(each.status for each in lanes),
        lanes=[
            _row(each, (files_by_lane or {}).get(each.target.name)) for each in lanes
        ],
        refresh=REFRESH_INTERVAL if is_running else None,
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        max_findings=MAX_FINDINGS,
    )


def _row(lane: LaneReport, path: str | None) -> dict[str, Any]:
    status, report = lane.status, lane.report
    state = state_of(status)
    findings: Sequence[Finding] = report.broken if report else ()
    target = report.metadata.targets[0] if report else None
    return {
        "name": lane.target.name,
        "provider": target.title if target else lane.target.provider,
        "url": lane.target.against,
        "state": state,
        "tone": TONES[state],
        "problem": lane.problem,
        "planned": status.planned,
        "ended": status.settled + status.unsent + status.lost,
        "failed": status.failed,
        "lost": status.lost,
        "unsent": status.unsent,
        "spent": amount(status.spent),
        "reserved": amount(status.reserved),
        "budget": lane.target.budget,
        "currency": (target.currency if target else None) or "",
        "findings": [each.title or each.message for each in findings],
        "path": path,
    }


def _clip(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


@cache
def _template() -> Template:
    folder = files("contracts.reporters.fleet")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
    )
    environment.filters.update(plural=pluralize, grouped="{:,}".format, clipped=_clip)
    return environment.get_template("page.html")
