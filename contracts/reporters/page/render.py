"""What is known of providers, as one HTML file that needs no network: for people."""

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
_MODES = {  # whether all that was asked are mocks, and whether any is
    (True, True): "mocks",
    (False, True): "mocks and servers",
    (False, False): "servers",
    (True, False): "nobody",
}


@dataclass(frozen=True, slots=True)
class PageColumn:
    """A provider, and how it stands where it was asked."""

    id: str
    title: str
    document: str
    summary: ProviderSummary | None
    differing: int = 0

    @property
    def broken(self) -> int:
        return len(self.summary.broken) if self.summary else 0


def render(report: Report, *folders: str | Path, history: Sequence[Report] = ()) -> str:
    """
    The page of a report, beside what the documents say that it was made with.

    `folders` are those of further providers, as `specs.load` takes them.
    """
    found = list(providers_of(report, *folders))
    comparison = compare(found, [report]) if found else None
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
    """A comparison as its published JSON, which is all that the page knows of it."""
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
    asked = [each.summary for each in columns if each.summary]
    groups = claim_groups(asked)
    found = all_findings(asked)
    data = Details(ids, [each.target.provider for each in asked])
    return {
        "report": report,
        "columns": columns,
        "standings": asked,
        "titles": {each.id: each.title for each in columns},
        "features": matrix,
        "groups": groups,
        "parts": _parts(matrix, groups),
        "contradictions": comparison["contradictions"],
        "documents_heat": heat.documents_heatmap(matrix, ids) if len(ids) > 2 else [],
        "deeds_heat": heat.measurements_heatmap(
            groups, [each.target.provider for each in asked]
        ),
        "trends": trends(report, history) if report else [],
        "clients": clients(),
        "sightings": found,
        "ignored": _ignored_fingerprints(matrix),
        "letters": LETTERS,
        "deeds": VERDICT_MARKS,
        "open": len(found) <= 12,
        "data": as_script(data.as_data(rows, groups, report)),
        **(
            _run_context(report, asked)
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
        "bill": total_cost(summaries),
        "bill_label": cost_label(report),
        "when": format_date(report.metadata.started),
        "command": partial(command, seed=report.metadata.seed),
    }


def _documents_context(
    matrix: Features, columns: Sequence[PageColumn]
) -> dict[str, Any]:
    count, all_ = len(matrix.differing), len(matrix.rows)
    who = f"{in_words(len(columns))} providers"
    verdict = f"{count} of {all_} features differ between {who}"
    if len(columns) == 1:
        verdict = f"{pluralize(all_, 'feature')} of {columns[0].title}"
    return {
        "verdict": verdict,
        "mode": "documents and reports" if matrix.measured else "documents alone",
        "version": version("imageparity"),
        "stopped": None,
    }


def _columns(comparison: Mapping[str, Any], report: Report | None) -> list[PageColumn]:
    """Fewest broken promises first, then fewest differences from the majority."""
    asked = (
        {each.target.provider: each for each in provider_summaries(report)}
        if report
        else {}
    )
    told = {each["id"]: each for each in comparison["providers"]}
    ids = list(dict.fromkeys([*told, *asked]))
    matrix = features(comparison["rows"], ids)
    columns = []
    for at, id_ in enumerate(ids):
        standing = asked.get(id_)
        known = told[id_] if id_ in told else asdict(asked[id_].target)
        columns.append(
            PageColumn(
                id_,
                known["title"],
                known["document"],
                standing,
                sum(row.cells[at].is_outlier for row in matrix.rows),
            )
        )
    return sorted(columns, key=lambda each: (each.broken, each.differing, each.id))


def _parts(matrix: Features, groups: Sequence[Any]) -> list[tuple[str, str]]:
    """The parts of the traffic that a filter may name, with their names."""
    found = {f"{group}/{section}": (group, section) for group, section in matrix.parts}
    for each in groups:
        found[f"{each.operation}/{each.subject}"] = (each.operation, each.subject)
    return [
        (part, heat.part_name(group, section))
        for part, (group, section) in found.items()
    ]


def _ignored_fingerprints(matrix: Features) -> frozenset[str]:
    """The findings about what was taken and not heeded."""
    return frozenset(
        deed.fingerprint
        for row in matrix.rows
        for deed in row.measurements
        if deed.word == "ignored" and deed.fingerprint
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
        clipped=clip,
        coded=_format_code,
        in_words=in_words,
        picture=_is_image_uri,
        plural=pluralize,
        tone=TONES.__getitem__,
        web_address=safe_url,
    )
    environment.globals.update(
        EXCERPT=MAX_EXCERPT_LENGTH,
        parted=_rows_by_part,
        style=_read_asset("page.css"),
        script=_read_asset("page.js"),
    )
    return environment.from_string(_read_asset("template.html"))


def _rows_by_part(rows: Sequence[Feature]) -> list[list[Feature]]:
    """The rows of each part together, in the order in which parts come."""
    found: dict[str, list[Feature]] = {}
    for row in rows:
        found.setdefault(row.part, []).append(row)
    return list(found.values())


def _format_code(text: str) -> Markup:
    """Text in which `names` between backticks are set as code."""
    code = Markup("<code>{}</code>")
    parts = escape(printable(text)).split("`")
    return Markup("").join(
        code.format(part) if at % 2 else part for at, part in enumerate(parts)
    )


def _is_image_uri(uri: str) -> bool:
    """Whether a text is a picture and nothing else that an address may do."""
    return re.fullmatch(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", uri) is not None


def _read_asset(name: str) -> str:
    return files("contracts.reporters.page").joinpath(name).read_text("utf-8")


def _make_printable(value: Any) -> Any:
    """Whatever is shown is made printable first, and escaped after."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value) if is_text else value
