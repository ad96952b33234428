"""How shoppers come and what they ask for."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.ranking.evaluation.simulator.shops import simulated
from vlclip.ranking.evaluation.simulator.visits import draw_requests
from vlclip.ranking.settings import DAY_S


@pytest.fixture(scope="module")
def shop(store):
    return simulated(store, kinds={"similar": 2, "search": 1, "recommendations": 1}, visits_per_day=500.0)


def test_times_rise_and_a_visit_is_of_one_shopper_with_one_taste(shop):
    asked = list(shop.requests(600))
    assert [one.number for one in asked] == list(range(600))
    assert all(one.time <= later.time for one, later in pairwise(asked))
    visits = defaultdict(set)
    for one in asked:
        visits[one.visit].add((one.shopper, one.taste))
        assert shop.shoppers.first[one.shopper] <= one.taste < shop.shoppers.first[one.shopper + 1]
    assert all(len(of) == 1 for of in visits.values())
    # 500 visits a day some of which last minutes: they overlap, and their lists mingle
    assert [one.visit for one in asked] != sorted(one.visit for one in asked)


def test_visits_come_as_often_and_ask_for_as_many_lists_as_was_said(shop):
    asked = list(shop.requests(1500))
    visits = len({one.visit for one in asked})
    assert 1500 / visits == pytest.approx(3, abs=4 * math.sqrt(6 / visits))  # geometric: variance 3² - 3
    days = (asked[-1].time - shop.world.start) / DAY_S
    assert visits / days == pytest.approx(500, rel=4 / math.sqrt(visits))


def test_the_first_hundred_of_a_thousand_are_the_hundred(shop, store):
    first = list(shop.requests(100))
    assert first == list(shop.requests(1000))[:100]
    assert first == list(simulated(store, kinds=shop.world.kinds, visits_per_day=500.0).requests(100))
    assert first != list(simulated(store, kinds=shop.world.kinds, visits_per_day=500.0, seed=8).requests(100))


def test_what_is_asked_about_is_near_the_taste_of_the_visit(shop):
    kinds = Counter()
    for one in shop.requests(800):
        kinds[one.kind] += 1
        near = [shop.catalogue.ids[row] for row in shop.shoppers.near[one.taste]]
        if one.kind == "similar":
            assert one.anchor in near
            assert not one.text
        elif one.kind == "search":
            assert one.text in {shop.catalogue.titles[shop.catalogue.row_of[item]] for item in near}
            assert not one.anchor
        else:
            assert not one.anchor
            assert not one.text
    assert kinds["similar"] / 800 == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / 800))
    assert kinds["search"] / 800 == pytest.approx(0.25, abs=4 * math.sqrt(0.19 / 800))


def test_where_there_are_no_words_to_search_by_similar_items_are_asked_for(shop):
    untitled = replace(shop.catalogue, titles=("",) * len(shop.catalogue.ids))
    asked = draw_requests(replace(shop.shoppers, catalogue=untitled), 200)
    assert {one.kind for one in asked} == {"similar", "recommendations"}


def test_who_likes_several_things_comes_for_each_by_its_share(shop):
    shoppers = shop.shoppers
    seen = Counter(one.taste for one in shop.requests(3000))
    visits = Counter(taste for _, taste in {(one.visit, one.taste) for one in shop.requests(3000)})
    assert set(visits) == set(seen)
    expected = shoppers.shares / shop.world.shoppers * sum(visits.values())
    gaps = np.array([visits[taste] for taste in range(len(shoppers.shares))]) - expected
    # Poisson: squared gaps over expectations sum to about as many as there are tastes
    assert np.sum(gaps**2 / expected) < len(expected) + 4 * math.sqrt(
        2 * len(expected) + np.sum(1 / expected)
    )
