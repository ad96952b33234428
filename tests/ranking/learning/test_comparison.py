"""Comparisons of two rankings by the same clicks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.ranking.clicking import EXAMINATION, clicked_rows
from vlclip.ranking.learning.comparison import (
    auc_by_units,
    auc_of,
    by_units,
    calibration_error,
    dcg,
    log_loss,
    top_ctr,
)

rows_of_values = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 4)), min_size=2)


@given(rows_of_values)
def test_weighted_auc_is_that_of_scikit_learn(rows):
    scores, clicked, weights = (np.array(column, float) for column in zip(*rows, strict=True))
    area = auc_of(scores, clicked)(weights)
    if len(set(clicked)) < 2:
        assert np.isnan(area)
    else:
        assert area == pytest.approx(roc_auc_score(clicked, scores, sample_weight=weights))


def test_a_ranking_compared_with_itself_differs_by_nothing():
    rng = np.random.default_rng(1)
    values, clicked, unit = rng.random(40), np.arange(40) % 3 == 0, np.arange(40) % 8
    for pair in (by_units(values, values, unit), auc_by_units(values, values, clicked.astype(float), unit)):
        assert pair.in_force == pair.learned
        assert (pair.difference.value, pair.difference.low, pair.difference.high) == (0, 0, 0)
        assert pair.in_force.low < pair.in_force.value < pair.in_force.high


def test_units_are_drawn_whole():
    # two shoppers, one always 0 and one always 1: both rows of a shopper are drawn together
    pair = by_units(np.zeros(4), np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1]))
    assert (pair.learned.value, pair.learned.low, pair.learned.high) == (0.5, 0, 1)


def test_a_click_counts_by_how_seldom_its_place_is_seen():
    # a list of three; the third, whose examination is 1/4, was clicked: the click counts 4
    clicked, examination, lists = np.array([0.0, 0, 1]), np.array([1, 0.5, 0.25]), np.zeros(3, int)
    as_shown, turned = np.array([3.0, 2, 1]), np.array([1.0, 2, 3])
    assert dcg(as_shown, clicked, examination, lists) == pytest.approx([4 / 2])  # 1 / log2(4)
    assert dcg(turned, clicked, examination, lists) == pytest.approx([4])
    # at the top it would be clicked four times as often, at its own place as often as it was
    assert top_ctr(as_shown, clicked, examination, lists) == pytest.approx([1 / 3])
    assert top_ctr(turned, clicked, examination, lists) == pytest.approx([4 / 3])


def test_ties_stay_as_they_were_shown():
    clicked, examination, lists = np.array([1.0, 0, 0, 1]), np.ones(4), np.array([0, 0, 1, 1])
    assert dcg(np.zeros(4), clicked, examination, lists) == pytest.approx([1, 1 / np.log2(3)])


def test_ctr_of_another_order_is_what_shoppers_would_have_clicked():
    true = np.array([3.0, 9.0])
    rows = clicked_rows(true, (1.0, 0.3), lists=4000, seed=4)
    examination = np.tile(EXAMINATION, 4000)
    predicted = top_ctr(rows.features @ true, rows.clicked.astype(float), examination, rows.list).mean()
    attraction = (1 / (1 + np.exp(2.0 - rows.features @ true))).reshape(4000, 10)
    best = -np.sort(-attraction, axis=1)
    assert predicted == pytest.approx((best[:, :5] * EXAMINATION[:5]).mean(), rel=0.05)


def test_log_loss_of_an_even_chance_is_one_bit():
    assert log_loss(np.log([0.5, 0.5]), np.array([1.0, 0.0])) == pytest.approx(np.log([2, 2]))


def test_calibration_error_is_the_distance_of_told_and_seen():
    # two bins of five: predicted 0.2 and 0.6; observed 1 in 5 and 4 in 5
    predicted, clicked = np.repeat([0.2, 0.6], 5), np.array([1.0, 0, 0, 0, 0, 1, 1, 1, 1, 0])
    assert calibration_error(predicted, clicked, bins=2) == pytest.approx(0.1)
