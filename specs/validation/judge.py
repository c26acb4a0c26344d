"""
The one judge: whether a payload keeps a schema, and if not, which claim it breaks.

jsonschema-rs answers yes or no, jsonschema explains a no; both read the same schema
and the same vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from specs.validation.engine import Schema, compile_validator
from specs.validation.evidence import Basis, Evidence
from specs.validation.explanation import (
    SubschemaValidators,
    Violation,
    explainer_class,
    violation_from,
)
from specs.validation.transforms import (
    documented_only,
    to_validator_schema,
    without_unlisted_members,
)


class State(StrEnum):
    """What a document says of a request."""

    VALID = "valid"
    INVALID = "invalid"
    UNSPECIFIED = "unspecified"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a document says of one payload.

    The violations stand in the order in which the document states its constraints:
    the first is the one a provider would answer with.
    """

    state: State
    violations: tuple[Violation, ...] = ()

    @property
    def documented_violations(self) -> tuple[Violation, ...]:
        """The violations that make a request invalid."""
        return tuple(
            each for each in self.violations if each.evidence.basis is Basis.DOCUMENTED
        )


VALID = Verdict(State.VALID)


class Judge:
    """
    A schema, compiled once, with three answers.

    `strict` is everything the document says, assumptions included and unlisted members
    refused; `documented` is the same without what the provider's documents do not
    carry. Keeps strict: valid. Breaks documented: invalid. Between them: unspecified.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        evidence: Evidence | None = None,
        open: bool = False,
    ) -> None:
        """With `open`, members that the schema does not list are welcome."""
        plain = to_validator_schema(schema)
        self._schema = plain if open else without_unlisted_members(plain)
        self._evidence = evidence or Evidence()
        self._strict_validator = compile_validator(self._schema)
        self._documented_validator = compile_validator(documented_only(plain))

    def is_valid(self, payload: Any) -> bool:
        return bool(self._strict_validator.is_valid(payload))

    def is_invalid(self, payload: Any) -> bool:
        return not self._documented_validator.is_valid(payload)

    def state(self, payload: Any) -> State:
        """What the document says of a payload, without the reasons: microseconds."""
        if self.is_valid(payload):
            return State.VALID
        return State.INVALID if self.is_invalid(payload) else State.UNSPECIFIED

    def judge(self, payload: Any) -> Verdict:
        """What the document says of a payload, and why: up to a millisecond."""
        state = self.state(payload)
        if state is State.VALID:
            return VALID
        return Verdict(state, tuple(self.violations(payload)))

    def violations(self, payload: Any) -> Iterator[Violation]:
        for error in self._explainer.iter_errors(payload):
            yield violation_from(error, self._schema, self._evidence)

    @cached_property
    def _explainer(self) -> Any:
        return explainer_class(SubschemaValidators().is_valid)(self._schema)
