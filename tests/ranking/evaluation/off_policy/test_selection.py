"""Which estimator to look at first."""

from __future__ import annotations

import random

import pytest

from vlclip.ranking.evaluation.off_policy.selection import choose_estimator
from vlclip.ranking.evaluation.off_policy.terms import Estimate


def estimate(name: str, low: float, high: float) -> Estimate:
    return Estimate(
        estimator=name, assumes="", value=(low + high) / 2, low=low, high=high, analytic_low=low,
        analytic_high=high, error=0.0, effective=100.0, rows=1000, mean_weight=1.0, quantiles={},
        unsupported=0.0,
    )  # fmt: skip


WIDE = estimate("sips", 0.1, 0.9)
MIDDLE = estimate("rips", 0.3, 0.6)


@pytest.mark.parametrize(
    ("narrow", "chosen"),
    [
        (estimate("iips", 0.50, 0.55), "iips"),  # meets both
        (estimate("iips", 0.70, 0.75), "rips"),  # in the wide one, but beside the middle one
        (estimate("iips", 0.95, 0.99), "rips"),  # beside both
    ],
)
def test_the_narrowest_is_chosen_unless_a_wider_one_contradicts_it(narrow, chosen):
    estimates = [narrow, WIDE, MIDDLE]
    random.Random(3).shuffle(estimates)
    assert choose_estimator([estimates]) == chosen


def test_intervals_that_meet_in_pairs_but_not_all_together_stop_before_the_last():
    # 0.1-0.5 and 0.4-0.7 meet in 0.4-0.5; 0.55-0.65 meets the second alone
    estimates = [estimate("sips", 0.1, 0.5), estimate("rips", 0.4, 0.7), estimate("iips", 0.55, 0.65)]
    assert choose_estimator([estimates]) == "rips"


def test_models_alone_and_what_has_no_interval_are_not_chosen():
    nothing = estimate("ips", float("nan"), float("nan"))
    assert choose_estimator([[estimate("dm", 0.4, 0.41), estimate("replay", 0.4, 0.41), nothing]]) is None
    assert choose_estimator([[]]) is None
    assert choose_estimator([]) is None


def test_estimators_tuned_for_the_least_error_are_not_chosen():
    tuned = [estimate(name, 0.45, 0.46) for name in ("clipped_ips", "switch_dr", "dros")]
    assert choose_estimator([[*tuned, MIDDLE, WIDE]]) == "rips"


def test_of_two_policies_one_estimator_is_chosen_that_neither_contradicts():
    first = [WIDE, MIDDLE, estimate("iips", 0.50, 0.55)]
    other = [WIDE, MIDDLE, estimate("iips", 0.70, 0.75)]
    assert choose_estimator([first, other]) == "rips"
    assert choose_estimator([first, first]) == "iips"
