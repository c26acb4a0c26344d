"""
The checks of an exchange.

The document classifies the request, and so decides what response is expected. Its
schemas, error examples and guarantees decide if the response conforms. No check knows
which provider it examines.
"""

from contracts.judging.checks.context import (
    CheckContext,
    Observation,
    Observations,
)
from contracts.judging.checks.errors import (
    check_error_guarantees,
    check_error_response,
    check_invalid_rejected,
    check_undocumented_request_rejected,
    check_unspecified_does_not_crash,
)
from contracts.judging.checks.models import check_declared, check_models
from contracts.judging.checks.success import (
    check_answered,
    check_success_response,
    check_valid_accepted,
)

__all__ = ["CHECKS", "CheckContext", "Observation", "Observations", "examine"]

CHECKS = (
    check_answered,
    check_valid_accepted,
    check_invalid_rejected,
    check_unspecified_does_not_crash,
    check_undocumented_request_rejected,
    check_error_response,
    check_success_response,
    check_models,
    check_declared,
    check_error_guarantees,
)


def examine(context: CheckContext) -> Observations:
    """Yield every violation that an exchange shows, in the order of `CHECKS`."""
    for check in CHECKS:
        yield from check(context)
