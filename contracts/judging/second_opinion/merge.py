"""
Two judges, one list of findings.

What another tool has against an answer is held against what we have: the same is said
once and names both, the rest is told apart by its check, and what contradicts our judge
about a request is no finding at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from contracts.judging.checks import CheckContext, Observation
from contracts.report.model import FindingKind
from specs import Basis, Evidence, State

TOOL = "schemathesis"


@dataclass(frozen=True, slots=True)
class ExternalFailure:
    """What schemathesis has against an answer: its check, its title and its words."""

    check: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckMapping:
    """
    What a check of theirs is in our words.

    `success` and `refusal` are the kinds of a failure about either answer, `ours` are
    our checks that say the same. A failure that `doubts_request` says only that the
    server reads a request otherwise than they do; there our judge has the word.
    """

    success_kind: FindingKind
    error_kind: FindingKind
    equivalent_checks: frozenset[str]
    is_about_request: bool = False


_STATUS_CHECKS = frozenset({"invalid-is-refused", "valid-is-accepted", "no-crash"})
_REJECTION_CHECKS = frozenset({"invalid-is-refused", "error-status"})
_ERROR_BODY_CHECKS = frozenset({"error-is-json", "error-envelope"})
_BODY_FORMAT_CHECKS = frozenset({"body", "is-json", "event"})
_UNKNOWN_CHECK = CheckMapping(
    FindingKind.UNDOCUMENTED, FindingKind.UNDOCUMENTED, frozenset()
)
_REQUEST_INTERPRETATION = CheckMapping(
    FindingKind.ACCEPTS_INVALID,
    FindingKind.WRONG_ERROR,
    _REJECTION_CHECKS,
    is_about_request=True,
)
CHECK_MAPPINGS: Mapping[str, CheckMapping] = {
    "not_a_server_error": CheckMapping(
        FindingKind.CRASH, FindingKind.CRASH, _STATUS_CHECKS
    ),
    "status_code_conformance": CheckMapping(
        FindingKind.UNDOCUMENTED,
        FindingKind.UNDOCUMENTED,
        _STATUS_CHECKS | {"status", "error-status"},
    ),
    "content_type_conformance": CheckMapping(
        FindingKind.WRONG_RESPONSE,
        FindingKind.WRONG_ERROR,
        _ERROR_BODY_CHECKS | _BODY_FORMAT_CHECKS,
    ),
    "response_schema_conformance": CheckMapping(
        FindingKind.WRONG_RESPONSE,
        FindingKind.WRONG_ERROR,
        _ERROR_BODY_CHECKS | _BODY_FORMAT_CHECKS | {"schema", "event-schema"},
    ),
    "response_headers_conformance": CheckMapping(
        FindingKind.WRONG_RESPONSE,
        FindingKind.WRONG_ERROR,
        frozenset({"retry-after-on-429"}),
    ),
    "negative_data_rejection": _REQUEST_INTERPRETATION,
    "positive_data_acceptance": CheckMapping(
        FindingKind.REJECTS_VALID,
        FindingKind.REJECTS_VALID,
        frozenset({"valid-is-accepted"}),
        is_about_request=True,
    ),
    "ignored_auth": _REQUEST_INTERPRETATION,
    "missing_required_header": _REQUEST_INTERPRETATION,
    "unsupported_method": CheckMapping(
        FindingKind.UNDOCUMENTED, FindingKind.UNDOCUMENTED, frozenset({"elsewhere"})
    ),
}


def merge_external_failures(
    subject: CheckContext,
    observations: Iterable[Observation],
    failures: Iterable[ExternalFailure],
) -> Iterator[Observation]:
    """Our observations, with who else saw each; then what only the other tool saw."""
    ours = list(observations)
    also: dict[int, list[str]] = {}
    alone: list[Observation] = []
    for opinion in failures:
        meaning = CHECK_MAPPINGS.get(opinion.check, _UNKNOWN_CHECK)
        agreeing = [
            at
            for at, each in enumerate(ours)
            if each.check in meaning.equivalent_checks or each.kind is FindingKind.CRASH
        ]
        for at in agreeing:
            also.setdefault(at, []).append(f"{TOOL}:{opinion.check}")
        if (
            not agreeing
            and not meaning.is_about_request
            and not _is_unspecified_rejection(subject)
        ):
            alone.append(_external_observation(subject, opinion, meaning))
    for at, each in enumerate(ours):
        yield replace(each, also_seen_by=tuple(dict.fromkeys(also.get(at, ()))))
    yield from alone


def _is_unspecified_rejection(subject: CheckContext) -> bool:
    """Whether the document leaves the request open, and the answer is a refusal."""
    is_open = subject.case.expectation is State.UNSPECIFIED
    return is_open and 400 <= subject.status < 500


def _external_observation(
    subject: CheckContext, failure: ExternalFailure, mapping: CheckMapping
) -> Observation:
    """A finding that is theirs alone; no broken promise where nothing is promised."""
    operation = subject.operation
    response = operation.response_for(subject.status)
    evidence = response.evidence if response else operation.evidence
    body = response.bodies.get(subject.interaction.content_type) if response else None
    if body is not None:
        evidence = body.evidence
    kind = (
        mapping.success_kind if subject.interaction.is_success else mapping.error_kind
    )
    message = f"status {subject.status}: {failure.title}: {failure.message}"
    if subject.case.expectation is State.UNSPECIFIED:
        kind = FindingKind.UNDOCUMENTED
        evidence = Evidence(evidence.source, Basis.ASSUMED)
        message += " (the document leaves this request open)"
    return Observation(
        kind,
        f"{TOOL}:{failure.check}",
        f"{operation.id}/{response.status if response else 'path'}",
        evidence,
        message,
        "an answer that schemathesis, too, reads as the document has it",
        failure.title,
    )
