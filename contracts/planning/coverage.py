"""Count how many cases test each claim, and record what they cover."""

from collections.abc import (
    Iterator,
    Mapping,
)
from typing import TYPE_CHECKING

from contracts.planning.case import Case
from contracts.report.model import (
    ClaimRecord,
)
from specs import (
    Basis,
    Claim,
    Provider,
    claims,
)
from specs import (
    ClaimSubject as About,
)

if TYPE_CHECKING:
    pass

from collections.abc import Iterable


def claim_records(
    provider: Provider, counts: Mapping[str, int]
) -> Iterator[ClaimRecord]:
    """Every claim as the report shows it."""
    for claim in claims(provider):
        source = provider.source(claim.evidence.source)
        place = claim.evidence.source.partition("#")[2]
        title = source.title if source else claim.evidence.source
        yield ClaimRecord(
            id=claim.id,
            operation=claim.operation,
            subject=claim.subject,
            sentence=claim.sentence,
            source=claim.evidence.source,
            source_title=f"{title}, {place}" if place else title,
            source_url=source.url if source else "",
            source_date=source.date if source else "",
            basis=claim.evidence.basis,
            pointer=claim.pointer,
            asked=counts.get(claim.id, 0),
            mock=_mock_treatment(claim),
        )


def _mock_treatment(claim: Claim) -> str:
    """How our mock treats a claim."""
    if claim.subject in (About.REQUEST, About.TRANSPORT):
        return "enforced" if claim.evidence.basis is Basis.DOCUMENTED else "lenient"
    return "on demand" if claim.subject is About.ERROR else "kept"


def coverage(provider: Provider, cases: Iterable[Case]) -> dict[str, int]:
    """How many of the cases put each claim of a document to the test."""
    counts = dict.fromkeys([each.id for each in claims(provider)], 0)
    successes: dict[tuple[str, bool], int] = {}
    failures: dict[tuple[str, int], int] = {}
    for case in cases:
        operation = provider.operations[case.operation]
        for claim in case.claims:
            counts[claim] = counts.get(claim, 0) + 1
        if case.expected_error is not None:
            error = operation.errors.get(
                case.expected_error.error, operation.errors["invalid_request"]
            )
            key = (operation.id, error.status)
            failures[key] = failures.get(key, 0) + 1
            counts[f"{operation.id}/errors/{error.name}"] += 1
        else:
            streams = (
                case.payload.get("stream") is True and operation.supports_streaming
            )
            both = (operation.id, streams)
            successes[both] = successes.get(both, 0) + 1
    for claim in counts:
        name, _, rest = claim.partition("/")
        status, _, part = rest.partition("/")
        if not status.isdigit():
            continue
        if status.startswith("2"):
            plain, stream = (
                successes.get((name, False), 0),
                successes.get((name, True), 0),
            )
            is_event = part.startswith("events/")
            counts[claim] += (
                stream if is_event else plain + stream * part.startswith("guarantees/")
            )
        else:
            counts[claim] += failures.get((name, int(status)), 0)
    return counts
