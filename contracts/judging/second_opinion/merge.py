"""
Merge our observations of a response with the failures of schemathesis.

A failure that agrees with an observation is noted in the observation. A failure about
the body of a response becomes the observations of our own checks of the body, so that
it belongs to the same claims. Any other failure becomes an observation of its own,
unless it contradicts our judge about the request.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.judging.checks import CheckContext, Observation, Observations
from contracts.judging.checks.context import check_guarantee
from contracts.judging.checks.errors import check_error_schema
from contracts.judging.checks.success import check_success_schema
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
    request; our judge decides that, so such a failure alone is no finding. If
    `is_about_body`, our checks of the body can name the claim: they do not check the
    response to every request by themselves.
    """

    success_kind: FindingKind
    error_kind: FindingKind
    equivalent_checks: frozenset[str]
    is_about_request: bool = False
    is_about_body: bool = False


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
        is_about_body=True,
    ),
    "response_schema_conformance": CheckMapping(
        FindingKind.WRONG_RESPONSE,
        FindingKind.WRONG_ERROR,
        _ERROR_BODY_CHECKS | _BODY_FORMAT_CHECKS | {"schema", "event-schema"},
        is_about_body=True,
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
    "ensure_resource_availability": CheckMapping(
        FindingKind.REJECTS_VALID,
        FindingKind.REJECTS_VALID,
        frozenset({"valid-is-accepted"}),
    ),
    "use_after_free": CheckMapping(
        FindingKind.ACCEPTS_INVALID,
        FindingKind.ACCEPTS_INVALID,
        frozenset({"invalid-is-refused"}),
    ),
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
        agreeing = _agreeing(ours, mapping)
        if not agreeing and not mapping.is_about_request:
            if _is_unspecified_rejection(context):
                continue
            if mapping.is_about_body:
                ours += _body_observations(context, mapping)
                agreeing = _agreeing(ours, mapping)
            if not agreeing:
                external.append(_external_observation(context, failure, mapping))
        for index in agreeing:
            agreeing_checks.setdefault(index, []).append(f"{TOOL}:{failure.check}")
    for index, observation in enumerate(ours):
        also_seen_by = tuple(dict.fromkeys(agreeing_checks.get(index, ())))
        yield replace(observation, also_seen_by=also_seen_by)
    yield from external


def _agreeing(ours: Sequence[Observation], mapping: CheckMapping) -> list[int]:
    """The indexes of our observations that a failure agrees with."""
    return [
        index
        for index, observation in enumerate(ours)
        if observation.check in mapping.equivalent_checks
        or observation.kind is FindingKind.CRASH
    ]


def _body_observations(context: CheckContext, mapping: CheckMapping) -> Observations:
    """Yield what our checks of the body observe; warnings if it is unspecified."""
    response = context.operation.response_for(context.status)
    if response is None:
        return
    if context.interaction.is_success:
        observations = [*check_success_schema(context, response)]
        for guarantee in response.guarantees:
            if guarantee.name in mapping.equivalent_checks:
                observations += check_guarantee(context, response, guarantee)
    else:
        claim = f"{context.operation.id}/{response.status}/type"
        observations = [*check_error_schema(context, response, claim)]
    for observation in observations:
        if observation.check in mapping.equivalent_checks:
            yield _as_specified(context, observation)


def _as_specified(context: CheckContext, observation: Observation) -> Observation:
    """The observation; a warning if the document does not specify the request."""
    if context.case.expectation is not State.UNSPECIFIED:
        return observation
    return replace(
        observation,
        kind=FindingKind.UNDOCUMENTED,
        evidence=Evidence(observation.evidence.source, Basis.ASSUMED),
        message=f"{observation.message} (the document does not specify this request)",
    )


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
    observation = Observation(
        kind,
        f"{TOOL}:{failure.check}",
        f"{operation.id}/{response.status if response else 'path'}",
        evidence,
        f"status {context.status}: {failure.title}: {failure.message}",
        "a response that passes the checks of schemathesis, too",
        failure.title,
    )
    return _as_specified(context, observation)
