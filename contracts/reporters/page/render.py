"""The HTML page: one file that needs no network."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from contracts.compare import Comparison, compare, providers_of
from contracts.report.model import Report
from contracts.report.summary import (
    ProviderSummary,
    all_findings,
    cost_label,
    provider_summaries,
    stop_reason,
    total_cost,
)
from contracts.report.summary import run_verdict as verdict_of
from contracts.reporters.page import heatmap as heat
from contracts.reporters.page.claims import LETTERS, TONES, claim_groups
from contracts.reporters.page.details import Details, as_script, command
from contracts.reporters.page.features import VERDICT_MARKS, Feature, Features, features
from contracts.reporters.page.trend import trends
from contracts.text import (
    clip,
    format_date,
    in_words,
    pluralize,
    printable,
    safe_url,
)
from specs.clients import clients

MAX_EXCERPT_LENGTH = 4_000
MAX_OPEN_FINDINGS = 12  # more findings are folded
_MODES = {  # by: all targets are mocks, any target is a mock
    (True, True): "mocks",
    (False, True): "mocks and servers",
    (False, False): "servers",
    (True, False): "nothing",
}


@dataclass(frozen=True, slots=True)
class PageColumn:
    """A provider, and its summary if it was tested; `differing` counts features."""

    id: str
    title: str
    document: str
    summary: ProviderSummary | None
    differing: int = 0

    @property
    def failed(self) -> int:
        return len(self.summary.broken) if self.summary else 0


def render(report: Report, *folders: str | Path, history: Sequence[Report] = ()) -> str:
    """
    The page of a report, with the comparison of its providers' documents.

    `folders` are those of further providers, as `specs.load` takes them. `history`
    are older reports of the same providers.
    """
    providers = list(providers_of(report, *folders))
    comparison = compare(providers, [report]) if providers else None
    return page(comparison, report, history)


def page(
    comparison: Comparison | None,
    report: Report | None = None,
    history: Sequence[Report] = (),
) -> str:
    """
    The page of a comparison, of a report, or of both.

    `history` are older reports of the same providers.
    """
    return _template().render(
        _template_context(_comparison_json(comparison), report, history)
    )


def _comparison_json(comparison: Comparison | None) -> Mapping[str, Any]:
    """A comparison as its published JSON; the page uses nothing else of it."""
    if comparison is None:
        return {"providers": [], "rows": [], "contradictions": []}
    return comparison.as_json()


def _template_context(
    comparison: Mapping[str, Any], report: Report | None, history: Sequence[Report]
) -> dict[str, Any]:
    rows = comparison["rows"]
    columns = _columns(comparison, report)
    ids = [each.id for each in columns]
    matrix = features(rows, ids)
    summaries = [each.summary for each in columns if each.summary]
    tested = [each.target.provider for each in summaries]
    groups = claim_groups(summaries)
    findings = all_findings(summaries)
    data = Details(ids, tested)
    return {
        "report": report,
        "columns": columns,
        "summaries": summaries,
        "titles": {each.id: each.title for each in columns},
        "features": matrix,
        "groups": groups,
        "parts": _parts(matrix, groups),
        "contradictions": comparison["contradictions"],
        "documents_heat": heat.documents_heatmap(matrix, ids) if len(ids) > 2 else [],
        "measured_heat": heat.measurements_heatmap(groups, tested),
        "trends": trends(report, history) if report else [],
        "clients": clients(),
        "findings": findings,
        "ignored": _ignored_fingerprints(matrix),
        "letters": LETTERS,
        "verdicts": VERDICT_MARKS,
        "open": len(findings) <= MAX_OPEN_FINDINGS,
        "data": as_script(data.as_data(rows, groups, report)),
        **(
            _run_context(report, summaries)
            if report
            else _documents_context(matrix, columns)
        ),
    }


def _run_context(
    report: Report, summaries: Sequence[ProviderSummary]
) -> dict[str, Any]:
    targets = report.metadata.targets
    mocks = [each.is_mock for each in targets]
    return {
        "verdict": verdict_of(report, tuple(summaries)),
        "mode": _MODES[all(mocks), any(mocks)],
        "version": report.metadata.version,
        "stopped": stop_reason(report),
        "planned": sum(each.planned for each in targets),
        "cost": total_cost(summaries),
        "cost_label": cost_label(report),
        "when": format_date(report.metadata.started),
        "command": partial(command, seed=report.metadata.seed),
    }


def _documents_context(
    matrix: Features, columns: Sequence[PageColumn]
) -> dict[str, Any]:
    count, all_ = len(matrix.differing), len(matrix.rows)
    providers = f"{in_words(len(columns))} providers"
    verdict = f"{count} of {all_} features differ between {providers}"
    if len(columns) == 1:
        verdict = f"{pluralize(all_, 'feature')} of {columns[0].title}"
    return {
        "verdict": verdict,
        "mode": "documents and reports" if matrix.measured else "documents only",
        "version": version("imageparity"),
        "stopped": None,
    }


def _columns(comparison: Mapping[str, Any], report: Report | None) -> list[PageColumn]:
    """The columns, fewest failures first, then fewest differences from the majority."""
    summaries = (
        {each.target.provider: each for each in provider_summaries(report)}
        if report
        else {}
    )
    compared = {each["id"]: each for each in comparison["providers"]}
    ids = list(dict.fromkeys([*compared, *summaries]))
    matrix = features(comparison["rows"], ids)
    columns = []
    for at, id_ in enumerate(ids):
        summary = summaries.get(id_)
        known = compared[id_] if id_ in compared else asdict(summaries[id_].target)
        columns.append(
            PageColumn(
                id_,
                known["title"],
                known["document"],
                summary,
                sum(row.cells[at].is_outlier for row in matrix.rows),
            )
        )
    return sorted(columns, key=lambda each: (each.failed, each.differing, each.id))


def _parts(matrix: Features, groups: Sequence[Any]) -> list[tuple[str, str]]:
    """The parts that the filter offers: id and name."""
    found = {f"{group}/{section}": (group, section) for group, section in matrix.parts}
    for claims in groups:
        found[f"{claims.operation}/{claims.subject}"] = (
            claims.operation,
            claims.subject,
        )
    return [
        (part, heat.part_name(group, section))
        for part, (group, section) in found.items()
    ]


def _ignored_fingerprints(matrix: Features) -> frozenset[str]:
    """The findings about parameters that a server ignores."""
    return frozenset(
        measurement.fingerprint
        for row in matrix.rows
        for measurement in row.measurements
        if measurement.verdict == "ignored" and measurement.fingerprint
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_make_printable,
    )
    environment.filters.update(
        by_part=_rows_by_part,
        clipped=clip,
        coded=_format_code,
        in_words=in_words,
        image_uri=_is_image_uri,
        plural=pluralize,
        section_label=heat.section_label,
        tone=TONES.__getitem__,
        web_url=safe_url,
    )
    environment.globals.update(
        EXCERPT=MAX_EXCERPT_LENGTH,
        style=_read_asset("page.css"),
        script=_read_asset("page.js"),
    )
    return environment.from_string(_read_asset("template.html"))


def _rows_by_part(rows: Sequence[Feature]) -> list[list[Feature]]:
    """The rows of each part together, in order of first appearance."""
    found: dict[str, list[Feature]] = {}
    for row in rows:
        found.setdefault(row.part, []).append(row)
    return list(found.values())


def _format_code(text: str) -> Markup:
    """HTML of a text in which names between backticks are code."""
    code = Markup("<code>{}</code>")
    parts = escape(printable(text)).split("`")
    return Markup("").join(
        code.format(part) if at % 2 else part for at, part in enumerate(parts)
    )


def _is_image_uri(uri: str) -> bool:
    """True for a data URI of an image and no other kind of URI."""
    return re.fullmatch(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", uri) is not None


def _read_asset(name: str) -> str:
    return files("contracts.reporters.page").joinpath(name).read_text("utf-8")


def _make_printable(value: Any) -> Any:
    """Make a text printable before jinja2 escapes it."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value) if is_text else value
