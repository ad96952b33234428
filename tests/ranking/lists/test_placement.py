"""Probabilities of places: against all orders, against draws, and with very unequal scores."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from vlclip.ranking.lists.exploration import propensities, sample
from vlclip.ranking.lists.placement import place_probabilities

score_lists = st.lists(st.integers(-8, 8).map(lambda n: n / 4), min_size=1, max_size=6).map(np.array)
temperatures = st.sampled_from([0.0, 1e-3, 0.03, 0.3, 1.0, 20.0])


def over_all_orders(scores, temperature, places):
    orders = np.array(list(permutations(range(len(scores)), places)))
    chances = propensities(scores, orders, temperature).prod(axis=1)
    out = np.zeros((places, len(scores)))
    for k in range(places):
        np.add.at(out[k], orders[:, k], chances)
    return out


def test_a_worked_example():
    # exp(score / 2) is 3, 2, 1. The third item is second after the first, 3/6 · 1/3, or the second, 2/6 · 1/4
    scores = 2 * np.log([3.0, 2.0, 1.0])
    assert place_probabilities(scores, 2, 2) == pytest.approx(
        np.array(
            [
                [3 / 6, 2 / 6, 1 / 6],
                [2 / 6 * 3 / 4 + 1 / 6 * 3 / 5, 3 / 6 * 2 / 3 + 1 / 6 * 2 / 5, 3 / 6 * 1 / 3 + 2 / 6 * 1 / 4],
            ]
        )
    )


@given(score_lists, temperatures, st.data())
def test_they_are_the_sums_over_all_orders(scores, temperature, data):
    places = data.draw(st.integers(1, len(scores)))
    chances = place_probabilities(scores, temperature, places)
    assert chances == pytest.approx(over_all_orders(scores, temperature, places), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("temperature", [1e-300, 1e-12, 0.002, 0.05, 1.0, 1e9])
@pytest.mark.parametrize(("n", "places"), [(1, 1), (30, 10), (30, 30), (100, 10)])
def test_each_place_is_somebodys_and_the_first_is_the_softmax(n, places, temperature):
    scores = np.random.default_rng(n).normal(size=n)
    chances = place_probabilities(scores, temperature, places)
    assert chances.shape == (places, n)
    assert (chances >= 0).all()
    assert chances.sum(axis=1) == pytest.approx(np.ones(places), abs=1e-10)
    below = np.maximum((scores - scores.max()), -1e4 * temperature)
    assert chances[0] == pytest.approx(softmax(below / temperature), rel=1e-9, abs=1e-14)
    if places == n:
        assert chances.sum(axis=0) == pytest.approx(np.ones(n), abs=1e-10)


def test_equal_items_stand_everywhere_alike():
    chances = place_probabilities(np.full(30, 0.7), 0.1, 30)
    assert chances == pytest.approx(np.full((30, 30), 1 / 30), rel=1e-10)


def test_what_is_rare_is_as_rare_as_it_should_be():
    # first of three: e^-25 and e^-30, up to terms of the second order
    chances = place_probabilities(np.array([30.0, 5.0, 0.0]), 1, 3)
    assert np.log(chances[0]) == pytest.approx([0, -25, -30], abs=1e-9)
    # the last is second below the first if it beats the second: e^-5 / (1 + e^-5)
    assert chances[1, 2] == pytest.approx(np.exp(-5) / (1 + np.exp(-5)), rel=1e-9)


@given(score_lists, st.integers(1, 6))
def test_without_chance_the_order_is_plain(scores, places):
    chances = place_probabilities(scores, 0, places)
    order = sample(scores, 0, np.random.default_rng(0), places)[0]
    expected = np.zeros((places, len(scores)))
    expected[np.arange(len(order)), order] = 1
    assert chances.tolist() == expected.tolist()


@given(score_lists, st.sampled_from([0.0, 0.3, 5.0]), st.integers(-1000, 1000))
def test_a_shift_of_all_scores_changes_nothing(scores, temperature, shift):
    plain = place_probabilities(scores, temperature, len(scores))
    assert place_probabilities(scores + shift, temperature, len(scores)).tolist() == plain.tolist()


@given(score_lists, temperatures)
def test_fewer_places_are_the_first_of_more_and_below_the_last_item_is_nobody(scores, temperature):
    n = len(scores)
    whole = place_probabilities(scores, temperature, n + 2)
    assert not whole[n:].any()
    for places in range(n):
        chances = place_probabilities(scores, temperature, places)
        assert chances == pytest.approx(whole[:places], rel=1e-9, abs=1e-14)


def test_items_are_placed_as_often_as_their_draws_say():
    scores, draws, rng = np.random.default_rng(3).normal(size=12), 20_000, np.random.default_rng(4)
    met = np.zeros((4, 12))
    for _ in range(draws):
        met[np.arange(4), sample(scores, 0.8, rng, 4)[0]] += 1
    expected = draws * place_probabilities(scores, 0.8, 4)
    # five standard deviations, for 48 counts
    assert (np.abs(met - expected) < 5 * np.sqrt(expected) + 1).all()
    plain = draws * np.full((4, 12), 1 / 12)
    assert (np.abs(met - plain) > 5 * np.sqrt(plain) + 1).any()
