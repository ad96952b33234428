"""Batches: every item once, and of one kind as far as asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.training.batches import batches

kinds = st.lists(st.sampled_from(["shoe", "hat", "lamp", ""]), min_size=8, max_size=90)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(kinds, st.integers(2, 8), st.floats(0, 1), st.integers(0, 5))
def test_an_epoch_sees_every_item_once_but_for_less_than_a_batch(types, batch, hard, seed):
    drawn = batches(types, batch, hard, rng(seed), chunk=4)
    assert drawn.shape == (len(types) // batch, batch)
    assert len(set(drawn.ravel())) == drawn.size
    assert set(drawn.ravel()) <= set(range(len(types)))


@given(kinds, st.integers(2, 8), st.integers(0, 5))
def test_not_hard_is_a_plain_shuffle(types, batch, seed):
    steps = len(types) // batch
    expected = rng(seed).permutation(len(types))[: steps * batch].reshape(steps, batch)
    np.testing.assert_array_equal(batches(types, batch, 0, rng(seed)), expected)


@given(kinds, st.floats(0, 1))
def test_the_same_seed_draws_the_same_batches(types, hard):
    np.testing.assert_array_equal(
        batches(types, 4, hard, rng(3), chunk=4), batches(types, 4, hard, rng(3), chunk=4)
    )


def test_fully_hard_batches_are_whole_chunks_of_one_type():
    types = ["shoe", "hat", "lamp", "bag"] * 32
    drawn = batches(types, 32, 1.0, rng(), chunk=8)
    for row in drawn:
        for piece in row.reshape(4, 8):
            assert len({types[i] for i in piece}) == 1
    assert any(len({types[i] for i in row}) > 1 for row in drawn)  # types are mixed, not sorted


def test_half_hard_batches_are_half_chunks():
    types = [f"type {n % 16}" for n in range(512)]
    drawn = batches(types, 64, 0.5, rng(), chunk=16)
    for row in drawn:
        for piece in row[:32].reshape(2, 16):
            assert len({types[i] for i in piece}) == 1
        assert len({types[i] for i in row[32:]}) > 8


def test_harder_batches_have_more_neighbours_of_a_type():
    types = [f"type {n % 20}" for n in range(1000)]

    def alike(hard: float) -> float:
        drawn = np.array(types)[batches(types, 50, hard, rng())]
        return float((drawn[:, :, None] == drawn[:, None, :]).mean())

    shares = [alike(hard) for hard in (0, 0.25, 0.5, 0.75, 1)]
    assert shares == sorted(shares)
    assert shares[-1] > 3 * shares[0]


def test_which_items_are_left_out_is_chance_whatever_their_type():
    types = ["shoe"] * 60 + ["rare"] * 3
    shares = [np.isin([60, 61, 62], batches(types, 8, 1.0, rng(seed))).mean() for seed in range(300)]
    assert 0.8 < np.mean(shares) < 0.95  # 56 of 63 are seen
