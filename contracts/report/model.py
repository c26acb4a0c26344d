"""The report of a run, with its outcomes and findings."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from contracts.report.file import BadReport, atomic_write, format_line, read_rows
from contracts.report.records import (
    CONNECTION_FAILED,
    DEPENDS_ON,
    DOES_NOT_APPLY,
    HARNESS_ERROR,
    INTERRUPTED,
    MODEL_REFUSED,
    NO_SAMPLE,
    NOT_FETCHED,
    NOT_FINISHED,
    NOT_SENT,
    OUTCOME_LOST,
    RATE_LIMITED,
    TASK_CHECKS,
    TASK_IS_GONE,
    CallRecord,
    CheckName,
    ClaimRecord,
    Finding,
    FindingKind,
    Outcome,
    RunMetadata,
    TargetRecord,
    fingerprint,
)
from contracts.report.repeated import repeated_results
from contracts.report.requirements import (
    RequirementsRecord,
    requirements_from,
    requirements_row,
)
from contracts.report.rows import (
    finding_from,
    finding_row,
    metadata_from,
    metadata_row,
    outcome_from,
    outcome_row,
    without_type,
)

__all__ = [
    "CONNECTION_FAILED",
    "DEPENDS_ON",
    "DOES_NOT_APPLY",
    "HARNESS_ERROR",
    "INTERRUPTED",
    "MODEL_REFUSED",
    "NOT_FETCHED",
    "NOT_FINISHED",
    "NOT_SENT",
    "NO_SAMPLE",
    "OUTCOME_LOST",
    "RATE_LIMITED",
    "TASK_CHECKS",
    "TASK_IS_GONE",
    "BadReport",
    "CallRecord",
    "CheckName",
    "ClaimRecord",
    "Finding",
    "FindingKind",
    "Outcome",
    "OutcomeCounts",
    "Report",
    "RunMetadata",
    "TargetRecord",
    "fingerprint",
]


@dataclass(frozen=True, slots=True)
class Report:
    """
    The metadata and the outcomes of a run, in the order of its cases.

    `stopped` is why it stopped early: `budget`, `interrupt`, or `errors` if the target
    returned nothing but errors any more. None if it did not. `causes` are its findings,
    the most important first; None in reports that do not group failed checks by cause.
    `requirements` are the results of a set of requirements; None without one.
    """

    metadata: RunMetadata
    outcomes: tuple[Outcome, ...]
    stopped: str | None = None
    causes: tuple[Finding, ...] | None = None
    requirements: RequirementsRecord | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The causes of failed checks; without them, the distinct failed checks."""
        return self.failed_checks if self.causes is None else self.causes

    @property
    def failed_checks(self) -> tuple[Finding, ...]:
        """The first failed check of each fingerprint, in the order of the cases."""
        first: dict[str, Finding] = {}
        also: dict[str, dict[str, None]] = {}
        counts: Counter[str] = Counter()
        for outcome in self.outcomes:
            for finding in outcome.findings:
                first.setdefault(finding.fingerprint, finding)
                seen = also.setdefault(finding.fingerprint, {})
                seen.update(dict.fromkeys(finding.also_seen_by))
                counts[finding.fingerprint] += 1
        return tuple(
            replace(each, also_seen_by=tuple(also[name]), cases=counts[name])
            for name, each in first.items()
        )

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The findings of documented claims that fail."""
        return tuple(each for each in self.findings if each.breaks)

    @property
    def claims(self) -> tuple[str, ...]:
        """The ids of all claims of the documents, in the order of the providers."""
        return tuple(
            each.id for target in self.metadata.targets for each in target.claims
        )

    @property
    def conforms(self) -> bool:
        """True if no documented claim fails."""
        return not self.broken

    def for_provider(self, provider: str) -> "Report":
        """The report with the outcomes of one provider only."""
        causes = self.causes
        if causes is not None:
            causes = tuple(each for each in causes if each.provider == provider)
        outcomes = tuple(each for each in self.outcomes if each.provider == provider)
        return replace(self, outcomes=outcomes, causes=causes)

    def cost(self) -> float | None:
        """The sum of the known costs; None if none is known."""
        known = [each.cost for each in self.outcomes if each.cost is not None]
        return round(sum(known), 6) if known else None

    @property
    def is_cost_complete(self) -> bool:
        """True if every cost is known; otherwise `cost` is a lower bound."""
        return all(each.cost is not None for each in self.outcomes)

    @classmethod
    def read(cls, path: str | Path) -> "Report":
        """
        The report in a file.

        Raises `BadReport` if it cannot be read, was cut short, or is not a report.
        """
        try:
            with Path(path).open(encoding="utf-8") as lines:
                return cls.from_lines(lines, name=str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise BadReport(f"{path} cannot be read: {error}") from None

    @classmethod
    def from_lines(cls, lines: Iterable[str], name: str = "report") -> "Report":
        """
        A report from its lines; `name` is the file in messages.

        Raises `BadReport`.
        """
        run, *outcomes, footer = map(without_type, read_rows(lines, name))
        causes, requirements = footer.get("findings"), footer.get("requirements")
        return cls(
            metadata_from(run),
            tuple(map(outcome_from, outcomes)),
            footer["stopped"],
            None if causes is None else tuple(map(finding_from, causes)),
            None if requirements is None else requirements_from(requirements),
        )

    def to_lines(self) -> Iterator[str]:
        """The lines of the report, with their line ends."""
        yield format_line("run", metadata_row(self.metadata))
        for outcome in self.outcomes:
            yield format_line("outcome", outcome_row(outcome))
        footer: dict[str, object] = {
            "outcomes": len(self.outcomes),
            "stopped": self.stopped,
        }
        if self.causes is not None:
            footer["findings"] = [finding_row(each) for each in self.causes]
        if repeated := repeated_results(self.outcomes):
            footer["repeated"] = [each.row() for each in repeated]
        if self.requirements is not None:
            footer["requirements"] = requirements_row(self.requirements)
        yield format_line("footer", footer)

    def write(self, path: str | Path) -> None:
        """Write the complete report, or leave the file as it was."""
        with atomic_write(path) as out:
            out.writelines(self.to_lines())


@dataclass(slots=True)
class OutcomeCounts:
    """
    Numbers of outcomes: tested, passed, failed, with warnings only, not tested.

    `inconclusive` ones are tested, and neither passed nor failed. `origins` are the
    numbers of tested ones by origin.
    """

    asked: int = 0
    kept: int = 0
    broken: int = 0
    differing: int = 0
    inconclusive: int = 0
    not_tested: int = 0
    origins: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, report: Report) -> "OutcomeCounts":
        counts = cls()
        for outcome in report.outcomes:
            if outcome.reason_not_tested is not None:
                counts.not_tested += 1
                continue
            counts.asked += 1
            counts.origins[outcome.origin] += 1
            if any(each.breaks for each in outcome.findings):
                counts.broken += 1
            elif outcome.is_inconclusive:
                counts.inconclusive += 1
            elif outcome.findings:
                counts.differing += 1
            else:
                counts.kept += 1
        return counts
