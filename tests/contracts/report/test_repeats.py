"""Pass rates, their intervals and ranks, and percentiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.report.repeats import (
    PassRate,
    RateVerdict,
    pass_rate_sum,
    percentile,
    ranks,
)

RATES = st.integers(1, 200).flatmap(
    lambda count: st.builds(PassRate, st.integers(0, count), st.just(count))
)


@pytest.mark.parametrize(
    ("rate", "interval"),
    [
        (PassRate(0, 0), (0, 1)),
        # Newcombe (1998), Two-sided confidence intervals for the single proportion.
        (PassRate(81, 263), (0.2553, 0.3662)),
        (PassRate(15, 148), (0.0624, 0.1605)),
        (PassRate(0, 20), (0.0, 0.1611)),
        (PassRate(1, 29), (0.0061, 0.1718)),
    ],
)
def test_intervals_are_those_of_wilson(rate, interval):
    assert rate.interval == pytest.approx(interval, abs=5e-5)


@given(RATES)
def test_an_interval_has_the_rate_and_shrinks_with_more_requests(rate):
    low, high = rate.interval
    more = PassRate(10 * rate.passed, 10 * rate.requests).interval

    assert 0 <= low <= rate.passed / rate.requests + 1e-9
    assert rate.passed / rate.requests - 1e-9 <= high <= 1
    assert more[1] - more[0] < high - low


@pytest.mark.parametrize(
    ("passed", "verdict"),
    [
        (0, RateVerdict.FAILED),
        (5, RateVerdict.FAILED),
        (6, RateVerdict.INCONCLUSIVE),
        (10, RateVerdict.INCONCLUSIVE),
        (14, RateVerdict.INCONCLUSIVE),
        (15, RateVerdict.MOSTLY_PASSED),
        (20, RateVerdict.PASSED),
    ],
)
def test_the_interval_decides_what_varies(passed, verdict):
    assert PassRate(passed, 20).verdict is verdict


@given(st.lists(RATES, max_size=6))
def test_rates_have_different_ranks_only_if_their_intervals_do_not_overlap(rates):
    found = ranks(rates)

    for one, rank in zip(rates, found, strict=True):
        for other, other_rank in zip(rates, found, strict=True):
            if rank < other_rank:
                assert one.interval[0] > other.interval[1]
    assert not rates or min(found) == 1


def test_a_rate_between_two_others_joins_their_ranks():
    apart = [PassRate(95, 100), PassRate(70, 100)]

    assert ranks(apart) == [1, 2]
    assert ranks([*apart, PassRate(85, 100)]) == [1, 1, 1]
    assert pass_rate_sum(apart) == PassRate(165, 200)


def test_percentiles_are_values_that_were_measured():
    times = [float(each) for each in range(20, 0, -1)]

    assert percentile(times, 0.5) == 10
    assert percentile(times, 0.95) == 19
    assert percentile([3.0], 0.5) == percentile([3.0], 0.95) == 3
    assert percentile([], 0.5) is None
