"""Predicted click probabilities beside observed click rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.ranking.evaluation.click_models.drawn import drawn_log, planted
from vlclip.ranking.evaluation.click_models.calibration import calibration
from vlclip.ranking.evaluation.click_models.fitting import Fitted, fit_all
from vlclip.ranking.evaluation.click_models.log import ClickLog
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.click_models.rates import Prior, Rates
from vlclip.ranking.evaluation.click_models.worth import Worth

ATTRACTION, SATISFACTION = planted()
TRUE = PositionBased(np.array([1.0, 0.7, 0.5, 0.3, 0.2]))


def knowing(attraction):
    """A model that knows the items' attraction."""
    rates = Rates(1e12 * attraction, np.full(len(attraction), 1e12), Prior(0.5, 1.0))
    names = tuple(map(str, range(len(attraction))))
    return Fitted(
        behaviour=TRUE, attractions=rates, satisfactions=None, names=names, trace=(),
        worth=Worth(None, None, None),
    )  # fmt: skip


def test_two_bins_worked_out():
    # one place, examination 1: predicted 0.1, 0.2, 0.6, 0.8; the second and fourth were clicked
    log = ClickLog(
        items=np.array([[2], [0], [3], [1]]), clicked=np.array([[False], [False], [True], [True]]),
        filled=np.ones((4, 1), bool), unit=np.arange(4), names=tuple("abcd"),
    )  # fmt: skip
    report = calibration(knowing(np.array([0.1, 0.2, 0.6, 0.8])), log, bins=2)
    assert report.predicted == pytest.approx((0.15, 0.7))
    assert [rate.value for rate in report.observed] == [0.5, 0.5]
    # (2 · 0.35 + 2 · 0.2) / 4
    assert report.error == pytest.approx(0.275)
    # Wilson, 1 of 2: centre 0.5, half width 1.96 · sqrt(0.25/2 + 1.96²/16) / (1 + 1.96²/2) = 0.405
    assert (report.observed[0].low, report.observed[0].high) == pytest.approx((0.095, 0.905), abs=0.001)
    assert report.model == "position-based"


def test_fewer_places_than_bins_are_a_bin_each():
    log = ClickLog(
        items=np.array([[0, 1]]), clicked=np.array([[True, False]]), filled=np.ones((1, 2), bool),
        unit=np.zeros(1, int), names=("a", "b"),
    )  # fmt: skip
    report = calibration(knowing(np.array([0.5, 0.5])), log)
    assert report.predicted == pytest.approx((0.35, 0.5))
    assert [rate.value for rate in report.observed] == [0, 1]


def test_the_truth_is_calibrated_and_twice_the_truth_is_not():
    log = drawn_log(TRUE, ATTRACTION / 2, SATISFACTION, lists=8000)
    right, double = calibration(knowing(ATTRACTION / 2), log), calibration(knowing(ATTRACTION), log)
    assert right.error < 0.005
    assert double.error == pytest.approx(np.mean(double.predicted) / 2, rel=0.1)
    assert double.perplexity > right.perplexity
    assert list(right.predicted) == sorted(right.predicted)
    inside = [
        rate.low <= predicted <= rate.high
        for predicted, rate in zip(right.predicted, right.observed, strict=True)
    ]
    assert sum(inside) >= 8


def test_a_fit_on_the_right_model_is_calibrated_on_lists_it_never_saw():
    log = drawn_log(TRUE, ATTRACTION, SATISFACTION, lists=8000)
    fitted, perplexity = next(
        pair for pair in fit_all(log, held_out=0.5, seed=3) if pair[0].behaviour.name == "position-based"
    )
    report = calibration(fitted, log.split(0.5, 3)[1])
    assert report.error < 0.015
    assert report.perplexity == perplexity
    assert (
        report.perplexity < calibration(replace(fitted, behaviour=PositionBased(np.ones(5))), log).perplexity
    )
