"""
Two judges, one list of findings.

What another tool has against an answer is held against what we have: the same is said
once and names both, the rest is told apart by its check, and what contradicts our judge
about a request is no finding at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.judging.checks import Observation, Subject
from contracts.planning.case import Case
from contracts.planning.request_model import desks_of
from contracts.report.model import Kind
from specs import Basis, Evidence, Provider, State

TOOL = "schemathesis"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What schemathesis has against an answer: its check, its title and its words."""

    check: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class _Meaning:
    """
    What a check of theirs is in our words.

    `success` and `refusal` are the kinds of a failure about either answer, `ours` are
    our checks that say the same. A failure that `doubts_request` says only that the
    server reads a request otherwise than they do; there our judge has the word.
    """

    success: Kind
    refusal: Kind
    ours: frozenset[str]
    doubts_request: bool = False


_ANSWERED = frozenset({"invalid-is-refused", "valid-is-accepted", "no-crash"})
_REFUSED = frozenset({"invalid-is-refused", "error-status"})
_ENVELOPE = frozenset({"error-is-json", "error-envelope"})
_JSON = frozenset({"body", "is-json", "event"})
_NONE_OF_OURS = _Meaning(Kind.UNDOCUMENTED, Kind.UNDOCUMENTED, frozenset())
_READ_OTHERWISE = _Meaning(
    Kind.ACCEPTS_INVALID, Kind.WRONG_ERROR, _REFUSED, doubts_request=True
)
MEANINGS: Mapping[str, _Meaning] = {
    "not_a_server_error": _Meaning(Kind.CRASH, Kind.CRASH, _ANSWERED),
    "status_code_conformance": _Meaning(
        Kind.UNDOCUMENTED,
        Kind.UNDOCUMENTED,
        _ANSWERED | {"status", "error-status"},
    ),
    "content_type_conformance": _Meaning(
        Kind.WRONG_RESPONSE, Kind.WRONG_ERROR, _ENVELOPE | _JSON
    ),
    "response_schema_conformance": _Meaning(
        Kind.WRONG_RESPONSE,
        Kind.WRONG_ERROR,
        _ENVELOPE | _JSON | {"schema", "event-schema"},
    ),
    "response_headers_conformance": _Meaning(
        Kind.WRONG_RESPONSE, Kind.WRONG_ERROR, frozenset({"retry-after-on-429"})
    ),
    "negative_data_rejection": _READ_OTHERWISE,
    "positive_data_acceptance": _Meaning(
        Kind.REJECTS_VALID,
        Kind.REJECTS_VALID,
        frozenset({"valid-is-accepted"}),
        doubts_request=True,
    ),
    "ignored_auth": _READ_OTHERWISE,
    "missing_required_header": _READ_OTHERWISE,
    "unsupported_method": _Meaning(
        Kind.UNDOCUMENTED, Kind.UNDOCUMENTED, frozenset({"elsewhere"})
    ),
}


def folded(
    subject: Subject, observations: Iterable[Observation], opinions: Iterable[Opinion]
) -> Iterator[Observation]:
    """Our observations, with who else saw each; then what only the other tool saw."""
    ours = list(observations)
    also: dict[int, list[str]] = {}
    alone: list[Observation] = []
    for opinion in opinions:
        meaning = MEANINGS.get(opinion.check, _NONE_OF_OURS)
        agreeing = [
            at
            for at, each in enumerate(ours)
            if each.check in meaning.ours or each.kind is Kind.CRASH
        ]
        for at in agreeing:
            also.setdefault(at, []).append(f"{TOOL}:{opinion.check}")
        if not agreeing and not meaning.doubts_request and not _is_free(subject):
            alone.append(_own(subject, opinion, meaning))
    for at, each in enumerate(ours):
        yield replace(each, also_seen_by=tuple(dict.fromkeys(also.get(at, ()))))
    yield from alone


def _is_free(subject: Subject) -> bool:
    """Whether the document leaves the request open, and the answer is a refusal."""
    is_open = subject.case.expectation is State.UNSPECIFIED
    return is_open and 400 <= subject.status < 500


def _own(subject: Subject, opinion: Opinion, meaning: _Meaning) -> Observation:
    """A finding that is theirs alone; no broken promise where nothing is promised."""
    operation = subject.operation
    response = operation.response_for(subject.status)
    evidence = response.evidence if response else operation.evidence
    body = response.bodies.get(subject.interaction.content_type) if response else None
    if body is not None:
        evidence = body.evidence
    kind = meaning.success if subject.interaction.is_success else meaning.refusal
    message = f"status {subject.status}: {opinion.title}: {opinion.message}"
    if subject.case.expectation is State.UNSPECIFIED:
        kind = Kind.UNDOCUMENTED
        evidence = Evidence(evidence.source, Basis.ASSUMED)
        message += " (the document leaves this request open)"
    return Observation(
        kind,
        f"{TOOL}:{opinion.check}",
        f"{operation.id}/{response.status if response else 'path'}",
        evidence,
        message,
        "an answer that schemathesis, too, reads as the document has it",
        opinion.title,
    )


class Causes:
    """
    The causes seen so far, for one finding a cause.

    A drawn request has many members, any of which may be what is wrong with it. Where
    a planned request has shown the same before, the drawn one shows it once more.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._first: dict[tuple[str, ...], str] = {}
        self._refused: list[tuple[Case, dict[str, Any], Observation]] = []

    def named(self, observation: Observation, case: Case) -> Observation:
        """The observation under the cause that it will be reported by."""
        key = (case.operation, observation.kind, observation.check, observation.claim)
        is_refusal = observation.check == "valid-is-accepted"
        if not case.is_generated:
            self._first.setdefault(key, observation.cause)
            if is_refusal and case.is_plain:
                changed = self._changed(case)
                self._refused.append((case, changed, observation))
            return observation
        if is_refusal:
            for other, changed, known in self._refused:
                if _asks_alike(case, other) and _has(case.payload, changed):
                    return replace(
                        observation,
                        claim=known.claim,
                        evidence=known.evidence,
                        expected=known.expected,
                        cause=known.cause,
                    )
        return replace(observation, cause=self._first.setdefault(key, ""))

    def _changed(self, case: Case) -> dict[str, Any]:
        """The members in which a request differs from the plain one."""
        base = desks_of(self._provider)[case.operation, case.media_type or ""].base
        return {
            name: value
            for name, value in case.payload.items()
            if repr(base.get(name)) != repr(value)
        }


def _asks_alike(one: Case, other: Case) -> bool:
    return (one.operation, one.media_type) == (other.operation, other.media_type)


def _has(payload: Mapping[str, Any], members: Mapping[str, Any]) -> bool:
    return all(
        name in payload and repr(payload[name]) == repr(value)
        for name, value in members.items()
    )
