"""The findings that fail a run, as selected by `--fail-on`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import click

from contracts.report.model import (
    TASK_CHECKS,
    CheckName,
    Finding,
    FindingKind,
    Report,
)
from mockserver.cli.common import UsageError, grouped_option
from specs import GUARANTEES

BROKEN, DIFFERENCE, MUST = "broken", "difference", "must"
KINDS = tuple(
    each.value for each in FindingKind if each is not FindingKind.UNDOCUMENTED
)
CHECKS = (*(each.value for each in CheckName), *GUARANTEES, *TASK_CHECKS)
"""Our checks; the names of checks of other tools begin with the tool and `:`."""


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """
    The findings that fail: those that match one of the patterns.

    `broken` matches every documented claim that fails, `difference` the warnings as
    well, `must` what makes a must of a set of requirements fail. Any other pattern is a
    glob for the kind, check or claim of documented claims that fail: `rejects-valid`,
    `error-*`, `createImage/request/n/*`. Without a pattern it is `must` for a report
    with requirements, and else `broken`.
    """

    patterns: tuple[str, ...] = ()
    failed_musts: frozenset[str] = frozenset()

    def for_report(self, report: Report) -> "FailurePolicy":
        """The policy with what `must` matches. Raises `UsageError` if it is unknown."""
        if report.requirements is None:
            self.check_requirements(is_given=False)
            return self
        musts = report.requirements.failed_musts
        return replace(self, patterns=self.patterns or (MUST,), failed_musts=musts)

    def check_requirements(self, *, is_given: bool) -> None:
        """Raise `UsageError` for `must` without a set of requirements."""
        if self.has_musts and not is_given:
            raise UsageError(
                "--fail-on must: there are no results of requirements; run with "
                "--requirements NAME"
            )

    @property
    def has_musts(self) -> bool:
        return MUST in self.patterns

    def fails(self, finding: Finding) -> bool:
        return any(self._matches(each, finding) for each in self.patterns or (BROKEN,))

    def _matches(self, pattern: str, finding: Finding) -> bool:
        if pattern == MUST:
            return not self.failed_musts.isdisjoint(finding.failed_checks)
        return _matches(pattern, finding)

    def validate(self, claims: Callable[[], Iterable[str]]) -> None:
        """
        Reject patterns that no finding can match: they would hide failures.

        Raises `UsageError`.
        """
        words = (BROKEN, DIFFERENCE, MUST, *KINDS, *CHECKS)
        unknown = [each for each in self.patterns if not _matches_any(each, words)]
        ids = tuple(claims()) if unknown else ()
        for pattern in unknown:
            if ":" not in pattern and not _matches_any(pattern, ids):
                known = ", ".join((BROKEN, DIFFERENCE, *KINDS))
                raise UsageError(
                    f"--fail-on: '{pattern}' matches no kind, check or claim; use "
                    f"{known}, a check, or a claim that `claims` lists"
                )


def _matches(pattern: str, finding: Finding) -> bool:
    if pattern == DIFFERENCE:
        return finding.kind is not FindingKind.UNDOCUMENTED
    if pattern == BROKEN:
        return finding.breaks
    words = (finding.kind.value, finding.check, *finding.contradicted_claims)
    return finding.breaks and any(fnmatchcase(each, pattern) for each in words)


def _matches_any(pattern: str, words: Iterable[str]) -> bool:
    return any(fnmatchcase(each, pattern) for each in words)


def _parse_patterns(
    _: click.Context, __: click.Parameter, value: tuple[str, ...]
) -> FailurePolicy:
    words = (each.strip() for one in value for each in one.split(","))
    return FailurePolicy(tuple(each for each in words if each))


fail_on_option = grouped_option(
    "Reports",
    "--fail-on",
    multiple=True,
    callback=_parse_patterns,
    metavar="PATTERN,…",
    help="Findings that fail: difference (warnings too), or kinds, checks and claims "
    "such as rejects-valid or 'createImage/request/n/*', or must: what makes a must of "
    "--requirements fail. Default: must with requirements, else every documented claim "
    "that fails.",
)
"""The option `--fail-on PATTERN,…`; the argument `fail_on` is a `FailurePolicy`."""
