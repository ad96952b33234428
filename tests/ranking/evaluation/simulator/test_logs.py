"""The log of a simulated shop is what the service would have written, and its clicks are the model's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.ranking.evaluation.simulator.shops import EXPLORING, LIMIT, PLAIN, looked_at, simulated
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.simulator.logs import parts_of, simulate
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.experiments.table import part_names, read_exposures, write_table
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.arm import Arm, Boost, Diversity, Rules
from vlclip.ranking.lists.exploration import propensities

MODELS = (looked_at(), Cascade(), DynamicBayesian(0.8))
MIXED = {"similar": 1, "search": 1, "recommendations": 1}


def log_of(shop, arm=EXPLORING, lists=300):
    return [logged for batch in simulate(shop, arm, lists) for logged in batch]


@pytest.mark.parametrize(
    "clicks", [looked_at(), Cascade(), DynamicBayesian(0.8)], ids=lambda model: model.name
)
def test_places_are_clicked_as_often_as_the_model_says(store, clicks):
    shop = simulated(store, clicks, satisfaction_level=0.5)
    lists = 600
    counted, expected = np.zeros((lists, LIMIT)), np.zeros((lists, LIMIT))
    for row, ((exposure, outcomes), step) in enumerate(
        zip(log_of(shop, lists=lists), shop.steps(lists), strict=True)
    ):
        rows = shop.catalogue.rows([each.item for each in exposure.items])
        likes = [likely[None] for likely in shop.likes(step, rows)]
        expected[row] = clicks.marginal(*likes, np.ones((1, LIMIT), dtype=bool))
        counted[row] = [outcome.clicks for outcome in outcomes]
    errors = np.sqrt((expected * (1 - expected)).mean(axis=0) / lists)
    assert np.all(np.abs(counted.mean(axis=0) - expected.mean(axis=0)) < 4 * errors)
    assert expected.mean(axis=0)[0] > 5 * errors[0]  # there is something to see


def test_what_is_bought_was_in_the_cart_and_what_is_there_was_clicked(store):
    shop = simulated(store, cart=0.9, purchase=0.6)
    outcomes = [
        (each.item, outcome)
        for exposure, row in log_of(shop, lists=500)
        for each, outcome in zip(exposure.items, row, strict=True)
    ]
    for item, outcome in outcomes:
        assert outcome.clicks >= outcome.carts >= outcome.purchases
        assert (outcome.first_click is None) == (not outcome.clicks)
        # the planted item i7 costs 7
        assert outcome.value == (float(item[1:]) if outcome.purchases else 0)
    assert sum(outcome.purchases for _, outcome in outcomes) > 20
    assert sum(outcome.carts for _, outcome in outcomes) > sum(outcome.purchases for _, outcome in outcomes)


def test_clicks_come_after_the_list_and_further_down_later(store):
    for exposure, outcomes in log_of(simulated(store)):
        times = [outcome.first_click for outcome in outcomes if outcome.first_click]
        assert times == sorted(times)
        assert all(time > exposure.time for time in times)


def test_a_list_says_how_it_was_drawn(store):
    shop = simulated(store)
    for exposure, _ in log_of(shop, lists=50):
        ids, scores = zip(*exposure.candidates, strict=True)
        assert len(ids) == EXPLORING.exploration.depth
        order = np.array([ids.index(each.item) for each in exposure.items])
        chances = propensities(np.array(scores), order, exposure.temperature)
        assert [each.propensity for each in exposure.items] == pytest.approx(chances.tolist())
        assert exposure.arm == f"exploring@{EXPLORING.hash}"
    plain, _ = log_of(shop, PLAIN, 1)[0]
    assert (plain.candidates, plain.temperature, plain.items[0].propensity) == ((), 0, 1)


def test_all_that_was_asked_is_in_the_context(store):
    shop = simulated(store, kinds=MIXED)
    for (exposure, _), step in zip(log_of(shop, lists=60), shop.steps(60), strict=True):
        context, request = exposure.context, step.request
        assert context["asked"] == {
            "weights": {}, "exclude": [], "limit": LIMIT, "collapse": None, "diversity": None,
        }  # fmt: skip
        assert context["weights"]["image"] == 1
        assert (context.get("anchor", ""), context.get("text", "")) == (request.anchor, request.text)
        assert (exposure.time, exposure.kind) == (step.time, request.kind)
        assert exposure.unit == request.unit == f"user:7-{step.shopper}"


def test_the_same_seed_writes_the_same_log_and_another_one_another(store):
    logged = log_of(simulated(store), lists=100)
    assert logged == log_of(simulated(store), lists=100)
    assert logged[:30] == log_of(simulated(store), lists=30)
    assert logged != log_of(simulated(store, seed=8), lists=100)


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_read_back_the_log_is_what_was_written(store, tmp_path, ending):
    arm = Arm(
        id="all", exploration=EXPLORING.exploration, diversity=Diversity(amount=0.2),
        rules=Rules(boosts=(Boost(field="popularity", weight=0.1),)),
    )  # fmt: skip
    history = SqliteHistory(None)
    shop = simulated(store, kinds=MIXED, history=history)
    logged = log_of(shop, arm, 100)
    path = tmp_path / f"log.{ending}"
    again = simulated(store, kinds=MIXED, history=SqliteHistory(None))
    written = write_table(path, simulate(again, arm, 100), parts_of(again, arm))
    assert (written.lists, written.items) == (100, 100 * LIMIT)
    assert list(read_exposures(path)) == logged
    assert parts_of(shop, arm) == part_names([[exposure for exposure, _ in logged]])
    history.close()
    again.history.close()


def test_with_a_history_profiles_move_and_the_outcomes_are_its_events(store):
    history = SqliteHistory(None)
    shop = simulated(store, history=history, kinds={"recommendations": 1})
    logged = log_of(shop, lists=150)
    assert {exposure.context["strategy"] for exposure, _ in logged} == {"popular", "history"}
    exposures = [exposure for exposure, _ in logged]
    assert [row for batch in joined([exposures], history) for row in batch] == logged
    strangers = log_of(simulated(store, kinds=shop.world.kinds), lists=20)
    assert {exposure.context["strategy"] for exposure, _ in strangers} == {"popular"}
    history.close()


def test_asked_again_after_the_log_was_written_a_list_is_what_it_was(store):
    history = SqliteHistory(None)
    shop = simulated(store, history=history, kinds=MIXED)
    logged = log_of(shop, PLAIN, 150)
    for (exposure, _), step in zip(logged, shop.steps(150), strict=True):
        assert [result.id for result in shop.answer(step, PLAIN)] == [each.item for each in exposure.items]
    assert any("history" in each.parts for exposure, _ in logged for each in exposure.items)
    history.close()


def test_a_history_of_something_else_is_refused(store):
    history = SqliteHistory(None)
    shop = simulated(store, history=history)
    assert any(outcome.clicks for _, outcomes in log_of(shop) for outcome in outcomes)
    with pytest.raises(EvaluationError, match="empty at first"):
        log_of(shop)
    history.close()


def test_chance_varies_the_lists_of_one_question(store):
    shop = simulated(store, shoppers=300, near=1, tastes=(1.0,))
    first, same = {}, {}
    for exposure, _ in log_of(shop, lists=200):
        anchor = exposure.context["anchor"]
        first.setdefault(anchor, set()).add(exposure.items[0].item)
        # a day's lists of one shopper and anchor are drawn alike, as the service draws them
        key = (exposure.unit, anchor, math.floor(exposure.time / 86_400))
        assert same.setdefault(key, exposure.items) == exposure.items
    assert max(map(len, first.values())) > 1
    assert len(same) < 200
