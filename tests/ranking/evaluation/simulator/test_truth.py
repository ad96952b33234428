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
    return [row for batch in simulate(shop, EXPLORING, LISTS) for row in batch]


def arm(name, temperature, depth=12, **weights):
    return Arm(id=name, weights=weights, exploration=Exploration(temperature=temperature, depth=depth))


def test_without_chance_the_value_is_the_sum_over_places(shop):
    clicks, revenue, first = [], [], []
    for step in shop.steps(20):
        rows = shop.catalogue.rows([result.id for result in shop.answer(step, PLAIN)])
        attraction, satisfaction = shop.likes(step, rows)
        chances = attraction / np.arange(1, LIMIT + 1)
        clicks.append(chances.sum())
        first.append(chances[:3].sum() / 3)
        # by default the cart takes 0.4 of what satisfies and 0.5 of that is bought; i7 costs 7
        revenue.append(
            (chances * satisfaction * 0.4 * 0.5 * [float(shop.catalogue.ids[row][1:]) for row in rows]).sum()
        )
    truth = true_value(shop, PLAIN, shop.steps(20))
    assert truth.clicks.value == pytest.approx(np.mean(clicks))
    assert truth.clicks.low == truth.clicks.high == truth.clicks.value
    assert truth.revenue.value == pytest.approx(np.mean(revenue))
    assert truth.ctr[3].value == pytest.approx(np.mean(first))
    assert truth.ctr[LIMIT].value == pytest.approx(np.mean(clicks) / LIMIT)
    assert (truth.error, truth.lists, tuple(truth.ctr)) == (0, 20, (1, 3, 5, LIMIT))


def test_drawn_orders_come_to_the_sum_over_all_orders(store):
    shop = simulated(store, Cascade(), limit=2)
    exploring = arm("three", 0.2, depth=3)
    expected = []
    for step in shop.steps(40):
        ids, scores = zip(*shop.answer(step, exploring).explored, strict=True)
        attraction, _ = shop.likes(step, shop.catalogue.rows(ids))
        # a list of two of three: six orders; in a cascade something is clicked unless nothing attracts
        every = np.array(list(permutations(range(3), 2)))
        chances = propensities(np.array(scores), every, 0.2).prod(axis=1)
        assert chances.sum() == pytest.approx(1)
        expected.append(chances @ (1 - (1 - attraction[every]).prod(axis=1)))
    truth = true_value(shop, exploring, shop.steps(40), draws=2000)
    assert 0 < truth.error < 0.001
    assert truth.clicks.value == pytest.approx(np.mean(expected), abs=4 * truth.error)


def test_the_logging_arm_is_worth_what_its_log_came_to(shop, logged):
    truth = true_value(shop, EXPLORING, shop.steps(LISTS))
    clicks = np.array([sum(outcome.clicks for outcome in outcomes) for _, outcomes in logged])
    error = clicks.std() / np.sqrt(LISTS)
    assert truth.error < error / 10
    assert clicks.mean() == pytest.approx(truth.clicks.value, abs=4 * error)
    values = np.array([sum(outcome.value for outcome in outcomes) for _, outcomes in logged])
    assert values.mean() == pytest.approx(truth.revenue.value, abs=4 * values.std() / np.sqrt(LISTS))
    top = np.array([outcomes[0].clicks for _, outcomes in logged])
    assert top.mean() == pytest.approx(truth.ctr[1].value, abs=4 * top.std() / np.sqrt(LISTS))


def test_importance_weights_of_the_log_lead_to_the_truth_of_another_arm(shop, logged):
    other = arm("sure", 0.2)
    truth = true_value(shop, other, shop.steps(LISTS))
    weighted, weights = [], []
    for exposure, outcomes in logged:
        ids, scores = zip(*exposure.candidates, strict=True)
        order = np.array([ids.index(slot.item) for slot in exposure.items])
        # the arms differ in their temperature alone, so the candidates and their scores are the same
        target = propensities(np.array(scores), order, 0.2).prod()
        weights.append(target / np.prod([slot.propensity for slot in exposure.items]))
        weighted.append(weights[-1] * sum(outcome.clicks for outcome in outcomes))
    for values, expected in ((weights, 1), (weighted, truth.clicks.value)):
        assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / np.sqrt(LISTS))


