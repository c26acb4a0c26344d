"""Attribute observations to causes, so that each cause is reported once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts.judging.checks import Observation
from contracts.planning.case import Case
from contracts.planning.request_model import request_models
from specs import Provider


class Deduplicator:
    """
    The causes of a run so far.

    A generated request differs from the minimal one in many fields, and each may be the
    cause of an observation. If a planned case led to the same observation before, the
    generated one gets the cause of the planned one.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._cause_by_key: dict[tuple[str, ...], str] = {}
        self._rejections: list[tuple[Case, dict[str, Any], Observation]] = []

    def attribute(self, observation: Observation, case: Case) -> Observation:
        """Return the observation with the cause and claim to report it under."""
        key = (case.operation, observation.kind, observation.check, observation.claim)
        is_rejection = observation.check == "valid-is-accepted"
        if not case.is_generated:
            self._cause_by_key.setdefault(key, observation.cause)
            if is_rejection and case.is_payload_only:
                changed = self._changed_fields(case)
                self._rejections.append((case, changed, observation))
            return observation
        if is_rejection:
            for planned, changed, known in self._rejections:
                if _has_same_body_type(case, planned) and _contains(
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

    def _changed_fields(self, case: Case) -> dict[str, Any]:
        """
        The fields that the minimal request lacks or sets to another value.

        A request without a body has none.
        """
        models = request_models(self._provider)
        model = models.get((case.operation, case.media_type or ""))
        base = model.minimal_request if model else {}
        return {
            name: value
            for name, value in case.payload.items()
            if repr(base.get(name)) != repr(value)
        }


def _has_same_body_type(one: Case, other: Case) -> bool:
    return (one.operation, one.media_type) == (other.operation, other.media_type)


def _contains(payload: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    # By `repr`, since 1, 1.0 and True are equal but not the same in a request.
    return all(
        name in payload and repr(payload[name]) == repr(value)
        for name, value in fields.items()
    )
