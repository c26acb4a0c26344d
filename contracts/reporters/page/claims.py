"""The table of claims and providers."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.report.model import ClaimRecord
from contracts.report.summary import FindingSummary, ProviderSummary
from contracts.reporters.page.clients import affected_clients
from contracts.text import NO_VALUE

NOT_TESTED = "\N{MIDDLE DOT}"
SUBJECT_ORDER = ("request", "default", "answer", "guarantee", "error", "transport")
LETTERS = {  # failures first
    "F": "failed",
    "W": "warning",
    "P": "passed",
    NOT_TESTED: "not tested",
    NO_VALUE: "not documented",
}
# By letter, the value of the filter; the worst first
STATUSES = {"F": "failed", "W": "warning", "P": "passed", NOT_TESTED: "untested"}
# CSS classes of the colors
TONES = {"P": "K", "F": "B", "W": "D", NOT_TESTED: "O", NO_VALUE: "N"}


@dataclass(frozen=True, slots=True)
class ClaimCell:
    """
    One claim at one provider, with its result.

    `claim` is None if the provider's document does not have it. `case_count` is the
    number of cases that tested it.
    """

    letter: str
    claim: ClaimRecord | None = None
    case_count: int = 0
    findings: tuple[FindingSummary, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One claim at every provider."""

    id: str
    name: str
    cells: tuple[ClaimCell, ...]
    clients: tuple[str, ...]

    @property
    def statuses(self) -> tuple[str, ...]:
        """The results of its cells, each once, worst first."""
        found = {cell.letter for cell in self.cells if cell.claim}
        return tuple(STATUSES[letter] for letter in STATUSES if letter in found)

    @property
    def rank(self) -> int:
        """0 with failures, 1 with warnings, else 2."""
        worst = next(iter(self.statuses), "")
        return {STATUSES["F"]: 0, STATUSES["W"]: 1}.get(worst, 2)


@dataclass(frozen=True, slots=True)
class ClaimGroup:
    """
    The claims of one operation about one subject.

    `columns` are the numbers of the providers that have the operation.
    """

    operation: str
    subject: str
    rows: tuple[ClaimRow, ...]
    columns: tuple[int, ...]

    @property
    def sorted_rows(self) -> list[ClaimRow]:
        """The rows with failures first, then those with warnings."""
        return sorted(self.rows, key=lambda each: each.rank)

    @property
    def rank(self) -> int:
        """The rank of its worst row."""
        return min(each.rank for each in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        counts = Counter(
            row.cells[at].letter for row in self.rows for at in self.columns
        )
        return {letter: counts[letter] for letter in STATUSES if counts[letter]}

    def passed_ratio(self, column: int) -> str:
        """`passed/tested` of one provider."""
        letters = Counter(row.cells[column].letter for row in self.rows)
        tested = tested_count(letters)
        return f"{letters['P']}/{tested}" if tested else NO_VALUE


def tested_count(letters: Counter[str]) -> int:
    """The number of tested claims, from counts by letter."""
    return letters["P"] + letters["F"] + letters["W"]


def claim_groups(summaries: Sequence[ProviderSummary]) -> list[ClaimGroup]:
    """
    The claims of all providers, each once, by operation and subject.

    Groups with failures come first, then those with warnings.
    """
    tables = [{each.id: each for each in one.target.claims} for one in summaries]
    columns: dict[str, list[int]] = defaultdict(list)
    for at, table in enumerate(tables):
        for operation in dict.fromkeys(each.operation for each in table.values()):
            columns[operation].append(at)
    groups: dict[tuple[str, str], list[ClaimRow]] = defaultdict(list)
    for id_ in _merge_ids(tables):
        claims = [table.get(id_) for table in tables]
        first = next(each for each in claims if each is not None)
        groups[first.operation, first.subject].append(
            _claim_row(first, claims, summaries)
        )
    operations = list(dict.fromkeys(operation for operation, _ in groups))

    def order(key: tuple[str, str]) -> tuple[int, int]:
        operation, subject = key
        subjects = [*SUBJECT_ORDER, subject]
        return operations.index(operation), subjects.index(subject)

    made = [
        ClaimGroup(*key, tuple(groups[key]), tuple(columns[key[0]]))
        for key in sorted(groups, key=order)
    ]
    return sorted(made, key=lambda each: each.rank)


def _merge_ids(tables: Sequence[Mapping[str, ClaimRecord]]) -> list[str]:
    """All ids in order; an id that earlier tables lack follows its neighbour."""
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
        _claim_cell(claim, summary)
        for claim, summary in zip(claims, summaries, strict=True)
    )
    return ClaimRow(
        first.id,
        first.id.removeprefix(f"{first.operation}/"),
        cells,
        affected_clients(first.operation, first.subject, _field_name(first)),
    )


def agreement_letters(keys: Sequence[Any]) -> str:
    """A letter per key, the same for equal keys; `a` is the most common."""
    ranked = {key: at for at, (key, _) in enumerate(Counter(keys).most_common())}
    return "".join(chr(ord("a") + min(ranked[key], 25)) for key in keys)


def _field_name(claim: ClaimRecord) -> str:
    """The field that a claim is about: `size` of `createImage/request/size/enum`."""
    return "/".join(claim.id.split("/")[2:3])


def _claim_cell(claim: ClaimRecord | None, summary: ProviderSummary) -> ClaimCell:
    if claim is None:
        return ClaimCell(NO_VALUE)
    findings = tuple(
        each
        for each in summary.sightings
        if claim.id == each.finding.claim or claim.id in each.finding.claims
    )
    case_count = max(summary.asked[claim.id], len(findings[:1]))
    return ClaimCell(_letter(findings, case_count), claim, case_count, findings)


def _letter(findings: Sequence[FindingSummary], case_count: int) -> str:
    if any(each.finding.breaks for each in findings):
        return "F"
    if findings:
        return "W"
    return "P" if case_count else NOT_TESTED
