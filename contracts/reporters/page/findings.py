"""The cards of findings, and the heaviest findings of the first screen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from contracts.report.summary import FindingSummary
from contracts.reporters.page.rules import plain_sentence
from contracts.text import one_line

MAX_TOP = 3  # findings on the first screen
MAX_LISTED = 5  # claims of a card that are not folded
MAX_TITLE = 180  # characters of a title on the first screen


@dataclass(frozen=True, slots=True)
class ContradictedClaim:
    """A claim that a finding contradicts; `is_listed` if the document lists it."""

    id: str
    operation: str
    sentence: str
    is_listed: bool


@dataclass(frozen=True, slots=True)
class FindingCard:
    """
    A finding as the page shows it.

    `parts` are the operations and subjects of its claims. `ignored` is true if it shows
    that a server ignores a parameter.
    """

    summary: FindingSummary
    claims: tuple[ContradictedClaim, ...]
    parts: tuple[str, ...]
    ignored: bool

    @property
    def status(self) -> str:
        return "failed" if self.summary.finding.breaks else "warning"

    @property
    def title(self) -> str:
        """The title as a sentence: what is documented and what came, if it has none."""
        finding = self.summary.finding
        if finding.title:
            return finding.title
        return f"{plain_sentence(self.summary.sentence)}: {finding.message}"

    @property
    def short_title(self) -> str:
        title = one_line(self.title)
        if len(title) <= MAX_TITLE:
            return title
        return f"{title[:MAX_TITLE].rsplit(' ', 1)[0]} \N{HORIZONTAL ELLIPSIS}"

    @property
    def first_claims(self) -> tuple[ContradictedClaim, ...]:
        return self.claims[:MAX_LISTED]

    @property
    def other_claims(self) -> tuple[ContradictedClaim, ...]:
        return self.claims[MAX_LISTED:]


def finding_cards(
    findings: Sequence[FindingSummary], ignored: Collection[str]
) -> list[FindingCard]:
    """A card per finding, in the given order."""
    return [_finding_card(each, ignored) for each in findings]


def _finding_card(summary: FindingSummary, ignored: Collection[str]) -> FindingCard:
    finding = summary.finding
    known = {each.id: each for each in summary.target.claims}
    claims = []
    parts: dict[str, None] = {}
    for id_ in finding.contradicted_claims:
        claim = known.get(id_)
        claims.append(
            ContradictedClaim(
                id_,
                claim.operation if claim else "",
                plain_sentence(claim.sentence) if claim else id_,
                claim is not None,
            )
        )
        parts[f"{claim.operation}/{claim.subject}" if claim else id_] = None
    is_ignored = any(each in ignored for each in finding.fingerprints)
    return FindingCard(summary, tuple(claims), tuple(parts), is_ignored)
