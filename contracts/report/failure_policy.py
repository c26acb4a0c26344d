"""Which findings fail a run: what `--fail-on` says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import click

from contracts.report.model import Finding, FindingKind
from mockserver.cli.common import UsageError
from specs import GUARANTEES

BROKEN, DIFFERENCE = "broken", "difference"
KINDS = tuple(
    each.value for each in FindingKind if each is not FindingKind.UNDOCUMENTED
)
CHECKS = (
    *("answers", "valid-is-accepted", "invalid-is-refused", "no-crash", "elsewhere"),
    *("error-status", "error-code", "error-type", "error-param", "error-is-json"),
    *("error-envelope", "status", "body", "schema", "member", "event", "event-schema"),
    "not-judged",
    *GUARANTEES,
)
"""The checks of our own; those of other tools begin with the tool's name and `:`."""


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """
    The findings that fail: those that one of the patterns fits.

    `broken` is every broken promise, `difference` those and whatever merely differs.
    Any other pattern is for kind, check or claim of broken promises, as shells write
    them: `rejects-valid`, `error-*`, `createImage/request/n/*`.
    """

    patterns: tuple[str, ...] = (BROKEN,)

    def fails(self, finding: Finding) -> bool:
        return any(_matches(pattern, finding) for pattern in self.patterns)

    def validate(self, claims: Callable[[], Iterable[str]]) -> None:
        """Raises `Usage` for a pattern that nothing could ever fit: it would hide."""
        words = (BROKEN, DIFFERENCE, *KINDS, *CHECKS)
        strange = [each for each in self.patterns if not _matches_any(each, words)]
        ids = tuple(claims()) if strange else ()
        for pattern in strange:
            if ":" not in pattern and not _matches_any(pattern, ids):
                known = ", ".join((BROKEN, DIFFERENCE, *KINDS))
                raise UsageError(
                    f"--fail-on: no kind, check or claim is like '{pattern}'; known "
                    f"are {known}, the checks and the claims that `claims` lists"
                )


def _matches(pattern: str, finding: Finding) -> bool:
    if pattern == DIFFERENCE:
        return finding.kind is not FindingKind.UNDOCUMENTED
    if pattern == BROKEN:
        return finding.breaks
    words = (finding.kind.value, finding.check, finding.claim)
    return finding.breaks and any(fnmatchcase(each, pattern) for each in words)


def _matches_any(pattern: str, words: Iterable[str]) -> bool:
    return any(fnmatchcase(each, pattern) for each in words)


def _parse_patterns(
    _: click.Context, __: click.Parameter, value: tuple[str, ...]
) -> FailurePolicy:
    words = (each.strip() for one in value for each in one.split(","))
    return FailurePolicy(tuple(each for each in words if each) or (BROKEN,))


def fail_on_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--fail-on PATTERN,…`, as a `Failing` by the name of `fail_on`."""
    return click.option(
        "--fail-on",
        multiple=True,
        callback=_parse_patterns,
        metavar="PATTERN,…",
        help="Findings that fail: difference, or kinds, checks and claims such as "
        "rejects-valid or 'createImage/request/n/*'; else each broken promise.",
    )(command)
