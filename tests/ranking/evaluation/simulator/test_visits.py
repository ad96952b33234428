"""How shoppers come and what they ask for."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.ranking.evaluation.simulator.shops import simulated
from vlclip.ranking.evaluation.simulator.visits import draw_steps
from vlclip.ranking.settings import DAY_S


@pytest.fixture(scope="module")
def shop(store):
    return simulated(store, kinds={"similar": 2, "search": 1, "recommendations": 1}, visits_per_day=500.0)


def test_times_rise_and_a_visit_is_of_one_shopper_with_one_taste(shop):
    steps = list(shop.steps(600))
    assert [step.number for step in steps] == list(range(600))
    assert all(step.time <= later.time for step, later in pairwise(steps))
    visits = defaultdict(set)
    for step in steps:
        visits[step.visit].add((step.shopper, step.taste))
        assert shop.shoppers.first[step.shopper] <= step.taste < shop.shoppers.first[step.shopper + 1]
    assert all(len(pairs) == 1 for pairs in visits.values())
    # 500 visits a day some of which last minutes: they overlap, and their lists mingle
    assert [step.visit for step in steps] != sorted(step.visit for step in steps)


def test_visits_come_as_often_and_ask_for_as_many_lists_as_was_said(shop):
    steps = list(shop.steps(1500))
    visits = len({step.visit for step in steps})
    assert 1500 / visits == pytest.approx(3, abs=4 * math.sqrt(6 / visits))  # geometric: variance 3² - 3
    days = (steps[-1].time - shop.world.start) / DAY_S
    assert visits / days == pytest.approx(500, rel=4 / math.sqrt(visits))


def test_the_first_hundred_of_a_thousand_are_the_hundred(shop, store):
    first = list(shop.steps(100))
    assert first == list(shop.steps(1000))[:100]
    assert first == list(simulated(store, kinds=shop.world.kinds, visits_per_day=500.0).steps(100))
    assert first != list(simulated(store, kinds=shop.world.kinds, visits_per_day=500.0, seed=8).steps(100))


def test_what_is_asked_about_is_near_the_taste_of_the_visit(shop):
    kinds = Counter()
    for step in shop.steps(800):
        request = step.request
        kinds[request.kind] += 1
        near = [shop.catalogue.ids[row] for row in shop.shoppers.near[step.taste]]
        if request.kind == "similar":
            assert request.anchor in near
            assert not request.text
        elif request.kind == "search":
            assert request.text in {shop.catalogue.titles[shop.catalogue.row_of[item]] for item in near}
            assert not request.anchor
        else:
            assert not request.anchor
            assert not request.text
    assert kinds["similar"] / 800 == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / 800))
    assert kinds["search"] / 800 == pytest.approx(0.25, abs=4 * math.sqrt(0.19 / 800))


def test_where_there_are_no_words_to_search_by_similar_items_are_asked_for(shop):
    untitled = replace(shop.catalogue, titles=("",) * len(shop.catalogue.ids))
    steps = draw_steps(replace(shop.shoppers, catalogue=untitled), 200)
    assert {step.request.kind for step in steps} == {"similar", "recommendations"}


def test_who_likes_several_things_comes_for_each_by_its_share(shop):
    shoppers = shop.shoppers
    lists = Counter(step.taste for step in shop.steps(3000))
    visits = Counter(taste for _, taste in {(step.visit, step.taste) for step in shop.steps(3000)})
    assert set(visits) == set(lists)
    expected = shoppers.shares / shop.world.shoppers * sum(visits.values())
    gaps = np.array([visits[taste] for taste in range(len(shoppers.shares))]) - expected
    # Poisson: squared gaps over expectations sum to about as many as there are tastes
    assert np.sum(gaps**2 / expected) < len(expected) + 4 * math.sqrt(
        2 * len(expected) + np.sum(1 / expected)
    )
