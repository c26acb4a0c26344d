"""The findings that fail a run, as selected by `--fail-on`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import click

from contracts.report.model import TASK_CHECKS, CheckName, Finding, FindingKind
from mockserver.cli.common import UsageError, grouped_option
from specs import GUARANTEES

BROKEN, DIFFERENCE = "broken", "difference"
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
    well. Any other pattern is a glob for the kind, check or claim of documented claims
    that fail: `rejects-valid`, `error-*`, `createImage/request/n/*`.
    """

    patterns: tuple[str, ...] = (BROKEN,)

    def fails(self, finding: Finding) -> bool:
        return any(_matches(pattern, finding) for pattern in self.patterns)

    def validate(self, claims: Callable[[], Iterable[str]]) -> None:
        """
        Reject patterns that no finding can match: they would hide failures.

        Raises `UsageError`.
        """
        words = (BROKEN, DIFFERENCE, *KINDS, *CHECKS)
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
    return FailurePolicy(tuple(each for each in words if each) or (BROKEN,))


fail_on_option = grouped_option(
    "Reports",
    "--fail-on",
    multiple=True,
    callback=_parse_patterns,
    metavar="PATTERN,…",
    help="Findings that fail: difference (warnings too), or kinds, checks and claims "
    "such as rejects-valid or 'createImage/request/n/*'. Default: every documented "
    "claim that fails.",
)
"""The option `--fail-on PATTERN,…`; the argument `fail_on` is a `FailurePolicy`."""
