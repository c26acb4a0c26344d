"""How each provider stands in a report: the numbers all formats share."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.report.model import (
    ClaimRecord,
    Finding,
    OutcomeCounts,
    Report,
    TargetRecord,
)
from contracts.text import NO_VALUE, STOP_REASONS, format_money, in_words


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """
    A finding at one provider, the claim it is about, and how many cases showed it.

    `anchor` names it within a page: its fingerprint, unless that is taken.
    """

    target: TargetRecord
    finding: Finding
    claim: ClaimRecord | None
    times: int
    anchor: str

    @property
    def sentence(self) -> str:
        return self.claim.sentence if self.claim else self.finding.claim

    @property
    def title(self) -> str:
        """The title of the page that makes the claim."""
        return (self.claim and self.claim.source_title) or self.finding.source

    @property
    def place(self) -> str:
        """Where on that page, when, and whose word it is."""
        claim, basis = self.claim, self.finding.basis
        parts = (claim.source, claim.source_date, basis) if claim else (basis,)
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class TestedClaim:
    """A claim that was asked, as test tabs and dashboards show it."""

    claim: str
    operation: str
    sightings: tuple[FindingSummary, ...]

    @property
    def broken(self) -> tuple[FindingSummary, ...]:
        return tuple(each for each in self.sightings if each.finding.breaks)

    @property
    def differing(self) -> tuple[FindingSummary, ...]:
        return tuple(each for each in self.sightings if not each.finding.breaks)


@dataclass(frozen=True, slots=True)
class ProviderSummary:
    """
    What a report says about one provider.

    `asked` counts, per claim, the cases that got an answer, so that a claim which a
    stopped run never came to is not said to be kept.
    """

    target: TargetRecord
    tally: OutcomeCounts
    asked: Counter[str]
    sightings: tuple[FindingSummary, ...]
    cost: float | None
    is_cost_complete: bool = True

    @property
    def broken(self) -> tuple[FindingSummary, ...]:
        return tuple(each for each in self.sightings if each.finding.breaks)

    @property
    def price(self) -> str:
        floor = "" if self.is_cost_complete or self.cost is None else "at least "
        return floor + format_money(self.cost, self.target.currency)

    @property
    def unasked(self) -> int:
        """Cases that were planned and not asked."""
        return max(0, self.target.planned - self.tally.asked)

    @property
    def tested_claims(self) -> tuple[TestedClaim, ...]:
        """What was put to the test: the claims that were asked, and stray findings."""
        listed = {each.id: each for each in self.target.claims}
        found: dict[str, list[FindingSummary]] = {
            id_: [] for id_ in listed if self.asked[id_]
        }
        for sighting in self.sightings:
            found.setdefault(sighting.finding.claim, []).append(sighting)
        return tuple(
            TestedClaim(
                claim,
                listed[claim].operation if claim in listed else claim.partition("/")[0],
                tuple(each),
            )
            for claim, each in found.items()
        )


def provider_summaries(report: Report) -> tuple[ProviderSummary, ...]:
    """One standing a target, in the report's own order."""
    anchors: set[str] = set()
    return tuple(
        _provider_summary(target, report.for_provider(target.provider), anchors)
        for target in report.metadata.targets
    )


def _provider_summary(
    target: TargetRecord, part: Report, anchors: set[str]
) -> ProviderSummary:
    claims = {each.id: each for each in target.claims}
    times = part.occurrences()
    sightings = tuple(
        FindingSummary(
            target,
            finding,
            claims.get(finding.claim),
            times[finding.fingerprint],
            _unique_anchor(finding.fingerprint, target.provider, anchors),
        )
        for finding in broken_first(part.findings)
    )
    return ProviderSummary(
        target,
        OutcomeCounts.of(part),
        _case_counts(target, part),
        sightings,
        part.cost(),
        part.is_cost_complete,
    )


def broken_first(findings: Iterable[Finding]) -> list[Finding]:
    """Broken promises before mere differences, else in order."""
    return sorted(findings, key=lambda each: not each.breaks)


def _unique_anchor(fingerprint: str, provider: str, used_anchors: set[str]) -> str:
    anchor = f"{fingerprint}-{provider}" if fingerprint in used_anchors else fingerprint
    used_anchors.add(anchor)
    return anchor


def _case_counts(target: TargetRecord, part: Report) -> Counter[str]:
    """How many answered cases asked for each claim; a finding asks for its own."""
    counts = Counter({each.id: each.asked for each in target.claims})
    for finding in part.findings:
        counts[finding.claim] = max(1, counts[finding.claim])
    return counts


def all_findings(summaries: Iterable[ProviderSummary]) -> list[FindingSummary]:
    """The findings of all providers, broken promises first."""
    every = [sighting for standing in summaries for sighting in standing.sightings]
    return sorted(every, key=lambda sighting: not sighting.finding.breaks)


def run_verdict(report: Report, summaries: tuple[ProviderSummary, ...]) -> str:
    """The run in one sentence, without its full stop."""
    asked = [standing for standing in summaries if standing.tally.asked]
    if not asked:
        return "Nothing was asked, so nothing is known"
    sentence = _verdict_of(asked)
    if report.stopped is not None:
        return f"{sentence}, as far as asked"
    missing = len(summaries) - len(asked)
    return f"{sentence}; {in_words(missing)} not asked" if missing else sentence


def _verdict_of(tested: list[ProviderSummary]) -> str:
    broken = sum(bool(standing.broken) for standing in tested)
    if len(tested) == 1:
        deed = "breaks promises" if broken else "keeps what it promises"
        return f"{tested[0].target.title} {deed}"
    if not broken:
        number = "Both" if len(tested) == 2 else f"All {in_words(len(tested))}"
        return f"{number} keep what they promise"
    return f"{broken} of {len(tested)} {'breaks' if broken == 1 else 'break'} promises"


def stop_reason(report: Report) -> str | None:
    """Why a run ended before its end, as a sentence; None if it did not."""
    if report.stopped is None:
        return None
    reason = STOP_REASONS.get(report.stopped, report.stopped)
    planned = sum(each.planned for each in report.metadata.targets)
    return (
        f"This run stopped before its end: {reason}. "
        f"{len(report.outcomes):,} of {planned:,} planned requests were asked"
    )


def total_cost(summaries: Sequence[ProviderSummary]) -> str:
    """What the run cost, currency by currency, as far as prices are documented."""
    sums: dict[str | None, float] = {}
    for standing in summaries:
        if standing.cost is not None:
            currency = standing.target.currency
            sums[currency] = sums.get(currency, 0) + standing.cost
    total = " + ".join(format_money(sum_, currency) for currency, sum_ in sums.items())
    floor = all(each.is_cost_complete for each in summaries) or not total
    return (total if floor else f"at least {total}") or NO_VALUE


def cost_label(report: Report) -> str:
    """A mock costs nothing: what its answers would have cost is said as such."""
    mocks = [each.is_mock for each in report.metadata.targets]
    if all(mocks):
        return "Would have cost"
    return "Cost, mocks included as if live" if any(mocks) else "Cost"
