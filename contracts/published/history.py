"""Derive from all submissions together: grades, and changes from result to result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.published.submission import Submission
from contracts.text import pluralize


class Grade(StrEnum):
    """The support that a result has; no submitter chooses it."""

    EXAMPLE = "example"
    SELF_REPORTED = "self-reported"
    REPRODUCED = "reproduced"


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """
    A submission with what follows from the others.

    `reproductions` are results of others that agree with it. `previous` is the result
    before it of the same server by the same set of requirements; None for the first.
    """

    submission: Submission
    reproductions: tuple[Submission, ...] = ()
    previous: Submission | None = None

    @property
    def grade(self) -> Grade:
        if self.submission.is_mock:
            return Grade.EXAMPLE
        return Grade.REPRODUCED if self.reproductions else Grade.SELF_REPORTED

    @property
    def has_new_level(self) -> bool:
        """True if the server reached another level before."""
        before = self.previous
        return before is not None and _reached(before) != _reached(self.submission)

    @property
    def changes(self) -> list[str]:
        """The differences from the result before it; empty for the first."""
        if self.previous is None:
            return []
        return list(_changes(self.previous, self.submission)) or ["no change"]


def published_results(submissions: Sequence[Submission]) -> list[PublishedResult]:
    """The results of submissions, the newest first."""
    ordered = sorted(submissions, key=lambda each: (each.started, each.path))
    last: dict[tuple[str | None, ...], Submission] = {}
    results = []
    for submission in ordered:
        provider, level = submission.summary.target.provider, submission.level
        series = provider, submission.base_url, level.sha256 if level else None
        same = tuple(each for each in ordered if reproduces(each, submission))
        results.append(PublishedResult(submission, same, last.get(series)))
        last[series] = submission
    return results[::-1]


def reproduces(one: Submission, other: Submission) -> bool:
    """
    True if two results agree, and are of different people and different runs.

    They agree if the server, its documents, the selected test cases, the level and all
    findings are the same. A run that stopped early reproduces nothing.
    """
    return (
        not one.is_mock
        and one.stopped is None
        and other.stopped is None
        and one.exchanges_sha256 != other.exchanges_sha256
        and one.measured_by.casefold() != other.measured_by.casefold()
        and one.contact.casefold().rstrip("/") != other.contact.casefold().rstrip("/")
        and _result(one) == _result(other)
    )


def _reached(submission: Submission) -> str | None:
    return submission.level.reached if submission.level else None


def _result(submission: Submission) -> tuple[Any, ...]:
    target = submission.summary.target
    return (
        target.provider,
        submission.endpoint,
        submission.base_url,
        target.document_sha256,
        target.selection,
        target.call,
        submission.level,
        submission.findings,
    )


def _changes(before: Submission, now: Submission) -> Iterator[str]:
    """Yield the differences between two results of one server."""
    if before.level is not None and _reached(before) != _reached(now):
        yield f"level before: {before.level.words}"
    gone = before.findings - now.findings
    # A finding whose claim was not tested again is neither gone nor there.
    untested = {
        each.finding.fingerprint
        for each in before.summary.sightings
        if not now.summary.asked[each.finding.claim]
    }
    for fingerprints, word in (
        (now.findings - before.findings, "new"),
        (gone - untested, "gone"),
        (gone & untested, "not tested again"),
    ):
        if fingerprints:
            yield f"{pluralize(len(fingerprints), 'finding')} {word}"
    earlier, later = before.summary.target, now.summary.target
    if earlier.document_sha256 != later.document_sha256:
        yield "another version of the documents"
    if (earlier.selection, earlier.call) != (later.selection, later.call):
        yield "another selection of test cases"
