"""The rules of `drop-in`, with their meanings and severities."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files

from specs.documents.reading.yaml_files import read_checked


class Severity(StrEnum):
    """The severity of a finding, the most severe first."""

    BREAKS = "breaks"
    WARNS = "warns"
    INFO = "info"


@dataclass(frozen=True)
class MigrationRule:
    """
    One way to break code that moves to another provider.

    `documented_severity` is for differences that the documents state. `members` has
    other severities for single fields. `undocumented_severity` is for differences that
    a document leaves open. `fix` is a pattern for `str.format`.
    """

    id: str
    title: str
    documented_severity: Severity
    undocumented_severity: Severity
    explanation: str
    fix: str
    members: Mapping[str, Severity] = field(default_factory=dict)

    def severity(self, field_name: str, *, documented: bool) -> Severity:
        return (
            self.members.get(field_name, self.documented_severity)
            if documented
            else self.undocumented_severity
        )


@cache
def rules() -> Mapping[str, MigrationRule]:
    """Load all rules by their ids. Raises `SpecError` for an invalid file."""
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
                name: Severity(severity)
                for name, severity in each.get("members", {}).items()
            },
        )
        for id_, each in raw.items()
    }
