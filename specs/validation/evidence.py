"""The page that states a claim, and how firm the claim is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Basis(StrEnum):
    """The origin of a claim: the provider's pages, OpenAI's reference, or nobody."""

    DOCUMENTED = "documented"
    REFERENCE = "reference"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    The source and basis of a claim, and the error that its violation gets.

    `enforced` is True if the mock rejects a violation although no page of the provider
    states the claim.
    """

    source: str = ""
    basis: Basis = Basis.DOCUMENTED
    error: str = "invalid_request"
    rule: str | None = None
    enforced: bool = False

    def within(self, node: Mapping[str, Any]) -> "Evidence":
        """The evidence of a part: its own where stated, else inherited from here."""
        return Evidence(
            source=node.get("x-source", self.source),
            basis=Basis(node.get("x-basis", self.basis)),
            error=node.get("x-error", self.error),
            rule=node.get("x-rule", self.rule),
            enforced=node.get("x-enforced", self.enforced and "x-basis" not in node),
        )
