"""Click-through rates: worked by hand, by their laws, and by how often their intervals contain the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.experiments.rate import Z, click_rate, difference

logs = st.lists(
    st.integers(1, 50).flatmap(
        lambda impressions: st.tuples(st.just(impressions), st.integers(0, impressions))
    ),
    min_size=2,
    max_size=30,
)


def test_a_rate_worked_by_hand():
    # two units with 4 impressions and 1 click, 6 and 4: a rate of 5 / 10. By that rate they had 2 and 3
    # clicks, so each is off by 1, and the variance is 2/1 · (1 + 1) / 10² = 0.04
    rate = click_rate([4, 6], [1, 4])
    assert (rate.value, rate.error) == pytest.approx((0.5, 0.2))
    assert (rate.figure.low, rate.figure.high) == pytest.approx((0.5 - Z * 0.2, 0.5 + Z * 0.2))
    # a unit with 10 shown and 1 clicked, three with 10 and 3: 0.25, 1.5, 0.5, 0.5 and 0.5 off, of 40:
    # 4/3 · 3 / 40² = 0.0025, an error of 0.05; with 0.2 it makes the error of the difference
    other = click_rate([10] * 4, [1, 3, 3, 3])
    assert (other.value, other.error) == pytest.approx((0.25, 0.05))
    figure, p = difference(other, rate)
    error = math.hypot(0.2, 0.05)
    assert (figure.value, figure.low, figure.high) == pytest.approx(
        (-0.25, -0.25 - Z * error, -0.25 + Z * error)
    )
    # 0.25 / 0.20616 = 1.2127 standard errors: 0.2253 of a normal distribution is at least as far out
    assert p == pytest.approx(0.2253, abs=1e-4)


@given(st.lists(st.booleans(), min_size=2, max_size=100).filter(lambda each: 0 < sum(each) < len(each)))
def test_with_one_impression_a_unit_it_is_a_binomial(clicked):
    rate = click_rate(np.ones(len(clicked)), clicked)
    share = sum(clicked) / len(clicked)
    assert rate.value == pytest.approx(share)
    assert rate.error == pytest.approx(math.sqrt(share * (1 - share) / (len(clicked) - 1)))


@given(logs)
def test_showing_everybody_everything_twice_changes_nothing(log):
    impressions, clicks = np.array(log).T
    once, twice = click_rate(impressions, clicks), click_rate(2 * impressions, 2 * clicks)
    assert (once.value, once.error) == pytest.approx((twice.value, twice.error), nan_ok=True)


@given(logs)
def test_an_interval_holds_its_rate_and_lies_between_0_and_1(log):
    figure = click_rate(*np.array(log).T).figure
    assert math.isnan(figure.low) or 0 <= figure.low <= figure.value <= figure.high <= 1


@pytest.mark.parametrize(
    ("impressions", "clicks", "value"), [([], [], math.nan), ([10], [3], 0.3), ([5, 5], [0, 0], 0.0)]
)
def test_where_units_are_too_few_or_too_alike_no_interval_is_made_up(impressions, clicks, value):
    rate = click_rate(impressions, clicks)
    assert rate.value == pytest.approx(value, nan_ok=True)
    assert math.isnan(rate.figure.low)
    assert math.isnan(rate.figure.high)
    figure, p = difference(click_rate([4, 6], [1, 4]), rate)
    assert math.isnan(figure.low)
    assert math.isnan(p)


def units(rng, n, ctr):
    """`n` different shoppers, each with 4 to 40 impressions and its own click rate, `ctr` at the mean."""
    impressions = rng.integers(1, 11, n) * 4
    return impressions, rng.binomial(impressions, rng.beta(4 * ctr, 4 * (1 - ctr), n))


def test_the_intervals_of_300_simulated_logs_hold_the_truth_at_about_the_stated_rate():
    rng = np.random.default_rng(11)
    covered, as_one, detected = 0, 0, 0
    for _ in range(300):
        control, other = units(rng, 300, 0.10), units(rng, 300, 0.13)
        rates = click_rate(*other), click_rate(*control)
        figure, p = difference(*rates)
        covered += figure.low <= 0.03 <= figure.high
        detected += p < 0.05
        impressions = other[0].sum(), control[0].sum()
        plain = sum(rate.value * (1 - rate.value) / n for rate, n in zip(rates, impressions, strict=True))
        as_one += abs(figure.value - 0.03) <= Z * math.sqrt(plain)
    # 285 of 300 expected, ± 3.8; intervals from independent impressions contain it far less often
    assert 274 <= covered <= 296
    assert as_one < 225
    # the planted difference is about 2.3 standard errors
    assert 120 <= detected <= 270


def test_without_a_difference_p_is_under_5_percent_5_percent_of_the_time():
    rng = np.random.default_rng(5)
    small = sum(
        difference(click_rate(*units(rng, 200, 0.1)), click_rate(*units(rng, 200, 0.1)))[1] < 0.05
        for _ in range(300)
    )
    # 15 of 300 expected, ± 3.8
    assert 4 <= small <= 26
