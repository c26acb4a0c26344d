"""The results of a set of requirements, as a report has them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

MOST = 0.8
"""The share of the musts that have to pass for the level `MOST`."""


class RequirementStatus(StrEnum):
    """The result of a requirement at one target."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_TESTED = "not tested"
    DOES_NOT_APPLY = "does not apply"


class ReachedLevel(StrEnum):
    """The level that a target reaches by its musts."""

    ALL = "all musts"
    MOST = "80 % of the musts"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """
    The result of a requirement.

    `level` is `must`, `should` or `may`. `reason` says why it did not pass; empty if it
    did. `claims` are the claims of the target's document that it was judged by,
    `checks` the fingerprints of the failed checks that contradict them.
    """

    id: str
    level: str
    says: str
    status: RequirementStatus
    reason: str = ""
    claims: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequirementVerdict:
    """
    The results of all requirements at one target.

    `not_scored` is the number of tested claims that the set does not have.
    """

    provider: str
    results: tuple[RequirementResult, ...]
    not_scored: int = 0

    def select(
        self, level: str, *statuses: RequirementStatus
    ) -> list[RequirementResult]:
        """The results of a level with one of these statuses, in their order."""
        return [e for e in self.results if e.level == level and e.status in statuses]

    @property
    def reached(self) -> ReachedLevel:
        """
        The level, by the musts that apply.

        What is inconclusive or not tested has not passed. None applies: no level.
        """
        statuses = [each.status for each in self.results if each.level == "must"]
        applying = [e for e in statuses if e is not RequirementStatus.DOES_NOT_APPLY]
        passed = applying.count(RequirementStatus.PASSED)
        if not applying or passed < MOST * len(applying):
            return ReachedLevel.NONE
        return ReachedLevel.ALL if passed == len(applying) else ReachedLevel.MOST


@dataclass(frozen=True, slots=True)
class RequirementsRecord:
    """
    The results of a set of requirements at all targets of a run.

    `sha256` is the hash of its file, `proves_not` what a pass does not prove.
    """

    name: str
    title: str
    version: int
    sha256: str
    proves_not: tuple[str, ...]
    verdicts: tuple[RequirementVerdict, ...]

    @property
    def failed_musts(self) -> frozenset[str]:
        """The fingerprints of the failed checks that make a must fail."""
        failed = (
            each
            for verdict in self.verdicts
            for each in verdict.select("must", RequirementStatus.FAILED)
        )
        return frozenset(check for each in failed for check in each.checks)

    @property
    def is_kept(self) -> bool:
        """True if each target reaches the highest level."""
        return all(each.reached is ReachedLevel.ALL for each in self.verdicts)


def requirements_row(record: RequirementsRecord) -> dict[str, Any]:
    """The record as the footer of a report has it."""
    row = asdict(record)
    for values, verdict in zip(row["verdicts"], record.verdicts, strict=True):
        values["reached"] = str(verdict.reached)
        for result in values["results"]:
            for name in ("reason", "claims", "checks"):
                if not result[name]:
                    del result[name]
    return row


def requirements_from(row: Mapping[str, Any]) -> RequirementsRecord:
    return RequirementsRecord(
        **{
            **row,
            "proves_not": tuple(row["proves_not"]),
            "verdicts": tuple(_verdicts_from(row["verdicts"])),
        }
    )


def _verdicts_from(rows: list[dict[str, Any]]) -> Iterator[RequirementVerdict]:
    for row in rows:
        results = tuple(map(_result_from, row["results"]))
        yield RequirementVerdict(row["provider"], results, row["not_scored"])


def _result_from(row: Mapping[str, Any]) -> RequirementResult:
    lists = {name: tuple(row.get(name, ())) for name in ("claims", "checks")}
    return RequirementResult(
        **{**row, "status": RequirementStatus(row["status"]), **lists}
    )
