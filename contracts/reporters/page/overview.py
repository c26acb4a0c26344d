"""The counts of the first screen: test cases by result, and reasons of no result."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.report.summary import ProviderSummary, not_tested_reasons

NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True)
class CaseCount:
    """The number of test cases with one result; `tone` is the class of the colour."""

    label: str
    tone: str
    count: int


def case_counts(summaries: Sequence[ProviderSummary]) -> list[CaseCount]:
    """The test cases of all targets by result, failures first."""
    tallies = [each.tally for each in summaries]
    unclear = sum(each.inconclusive for each in tallies)
    return [
        CaseCount("failed", "B", sum(each.broken for each in tallies)),
        CaseCount("warning", "D", sum(each.differing for each in tallies)),
        CaseCount("passed", "K", sum(each.kept for each in tallies)),
        *([CaseCount("inconclusive", "D", unclear)] if unclear else []),
        CaseCount("not tested", "O", sum(each.unasked for each in summaries)),
    ]


def all_reasons(summaries: Sequence[ProviderSummary]) -> list[tuple[str, int]]:
    """The reasons why cases have no result, with the number of cases, most first."""
    reasons: Counter[str] = Counter()
    for summary in summaries:
        reasons.update(dict(not_tested_reasons(summary)))
    rest = sum(each.unasked for each in summaries) - sum(reasons.values())
    if rest > 0:
        reasons[NOT_SENT] += rest
    return reasons.most_common()


def untested_claims(summaries: Sequence[ProviderSummary]) -> Counter[str]:
    """The number of claims that no response tested, by subject."""
    return Counter(
        claim.subject
        for summary in summaries
        for claim in summary.target.claims
        if not summary.asked[claim.id]
    )
