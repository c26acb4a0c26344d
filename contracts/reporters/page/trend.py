"""New and fixed findings from run to run."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.report.model import Report
from contracts.report.summary import FindingSummary, ProviderSummary, provider_summaries
from contracts.text import format_date

WIDTH, HEIGHT, EDGE = 220, 44, 5  # of the chart, in pixels


@dataclass(frozen=True, slots=True)
class Point:
    """One run: its date, its counts and its place in the chart."""

    when: str
    document: str
    failed: int
    warnings: int
    cases: int
    stopped: bool
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Trend:
    """
    The runs of one provider, the oldest first.

    Compared with the run before, the last run has findings that are `new` and `fixed`;
    those of claims that were not tested again are `unknown`.
    """

    title: str
    points: tuple[Point, ...]
    new: tuple[FindingSummary, ...]
    fixed: tuple[FindingSummary, ...]
    unknown: tuple[FindingSummary, ...]

    @property
    def line(self) -> str:
        """The points of an SVG polyline."""
        return " ".join(f"{each.x:g},{each.y:g}" for each in self.points)

    @property
    def since(self) -> str:
        """The date of the run before the last."""
        return self.points[-2].when

    @property
    def documents_changed(self) -> bool:
        return len({each.document for each in self.points[-2:]}) > 1


def trends(report: Report, history: Sequence[Report]) -> list[Trend]:
    """A trend for each provider of the report that an older report has, too."""
    runs = sorted(history, key=lambda each: each.metadata.started)
    older = [(each, _summaries_by_provider(each)) for each in runs]
    found = []
    for summary in provider_summaries(report):
        name = summary.target.provider
        past = [(run, known[name]) for run, known in older if name in known]
        if past:
            found.append(_trend([*past, (report, summary)]))
    return found


def _summaries_by_provider(report: Report) -> dict[str, ProviderSummary]:
    return {each.target.provider: each for each in provider_summaries(report)}


def _trend(runs: Sequence[tuple[Report, ProviderSummary]]) -> Trend:
    (_, last), (_, now) = runs[-2], runs[-1]
    known = {each.finding.fingerprint for each in last.sightings}
    seen = {each.finding.fingerprint for each in now.sightings}
    gone = [each for each in last.sightings if each.finding.fingerprint not in seen]
    return Trend(
        now.target.title,
        tuple(_points(runs)),
        tuple(e for e in now.sightings if e.finding.fingerprint not in known),
        tuple(each for each in gone if now.asked[each.finding.claim]),
        tuple(each for each in gone if not now.asked[each.finding.claim]),
    )


def _points(runs: Sequence[tuple[Report, ProviderSummary]]) -> list[Point]:
    counts = [len(each.broken) for _, each in runs]
    most = max(*counts, 1)
    step = (WIDTH - 2 * EDGE) / max(1, len(runs) - 1)
    return [
        Point(
            format_date(report.metadata.started),
            each.target.document,
            count,
            len(each.sightings) - count,
            each.tally.asked,
            report.stopped is not None,
            round(EDGE + at * step, 1),
            round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * count / most, 1),
        )
        for at, ((report, each), count) in enumerate(zip(runs, counts, strict=True))
    ]
