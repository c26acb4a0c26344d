"""The results of repeated requests, by target and operation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.report.records import Outcome
from contracts.report.repeats import PassRate, pass_rate_sum, percentile
from contracts.report.rows import rate_row


@dataclass(frozen=True, slots=True)
class RepeatedResult:
    """
    All repeated requests of one operation at one target.

    `varying` is the number of cases of which some requests passed and some failed,
    `inconclusive` that of cases without a clear result. `first_byte` and `output` are
    the times of all success responses, in seconds.
    """

    provider: str
    operation: str
    rate: PassRate
    varying: int
    inconclusive: int
    first_byte: Sequence[float]
    output: Sequence[float]

    def row(self) -> dict[str, Any]:
        """The result as the footer of a report has it."""
        return {
            "provider": self.provider,
            "operation": self.operation,
            "rate": rate_row(self.rate),
            "varying": self.varying,
            "inconclusive": self.inconclusive,
            "first_byte": _percentiles(self.first_byte),
            "output": _percentiles(self.output),
        }


def _percentiles(times: Sequence[float]) -> dict[str, float | None]:
    return {"p50": percentile(times, 0.5), "p95": percentile(times, 0.95)}


def repeated_results(outcomes: Iterable[Outcome]) -> list[RepeatedResult]:
    """The results of the cases that were repeated, in the order of the outcomes."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.repeats is not None:
            key = outcome.provider, outcome.operation
            groups.setdefault(key, []).append(outcome)
    return [_result(*key, group) for key, group in groups.items()]


def _result(
    provider: str, operation: str, outcomes: Sequence[Outcome]
) -> RepeatedResult:
    repeats = [each.repeats for each in outcomes if each.repeats is not None]
    return RepeatedResult(
        provider,
        operation,
        pass_rate_sum(each.rate for each in repeats),
        sum(each.rate.varies for each in repeats),
        sum(each.is_inconclusive for each in outcomes),
        [time for each in repeats for time in each.first_byte],
        [time for each in repeats for time in each.output],
    )
