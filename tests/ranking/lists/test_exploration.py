"""Propensities are exact, and orders are drawn as often as they say."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations
from math import log, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.ranking.chances import next_probabilities
from vlclip.ranking.lists.exploration import propensities, sample, stable_rng

score_lists = st.lists(st.integers(-8, 8).map(lambda n: n / 4), min_size=1, max_size=12).map(np.array)
temperatures = st.sampled_from([0.0, 0.01, 0.3, 1.0, 20.0])
seeds = st.integers(0, 10_000)
NONE = np.empty(0, dtype=np.intp)


def drawn(scores, temperature, seed, k=50):
    return sample(scores, temperature, np.random.default_rng(seed), k)


def test_a_worked_example():
    # exp(score / 2) is 3, 2, 1. The order second, first, third: 2/6 · 3/4 · 1/1
    scores = 2 * np.log([3.0, 2.0, 1.0])
    assert propensities(scores, np.array([1, 0, 2]), 2) == pytest.approx([2 / 6, 3 / 4, 1])
    assert propensities(scores, np.array([2]), 2) == pytest.approx([1 / 6])
    assert next_probabilities(scores, NONE, 2) == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert next_probabilities(scores, np.array([1]), 2) == pytest.approx([3 / 4, 0, 1 / 4])


@given(score_lists, temperatures, seeds)
def test_an_order_is_of_distinct_candidates_with_the_propensities_of_the_rule(scores, temperature, seed):
    order, chances = drawn(scores, temperature, seed)
    assert sorted(order.tolist()) == list(range(len(scores)))
    assert (chances > 0).all()
    assert (chances <= 1).all()
    assert chances[-1] == 1
    for place, chance in enumerate(chances):
        could = next_probabilities(scores, order[:place], temperature)
        assert could.sum() == pytest.approx(1)
        assert not could[order[:place]].any()
        assert chance == pytest.approx(could[order[place]])


@pytest.mark.parametrize("temperature", [0.0, 0.2, 3.0])
def test_the_probabilities_of_all_orders_sum_to_1(temperature):
    scores = np.array([0.3, -0.2, 0.9, 0.3])
    for k in (1, 2, 4):
        orders = np.array(list(permutations(range(4), k)))
        assert propensities(scores, orders, temperature).prod(axis=1).sum() == pytest.approx(1)


@given(score_lists, temperatures, st.lists(seeds, min_size=1, max_size=5), st.integers(1, 12))
def test_many_orders_at_once_are_each_by_itself(scores, temperature, many, k):
    orders = np.array([np.random.default_rng(seed).permutation(len(scores))[:k] for seed in many])
    alone = [propensities(scores, order, temperature) for order in orders]
    assert propensities(scores, orders, temperature).tolist() == [chances.tolist() for chances in alone]


def test_orders_are_drawn_as_often_as_their_propensities_say():
    scores, draws, rng = np.array([0.5, 0.1, 0.3, 0.9]), 20_000, np.random.default_rng(5)
    met = Counter(tuple(sample(scores, 0.4, rng, 2)[0].tolist()) for _ in range(draws))
    orders = list(permutations(range(4), 2))
    expected = [draws * prod(propensities(scores, np.array(order), 0.4)) for order in orders]
    assert chisquare([met[order] for order in orders], expected).pvalue > 0.01
    uniform = [draws / len(orders)] * len(orders)
    assert chisquare([met[order] for order in orders], uniform).pvalue < 1e-6


@given(score_lists, st.integers(0, 15), seeds)
def test_without_chance_the_order_is_plain_and_certain(scores, k, seed):
    order, chances = drawn(scores, 0, seed, k)
    assert order.tolist() == np.argsort(-scores, kind="stable")[:k].tolist()
    assert chances.tolist() == [1] * len(order)


def test_without_chance_no_other_order_can_be():
    # of two equal scores the first comes first; after a wrong choice the plain rule goes on
    scores = np.array([1.0, 2.0, 2.0])
    assert propensities(scores, np.array([1, 2, 0]), 0).tolist() == [1, 1, 1]
    assert propensities(scores, np.array([2, 1, 0]), 0).tolist() == [0, 1, 1]
    assert next_probabilities(scores, np.array([1]), 0).tolist() == [0, 0, 1]


def test_what_hardly_ever_comes_first_is_as_rare_as_it_should_be():
    # exp(-700) and exp(-1400): a sum of exponentials of these scores would overflow
    chances = propensities(np.array([1400.0, 700.0, 0.0]), np.array([1, 2, 0]), 1)
    assert np.log(chances[0]) == pytest.approx(-700)
    assert chances[1] == 0  # e^-1400 is under the smallest float
    assert propensities(np.full(3, 1e300), np.array([0, 1, 2]), 1e-3) == pytest.approx([1 / 3, 1 / 2, 1])


@given(score_lists, seeds)
def test_more_heat_is_nearer_to_pure_chance(scores, seed):
    def distance(temperature):
        chances = next_probabilities(scores, NONE, temperature)
        return log(len(scores)) + sum(chance * log(chance) for chance in chances if chance)

    by_heat = [distance(temperature) for temperature in (0, 0.1, 0.5, 2, 1e6)]
    assert all(cooler >= hotter - 1e-9 for cooler, hotter in pairwise(by_heat))
    assert by_heat[-1] == pytest.approx(0, abs=1e-9)


@given(score_lists, temperatures, seeds, st.integers(-1000, 1000))
def test_a_shift_of_all_scores_changes_nothing(scores, temperature, seed, shift):
    plain, shifted = drawn(scores, temperature, seed), drawn(scores + shift, temperature, seed)
    assert plain[0].tolist() == shifted[0].tolist()
    assert plain[1].tolist() == shifted[1].tolist()


@given(score_lists, temperatures, seeds, st.integers(0, 12))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(scores, temperature, seed, k):
    short, long = drawn(scores, temperature, seed, k), drawn(scores, temperature, seed)
    assert short[0].tolist() == long[0][:k].tolist()
    assert short[1] == pytest.approx(long[1][:k])


def test_the_same_keys_draw_the_same_and_others_do_not():
    def draws(*keys):
        return stable_rng(*keys).random(4).tolist()

    assert draws("user:u", "red shoe") == draws("user:u", "red shoe")
    others = [
        ("user:u", "red shoes"),
        ("red shoe", "user:u"),
        ("user:u", "red", "shoe"),
        ("user:ured shoe",),
        (),
    ]
    assert len({tuple(draws(*keys)) for keys in [("user:u", "red shoe"), *others]}) == 6


def test_the_draws_of_a_key_are_the_same_in_every_process():
    # Python's own hash has another salt in each process
    assert stable_rng("user:u", "ü\ud800").bit_generator.random_raw() == 12795396843377257424
