"""Verdicts on a server as a whole: its own documentation, and the reference."""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.report.model import Finding, FindingKind, Report, TargetRecord
from specs import Basis


@dataclass(frozen=True, slots=True)
class DocumentVerdict:
    """
    The verdict on a server by one document.

    `findings` are those that contradict it, in the order of the report. `is_tested` is
    false if no response tested a claim of it, `is_inconclusive` true if repeated
    requests to some case do not show whether it passes.
    """

    target: TargetRecord
    findings: tuple[Finding, ...]
    is_tested: bool
    is_inconclusive: bool = False

    @property
    def is_kept(self) -> bool:
        return self.is_tested and not self.findings and not self.is_inconclusive


def documentation_verdicts(report: Report) -> Iterator[DocumentVerdict]:
    """Yield a verdict per target: whether it conforms to its documentation."""
    for target, part in _parts(report):
        is_tested = any(each.asked for each in target.claims)
        yield DocumentVerdict(target, part.broken, is_tested, _is_inconclusive(part))


def reference_verdicts(report: Report) -> Iterator[DocumentVerdict]:
    """
    Yield a verdict per target: whether it behaves as the reference.

    Findings count if their basis is the provider's own documentation or the reference.
    A target whose document takes nothing from the reference has no such verdict.
    """
    for target, part in _parts(report):
        taken = [each for each in target.claims if each.basis == Basis.REFERENCE]
        if not taken:
            continue
        contradicting = {
            each.fingerprint
            for each in part.failed_checks
            if each.kind is not FindingKind.UNDOCUMENTED
            and each.basis in {Basis.DOCUMENTED, Basis.REFERENCE}
            and not each.flaky
        }
        findings = tuple(
            each
            for each in part.findings
            if contradicting.intersection(each.failed_checks) and not each.flaky
        )
        is_tested = any(each.asked for each in taken)
        yield DocumentVerdict(target, findings, is_tested, _is_inconclusive(part))


def _is_inconclusive(part: Report) -> bool:
    return any(each.is_inconclusive for each in part.outcomes)


def _parts(report: Report) -> Iterator[tuple[TargetRecord, Report]]:
    for target in report.metadata.targets:
        yield target, report.for_provider(target.provider)
