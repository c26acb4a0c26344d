"""A guarantee of a document: what responses have beyond their schema."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from specs.validation.engine import Schema, compile_validator
from specs.validation.evidence import Evidence


@dataclass(frozen=True)
class Guarantee:
    """A property of responses beyond their schema, for requests that match `when`."""

    name: str
    evidence: Evidence
    when: Schema
    pointer: str

    def applies_to(self, request: Any) -> bool:
        """True if it applies to a request in canonical names with defaults."""
        return bool(self._validator.is_valid(request))

    @cached_property
    def _validator(self) -> Any:
        return compile_validator(self.when)
