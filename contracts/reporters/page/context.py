"""The values that the templates of the page show."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from contracts.report.model import Report
from contracts.report.summary import (
    ProviderSummary,
    all_findings,
    cost_label,
    provider_summaries,
    run_verdict,
    stop_reason,
    total_cost,
)
from contracts.reporters.page import heatmap, overview, ranking
from contracts.reporters.page.claims import LETTERS, ClaimGroup, claim_groups
from contracts.reporters.page.details import Details, as_script, command
from contracts.reporters.page.features import VERDICT_MARKS, Features, features
from contracts.reporters.page.findings import MAX_TOP, finding_cards
from contracts.reporters.page.trend import trends
from contracts.reporters.run import requirements
from contracts.reporters.run.repeats import COLUMNS, repeat_notes, repeat_rows
from contracts.reporters.run.verdicts import verdict_rows
from contracts.text import format_date, in_words, pluralize
from specs.clients import clients


@dataclass(frozen=True, slots=True)
class PageColumn:
    """A provider, and its summary if it was tested; `differing` counts features."""

    id: str
    title: str
    document: str
    summary: ProviderSummary | None
    differing: int = 0

    @property
    def day(self) -> str:
        """The day of the document where the title does not name it; else empty."""
        day = self.document.partition(" as of ")[2]
        return "" if self.title.endswith(day) else day

    @property
    def failed(self) -> int:
        return len(self.summary.broken) if self.summary else 0


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: the id of its panel, its label and the number of its entries."""

    id: str
    label: str
    count: int | None = None


