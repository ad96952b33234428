"""Reward models: they find what rewards were drawn from, and never tell a unit what it taught them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_info, threadpool_limits

from tests.ranking.chances import next_probabilities
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy import rewards
from vlclip.ranking.evaluation.off_policy.lists import cascade_dr, rips
from vlclip.ranking.evaluation.off_policy.log import ListLog
from vlclip.ranking.evaluation.off_policy.rewards import cascade_model, cross_fit
from vlclip.ranking.lists.exploration import propensities, sample

SLOPES = np.array([1.5, -1.0, 0.0])


def clicks_of(seed, rows, level=0.0):
    """Clicks by a logistic model, with three rows a unit, and their true probabilities."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 3))
    truth = expit(features @ SLOPES + level)
    reward = (rng.random(rows) < truth).astype(float)
    return features, reward, rng.permutation(np.arange(rows) // 3), truth


@pytest.mark.parametrize(("rows", "level"), [(600, 0.0), (4000, 0.0), (1500, -4.0)])
def test_of_clicks_drawn_from_a_model_it_tells_what_the_model_does(rows, level):
    # some 300 clicks and some 2,000 are enough for trees, some 100 for a linear model only
    features, reward, unit, truth = clicks_of(1, rows, level)
    predicted = cross_fit(features, reward, unit).predict(features, np.arange(rows))
    assert np.std(predicted - truth) < 0.6 * np.std(truth)
    assert predicted.mean() == pytest.approx(truth.mean(), abs=0.03)
    assert ((predicted >= 0) & (predicted <= 1)).all()


@pytest.mark.parametrize("rows", [300, 3000])
def test_of_money_it_tells_how_much(rows):
    features, bought, unit, truth = clicks_of(2, rows)
    worth = np.exp(features[:, 2] / 3)
    predicted = cross_fit(features, 20 * bought * worth, unit).predict(features, np.arange(rows))
    assert np.corrcoef(predicted, truth * worth)[0, 1] > 0.85
    assert predicted.mean() == pytest.approx(20 * (truth * worth).mean(), rel=0.15)


class _Counting(RegressorMixin, BaseEstimator):
    """Notes how many threads of OpenMP's it was fitted with."""

    threads: ClassVar[list[int]] = []

    def fit(self, features, reward):
        pools = threadpool_info()
        self.threads.append(max(pool["num_threads"] for pool in pools if pool["user_api"] == "openmp"))
        self.mean_ = reward.mean()
        return self

    def predict(self, features):
        return np.full(len(features), self.mean_)


@pytest.mark.parametrize(("alone", "threads"), [(1000, 1), (10, 2)])
def test_a_model_of_few_rows_is_fitted_by_one_thread(monkeypatch, alone, threads):
    monkeypatch.setattr(rewards, "ALONE", alone)
    features, reward, unit, _ = clicks_of(1, 60)
    _Counting.threads.clear()
    with threadpool_limits(2, user_api="openmp"):
        cross_fit(features, reward, unit, model=_Counting())
        assert max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp") == 2
    assert _Counting.threads == [threads] * 3


def test_few_clicks_are_told_by_a_linear_model_and_many_by_trees():
    # clicks by the square of a feature: what is not linear is found where there is enough to find it from
    for rows, by_trees in [(600, False), (6000, True)]:
        rng = np.random.default_rng(rows)
        features = rng.normal(size=(rows, 1))
        truth = expit(features[:, 0] ** 2 - 3)
        reward = (rng.random(rows) < truth).astype(float)
        predicted = cross_fit(features, reward, np.arange(rows)).predict(features, np.arange(rows))
        assert (np.corrcoef(predicted, truth)[0, 1] > 0.8) == by_trees


def test_what_was_learned_by_heart_is_never_told_to_its_own_unit():
    # a tree that knows every row by heart, rewards that are pure chance but the same in all rows of a unit
    rng = np.random.default_rng(3)
    unit = np.arange(900) // 3
    reward = rng.normal(size=300)[unit]
    features = unit[:, None] + rng.normal(size=(900, 1)) / 10
    fitted = cross_fit(features, reward, unit, model=DecisionTreeRegressor(random_state=0))
    own = fitted.predict(features, np.arange(900))
    assert np.corrcoef(own, reward)[0, 1] < 0.15
    # asked as if each row were one of the next fold, it would know
    other = np.array([np.flatnonzero(fitted.fold != fold)[0] for fold in fitted.fold])
    leaked = fitted.predict(features, other)
    assert np.corrcoef(leaked, reward)[0, 1] > 0.4


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(2, 5))
@settings(max_examples=30)
def test_the_rows_of_a_unit_are_in_one_fold_and_folds_are_even(seed, units, folds):
    rng = np.random.default_rng(seed)
    unit = np.concatenate([np.arange(units), rng.integers(0, units, size=20)]) * 7
    fold = cross_fit(
        np.zeros((len(unit), 1)), rng.normal(size=len(unit)), unit, folds=folds, model=LinearRegression()
    ).fold
    pairs = np.unique(np.column_stack([unit, fold]), axis=0)
    assert len(pairs) == units
    dealt = np.bincount(pairs[:, 1])
    assert len(dealt) == min(units, folds)
    assert dealt.max() - dealt.min() <= 1


