"""The true value of an arm: by hand, by enumeration, and as what logs come to."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tests.ranking.evaluation.simulator.shops import EXPLORING, LIMIT, PLAIN, looked_at, simulated
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.simulator.logs import simulate
from vlclip.ranking.evaluation.simulator.truth import orders, true_value
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.arm import Arm, Exploration, Rules
from vlclip.ranking.lists.exploration import propensities

LISTS = 700


@pytest.fixture(scope="module")
def shop(store):
    return simulated(store, shoppers=150)


@pytest.fixture(scope="module")
def logged(shop):
    return [one for batch in simulate(shop, EXPLORING, LISTS) for one in batch]


def arm(name, temperature, depth=12, **weights):
    return Arm(id=name, weights=weights, exploration=Exploration(temperature=temperature, depth=depth))


def test_without_chance_the_value_is_the_sum_over_places(shop):
    clicks, revenue, first = [], [], []
    for asked in shop.requests(20):
        rows = shop.catalogue.rows([one.id for one in shop.ask(asked, PLAIN)])
        attraction, satisfaction = shop.likes(asked, rows)
        told = attraction / np.arange(1, LIMIT + 1)
        clicks.append(told.sum())
        first.append(told[:3].sum() / 3)
        # by default the cart takes 0.4 of what satisfies and 0.5 of that is bought; i7 costs 7
        revenue.append(
            (told * satisfaction * 0.4 * 0.5 * [float(shop.catalogue.ids[row][1:]) for row in rows]).sum()
        )
    found = true_value(shop, PLAIN, shop.requests(20))
    assert found.clicks.value == pytest.approx(np.mean(clicks))
    assert found.clicks.low == found.clicks.high == found.clicks.value
    assert found.revenue.value == pytest.approx(np.mean(revenue))
    assert found.ctr[3].value == pytest.approx(np.mean(first))
    assert found.ctr[LIMIT].value == pytest.approx(np.mean(clicks) / LIMIT)
    assert (found.error, found.lists, tuple(found.ctr)) == (0, 20, (1, 3, 5, LIMIT))


def test_drawn_orders_come_to_the_sum_over_all_orders(store):
    shop = simulated(store, Cascade(), limit=2)
    exploring = arm("three", 0.2, depth=3)
    expected = []
    for asked in shop.requests(40):
        ids, scores = zip(*shop.ask(asked, exploring).explored, strict=True)
        attraction, _ = shop.likes(asked, shop.catalogue.rows(ids))
        # a list of two of three: six orders; in a cascade something is clicked unless nothing attracts
        every = np.array(list(permutations(range(3), 2)))
        chances = propensities(np.array(scores), every, 0.2).prod(axis=1)
        assert chances.sum() == pytest.approx(1)
        expected.append(chances @ (1 - (1 - attraction[every]).prod(axis=1)))
    found = true_value(shop, exploring, shop.requests(40), draws=2000)
    assert 0 < found.error < 0.001
    assert found.clicks.value == pytest.approx(np.mean(expected), abs=4 * found.error)


def test_the_logging_arm_is_worth_what_its_log_came_to(shop, logged):
    found = true_value(shop, EXPLORING, shop.requests(LISTS))
    clicks = np.array([sum(one.clicks for one in outcomes) for _, outcomes in logged])
    error = clicks.std() / np.sqrt(LISTS)
    assert found.error < error / 10
    assert clicks.mean() == pytest.approx(found.clicks.value, abs=4 * error)
    values = np.array([sum(one.value for one in outcomes) for _, outcomes in logged])
    assert values.mean() == pytest.approx(found.revenue.value, abs=4 * values.std() / np.sqrt(LISTS))
    top = np.array([outcomes[0].clicks for _, outcomes in logged])
    assert top.mean() == pytest.approx(found.ctr[1].value, abs=4 * top.std() / np.sqrt(LISTS))


def test_importance_weights_of_the_log_lead_to_the_truth_of_another_arm(shop, logged):
    other = arm("sure", 0.2)
    found = true_value(shop, other, shop.requests(LISTS))
    weighted, weights = [], []
    for one, outcomes in logged:
        ids, scores = zip(*one.candidates, strict=True)
        order = np.array([ids.index(shown.item) for shown in one.items])
        # the arms differ in their temperature alone, so the candidates and their scores are the same
        target = propensities(np.array(scores), order, 0.2).prod()
        weights.append(target / np.prod([shown.propensity for shown in one.items]))
        weighted.append(weights[-1] * sum(outcome.clicks for outcome in outcomes))
    for values, truth in ((weights, 1), (weighted, found.clicks.value)):
        assert np.mean(values) == pytest.approx(truth, abs=4 * np.std(values) / np.sqrt(LISTS))


def test_the_more_an_arm_ranks_by_what_shoppers_like_the_more_it_is_worth(store):
    shop = simulated(store, likes={"text": 0})
    arms = [arm("photo", 0, text=0), arm("both", 0), arm("words", 0, image=0)]
    values = [true_value(shop, one, shop.requests(200)).clicks.value for one in arms]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1.2 * values[2]


def test_more_chance_is_worth_less(shop):
    values = [true_value(shop, arm("t", t), shop.requests(100)).clicks.value for t in (0, 0.1, 0.4, 100)]
    assert values == sorted(values, reverse=True)


def test_the_same_seed_has_the_same_truth(shop, store):
    one, again = (
        true_value(which, EXPLORING, which.requests(50)) for which in (shop, simulated(store, shoppers=150))
    )
    assert one == again
    assert one != true_value(simulated(store, shoppers=150, seed=8), EXPLORING, shop.requests(50))


def test_with_a_history_an_arm_is_asked_with_what_had_happened_by_then(store):
    history = SqliteHistory(None)
    shop = simulated(store, history=history, kinds={"recommendations": 1})
    log = [one for batch in simulate(shop, PLAIN, 225) for one in batch]
    found = true_value(shop, PLAIN, shop.requests(225))
    clicks = np.array([sum(one.clicks for one in outcomes) for _, outcomes in log])
    assert clicks.mean() == pytest.approx(found.clicks.value, abs=4 * clicks.std() / 15)
    history.close()


def test_pins_stay_and_what_is_deeper_than_chance_reaches_stays(shop):
    pinned = Arm(id="pinned", rules=Rules(pins=("i8",)), exploration=Exploration(temperature=1, depth=3))
    asked = next(shop.requests(1))
    answer = shop.ask(asked, pinned)
    drawn = orders(answer, shop, 200, np.random.default_rng(0))
    shown = shop.catalogue.rows([one.id for one in answer])
    assert drawn.shape == (200, LIMIT)
    assert np.all(drawn[:, 0] == shop.catalogue.row_of["i8"])
    assert np.all(drawn[:, 4:] == shown[4:])
    middle = {tuple(row) for row in drawn[:, 1:4].tolist()}
    assert middle == set(permutations(shop.catalogue.rows([one for one, _ in answer.explored]).tolist()))


def test_an_empty_list_is_worth_nothing(shop):
    nobody = arm("none", 0).model_copy(update={"rules": Rules(include=("colour=pink",))})
    assert len(shop.ask(next(shop.requests(1)), nobody)) == 0
    found = true_value(shop, nobody, shop.requests(5))
    assert (found.clicks.value, found.revenue.value, found.ctr[1].value) == (0, 0, 0)
    with pytest.raises(EvaluationError, match="at least one list"):
        true_value(shop, PLAIN, [])


def test_a_list_shorter_than_its_places_is_worth_what_it_shows(store):
    shop = simulated(store, looked_at(300), limit=200)
    few = Arm(id="few", rules=Rules(include=("price<30",)))
    answer = shop.ask(next(shop.requests(1)), few)
    assert 0 < len(answer) <= 30
    rows = orders(answer, shop, 5, np.random.default_rng(0))
    assert rows.shape == (1, len(answer))
    attraction, _ = shop.likes(next(shop.requests(1)), rows[0])
    assert true_value(shop, few, shop.requests(1)).clicks.value == pytest.approx(
        (attraction / np.arange(1, len(answer) + 1)).sum()
    )
