"""Claims against providers: every claim once, the documents laid over each other."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from contracts.report.model import ClaimRecord
from contracts.report.summary import FindingSummary, ProviderSummary
from contracts.reporters.page.clients import affected_clients
from contracts.text import NO_VALUE

SUBJECT_ORDER = ("request", "default", "answer", "guarantee", "error", "transport")
LETTERS = {
    "K": "kept",
    "B": "broken",
    "D": "differs",
    "·": "not asked",
    NO_VALUE: "not claimed",
}
TONES = {"K": "K", "B": "B", "D": "D", "·": "O", NO_VALUE: "N"}


@dataclass(frozen=True, slots=True)
class ClaimCell:
    """
    One claim at one provider, and the claim itself where the provider makes it.

    `firm` is whether the provider's own words say it; `found` are the findings.
    """

    letter: str
    claim: ClaimRecord | None = None
    case_count: int = 0
    findings: tuple[FindingSummary, ...] = ()

    @property
    def word(self) -> str:
        return LETTERS[self.letter]

    @property
    def is_documented(self) -> bool:
        return self.claim is None or self.claim.basis == "documented"

    @property
    def anchor(self) -> str:
        """Where on the page its first finding is."""
        return quote(self.findings[0].anchor) if self.findings else ""


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """
    One claim at every provider; `sentences` pairs each wording with who uses it.

    `agreement` has a letter for each cell: those that say and do the same share one.
    """

    id: str
    name: str
    sentences: tuple[tuple[str, str], ...]
    cells: tuple[ClaimCell, ...]
    agreement: str
    clients: tuple[str, ...]

    @property
    def has_findings(self) -> bool:
        return any(cell.findings for cell in self.cells)

    @property
    def fingerprints(self) -> frozenset[str]:
        found = (each.finding for cell in self.cells for each in cell.findings)
        return frozenset(each.fingerprint for each in found)


@dataclass(frozen=True, slots=True)
class ClaimGroup:
    """The claims of one operation about one subject."""

    operation: str
    subject: str
    rows: tuple[ClaimRow, ...]

    @property
    def counts(self) -> dict[str, int]:
        counts = Counter(cell.letter for row in self.rows for cell in row.cells)
        return {letter: counts[letter] for letter in LETTERS if counts[letter]}

    @property
    def name(self) -> str:
        return f"{self.operation} \N{MIDDLE DOT} {self.subject}"

    def kept_ratio(self, column: int) -> str:
        """`kept/asked` of one provider."""
        letters = Counter(row.cells[column].letter for row in self.rows)
        asked = letters["K"] + letters["B"] + letters["D"]
        return f"{letters['K']}/{asked}" if asked else NO_VALUE


def claim_groups(summaries: Sequence[ProviderSummary]) -> list[ClaimGroup]:
    """Every claim once, the providers' documents laid over each other."""
    tables = [{each.id: each for each in one.target.claims} for one in summaries]
    groups: dict[tuple[str, str], list[ClaimRow]] = defaultdict(list)
    for id_ in _merge_ids(tables):
        claims = [table.get(id_) for table in tables]
        first = next(each for each in claims if each is not None)
        groups[first.operation, first.subject].append(
            _claim_row(first, claims, summaries)
        )
    operations = list(dict.fromkeys(operation for operation, _ in groups))

    def place(key: tuple[str, str]) -> tuple[int, int]:
        subject = key[1]
        known = (
            SUBJECT_ORDER.index(subject)
            if subject in SUBJECT_ORDER
            else len(SUBJECT_ORDER)
        )
        return operations.index(key[0]), known

    return [ClaimGroup(*key, tuple(groups[key])) for key in sorted(groups, key=place)]


def _merge_ids(tables: Sequence[Mapping[str, ClaimRecord]]) -> list[str]:
    """All ids; one that an earlier document lacks follows its neighbour."""
    merged: list[str] = []
    seen: set[str] = set()
    for table in tables:
        at = 0
        for id_ in table:
            if id_ in seen:
                at = merged.index(id_) + 1
                continue
            merged.insert(at, id_)
            seen.add(id_)
            at += 1
    return merged


def _claim_row(
    first: ClaimRecord,
    claims: Sequence[ClaimRecord | None],
    summaries: Sequence[ProviderSummary],
) -> ClaimRow:
    cells = tuple(
        _claim_cell(claim, standing)
        for claim, standing in zip(claims, summaries, strict=True)
    )
    wordings: dict[str, list[str]] = defaultdict(list)
    for claim, standing in zip(claims, summaries, strict=True):
        if claim is not None:
            wordings[claim.sentence].append(standing.target.title)
    keys = [
        (cell.claim.sentence if cell.claim else "", cell.letter.replace("·", "K"))
        for cell in cells
    ]
    return ClaimRow(
        first.id,
        first.id.removeprefix(f"{first.operation}/"),
        tuple((text, ", ".join(who)) for text, who in wordings.items()),
        cells,
        agreement_letters(keys),
        affected_clients(first.operation, first.subject, _field_name(first)),
    )


def agreement_letters(keys: Sequence[Any]) -> str:
    """A letter for each key, the same for the same; `a` is the commonest."""
    ranked = {key: at for at, (key, _) in enumerate(Counter(keys).most_common())}
    return "".join(chr(ord("a") + min(ranked[key], 25)) for key in keys)


def _field_name(claim: ClaimRecord) -> str:
    """`createImage/request/size/enum` is about `size`."""
    return "/".join(claim.id.split("/")[2:3])


def _claim_cell(claim: ClaimRecord | None, summary: ProviderSummary) -> ClaimCell:
    if claim is None:
        return ClaimCell(NO_VALUE)
    found = tuple(e for e in summary.sightings if e.finding.claim == claim.id)
    asked = summary.asked[claim.id]
    return ClaimCell(_letter(found, asked), claim, asked, found)


def _letter(findings: Sequence[FindingSummary], asked: int) -> str:
    if any(each.finding.breaks for each in findings):
        return "B"
    if findings:
        return "D"
    return "K" if asked else "·"
