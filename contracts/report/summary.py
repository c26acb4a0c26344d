"""How each provider stands in a report: the numbers all formats share."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.report.model import ClaimRecord, Finding, Report, Tally, TargetRecord
from contracts.text import NOTHING, STOPPED, in_words, money


@dataclass(frozen=True, slots=True)
class Sighting:
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
class Tested:
    """A claim that was asked, as test tabs and dashboards show it."""

    claim: str
    operation: str
    sightings: tuple[Sighting, ...]

    @property
    def broken(self) -> tuple[Sighting, ...]:
        return tuple(each for each in self.sightings if each.finding.breaks)

    @property
    def differing(self) -> tuple[Sighting, ...]:
        return tuple(each for each in self.sightings if not each.finding.breaks)


@dataclass(frozen=True, slots=True)
class Standing:
    """
    What a report says about one provider.

    `asked` counts, per claim, the cases that got an answer, so that a claim which a
    stopped run never came to is not said to be kept.
    """

    target: TargetRecord
    tally: Tally
    asked: Counter[str]
    sightings: tuple[Sighting, ...]
    cost: float | None
    cost_is_whole: bool = True

    @property
    def broken(self) -> tuple[Sighting, ...]:
        return tuple(each for each in self.sightings if each.finding.breaks)

    @property
    def price(self) -> str:
        floor = "" if self.cost_is_whole or self.cost is None else "at least "
        return floor + money(self.cost, self.target.currency)

    @property
    def unasked(self) -> int:
        """Cases that were planned and not asked."""
        return max(0, self.target.planned - self.tally.asked)

    @property
    def tests(self) -> tuple[Tested, ...]:
        """What was put to the test: the claims that were asked, and stray findings."""
        listed = {each.id: each for each in self.target.claims}
        found: dict[str, list[Sighting]] = {
            id_: [] for id_ in listed if self.asked[id_]
        }
        for sighting in self.sightings:
            found.setdefault(sighting.finding.claim, []).append(sighting)
        return tuple(
            Tested(
                claim,
                listed[claim].operation if claim in listed else claim.partition("/")[0],
                tuple(each),
            )
            for claim, each in found.items()
        )


def standings(report: Report) -> tuple[Standing, ...]:
    """One standing a target, in the report's own order."""
    anchors: set[str] = set()
    return tuple(
        _standing(target, report.of(target.provider), anchors)
        for target in report.metadata.targets
    )


def _standing(target: TargetRecord, part: Report, anchors: set[str]) -> Standing:
    claims = {each.id: each for each in target.claims}
    times = part.sightings()
    sightings = tuple(
        Sighting(
            target,
            finding,
            claims.get(finding.claim),
            times[finding.fingerprint],
            _anchor(finding.fingerprint, target.provider, anchors),
        )
        for finding in broken_first(part.findings)
    )
    return Standing(
        target,
        Tally.of(part),
        _asked(target, part),
        sightings,
        part.cost(),
        part.cost_is_whole,
    )


def broken_first(findings: Iterable[Finding]) -> list[Finding]:
    """Broken promises before mere differences, else in order."""
    return sorted(findings, key=lambda each: not each.breaks)


def _anchor(fingerprint: str, provider: str, taken: set[str]) -> str:
    anchor = f"{fingerprint}-{provider}" if fingerprint in taken else fingerprint
    taken.add(anchor)
    return anchor


def _asked(target: TargetRecord, part: Report) -> Counter[str]:
    """How many answered cases asked for each claim; a finding asks for its own."""
    counts = Counter({each.id: each.asked for each in target.claims})
    for finding in part.findings:
        counts[finding.claim] = max(1, counts[finding.claim])
    return counts


def all_sightings(each: Iterable[Standing]) -> list[Sighting]:
    """The findings of all providers, broken promises first."""
    every = [sighting for standing in each for sighting in standing.sightings]
    return sorted(every, key=lambda sighting: not sighting.finding.breaks)


def verdict(report: Report, each: tuple[Standing, ...]) -> str:
    """The run in one sentence, without its full stop."""
    asked = [standing for standing in each if standing.tally.asked]
    if not asked:
        return "Nothing was asked, so nothing is known"
    sentence = _verdict_of(asked)
    if report.stopped is not None:
        return f"{sentence}, as far as asked"
    missing = len(each) - len(asked)
    return f"{sentence}; {in_words(missing)} not asked" if missing else sentence


def _verdict_of(asked: list[Standing]) -> str:
    broken = sum(bool(standing.broken) for standing in asked)
    if len(asked) == 1:
        deed = "breaks promises" if broken else "keeps what it promises"
        return f"{asked[0].target.title} {deed}"
    if not broken:
        number = "Both" if len(asked) == 2 else f"All {in_words(len(asked))}"
        return f"{number} keep what they promise"
    return f"{broken} of {len(asked)} {'breaks' if broken == 1 else 'break'} promises"


def why_stopped(report: Report) -> str | None:
    """Why a run ended before its end, as a sentence; None if it did not."""
    if report.stopped is None:
        return None
    reason = STOPPED.get(report.stopped, report.stopped)
    planned = sum(each.planned for each in report.metadata.targets)
    return (
        f"This run stopped before its end: {reason}. "
        f"{len(report.outcomes):,} of {planned:,} planned requests were asked"
    )


def bill(standings: Sequence[Standing]) -> str:
    """What the run cost, currency by currency, as far as prices are documented."""
    sums: dict[str | None, float] = {}
    for standing in standings:
        if standing.cost is not None:
            currency = standing.target.currency
            sums[currency] = sums.get(currency, 0) + standing.cost
    total = " + ".join(money(sum_, currency) for currency, sum_ in sums.items())
    floor = all(each.cost_is_whole for each in standings) or not total
    return (total if floor else f"at least {total}") or NOTHING


def bill_label(report: Report) -> str:
    """A mock costs nothing: what its answers would have cost is said as such."""
    mocks = [each.is_mock for each in report.metadata.targets]
    if all(mocks):
        return "Would have cost"
    return "Cost, mocks included as if live" if any(mocks) else "Cost"
