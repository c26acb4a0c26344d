"""The results of a set of requirements, as rows and sentences for all formats."""

from collections.abc import Iterator, Sequence

from contracts.report.model import Report
from contracts.report.requirements import (
    RequirementsRecord,
    RequirementStatus,
    RequirementVerdict,
)
from contracts.text import join_some, pluralize
from specs.requirement_sets import Level

MAX_LISTED = 20  # requirements without a pass, per server
MAX_NAMES = 6
DISCLAIMER = "A pass does not prove"
COLUMNS = tuple(str(each) for each in RequirementStatus)
_OPEN = (
    RequirementStatus.FAILED,
    RequirementStatus.INCONCLUSIVE,
    RequirementStatus.NOT_TESTED,
)


def set_label(record: RequirementsRecord) -> str:
    """`images-2026-12, version 1, sha256 106f12876abc`: which set it was, exactly."""
    return f"{record.name}, version {record.version}, sha256 {record.sha256[:12]}"


def verdict_sentences(report: Report) -> Iterator[tuple[RequirementVerdict, str]]:
    """Yield the verdict on each server with a sentence, without its full stop."""
    if report.requirements is None:
        return
    titles = {each.provider: each.title for each in report.metadata.targets}
    for verdict in report.requirements.verdicts:
        level = "no level" if verdict.reached == "none" else str(verdict.reached)
        yield verdict, f"{titles[verdict.provider]} reaches {level}"


def level_rows(verdict: RequirementVerdict) -> list[tuple[str, ...]]:
    """The numbers of requirements per level, by the statuses of `COLUMNS`."""
    return [
        (level, *(str(len(verdict.select(level, each))) for each in RequirementStatus))
        for level in map(str, Level)
    ]


def open_requirements(verdict: RequirementVerdict) -> list[tuple[str, str, str]]:
    """
    The requirements that apply and did not pass, the heaviest first.

    Each is its level and status, its id, and what it says with the reason.
    """
    return [
        (f"{each.level} {each.status}", each.id, f"{each.says} ({each.reason})")
        for level in map(str, Level)
        for status in _OPEN
        for each in verdict.select(level, status)
    ]


def notes(verdict: RequirementVerdict) -> Sequence[str]:
    """Sentences about what is not scored, without their full stops."""
    missing = [
        each.id
        for level in map(str, Level)
        for each in verdict.select(level, RequirementStatus.DOES_NOT_APPLY)
    ]
    found = []
    if missing:
        found.append(
            f"{pluralize(len(missing), 'requirement')} not applicable (the document "
            "does not say the same, or what they need was left out or failed): "
            f"{join_some(missing, MAX_NAMES)}"
        )
    if verdict.not_scored:
        count = pluralize(verdict.not_scored, "claim")
        found.append(f"{count} of the document tested and not in the set: not scored")
    return found
