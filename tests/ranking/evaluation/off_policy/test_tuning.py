"""What is tried and what is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.evaluation.off_policy.tuning import POINTS, cuts, least_error, shrinkages

weight_lists = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 100)), min_size=1, max_size=40).map(np.array)


@given(weight_lists)
def test_grids_fall_from_no_shrinking_at_all(weights):
    used = weights[weights > 0]
    for grid in (cuts(weights), shrinkages(weights)):
        assert 1 <= len(grid) <= POINTS
        assert (np.diff(grid) <= 0).all()
    if len(used):
        assert cuts(weights)[0] == used.max()
        assert cuts(weights)[-1] == used.min()
        # w / (w² + λ) of the largest weight, over what it was
        most = shrinkages(weights)[0]
        assert most / (used.max() ** 2 + most) == pytest.approx(100 / 101)


def test_cuts_are_densest_among_the_few_largest_weights():
    grid = cuts(np.arange(1.0, 100_001))
    assert (grid > 99_000).sum() > POINTS / 3


def test_a_choice_by_hand():
    # Four rows that each earned 1, weights 1, 1, 1, 5.
    # At 5: bias 0, products 1, 1, 1, 5 have variance 3, over 4 rows 0.75.
    # At 3: bias (5 - 3) / 4 = 0.5, squared 0.25; products 1, 1, 1, 3 have variance 0.75, 0.1875: 0.4375.
    # At 1: bias 1, variance 0: 1.
    weights, reward = np.array([1.0, 1, 1, 5]), np.ones(4)
    assert least_error(np.array([5.0, 3, 1]), np.minimum, weights, reward) == 3
    assert least_error(np.array([5.0, 1]), np.minimum, weights, reward) == 5


def test_what_a_model_expects_counts_towards_the_variance():
    # as above, but the model's part moves against the large weight: at 5 all rows sum to 5
    weights, reward = np.array([1.0, 1, 1, 5]), np.ones(4)
    plain = np.array([4.0, 4, 4, 0])
    assert least_error(np.array([5.0, 3, 1]), np.minimum, weights, reward, plain) == 5


@given(weight_lists)
def test_without_rewards_nothing_is_shrunk(weights):
    grid = cuts(weights)
    assert least_error(grid, np.minimum, weights, np.zeros_like(weights)) == grid[0]


@given(st.integers(0, 10_000), st.sampled_from([0.01, 0.5, 8.0, 1024.0]))
def test_the_choice_depends_on_neither_the_unit_of_reward_nor_the_order_of_rows(seed, scale):
    rng = np.random.default_rng(seed)
    weights, reward = rng.exponential(size=200) ** 3, rng.normal(0.5, 1, 200)
    order = rng.permutation(200)
    chosen = least_error(cuts(weights), np.minimum, weights, reward)
    assert least_error(cuts(weights), np.minimum, weights, scale * reward) == chosen
    assert least_error(cuts(weights[order]), np.minimum, weights[order], reward[order]) == chosen


def test_a_tuned_clip_is_nearer_the_truth_where_weights_are_wild():
    # rewards of mean 0 do not depend on the weight, so the truth is 0 and clipping costs no bias
    rng = np.random.default_rng(4)
    whole, tuned = [], []
    for _ in range(100):
        weights, reward = rng.pareto(1.5, 300), rng.normal(size=300)
        most = least_error(cuts(weights), np.minimum, weights, reward)
        whole.append(np.mean(weights * reward))
        tuned.append(np.mean(np.minimum(weights, most) * reward))
    assert np.mean(np.square(tuned)) < 0.5 * np.mean(np.square(whole))
