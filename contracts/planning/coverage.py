"""Count the cases that test each claim of a document."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from contracts.planning.case import Case
from contracts.planning.tasks.coverage import claims_of_step, followed_operations
from contracts.report.exercised import exercised_by
from contracts.report.model import ClaimRecord
from specs import Basis, Claim, ClaimSubject, Provider, claims


def claim_records(
    provider: Provider, counts: Mapping[str, int]
) -> Iterator[ClaimRecord]:
    """Yield each claim of a provider as reports show it, with its number of cases."""
    for claim in claims(provider):
        source = provider.source(claim.evidence.source)
        section = claim.evidence.source.partition("#")[2]
        title = source.title if source else claim.evidence.source
        yield ClaimRecord(
            id=claim.id,
            operation=claim.operation,
            subject=claim.subject,
            sentence=claim.sentence,
            source=claim.evidence.source,
            source_title=f"{title}, {section}" if section else title,
            source_url=source.url if source else "",
            source_date=source.date if source else "",
            basis=claim.evidence.basis,
            pointer=claim.pointer,
            asked=counts.get(claim.id, 0),
            mock=_mock_treatment(claim),
            exercised_by=exercised_by(provider.id, claim.id),
        )


def _mock_treatment(claim: Claim) -> str:
    """The treatment of a claim by our mock, as a word of the report schema."""
    if claim.subject in (ClaimSubject.REQUEST, ClaimSubject.TRANSPORT):
        evidence = claim.evidence
        is_enforced = evidence.basis is Basis.DOCUMENTED or evidence.enforced
        return "enforced" if is_enforced else "lenient"
    return "on demand" if claim.subject is ClaimSubject.ERROR else "kept"


def coverage(provider: Provider, cases: Iterable[Case]) -> dict[str, int]:
    """
    Count the cases that test each claim of a provider.

    A claim about a request counts the cases that name it. A claim about a response
    counts the cases that should get this response, also while they follow a task.
    """
    counts = dict.fromkeys([each.id for each in claims(provider)], 0)
    successes: Counter[tuple[str, bool]] = Counter()  # by operation and streaming
    failures: Counter[tuple[str, int]] = Counter()  # by operation and status
    for case in cases:
        operation = provider.all_operations[case.operation]
        for claim in case.claims:
            counts[claim] = counts.get(claim, 0) + 1
        if case.expected_error is None:
            is_stream = operation.only_streams or (
                case.payload.get("stream") is True and operation.supports_streaming
            )
            successes[operation.id, is_stream] += 1
        else:
            error = operation.errors.get(
                case.expected_error.error, operation.errors["invalid_request"]
            )
            failures[operation.id, error.status] += 1
            counts[f"{operation.id}/errors/{error.name}"] += 1
        for followed in followed_operations(provider, case):
            successes[followed.id, False] += 1
            for end in claims_of_step(provider, followed, case):
                claim = f"{followed.id}/{end}"
                if claim in counts:
                    counts[claim] += 1
    for claim in counts:
        operation_id, _, rest = claim.partition("/")
        status, _, part = rest.partition("/")
        if not status.isdigit():
            continue
        if not status.startswith("2"):
            counts[claim] += failures[operation_id, int(status)]
        elif part.startswith("events/"):
            counts[claim] += successes[operation_id, True]
        else:
            counts[claim] += successes[operation_id, False]
            if part.startswith("guarantees/"):
                counts[claim] += successes[operation_id, True]
    return counts
