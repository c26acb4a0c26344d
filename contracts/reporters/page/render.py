"""The HTML page: one file that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.compare import Comparison, compare, providers_of
from contracts.report.model import Report
from contracts.reporters.page.context import page_context
from contracts.reporters.page.environment import page_template


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
    results_page: str = "",
) -> str:
    """
    The page of a comparison, of a report, or of both.

    `history` are older reports of the same providers. `results_page` is the URL of the
    page of published results, if this one has a link to it.
    """
    return page_template().render(
        page_context(_comparison_json(comparison), report, history),
        results_page=results_page,
    )


def _comparison_json(comparison: Comparison | None) -> Mapping[str, Any]:
    """A comparison as its published JSON; the page uses nothing else of it."""
    if comparison is None:
        return {"providers": [], "rows": [], "contradictions": []}
    return comparison.as_json()