def test_where_all_rewards_are_equal_they_are_told():
    features = np.random.default_rng(0).normal(size=(6, 2))
    unit = np.arange(6)
    rows = np.arange(6)
    assert cross_fit(features, np.zeros(6), unit).predict(features, rows).tolist() == [0] * 6
    assert cross_fit(features, np.full(6, 2.5), unit).predict(features, rows).tolist() == [2.5] * 6
    # one click: it is in one fold's rows, which are told by a fold that saw none
    fitted = cross_fit(features, np.eye(6)[0], unit)
    assert fitted.predict(features[:1], rows[:1]).tolist() == [0]


def test_a_model_can_be_told_of_what_was_not_logged():
    features, reward, unit, _ = clicks_of(5, 900)
    model = cross_fit(features, reward, unit, model=LogisticRegression())
    other = features[[4, 4, 8]] + np.array([[0.0], [1.0], [0.0]])
    rows = np.array([4, 4, 8])
    predicted = model.predict(other, rows)
    by_hand = [
        model.models[model.fold[row]].predict_proba(vector[None])[0, 1]
        for vector, row in zip(other, rows, strict=True)
    ]
    assert predicted == pytest.approx(by_hand)


@dataclass
class Lists:
    """Lists of 3 of 5 candidates by Plackett-Luce; a click by the item and the place; two lists a unit."""

    features: np.ndarray
    chosen: np.ndarray
    reward: np.ndarray
    filled: np.ndarray
    target_next: np.ndarray
    unit: np.ndarray
    log: ListLog
    true: float

    def predict(self, **how):
        reward = how.pop("reward", self.reward)
        return cascade_model(
            self.features, self.chosen, reward, self.filled, self.target_next, self.unit, **how
        )