def test_the_more_an_arm_ranks_by_what_shoppers_like_the_more_it_is_worth(store):
    shop = simulated(store, likes={"text": 0})
    arms = [arm("photo", 0, text=0), arm("both", 0), arm("words", 0, image=0)]
    values = [true_value(shop, ranked_by, shop.steps(200)).clicks.value for ranked_by in arms]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1.2 * values[2]


def test_more_chance_is_worth_less(shop):
    values = [true_value(shop, arm("t", t), shop.steps(100)).clicks.value for t in (0, 0.1, 0.4, 100)]
    assert values == sorted(values, reverse=True)


def test_the_same_seed_has_the_same_truth(shop, store):
    first, again = (
        true_value(each, EXPLORING, each.steps(50)) for each in (shop, simulated(store, shoppers=150))
    )
    assert first == again
    assert first != true_value(simulated(store, shoppers=150, seed=8), EXPLORING, shop.steps(50))


def test_with_a_history_an_arm_is_asked_with_what_had_happened_by_then(store):
    history = SqliteHistory(None)
    shop = simulated(store, history=history, kinds={"recommendations": 1})
    log = [row for batch in simulate(shop, PLAIN, 225) for row in batch]
    truth = true_value(shop, PLAIN, shop.steps(225))
    clicks = np.array([sum(outcome.clicks for outcome in outcomes) for _, outcomes in log])
    assert clicks.mean() == pytest.approx(truth.clicks.value, abs=4 * clicks.std() / 15)
    history.close()


def test_pins_stay_and_what_is_deeper_than_chance_reaches_stays(shop):
    pinned = Arm(id="pinned", rules=Rules(pins=("i8",)), exploration=Exploration(temperature=1, depth=3))
    answer = shop.answer(next(shop.steps(1)), pinned)
    sampled = orders(answer, shop, 200, np.random.default_rng(0))
    ranked = shop.catalogue.rows([result.id for result in answer])
    assert sampled.shape == (200, LIMIT)
    assert np.all(sampled[:, 0] == shop.catalogue.row_of["i8"])
    assert np.all(sampled[:, 4:] == ranked[4:])
    middle = {tuple(row) for row in sampled[:, 1:4].tolist()}
    assert middle == set(permutations(shop.catalogue.rows([item for item, _ in answer.explored]).tolist()))


def test_an_empty_list_is_worth_nothing(shop):
    nobody = arm("none", 0).model_copy(update={"rules": Rules(include=("colour=pink",))})
    assert len(shop.answer(next(shop.steps(1)), nobody)) == 0
    truth = true_value(shop, nobody, shop.steps(5))
    assert (truth.clicks.value, truth.revenue.value, truth.ctr[1].value) == (0, 0, 0)
    with pytest.raises(EvaluationError, match="at least one list"):
        true_value(shop, PLAIN, [])


def test_a_list_shorter_than_its_places_is_worth_what_it_shows(store):
    shop = simulated(store, looked_at(300), limit=200)
    few = Arm(id="few", rules=Rules(include=("price<30",)))
    answer = shop.answer(next(shop.steps(1)), few)
    assert 0 < len(answer) <= 30
    rows = orders(answer, shop, 5, np.random.default_rng(0))
    assert rows.shape == (1, len(answer))
    attraction, _ = shop.likes(next(shop.steps(1)), rows[0])
    assert true_value(shop, few, shop.steps(1)).clicks.value == pytest.approx(
        (attraction / np.arange(1, len(answer) + 1)).sum()
    )
