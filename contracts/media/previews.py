"""Previews of the outputs of a response, shown with a finding."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from contracts.media.base import Medium, Output
from contracts.report.model import Finding

MAX_PREVIEWS = 4  # of one response


def with_previews(
    finding: Finding, medium: Medium, outputs: Iterable[Output | None]
) -> Finding:
    """Add previews to a finding; returns it unchanged if no output decodes."""
    found = previews(medium, outputs)
    if not found:
        return finding
    return replace(finding, answer={**finding.answer, "pictures": found})


def previews(medium: Medium, outputs: Iterable[Output | None]) -> list[dict[str, Any]]:
    """Describe the first outputs; those that do not decode are left out."""
    decoded = [each for each in outputs if each and each.problem is None]
    return [medium.preview(each) for each in decoded[:MAX_PREVIEWS]]