def timeline_by_day(
    comparison: Mapping[str, Any],
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The changes between states of one document, by day."""
    changes = comparison.get("timeline", ())
    days = dict.fromkeys(each["date"] for each in changes)
    return [(day, [e for e in changes if e["date"] == day]) for day in days]


def operation_table(comparison: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The operations that make images, each with its path, and the rows about them."""
    table = comparison.get("operations") or {"columns": [], "rows": []}
    rows = {each["id"]: each for each in table["rows"]}
    paths = rows.pop("operations/path", {"cells": {}})["cells"]
    columns = [
        {**each, "path": paths[each["id"]]["value"] if paths else each["operation"]}
        for each in table["columns"]
    ]
    return {"columns": columns if rows else [], "rows": [*rows.values()]}


def page_context(
    comparison: Mapping[str, Any], report: Report | None, history: Sequence[Report]
) -> dict[str, Any]:
    """The values for the templates."""
    rows = comparison["rows"]
    reference = ranking.reference_provider(rows)
    compares = _compares_documents(comparison, report)
    columns = _columns(comparison, report, reference if compares else None)
    ids = [each.id for each in columns]
    matrix = features(rows, ids)
    summaries = [each.summary for each in columns if each.summary]
    tested = [each.target.provider for each in summaries]
    groups = claim_groups(summaries)
    ignored = _ignored_fingerprints(matrix)
    findings = finding_cards(all_findings(summaries), ignored)
    found_trends = trends(report, history) if report else []
    tabs = _tabs(matrix, columns, len(findings), groups, bool(found_trends), compares)
    data = Details(ids, tested)
    return {
        "report": report,
        "compares": compares,
        "is_single": len(columns) == 1,
        "tabs": tabs,
        "columns": columns,
        "summaries": summaries,
        "worst_first": sorted(summaries, key=lambda each: -each.tally.broken),
        "titles": {each.id: each.title for each in columns},
        "features": matrix,
        "groups": groups,
        "parts": _parts(comparison, matrix, groups),
        "feature_names": sorted({each.name for each in matrix.rows}),
        "contradictions": comparison["contradictions"],
        "has_tasks": bool(comparison.get("tasks", {}).get("rows")),
        "operations": operation_table(comparison),
        "timeline": timeline_by_day(comparison),
        "documents_heat": heatmap.documents_heatmap(matrix, ids)
        if len(ids) > 2
        else [],
        "measured_heat": heatmap.measurements_heatmap(groups, tested)
        if len(tested) > 1
        else [],
        "trends": found_trends,
        "clients": clients(),
        "findings": findings,
        "ignored": ignored,
        "top_findings": findings[:MAX_TOP],
        "verdict_rows": list(verdict_rows(report, all_findings(summaries)))
        if report and not compares and summaries
        else [],
        "letters": LETTERS,
        "verdicts": VERDICT_MARKS,
        "data": as_script(
            {
                **data.as_data(rows, groups, report),
                "titles": {each.id: each.title for each in columns},
                "mocks": [
                    each.target.provider for each in summaries if each.target.is_mock
                ],
                "differing": len(matrix.differing),
                "reference": reference if len(ids) > 1 else None,
                "tabs": [each.id for each in tabs],
            }
        ),
        **_comparison_context(matrix, ids, reference),
        **_run_context(report, summaries),
        "headline": _headline(report, summaries, matrix, columns, compares),
    }


def _compares_documents(comparison: Mapping[str, Any], report: Report | None) -> bool:
    """True if the page is about documents: no report, or mocks of several providers."""
    targets = report.metadata.targets if report else ()
    several = len(comparison["providers"]) > 1 and bool(comparison["rows"])
    return report is None or (several and all(each.is_mock for each in targets))


def _headline(
    report: Report | None,
    summaries: Sequence[ProviderSummary],
    matrix: Features,
    columns: Sequence[PageColumn],
    compares: bool,
) -> str:
    """The answer to the reader's question, in one sentence."""
    if report is not None and not compares:
        return run_verdict(report, tuple(summaries))
    count = pluralize(len(matrix.rows), "feature")
    if len(columns) == 1:
        return f"{count} of {columns[0].title}"
    apis = f"{in_words(len(columns))} image APIs"
    if not matrix.differing:
        return f"{apis.capitalize()} agree on {count}"
    return f"Where {apis} differ: {len(matrix.differing)} of {count}"


def _tabs(
    matrix: Features,
    columns: Sequence[PageColumn],
    findings: int,
    groups: Sequence[ClaimGroup],
    has_history: bool,
    compares: bool,
) -> list[Tab]:
    """The tabs that have content; the one that is open at first comes first."""
    is_single = len(columns) == 1
    claims = sum(len(each.rows) for each in groups)
    found = Tab("findings", "Findings", findings)
    count = len(matrix.rows) if is_single else len(matrix.differing)
    label = "Features" if is_single else "Differences"
    different = Tab("differences", label, count)
    first = (different, found) if compares else (found, different)
    has_content = {
        "findings": bool(findings),
        "differences": bool(matrix.rows),
        "claims": bool(claims),
        "history": has_history,
    }
    tabs = (*first, Tab("claims", "Claims", claims), Tab("history", "History"))
    return [each for each in tabs if has_content[each.id]]


def _comparison_context(
    matrix: Features, ids: Sequence[str], reference: str | None
) -> dict[str, Any]:
    """The rankings; `reference_at` is the column that others are compared with."""
    known = reference if reference in ids and len(ids) > 1 else None
    return {
        "reference": known,
        "reference_at": ids.index(known) if known else None,
        "distances": [
            each
            for each in (ranking.distances(matrix, ids, known) if known else [])
            if each.rank
        ],
        "divergent": ranking.divergent_features(matrix) if len(ids) > 1 else [],
    }


def _run_context(
    report: Report | None, summaries: Sequence[ProviderSummary]
) -> dict[str, Any]:
    if report is None:
        return {"version": version("imageparity"), "stopped": None}
    targets = report.metadata.targets
    untested = overview.untested_claims(summaries)
    return {
        "version": report.metadata.version,
        "stopped": stop_reason(report),
        "all_mocks": all(each.is_mock for each in targets),
        "counts": overview.case_counts(summaries),
        "not_tested": overview.all_reasons(summaries),
        "claim_count": sum(len(each.target.claims) for each in summaries),
        "untested_claims": untested.total(),
        "untested_subjects": untested.most_common(),
        "requirement_verdicts": [
            (
                sentence,
                requirements.level_rows(verdict),
                requirements.open_requirements(verdict),
                requirements.notes(verdict),
            )
            for verdict, sentence in requirements.verdict_sentences(report)
        ],
        "requirement_columns": requirements.COLUMNS,
        "repeat_rows": repeat_rows(report),
        "repeat_notes": repeat_notes(report),
        "repeat_columns": COLUMNS,
        "cost": total_cost(summaries),
        "cost_label": cost_label(report),
        "when": format_date(report.metadata.started),
        "command": partial(command, seed=report.metadata.seed),
    }


def _columns(
    comparison: Mapping[str, Any], report: Report | None, reference: str | None
) -> list[PageColumn]:
    """
    The columns: fewest failures first, then fewest differences from the majority.

    With a reference, it comes first, and failures do not count.
    """
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

    def order(each: PageColumn) -> tuple[bool, int, int, str]:
        failed = 0 if reference else each.failed
        return each.id != reference, failed, each.differing, each.id

    return sorted(columns, key=order)


def _parts(
    comparison: Mapping[str, Any], matrix: Features, groups: Sequence[ClaimGroup]
) -> list[tuple[str, str]]:
    """The choices of a filter, as id and name: operations, each before its parts."""
    pairs = dict.fromkeys(matrix.parts)
    pairs.update(dict.fromkeys((each.operation, each.subject) for each in groups))
    found = []
    for group in dict.fromkeys(group for group, _ in pairs):
        path = _path(comparison["rows"], group)
        found.append((group, f"{group} {path}".strip()))
        for one, section in pairs:
            if one == group and section != group:
                found.append((f"{group}/{section}", heatmap.part_name(group, section)))
    return found


def _path(rows: Sequence[Mapping[str, Any]], group: str) -> str:
    """The most common path of an operation; empty for a group that is none."""
    values: Iterator[str] = (
        cell["value"]
        for row in rows
        if row["id"] == f"{group}/path"
        for cell in row["cells"].values()
        if cell["stated"]
    )
    (path, _), *_ = Counter(values).most_common(1) or [("", 0)]
    return path.rpartition(" ")[2]


def _ignored_fingerprints(matrix: Features) -> frozenset[str]:
    """The findings about parameters that a server ignores."""
    return frozenset(
        measurement.fingerprint
        for row in matrix.rows
        for measurement in row.measurements
        if measurement.verdict == "ignored" and measurement.fingerprint
    )
