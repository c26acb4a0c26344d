"""
Merge our observations of a response with the failures of schemathesis.

A failure that agrees with an observation is noted in the observation. Any other failure
becomes an observation of its own, unless it contradicts our judge about the request.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from contracts.judging.checks import CheckContext, Observation
from contracts.report.model import FindingKind
from specs import Basis, Evidence, State

TOOL = "schemathesis"


@dataclass(frozen=True, slots=True)
class ExternalFailure:
    """A failure that a check of schemathesis reports for a response."""

    check: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckMapping:
    """
    The equivalent of a schemathesis check among our checks and kinds of finding.

    A failure is of `success_kind` for a 2xx response, and of `error_kind` otherwise.
    `equivalent_checks` are our checks of the same property. If `is_about_request`, a
    failure only means that server and schemathesis disagree on the validity of the
    request; our judge decides that, so such a failure alone is no finding.
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
    context: CheckContext,
    observations: Iterable[Observation],
    failures: Iterable[ExternalFailure],
) -> Iterator[Observation]:
    """Yield our observations, then those that only schemathesis made."""
    ours = list(observations)
    agreeing_checks: dict[int, list[str]] = {}
    external: list[Observation] = []
    for failure in failures:
        mapping = CHECK_MAPPINGS.get(failure.check, _UNKNOWN_CHECK)
        agreeing = [
            index
            for index, observation in enumerate(ours)
            if observation.check in mapping.equivalent_checks
            or observation.kind is FindingKind.CRASH
        ]
        for index in agreeing:
            agreeing_checks.setdefault(index, []).append(f"{TOOL}:{failure.check}")
        if (
            not agreeing
            and not mapping.is_about_request
            and not _is_unspecified_rejection(context)
        ):
            external.append(_external_observation(context, failure, mapping))
    for index, observation in enumerate(ours):
        also_seen_by = tuple(dict.fromkeys(agreeing_checks.get(index, ())))
        yield replace(observation, also_seen_by=also_seen_by)
    yield from external


def _is_unspecified_rejection(context: CheckContext) -> bool:
    """True for a 4xx response to a request that the document does not specify."""
    is_unspecified = context.case.expectation is State.UNSPECIFIED
    return is_unspecified and 400 <= context.status < 500


def _external_observation(
    context: CheckContext, failure: ExternalFailure, mapping: CheckMapping
) -> Observation:
    """Convert a failure to an observation; a warning if the request is unspecified."""
    operation = context.operation
    response = operation.response_for(context.status)
    evidence = response.evidence if response else operation.evidence
    body = response.bodies.get(context.interaction.content_type) if response else None
    if body is not None:
        evidence = body.evidence
    kind = (
        mapping.success_kind if context.interaction.is_success else mapping.error_kind
    )
    message = f"status {context.status}: {failure.title}: {failure.message}"
    if context.case.expectation is State.UNSPECIFIED:
        kind = FindingKind.UNDOCUMENTED
        evidence = Evidence(evidence.source, Basis.ASSUMED)
        message += " (the document does not specify this request)"
    return Observation(
        kind,
        f"{TOOL}:{failure.check}",
        f"{operation.id}/{response.status if response else 'path'}",
        evidence,
        message,
        "a response that passes the checks of schemathesis, too",
        failure.title,
    )
