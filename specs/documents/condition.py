"""A condition in dialect.yaml: a JSON Schema of what an entry applies to."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from specs.validation.engine import compile_validator


@dataclass(frozen=True)
class Condition:
    """The JSON Schema that decides if an entry applies; without one it always does."""

    schema: Mapping[str, Any] | None = None

    def applies_to(self, values: Mapping[str, Any]) -> bool:
        return self.schema is None or bool(self._validator.is_valid(values))

    @cached_property
    def _validator(self) -> Any:
        return compile_validator(dict(self.schema or {}))


ALWAYS = Condition()
