"""
Judge a payload by the schema of a document: valid, invalid or unspecified, and why.

jsonschema-rs answers yes or no, and names the constraints that a no is about.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from specs.validation.engine import Schema, compile_validator
from specs.validation.evidence import Basis, Evidence
from specs.validation.explanation import Explainer, Violation
from specs.validation.transforms import (
    documented_only,
    to_validator_schema,
    without_unlisted_members,
)


class State(StrEnum):
    """The three answers of a document about a request."""

    VALID = "valid"
    INVALID = "invalid"
    UNSPECIFIED = "unspecified"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    The answer of a document about one payload, with the violations.

    Violations are in the order in which the document states its constraints. The first
    is the one that a provider would report.
    """

    state: State
    violations: tuple[Violation, ...] = ()

    @property
    def documented_violations(self) -> tuple[Violation, ...]:
        """The violations that make a request invalid."""
        return tuple(
            each for each in self.violations if each.evidence.basis is Basis.DOCUMENTED
        )

    @property
    def enforced_violations(self) -> tuple[Violation, ...]:
        """The violations of what no page states and the mock rejects all the same."""
        return tuple(each for each in self.violations if each.evidence.enforced)


VALID = Verdict(State.VALID)


class Judge:
    """
    A schema compiled once, which gives one of three answers.

    The strict schema holds everything in the document: assumptions too, and unlisted
    fields are rejected. The documented schema leaves out what the provider's own pages
    do not state. A payload is valid if it is valid for the strict schema, invalid if it
    is invalid for the documented schema, and unspecified otherwise. Among unspecified
    payloads, those that violate a part with `x-enforced` are rejected by the mock.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        evidence: Evidence | None = None,
        open: bool = False,
    ) -> None:
        """With `open`, fields that the schema does not list are valid."""
        plain = to_validator_schema(schema)
        evidence = evidence or Evidence()
        self._explainer = Explainer(
            plain if open else without_unlisted_members(plain), evidence
        )
        self._strict_validator = self._explainer.validator
        basis = evidence.basis
        documented = documented_only(plain, basis=basis)
        enforced = documented_only(plain, basis=basis, keep_enforced=True)
        self._documented_validator = compile_validator(documented)
        self._enforced_validator = (
            None if enforced == documented else compile_validator(enforced)
        )

    def is_valid(self, payload: Any) -> bool:
        return bool(self._strict_validator.is_valid(payload))

    def is_invalid(self, payload: Any) -> bool:
        return not self._documented_validator.is_valid(payload)

    def violates_enforced(self, payload: Any) -> bool:
        """True if a payload violates a documented or an enforced part."""
        validator = self._enforced_validator or self._documented_validator
        return not validator.is_valid(payload)

    def state(self, payload: Any) -> State:
        """Judge a payload without the reasons, in microseconds."""
        if self.is_valid(payload):
            return State.VALID
        return State.INVALID if self.is_invalid(payload) else State.UNSPECIFIED

    def judge(self, payload: Any) -> Verdict:
        """Judge a payload with the reasons, in some microseconds."""
        state = self.state(payload)
        if state is State.VALID:
            return VALID
        return Verdict(state, tuple(self.violations(payload)))

    def violations(self, payload: Any) -> list[Violation]:
        """The violations, in the order of the document; of a large payload some."""
        return self._explainer.violations(payload)
