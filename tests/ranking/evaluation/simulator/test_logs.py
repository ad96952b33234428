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

MIXED = {"similar": 1, "search": 1, "recommendations": 1}


def log_of(shop, arm=EXPLORING, lists=300):
    return [one for batch in simulate(shop, arm, lists) for one in batch]


@pytest.mark.parametrize("clicks", [looked_at(), Cascade(), DynamicBayesian(0.8)], ids=lambda one: one.name)
def test_places_are_clicked_as_often_as_the_model_says(store, clicks):
    shop = simulated(store, clicks, satisfaction_level=0.5)
    lists = 600
    seen, told = np.zeros((lists, LIMIT)), np.zeros((lists, LIMIT))
    for row, ((one, outcomes), asked) in enumerate(
        zip(log_of(shop, lists=lists), shop.requests(lists), strict=True)
    ):
        rows = shop.catalogue.rows([shown.item for shown in one.items])
        likes = [likely[None] for likely in shop.likes(asked, rows)]
        told[row] = clicks.marginal(*likes, np.ones((1, LIMIT), dtype=bool))
        seen[row] = [outcome.clicks for outcome in outcomes]
    errors = np.sqrt((told * (1 - told)).mean(axis=0) / lists)
    assert np.all(np.abs(seen.mean(axis=0) - told.mean(axis=0)) < 4 * errors)
    assert told.mean(axis=0)[0] > 5 * errors[0]  # there is something to see


def test_what_is_bought_was_in_the_cart_and_what_is_there_was_clicked(store):
    shop = simulated(store, cart=0.9, purchase=0.6)
    outcomes = [
        (shown.item, found)
        for one, all_ in log_of(shop, lists=500)
        for shown, found in zip(one.items, all_, strict=True)
    ]
    for item, found in outcomes:
        assert found.clicks >= found.carts >= found.purchases
        assert (found.first_click is None) == (not found.clicks)
        # the planted item i7 costs 7
        assert found.value == (float(item[1:]) if found.purchases else 0)
    assert sum(found.purchases for _, found in outcomes) > 20
    assert sum(found.carts for _, found in outcomes) > sum(found.purchases for _, found in outcomes)


def test_clicks_come_after_the_list_and_further_down_later(store):
    for one, outcomes in log_of(simulated(store)):
        times = [found.first_click for found in outcomes if found.first_click]
        assert times == sorted(times)
        assert all(time > one.time for time in times)


def test_a_list_says_how_it_was_drawn(store):
    shop = simulated(store)
    for one, _ in log_of(shop, lists=50):
        ids, scores = zip(*one.candidates, strict=True)
        assert len(ids) == EXPLORING.exploration.depth
        order = np.array([ids.index(shown.item) for shown in one.items])
        chances = propensities(np.array(scores), order, one.temperature)
        assert [shown.propensity for shown in one.items] == pytest.approx(chances.tolist())
        assert one.arm == f"exploring@{EXPLORING.hash}"
    plain, _ = log_of(shop, PLAIN, 1)[0]
    assert (plain.candidates, plain.temperature, plain.items[0].propensity) == ((), 0, 1)


def test_all_that_was_asked_is_in_the_context(store):
    shop = simulated(store, kinds=MIXED)
    for (one, _), asked in zip(log_of(shop, lists=60), shop.requests(60), strict=True):
        assert one.context["asked"] == {
            "weights": {}, "exclude": [], "limit": LIMIT, "collapse": None, "diversity": None,
        }  # fmt: skip
        assert one.context["weights"]["image"] == 1
        assert (one.context.get("anchor", ""), one.context.get("text", "")) == (asked.anchor, asked.text)
        assert (one.time, one.kind, one.unit) == (asked.time, asked.kind, f"user:7-{asked.shopper}")


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
    assert parts_of(shop, arm) == part_names([[one for one, _ in logged]])
    history.close()
    again.history.close()


def test_with_a_history_profiles_move_and_the_outcomes_are_its_events(store):
    history = SqliteHistory(None)
    shop = simulated(store, history=history, kinds={"recommendations": 1})
    logged = log_of(shop, lists=150)
    assert {one.context["strategy"] for one, _ in logged} == {"popular", "history"}
    assert [one for batch in joined([[one for one, _ in logged]], history) for one in batch] == logged
    strangers = log_of(simulated(store, kinds=shop.world.kinds), lists=20)
    assert {one.context["strategy"] for one, _ in strangers} == {"popular"}
    history.close()


def test_asked_again_after_the_log_was_written_a_list_is_what_it_was(store):
    history = SqliteHistory(None)
    shop = simulated(store, history=history, kinds=MIXED)
    logged = log_of(shop, PLAIN, 150)
    for (one, _), asked in zip(logged, shop.requests(150), strict=True):
        assert [result.id for result in shop.ask(asked, PLAIN)] == [shown.item for shown in one.items]
    assert any("history" in shown.parts for one, _ in logged for shown in one.items)
    history.close()


def test_a_history_of_something_else_is_refused(store):
    history = SqliteHistory(None)
    shop = simulated(store, history=history)
    assert any(found.clicks for _, outcomes in log_of(shop) for found in outcomes)
    with pytest.raises(EvaluationError, match="empty at first"):
        log_of(shop)
    history.close()


def test_chance_varies_the_lists_of_one_question(store):
    shop = simulated(store, shoppers=300, near=1, tastes=(1.0,))
    first, same = {}, {}
    for one, _ in log_of(shop, lists=200):
        first.setdefault(one.context["anchor"], set()).add(one.items[0].item)
        # a day's lists of one shopper and anchor are drawn alike, as the service draws them
        key = (one.unit, one.context["anchor"], math.floor(one.time / 86_400))
        assert same.setdefault(key, one.items) == one.items
    assert max(map(len, first.values())) > 1
    assert len(same) < 200