def lists_of(seed, n, short=False):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5, 3))
    scores, target_scores = features[:, :, 1] / 2, features[:, :, 0]
    chosen = np.array([sample(row, 1.0, rng, 3)[0] for row in scores])
    wish = np.array([sample(row, 1.0, rng, 3)[0] for row in target_scores])
    chances = expit(np.einsum("ncd,d->nc", features, SLOPES))[:, :, None] * np.array([0.9, 0.7, 0.5])
    place = np.arange(3)
    lists = np.arange(n)[:, None]
    filled = place < (rng.integers(1, 4, size=n) if short else np.full(n, 3))[:, None]
    reward = np.where(filled, rng.random((n, 3)) < chances[lists, chosen, place], 0).astype(float)
    coming = np.array(
        [
            [next_probabilities(s, o[:k], 1.0) for k in range(3)]
            for s, o in zip(target_scores, chosen, strict=True)
        ]
    )

    def probabilities(scores):
        each = [propensities(s, o, 1.0) for s, o in zip(scores, chosen, strict=True)]
        return np.where(filled, np.array(each), 1.0)

    log = ListLog(
        reward=reward, propensity=probabilities(scores), target=probabilities(target_scores), filled=filled
    )
    true = np.where(filled, chances[lists, wish, place], 0).sum(axis=1).mean()
    return Lists(features, chosen, reward, filled, coming, np.arange(n) // 2, log, true)


@pytest.fixture(scope="module")
def lists():
    return lists_of(1, 600)


def test_a_reward_of_1_a_place_makes_the_places_left_the_value():
    # three places left, then two, then one; in shorter lists fewer
    world = lists_of(2, 60, short=True)
    predicted, baseline = world.predict(reward=world.filled.astype(float))
    left = np.where(world.filled, world.filled[:, ::-1].cumsum(axis=1)[:, ::-1], 0)
    assert predicted == pytest.approx(left)
    assert baseline == pytest.approx(left)


def test_the_baseline_is_the_mean_of_what_is_predicted_by_the_targets_probabilities():
    # one place, two candidates with features 0 and 1, rewards 0 and 1: a line through them tells the feature,
    # and with probabilities of 1/4 and 3/4 for the two the target expects 3/4
    n = 40
    features = np.tile(np.array([[[0.0], [1.0]]]), (n, 1, 1))
    chosen = (np.arange(n) % 4 // 2)[:, None]
    predicted, baseline = cascade_model(
        features, chosen, chosen.astype(float), np.ones((n, 1), dtype=bool),
        np.tile([[[0.25, 0.75]]], (n, 1, 1)), np.arange(n), model=LinearRegression(),
    )  # fmt: skip
    assert predicted == pytest.approx(chosen, abs=1e-9)
    assert baseline == pytest.approx(np.full((n, 1), 0.75))


def test_two_places_by_hand():
    # features 0 and 1, and rewards by the item alone: its feature. The target takes candidate 1 with 3/4 at
    # the first place. What is left comes at the second: 1 after candidate 0, 0 after candidate 1.
    n = 60
    features = np.tile(np.array([[[0.0], [1.0]]]), (n, 1, 1))
    first = np.arange(n) % 4 // 2
    chosen = np.column_stack([first, 1 - first])
    coming = np.stack([np.tile([0.25, 0.75], (n, 1)), np.eye(2)[1 - first]], axis=1)
    predicted, baseline = cascade_model(
        features, chosen, chosen.astype(float), np.ones((n, 2), dtype=bool), coming, np.arange(n),
        model=LinearRegression(),
    )  # fmt: skip
    # both orders earn 1 in all; ridge regression draws that a little to the mean
    assert predicted[:, 0] == pytest.approx(np.ones(n), abs=0.05)
    assert baseline[:, 0] == pytest.approx(np.ones(n), abs=0.05)
    assert predicted[:, 1] == pytest.approx(1 - first, abs=1e-9)
    assert baseline[:, 1] == pytest.approx(1 - first, abs=1e-9)


@pytest.mark.parametrize("model", [None, DecisionTreeRegressor(random_state=0)])
def test_other_rewards_of_a_unit_change_nothing_that_it_is_told(lists, model):
    # through what comes below, a model could learn of a unit from others' predictions; it must not
    unit = 5
    own = lists.unit == unit
    changed = lists.reward.copy()
    changed[own] = 1 - changed[own]
    before, after = lists.predict(model=model), lists.predict(model=model, reward=changed)
    for old, new in zip(before, after, strict=True):
        assert new[own].tolist() == old[own].tolist()
        assert not np.array_equal(new[~own], old[~own])


def test_what_a_unit_was_shown_changes_nothing_of_what_it_is_told_of_its_candidates(lists):
    # its first place's baseline is of all its candidates; the same lists the other way round leave it
    own = lists.unit == 5
    turned = lists.chosen.copy()
    turned[own] = turned[own, ::-1]
    how = (lists.filled, lists.target_next, lists.unit)
    model = LinearRegression()
    before = cascade_model(lists.features, lists.chosen, lists.reward, *how, model=model)
    after = cascade_model(lists.features, turned, lists.reward, *how, model=model)
    assert after[1][own, 0].tolist() == before[1][own, 0].tolist()
    assert not np.array_equal(after[1][~own, 0], before[1][~own, 0])


def test_taking_the_best_leaves_less_below(lists):
    # two places, rewards by an item's first feature alone: the target's value is a sum over 20 orders
    scores = lists.features[:, :, 0]
    baseline = cascade_model(
        lists.features, lists.chosen[:, :2], scores[np.arange(600)[:, None], lists.chosen[:, :2]],
        lists.filled[:, :2], lists.target_next[:, :2], lists.unit, model=LinearRegression(),
    )[1]  # fmt: skip
    orders = np.array(list(permutations(range(5), 2)))
    chances = np.array([propensities(row, orders, 1.0).prod(axis=1) for row in scores])
    truth = (chances * scores[:, orders].sum(axis=2)).sum(axis=1)
    assert baseline[:, 0] == pytest.approx(truth, abs=0.03)
    assert np.std(truth) > 1


def test_where_the_target_is_certain_of_its_next_item(lists):
    # the plain order by the first feature earns what the three best do; its chances, 0 and 1, tell nothing of
    # the second best while the best is there, so the others count alike (as 0 they would give 0.80 here)
    best = np.argsort(-lists.features[:, :, 0], axis=1)
    certain = np.zeros((600, 3, 5))
    for n in range(600):
        for k in range(3):
            certain[n, k, next(c for c in best[n] if c not in lists.chosen[n, :k])] = 1
    reward = lists.features[np.arange(600)[:, None], lists.chosen, 0]
    baseline = cascade_model(
        lists.features, lists.chosen, reward, lists.filled, certain, lists.unit, model=LinearRegression()
    )[1]
    truth = -np.sort(-lists.features[:, :, 0], axis=1)[:, :3].sum(axis=1)
    assert np.corrcoef(baseline[:, 0], truth)[0, 1] > 0.88


class Watched(RegressorMixin, BaseEstimator):
    """Reads the unit from the first feature, and notes the units it predicts but was not trained on."""

    def fit(self, features, reward):
        self.units_ = set(features[:, 0].tolist())
        self.mean_ = reward.mean()
        return self

    def predict(self, features):
        self.unseen_ = set(features[:, 0].tolist()) - self.units_
        return np.full(len(features), self.mean_)


def test_models_are_trained_on_whole_units():
    features, reward, unit, _ = clicks_of(6, 300)
    features = np.column_stack([unit, features])
    fitted = cross_fit(features, reward, unit, model=Watched())
    fitted.predict(features, np.arange(300))
    predicted_units = [model.unseen_ for model in fitted.models]
    assert set.union(*predicted_units) == set(unit.tolist())
    assert sum(map(len, predicted_units)) == 100


@pytest.mark.parametrize("short", [False, True])
def test_a_model_makes_the_weights_matter_less(short):
    world = lists_of(4, 1500, short)
    predicted, baseline = world.predict()
    log = ListLog(
        reward=world.log.reward, propensity=world.log.propensity, target=world.log.target,
        filled=world.filled, predicted=predicted, baseline=baseline,
    )  # fmt: skip
    plain, doubly = rips(log).plain, cascade_dr(log).plain
    error = doubly.std() / np.sqrt(1500)
    assert doubly.mean() == pytest.approx(world.true, abs=4 * error)
    assert error < 0.8 * plain.std() / np.sqrt(1500)
    # places that were not shown have nothing to expect
    assert not predicted[~world.filled].any()
    assert not baseline[~world.filled].any()


def test_the_same_log_and_seed_give_the_same(lists):
    once, again, other = lists.predict(), lists.predict(), lists.predict(seed=8)
    for a, b, c in zip(once, again, other, strict=True):
        assert a.tolist() == b.tolist()
        assert a.tolist() != c.tolist()


def test_blocks_and_fewer_lists_to_learn_from_change_little(lists, monkeypatch):
    whole = lists.predict(model=LinearRegression())
    monkeypatch.setattr("vlclip.ranking.evaluation.off_policy.rewards.AT_ONCE", 333)
    for a, b in zip(lists.predict(model=LinearRegression()), whole, strict=True):
        assert a == pytest.approx(b)
    monkeypatch.setattr("vlclip.ranking.evaluation.off_policy.rewards.LEARN", 200)
    for a, b in zip(lists.predict(model=LinearRegression()), whole, strict=True):
        assert np.abs(a - b).mean() < 0.1


def test_what_cannot_be_learned_from_is_refused(lists):
    features, reward, unit, _ = clicks_of(7, 30)
    for broken, says in [
        ((features[:9], reward, unit), "differ in rows"),
        ((features, reward, np.zeros(30, dtype=np.intp)), "1 units"),
        ((features * np.nan, reward, unit), "not numbers"),
    ]:
        with pytest.raises(EvaluationError, match=says):
            cross_fit(*broken)
    with pytest.raises(EvaluationError, match="classifier"):
        cross_fit(features, reward * 2.5, unit, model=LogisticRegression())
    whole = [lists.features, lists.chosen, lists.reward, lists.filled, lists.target_next, lists.unit]
    for at, says in [(1, "do not fit"), (4, "target_next"), (5, "do not fit")]:
        broken = [values[:9] if n == at else values for n, values in enumerate(whole)]
        with pytest.raises(EvaluationError, match=says):
            cascade_model(*broken)
    with pytest.raises(EvaluationError, match="empty"):
        cascade_model(*whole[:3], np.zeros_like(lists.filled), *whole[4:])
