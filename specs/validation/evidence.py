"""Where a statement was read, and how firmly it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Basis(StrEnum):
    """Who says so: the provider's own documents, OpenAI's reference, or we."""

    DOCUMENTED = "documented"
    REFERENCE = "reference"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a claim was read, how firmly it stands, which error it leads to."""

    source: str = ""
    basis: Basis = Basis.DOCUMENTED
    error: str = "invalid_request"
    rule: str | None = None

    def within(self, node: Mapping[str, Any]) -> "Evidence":
        """The evidence for a part of what this is the evidence for."""
        return Evidence(
            source=node.get("x-source", self.source),
            basis=Basis(node.get("x-basis", self.basis)),
            error=node.get("x-error", self.error),
            rule=node.get("x-rule", self.rule),
        )
