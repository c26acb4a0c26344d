"""Attribute observations to causes, so that one cause is reported once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts.judging.checks import Observation
from contracts.planning.case import Case
from contracts.planning.request_model import request_models
from specs import Provider


class Deduplicator:
    """
    The causes seen so far, for one finding a cause.

    A drawn request has many members, any of which may be what is wrong with it. Where
    a planned request has shown the same before, the drawn one shows it once more.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._cause_by_key: dict[tuple[str, ...], str] = {}
        self._rejections: list[tuple[Case, dict[str, Any], Observation]] = []

    def attribute(self, observation: Observation, case: Case) -> Observation:
        """The observation under the cause that it will be reported by."""
        key = (case.operation, observation.kind, observation.check, observation.claim)
        is_refusal = observation.check == "valid-is-accepted"
        if not case.is_generated:
            self._cause_by_key.setdefault(key, observation.cause)
            if is_refusal and case.is_payload_only:
                changed = self._changed_members(case)
                self._rejections.append((case, changed, observation))
            return observation
        if is_refusal:
            for other, changed, known in self._rejections:
                if _has_same_body_type(case, other) and _contains(
                    case.payload, changed
                ):
                    return replace(
                        observation,
                        claim=known.claim,
                        evidence=known.evidence,
                        expected=known.expected,
                        cause=known.cause,
                    )
        return replace(observation, cause=self._cause_by_key.setdefault(key, ""))

    def _changed_members(self, case: Case) -> dict[str, Any]:
        """The members in which a request differs from the plain one."""
        base = request_models(self._provider)[
            case.operation, case.media_type or ""
        ].minimal_request
        return {
            name: value
            for name, value in case.payload.items()
            if repr(base.get(name)) != repr(value)
        }


def _has_same_body_type(one: Case, other: Case) -> bool:
    return (one.operation, one.media_type) == (other.operation, other.media_type)


def _contains(payload: Mapping[str, Any], members: Mapping[str, Any]) -> bool:
    return all(
        name in payload and repr(payload[name]) == repr(value)
        for name, value in members.items()
    )
