"""Rates of items with few chances are shrunk towards what they have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.evaluation.click_models.log import UNKNOWN
from vlclip.ranking.evaluation.click_models.rates import Prior, Rates, fit_prior

counts = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12)


def test_a_rate_worked_out_by_hand():
    # (3 + 4 · 0.25) / (6 + 4) = 0.4; (0 + 1) / (1 + 4) = 0.2; no chances: 0.25
    rates = Rates(np.array([3.0, 0.0]), np.array([6.0, 1.0]), Prior(0.25, 4.0))
    assert rates.of_items(np.array([[0, 1], [UNKNOWN, 0]])) == pytest.approx(
        np.array([[0.4, 0.2], [0.25, 0.4]])
    )


@given(counts)
def test_no_rate_is_none_or_certain_and_all_lie_between_their_own_and_the_common(pairs):
    missed, hits = np.array(pairs, float).T
    prior = fit_prior(hits, hits + missed)
    rates = prior.rates(hits, hits + missed)
    assert ((rates > 0) & (rates < 1)).all()
    tried = hits + missed > 0
    own = hits[tried] / (hits + missed)[tried]
    low, high = np.minimum(own, prior.mode), np.maximum(own, prior.mode)
    assert ((low - 1e-9 <= rates[tried]) & (rates[tried] <= high + 1e-9)).all()
    assert rates[~tried] == pytest.approx(prior.mode)


def test_the_most_probable_rate_is_the_top_of_the_posterior():
    prior = Prior(0.3, 5.0)
    grid = np.linspace(0.001, 0.999, 999)
    posterior = [
        2 * np.log(rate) + 8 * np.log1p(-rate) + prior.log_density(np.array([rate])) for rate in grid
    ]
    # 2 hits of 10: (2 + 1.5) / 15
    assert grid[np.argmax(posterior)] == pytest.approx(prior.rates(np.array(2.0), np.array(10.0)), abs=0.001)


def test_alike_items_have_a_stronger_prior_than_different_ones():
    chances = np.full(50, 100.0)
    alike = fit_prior(np.full(50, 20.0), chances)
    different = fit_prior(np.tile([5.0, 35.0], 25), chances)
    assert alike.strength > 100 * different.strength
    assert alike.mode == pytest.approx(0.2, abs=0.001)
    assert different.mode == pytest.approx(0.2, abs=0.02)


def test_rates_from_a_beta_are_found_nearer_than_by_their_own_counts():
    rng = np.random.default_rng(4)
    truth = rng.beta(2, 18, 2000)
    chances = rng.integers(1, 40, 2000).astype(float)
    hits = rng.binomial(chances.astype(int), truth).astype(float)
    prior = fit_prior(hits, chances)
    assert prior.mode == pytest.approx(0.1, rel=0.1)
    assert prior.strength == pytest.approx(20, rel=0.3)
    own, shrunk = np.abs(hits / chances - truth).mean(), np.abs(prior.rates(hits, chances) - truth).mean()
    assert shrunk < 0.75 * own


def test_a_given_strength_is_kept_and_nothing_tried_is_an_even_chance():
    assert fit_prior(np.array([1.0, 0.0]), np.array([4.0, 4.0]), 7.0).strength == pytest.approx(7)
    assert fit_prior(np.zeros(3), np.zeros(3)) == Prior(0.5, 1.0)
