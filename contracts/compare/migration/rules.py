"""The rules of substitution, as data: what each means, and how much it weighs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files

from specs.documents.yaml_files import read_checked


class Severity(StrEnum):
    """How much a finding weighs, the heaviest first."""

    BREAKS = "breaks"
    WARNS = "warns"
    INFO = "info"


@dataclass(frozen=True)
class MigrationRule:
    """
    One way to break code that moves.

    `said` is its weight where the documents say so, and `members` weigh otherwise
    then; `open` is its weight where a document leaves it open. `fix` is a pattern for
    `str.format`.
    """

    id: str
    title: str
    documented_severity: Severity
    undocumented_severity: Severity
    explanation: str
    fix: str
    members: Mapping[str, Severity] = field(default_factory=dict)

    def severity(self, member: str, *, documented: bool) -> Severity:
        return (
            self.members.get(member, self.documented_severity)
            if documented
            else self.undocumented_severity
        )


@cache
def rules() -> Mapping[str, MigrationRule]:
    """All rules by their ids. Raises `SpecError` when the file is not understood."""
    raw = read_checked(
        files("contracts.compare.migration"), "rules.yaml", "rules.schema.yaml"
    )
    return {
        id_: MigrationRule(
            id_,
            title=each["title"],
            documented_severity=Severity(each["said"]),
            undocumented_severity=Severity(each["open"]),
            explanation=each["explanation"],
            fix=each["fix"],
            members={
                name: Severity(weight)
                for name, weight in each.get("members", {}).items()
            },
        )
        for id_, each in raw.items()
    }
