"""Summaries of a report per provider: the numbers that all formats show."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from contracts.report.hosts import is_loopback_url
from contracts.report.model import (
    DEPENDS_ON,
    NOT_FETCHED,
    RATE_LIMITED,
    ClaimRecord,
    Finding,
    OutcomeCounts,
    Report,
    TargetRecord,
)
from contracts.text import (
    NO_VALUE,
    STOP_REASONS,
    format_money,
    in_words,
    pluralize,
)


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """
    A finding at one provider, with its claim and the number of cases that showed it.

    `anchor` is its id in an HTML page: the fingerprint, made unique. `claim` is None if
    the document does not list it.
    """

    target: TargetRecord
    finding: Finding
    claim: ClaimRecord | None
    times: int
    anchor: str

    @property
    def headline(self) -> str:
        """The sentence: which requests fail, and how; of one failed check only how."""
        return self.finding.title or self.finding.message

    @property
    def sentence(self) -> str:
        return self.claim.sentence if self.claim else self.finding.claim

    @property
    def operation(self) -> str:
        claim = self.finding.claim
        return self.claim.operation if self.claim else claim.partition("/")[0]

    @property
    def other_claims(self) -> tuple[str, ...]:
        """The other claims that the failed cases contradict."""
        return tuple(each for each in self.finding.claims if each != self.finding.claim)

    @property
    def title(self) -> str:
        """The title of the page with the claim."""
        return (self.claim and self.claim.source_title) or self.finding.source

    @property
    def place(self) -> str:
        """The place on that page, its date, and the basis of the claim."""
        claim, basis = self.claim, self.finding.basis
        parts = (claim.source, claim.source_date, basis) if claim else (basis,)
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class TestResult:
    """
    A line in a list of tests: a finding, or a claim that passed.

    `name` is the id of the claim, unique in the list. `sighting` is None if it passed.
    """

    name: str
    operation: str
    sighting: FindingSummary | None = None

    @property
    def is_failed(self) -> bool:
        return self.sighting is not None and self.sighting.finding.breaks

    @property
    def is_inconclusive(self) -> bool:
        return self.sighting is not None and self.sighting.finding.is_inconclusive


@dataclass(frozen=True, slots=True)
class ProviderSummary:
    """
    The part of a report about one provider.

    `asked` is the number of cases with a response per claim id: a claim without one is
    not tested. `not_tested` is the number of cases without a result, by reason. `cost`
    is None if no price is documented.
    """

    target: TargetRecord
    tally: OutcomeCounts
    asked: Counter[str]
    sightings: tuple[FindingSummary, ...]
    cost: float | None
    is_cost_complete: bool = True
    not_tested: Counter[str] = field(default_factory=Counter)

    @property
    def broken(self) -> tuple[FindingSummary, ...]:
        return tuple(each for each in self.sightings if each.finding.breaks)

    @property
    def price(self) -> str:
        floor = "" if self.is_cost_complete or self.cost is None else "at least "
        return floor + format_money(self.cost, self.target.currency)

    @property
    def unasked(self) -> int:
        """The number of planned cases that were not sent."""
        return max(0, self.target.planned - self.tally.asked)

    @property
    def results(self) -> tuple[TestResult, ...]:
        """
        The rows of a list of tests: each finding, then each claim that passed.

        A claim passed if a response tested it and no documented claim that a failed or
        inconclusive case contradicts is it.
        """
        names: set[str] = set()
        failed: set[str] = set()
        found: list[TestResult] = []
        for sighting in self.sightings:
            finding = sighting.finding
            name = _unique_name(finding.claim or finding.check, finding, names)
            found.append(TestResult(name, sighting.operation, sighting))
            is_passed = not (finding.breaks or finding.is_inconclusive)
            failed.update(() if is_passed else finding.contradicted_claims)
        passed = [
            TestResult(claim.id, claim.operation)
            for claim in self.target.claims
            if self.asked[claim.id] and claim.id not in failed | names
        ]
        return (*found, *passed)


def case_columns(
    summary: ProviderSummary, summaries: Iterable[ProviderSummary]
) -> dict[str, int]:
    """
    The numbers of cases by result, for a row of a table of `summaries`.

    Inconclusive ones are among them if a summary of the table has one.
    """
    tally = summary.tally
    counts = {
        "cases": tally.asked,
        "passed": tally.kept,
        "failed": tally.broken,
        "warning": tally.differing,
    }
    if any(each.tally.inconclusive for each in summaries):
        counts["inconclusive"] = tally.inconclusive
    return {**counts, "not tested": tally.not_tested}


def provider_summaries(report: Report) -> tuple[ProviderSummary, ...]:
    """One summary per target, in the order of the report."""
    anchors: set[str] = set()
    return tuple(
        _provider_summary(target, report.for_provider(target.provider), anchors)
        for target in report.metadata.targets
    )


def _provider_summary(
    target: TargetRecord, part: Report, anchors: set[str]
) -> ProviderSummary:
    claims = {each.id: each for each in target.claims}
    sightings = tuple(
        FindingSummary(
            target,
            finding,
            claims.get(finding.claim),
            finding.cases,
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
        Counter(
            each.reason_not_tested for each in part.outcomes if each.reason_not_tested
        ),
    )


def broken_first(findings: Iterable[Finding]) -> list[Finding]:
    """Failed claims before warnings, otherwise in the given order."""
    return sorted(findings, key=lambda each: not each.breaks)


def _unique_anchor(fingerprint: str, provider: str, used_anchors: set[str]) -> str:
    anchor = f"{fingerprint}-{provider}" if fingerprint in used_anchors else fingerprint
    used_anchors.add(anchor)
    return anchor


def _unique_name(name: str, finding: Finding, used: set[str]) -> str:
    name = f"{name} ({finding.fingerprint})" if name in used else name
    used.add(name)
    return name


_REMEDIES = {
    RATE_LIMITED: "; send fewer requests per minute with --rate",
    NOT_FETCHED: "; allow the host of the links with --fetch-from HOST",
}


def not_tested_reasons(summary: ProviderSummary) -> list[tuple[str, int]]:
    """The reasons why cases were not tested, with what to do, and their numbers."""
    return [
        (f"{reason}{_remedy(reason, summary.target)}", count)
        for reason, count in summary.not_tested.most_common()
    ]


def _remedy(reason: str, target: TargetRecord) -> str:
    prefix, _, case = reason.rpartition(" ")
    if prefix != DEPENDS_ON:
        return _REMEDIES.get(reason, "")
    unserved = case.partition("/")[0]
    others = [each for each in target.operations if each != unserved]
    options = " ".join(f"--only {each}/" for each in others)
    return f"; to leave them out: {options}" if others else ""


def document_days(report: Report) -> list[str]:
    """A line for each target whose document is as of a day, with that day."""
    return [
        f"{each.title}: document {each.document}"
        for each in report.metadata.targets
        if " as of " in each.document
    ]


def not_tested_notes(summaries: Iterable[ProviderSummary]) -> list[str]:
    """A sentence per reason why cases were not tested, with what to do about it."""
    return [
        f"{summary.target.title}: {pluralize(count, 'test case')} not tested: {reason}"
        for summary in summaries
        for reason, count in not_tested_reasons(summary)
    ]


def _case_counts(target: TargetRecord, part: Report) -> Counter[str]:
    """The number of cases that tested each claim; at least 1 with a finding."""
    counts = Counter({each.id: each.asked for each in target.claims})
    for finding in part.failed_checks:
        counts[finding.claim] = max(1, counts[finding.claim])
    return counts


def all_findings(summaries: Iterable[ProviderSummary]) -> list[FindingSummary]:
    """The findings of all providers, failed claims first."""
    sightings = [each for summary in summaries for each in summary.sightings]
    return sorted(sightings, key=lambda each: not each.finding.breaks)


def run_verdict(report: Report, summaries: tuple[ProviderSummary, ...]) -> str:
    """The result of the run in one sentence, without its full stop."""
    tested = [each for each in summaries if each.tally.asked]
    if not tested:
        return "Nothing was tested"
    sentence = _verdict_of(tested)
    if report.stopped is not None:
        return f"{sentence}, as far as tested"
    unclear = sum(each.tally.inconclusive for each in tested)
    if unclear:
        sentence += f"; {pluralize(unclear, 'test case')} inconclusive"
    missing = len(summaries) - len(tested)
    return f"{sentence}; {in_words(missing)} not tested" if missing else sentence


def _verdict_of(tested: list[ProviderSummary]) -> str:
    failed = sum(bool(each.broken) for each in tested)
    if len(tested) == 1:
        verb = "deviates from" if failed else "conforms to"
        target = tested[0].target
        if target.is_mock:
            return f"{target.title} {verb} its documentation"
        return f"The server {verb} the documentation of {target.title}"
    if not failed:
        number = "Both" if len(tested) == 2 else f"All {in_words(len(tested))}"
        return f"{number} conform to their documentation"
    words = "deviates from its" if failed == 1 else "deviate from their"
    return f"{failed} of {len(tested)} {words} documentation"


def stop_reason(report: Report) -> str | None:
    """The reason why a run stopped early, as a sentence; None if it did not."""
    if report.stopped is None:
        return None
    reason = STOP_REASONS.get(report.stopped, report.stopped)
    planned = sum(each.planned for each in report.metadata.targets)
    return (
        f"This run stopped early: {reason}. "
        f"{len(report.outcomes):,} of {planned:,} planned cases were run"
    )


def total_cost(summaries: Sequence[ProviderSummary]) -> str:
    """The cost per currency, as far as prices are documented; a dash for none."""
    sums: dict[str | None, float] = {}
    for summary in summaries:
        if summary.cost is not None:
            currency = summary.target.currency
            sums[currency] = sums.get(currency, 0) + summary.cost
    total = " + ".join(format_money(sum_, currency) for currency, sum_ in sums.items())
    is_complete = all(each.is_cost_complete for each in summaries)
    return (total if is_complete or not total else f"at least {total}") or NO_VALUE


def cost_label(report: Report) -> str:
    """
    The label of the cost.

    That of mocks is an estimate of live requests. A server on this machine may cost
    nothing or forward to a paid one, so only the prices are known.
    """
    targets = report.metadata.targets
    mocks = [each.is_mock for each in targets]
    if all(mocks):
        return "Estimated cost of live requests"
    if any(mocks):
        return "Cost, with mocks as if live"
    is_local = all(is_loopback_url(each.base_url) for each in targets)
    return "At list prices" if is_local else "Cost"
