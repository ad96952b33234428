"""What a ranking with chance in it makes probable, on rankings small enough to count."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.evaluation.replay.ranking import Ranking, place_of
from vlclip.ranking.lists.exploration import propensities

SCORES = st.lists(st.floats(-2, 2), min_size=1, max_size=5).map(np.array)
EMPTY = np.empty(0)


def explored(scores, **more):
    return Ranking(explored=tuple("abcde"[: len(scores)]), scores=scores, temperature=0.5, **more)


@given(SCORES, st.randoms())
def test_along_an_order_they_are_the_propensities_it_is_drawn_with(scores, random):
    order = list(range(len(scores)))
    random.shuffle(order)
    items = ["abcde"[row] for row in order]
    chances = explored(scores).next(items, list("abcde"))
    along = chances[np.arange(len(order)), order]
    np.testing.assert_allclose(along, propensities(scores, np.array(order), 0.5), rtol=1e-9)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    for place, row in enumerate(order[:-1]):
        assert not chances[place + 1 :, row].any()


def test_pins_come_first_and_the_rest_last_one_by_one():
    ranking = explored(np.array([1.0, 1.0]), pins=("p", "q"), tail=("y", "z"))
    chances = ranking.next(["p", "q", "b", "a", "y", "z"], ["p", "q", "a", "b", "y", "z"])
    # a and b tie, so each is first of them by half
    np.testing.assert_array_equal(
        chances,
        [
            [1, 0, 0, 0, 0, 0],
            [0, 1, 0, 0, 0, 0],
            [0, 0, 0.5, 0.5, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 1],
        ],
    )


def test_below_an_item_it_would_never_show_a_ranking_goes_on_with_what_is_left():
    ranking = Ranking(scores=EMPTY, tail=("a", "b", "c"))
    chances = ranking.next(["x", "b", "c"], ["a", "b", "c", "x"])
    np.testing.assert_array_equal(chances, [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]])
    assert not Ranking(scores=EMPTY, tail=("a",)).next(["a", "b"], ["a", "b"])[1].any()


@given(SCORES, st.sets(st.sampled_from("abcde"), min_size=1))
def test_crossing_items_out_of_a_drawn_order_leaves_an_order_drawn_from_the_others(scores, left):
    ranking = explored(scores)
    ids = [item for item in ranking.ids if item in left]
    if not ids:
        return
    # the probability of each order of the items left, summed over all orders of all items
    summed = dict.fromkeys(permutations(ids), 0.0)
    for order in permutations(range(len(scores))):
        shorter = tuple("abcde"[row] for row in order if "abcde"[row] in left)
        summed[shorter] += float(propensities(scores, np.array(order), 0.5).prod())
    only = ranking.only(left)
    for order, chance in summed.items():
        along = only.next(order, order)[np.arange(len(order)), np.arange(len(order))]
        assert along.prod() == pytest.approx(chance, rel=1e-6, abs=1e-12)


def test_a_place_has_the_probabilities_of_all_orders():
    ranking = explored(np.array([0.4, 0.0, -0.3]), pins=("p",), tail=("z",))
    items = ("p", "b", "a", "c", "z")
    by_hand = np.zeros(5)
    for order in permutations(range(3)):
        chance = propensities(ranking.scores, np.array(order), 0.5).prod()
        by_hand += chance * (np.array(["p", *("abc"[row] for row in order), "z"]) == items)
    np.testing.assert_allclose(place_of(ranking, items), by_hand, rtol=1e-9)
    assert place_of(ranking, ("z", "x")).tolist() == [0, 0]


def test_drawn_orders_keep_pins_and_rest_in_place_and_are_as_frequent_as_they_are_probable():
    ranking = explored(np.array([0.5, 0.0]), pins=("p",), tail=("z",))
    rng = np.random.default_rng(0)
    orders = [ranking.draw(4, rng) for _ in range(2000)]
    assert {order[0] + order[3] for order in orders} == {"pz"}
    # softmax of 0.5 and 0 at temperature 0.5: 0.731
    assert np.mean([order[1] == "a" for order in orders]) == pytest.approx(0.731, abs=0.03)
    assert ranking.draw(2, rng)[0] == "p"
