"""
A comparison as compatibility data, for other tools and for tables.

The shape is that of browser-compat-data (`version_added`, `alternative_name`,
`partial_implementation`, `notes`), with the source of each statement.
"""

import json
from collections.abc import Iterator
from typing import Any

from contracts.compare import Comparison, ComparisonRow, MeasuredBehavior, ProviderCell

FORMAT = "imageparity-compat/1"


def render(comparison: Comparison) -> str:
    """JSON as `compat.schema.yaml` describes it, nested by the steps of feature ids."""
    features: dict[str, Any] = {}
    versions = {each.id: each.document for each in comparison.providers}
    versions |= {each.id: each.document for each in comparison.tasks.columns}
    versions |= {each.id: each.document for each in comparison.operations.columns}
    for row in comparison.all_rows:
        node = features
        for step in row.id.split("/"):
            node = node.setdefault(step, {})
        node["__compat"] = _compat_statement(row, versions)
    data = {
        "format": FORMAT,
        "providers": {
            each.id: {"name": each.title, "document": each.document}
            for each in comparison.providers
        },
        "tasks": {
            each.id: {"name": each.title, "document": each.document}
            for each in comparison.tasks.columns
        },
        "operations": {
            each.id: {"name": each.title, "document": each.document}
            for each in comparison.operations.columns
        },
        "features": features,
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _compat_statement(row: ComparisonRow, versions: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "description": row.feature,
        "differs": row.differs,
        "support": {
            provider: _support_statement(cell, versions[provider])
            for provider, cell in row.cells.items()
        },
    }


def _support_statement(cell: ProviderCell, version: str) -> dict[str, Any]:
    """The statement of a provider; empty fields are left out."""
    is_documented = cell.basis == "documented"
    required: dict[str, Any] = {
        "version_added": (version if is_documented else None) if cell.stated else False,
        "value": cell.value,
    }
    optional = {
        "alternative_name": cell.wire,
        "partial_implementation": bool(cell.stated and cell.differs_in),
        "notes": list(_notes(cell)),
        "basis": cell.basis if cell.stated else "",
        "source": cell.source,
        "source_title": cell.source_title,
        "source_url": cell.source_url,
        "source_date": cell.source_date,
        "measured": {
            label: _measurement(each) for label, each in cell.measured.items()
        },
    }
    return required | {name: value for name, value in optional.items() if value}


def _notes(cell: ProviderCell) -> Iterator[str]:
    if cell.stated and cell.differs_in:
        yield f"differs from most providers in: {', '.join(cell.differs_in)}"
    if cell.note:
        yield cell.note


def _measurement(measured: MeasuredBehavior) -> dict[str, Any]:
    required = {"standing": measured.standing.value, "asked": measured.asked}
    optional = {
        "verdict": measured.verdict and measured.verdict.value,
        "value": measured.value,
        "fingerprint": measured.fingerprint,
    }
    return required | {name: value for name, value in optional.items() if value}
