"""Pass rates and response times of repeated requests, as rows for all formats."""

from collections.abc import Sequence

from contracts.report.model import Report
from contracts.report.repeated import RepeatedResult, repeated_results
from contracts.report.repeats import pass_rate_sum, percentile, ranks
from contracts.text import NO_VALUE, join_words, pluralize

COLUMNS = (*("operation", "requests", "pass rate", "varying", "first byte", "image"),)


def repeat_rows(report: Report) -> list[tuple[str, tuple[str, ...]]]:
    """
    The title of a provider and the cells of `COLUMNS`, per target and operation.

    Pass rates are intervals with a confidence of 95 %, times are p50 / p95.
    """
    titles = {each.provider: each.title for each in report.metadata.targets}
    return [
        (titles[each.provider], _cells(each))
        for each in repeated_results(report.outcomes)
    ]


def _cells(result: RepeatedResult) -> tuple[str, ...]:
    return (
        result.operation,
        f"{result.rate.requests:,}",
        result.rate.percent,
        f"{result.varying:,}",
        _times(result.first_byte),
        _times(result.output),
    )


def _times(seconds: Sequence[float]) -> str:
    """`0.05 / 0.31 s`: the times that 50 % and 95 % of the responses did not exceed."""
    middle, high = percentile(seconds, 0.5), percentile(seconds, 0.95)
    if middle is None or high is None:
        return NO_VALUE
    return f"{middle:.3g} / {high:.3g} s"


def repeat_notes(report: Report) -> list[str]:
    """Sentences about what varies, and how the servers rank by their pass rates."""
    results = repeated_results(report.outcomes)
    notes = []
    unclear = sum(each.inconclusive for each in results)
    if unclear:
        notes.append(
            f"{pluralize(unclear, 'test case')} inconclusive: some requests passed and "
            "some failed, and the 95 % interval of the pass rate spans one half. More "
            "repetitions may decide"
        )
    titles = {each.provider: each.title for each in report.metadata.targets}
    rates = {
        provider: pass_rate_sum(e.rate for e in results if e.provider == provider)
        for provider in dict.fromkeys(each.provider for each in results)
    }
    if len(rates) > 1:
        ranked: dict[int, list[str]] = {}
        for provider, rank in zip(rates, ranks([*rates.values()]), strict=True):
            ranked.setdefault(rank, []).append(
                f"{titles[provider]} ({rates[provider].percent})"
            )
        places = "; ".join(
            f"{rank}. {join_words(names)}" for rank, names in sorted(ranked.items())
        )
        notes.append(
            f"Pass rates, ranked apart only where their intervals do not overlap: "
            f"{places}"
        )
    return notes
