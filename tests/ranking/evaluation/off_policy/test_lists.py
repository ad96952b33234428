"""Estimators of lists: worked out on paper, and unbiased in a world small enough to list all its orders."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ranking.chances import next_probabilities
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.lists import (
    cascade_dr,
    iips,
    rips,
    sips,
    sniips,
    snrips,
    snsips,
)
from vlclip.ranking.evaluation.off_policy.log import ListLog
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.lists.exploration import propensities
from vlclip.ranking.lists.placement import place_probabilities

CANDIDATES, PLACES = 4, 3
ORDERS = np.array(list(permutations(range(CANDIDATES), PLACES)))
DOWN = np.arange(PLACES)
seeds = st.integers(0, 10_000)


def value(terms):
    plain = 0.0 if terms.plain is None else terms.plain.mean()
    return plain + (
        0.0 if terms.above is None else np.sum(terms.above.mean(axis=0) / terms.below.mean(axis=0))
    )


def two_lists():
    """Ratios .5, 2 and 2, 1; down to each place .5, 1 and 2, 2; of the places alone .5, 1 and 2, .25."""
    return ListLog(
        reward=np.array([[1.0, 0], [0, 1]]),
        propensity=np.array([[0.5, 0.5], [0.5, 0.25]]),
        target=np.array([[0.25, 1], [1, 0.25]]),
        filled=np.ones((2, 2), dtype=bool),
        place_propensity=np.array([[0.5, 0.5], [0.5, 0.4]]),
        place_target=np.array([[0.25, 0.5], [1, 0.1]]),
        predicted=np.array([[0.8, 0.2], [0.5, 0.6]]),
        baseline=np.array([[1, 0.4], [1, 0.5]]),
    )


@pytest.mark.parametrize(
    ("estimator", "by_hand", "weights"),
    [
        (sips, (1 * 1 + 2 * 1) / 2, [1, 2]),
        (snsips, (1 * 1 + 2 * 1) / (1 + 2), [1, 2]),
        (rips, (0.5 * 1 + 2 * 1) / 2, [0.75, 2]),
        # first place .5 of .5 + 2, second 2 of 1 + 2
        (snrips, 0.5 / 2.5 + 2 / 3, [0.75, 2]),
        (iips, (0.5 * 1 + 0.25 * 1) / 2, [0.75, 1.125]),
        (sniips, 0.5 / 2.5 + 0.25 / 1.25, [0.75, 1.125]),
        # .5(1 - .8) + 1·1 + 1(0 - .2) + .5·.4 = 1.1 and 2(0 - .5) + 1·1 + 2(1 - .6) + 2·.5 = 1.8
        (cascade_dr, (1.1 + 1.8) / 2, [0.75, 2]),
    ],
)
def test_two_lists_by_hand(estimator, by_hand, weights):
    terms = estimator(two_lists())
    assert value(terms) == pytest.approx(by_hand)
    assert terms.weights == pytest.approx(weights)
    assert terms.estimator == estimator.__name__


def test_a_place_that_was_not_shown_earns_nothing_at_a_ratio_of_1():
    log = two_lists()
    filled = np.array([[True, True], [True, False]])
    ones = np.where(filled, 0, 1)
    log = replace(
        log,
        filled=filled,
        reward=np.where(filled, log.reward, 0),
        propensity=np.where(filled, log.propensity, ones),
        target=np.where(filled, log.target, ones),
        place_propensity=np.where(filled, log.place_propensity, ones),
        place_target=np.where(filled, log.place_target, ones),
    )
    # now only the first list's first place has a click; the second list's model counts for its first place
    by_hand = {
        "sips": 1 * 1 / 2, "snsips": 1 / (1 + 2), "rips": 0.5 / 2, "snrips": 0.5 / 2.5,
        "iips": 0.5 / 2, "sniips": 0.5 / 2.5, "cascade_dr": (1.1 + 2 * (0 - 0.5) + 1) / 2,
    }  # fmt: skip
    by_name = {terms.estimator: terms for terms in compute_terms(log)}
    assert {name: value(terms) for name, terms in by_name.items()} == pytest.approx(by_hand)
    assert by_name["rips"].weights == pytest.approx([0.75, 2])
    assert by_name["iips"].weights == pytest.approx([0.75, 2])


def test_an_empty_list_earns_nothing_and_weighs_1():
    log = two_lists()
    none = np.zeros((1, 2))
    with_empty = ListLog(
        reward=np.concatenate([log.reward, none]),
        propensity=np.concatenate([log.propensity, none + 1]),
        target=np.concatenate([log.target, none + 1]),
        filled=np.concatenate([log.filled, none.astype(bool)]),
    )
    assert value(rips(with_empty)) == pytest.approx(value(rips(log)) * 2 / 3)
    assert rips(with_empty).weights.tolist() == [0.75, 2, 1]


def a_log(seed, lists=7, places=3, *, model=True):
    rng = np.random.default_rng(seed)
    filled = np.arange(places) < rng.integers(1, places + 1, size=lists)[:, None]

    def chances():
        return np.where(filled, rng.uniform(0.05, 1, size=(lists, places)), 1)

    return ListLog(
        reward=np.where(filled, rng.integers(0, 2, size=(lists, places)), 0).astype(float),
        propensity=chances(), target=chances(), filled=filled,
        place_propensity=chances(), place_target=chances(),
        predicted=rng.uniform(size=(lists, places)) if model else None,
        baseline=rng.uniform(size=(lists, places)) if model else None,
    )  # fmt: skip


@given(seeds)
def test_the_logging_policys_own_value_is_what_was_seen(seed):
    log = a_log(seed)
    same = replace(log, target=log.propensity, place_target=log.place_propensity, baseline=log.predicted)
    every = compute_terms(same)
    assert len(every) == 7
    for terms in every:
        assert value(terms) == pytest.approx(log.reward.sum(axis=1).mean())
        assert terms.weights == pytest.approx(np.ones(7))


@given(seeds)
def test_lists_of_one_place_are_choices(seed):
    log = a_log(seed, places=1)
    log = replace(log, place_propensity=log.propensity, place_target=log.target)
    weights, rewards = log.target[:, 0] / log.propensity[:, 0], log.reward[:, 0]
    ips = (weights * rewards).mean()
    snips = (weights * rewards).sum() / weights.sum()
    dr = (log.baseline[:, 0] + weights * (rewards - log.predicted[:, 0])).mean()
    by_name = {terms.estimator: value(terms) for terms in compute_terms(log)}
    assert by_name == pytest.approx(
        {
            "sips": ips, "rips": ips, "iips": ips, "snsips": snips, "snrips": snips, "sniips": snips,
            "cascade_dr": dr,
        }
    )  # fmt: skip


@given(seeds)
def test_with_a_model_that_tells_0_it_is_rips(seed):
    log = a_log(seed)
    nothing = replace(log, predicted=np.zeros_like(log.reward), baseline=np.zeros_like(log.reward))
    assert cascade_dr(nothing).plain == pytest.approx(rips(log).plain)


@given(seeds, st.floats(0.1, 10))
def test_normalised_estimates_do_not_change_when_all_weights_of_a_place_are_scaled(seed, factor):
    log = a_log(seed)
    scaled = replace(log, target=log.target.copy(), place_target=log.place_target.copy())
    factor = min(factor, 1 / log.target[:, 0].max(), 1 / log.place_target[:, 0].max())
    scaled.target[:, 0] *= factor
    scaled.place_target[:, 0] *= factor
    for estimator in (snsips, snrips, sniips):
        assert value(estimator(scaled)) == pytest.approx(value(estimator(log)))


class World:
    """Four candidates for three places, and two Plackett-Luce policies; all 24 orders of each."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.logging, self.target = rng.normal(size=(2, CANDIDATES))
        self.chance = propensities(self.logging, ORDERS, 1.0).prod(axis=1)
        self.target_chance = propensities(self.target, ORDERS, 0.5).prod(axis=1)
        # what a reward depends on: the item at its place; the items down to it; or the whole list
        by_item = rng.uniform(size=(PLACES, CANDIDATES))
        self.own = by_item[DOWN, ORDERS]
        pulls = rng.uniform(size=(PLACES, CANDIDATES))
        reading = np.cumprod(1 - 0.8 * pulls[DOWN, ORDERS], axis=1)
        self.cascade = self.own * np.concatenate([np.ones((len(ORDERS), 1)), reading[:, :-1]], axis=1)
        self.whole = rng.uniform(size=ORDERS.shape)
        self.model = rng.uniform(0, 2, size=(PLACES, CANDIDATES))

    def log(self, reward):
        """Every order once, with the mean of its rewards."""
        placed = place_probabilities(self.logging, 1.0, PLACES)
        target_at_place = place_probabilities(self.target, 0.5, PLACES)
        coming = np.array(
            [[next_probabilities(self.target, order[:k], 0.5) for k in range(PLACES)] for order in ORDERS]
        )
        return ListLog(
            reward=reward,
            propensity=propensities(self.logging, ORDERS, 1.0),
            target=propensities(self.target, ORDERS, 0.5),
            filled=np.ones(ORDERS.shape, dtype=bool),
            place_propensity=placed[DOWN, ORDERS],
            place_target=target_at_place[DOWN, ORDERS],
            predicted=self.model[DOWN, ORDERS],
            baseline=(coming * self.model).sum(axis=2),
        )

    def expected(self, estimator, reward):
        """The estimate's mean when lists are drawn by the logging policy."""
        return self.chance @ estimator(self.log(reward)).plain

    def true(self, reward):
        return self.target_chance @ reward.sum(axis=1)


@given(seeds)
@settings(max_examples=25)
def test_where_its_assumption_holds_an_estimator_is_unbiased(seed):
    world = World(seed)
    holds = {
        sips: (world.own, world.cascade, world.whole),
        rips: (world.own, world.cascade),
        cascade_dr: (world.own, world.cascade),
        iips: (world.own,),
    }
    for estimator, rewards in holds.items():
        for reward in rewards:
            assert world.expected(estimator, reward) == pytest.approx(world.true(reward), abs=1e-9)


def test_where_it_does_not_hold_an_estimator_is_wrong():
    world = World(1)
    # a click on the first item only if candidate 3 comes last, which the first place's weight cannot know
    later = np.zeros(ORDERS.shape)
    later[:, 0] = ORDERS[:, 2] == 3
    assert world.expected(sips, later) == pytest.approx(world.true(later), abs=1e-9)
    for estimator in (rips, cascade_dr, iips):
        assert abs(world.expected(estimator, later) - world.true(later)) > 0.01
    assert abs(world.expected(iips, world.cascade) - world.true(world.cascade)) > 0.001


def test_the_right_model_leaves_no_noise_of_the_weights():
    # rewards by the item alone and a model that knows all that is to come: every list tells the truth
    world = World(2)
    log = world.log(world.own)
    by_item = np.zeros((PLACES, CANDIDATES))
    for k in DOWN:
        by_item[k, ORDERS[:, k]] = world.own[:, k]
    future = {}

    def to_come(above):
        """What the target policy earns below these items."""
        if len(above) == PLACES:
            return 0.0
        if above not in future:
            chances = next_probabilities(world.target, np.array(above, dtype=np.intp), 0.5)
            future[above] = sum(
                chances[c] * (by_item[len(above), c] + to_come((*above, c)))
                for c in range(CANDIDATES)
                if c not in above
            )
        return future[above]

    orders = [tuple(order) for order in ORDERS.tolist()]
    baseline = np.array([[to_come(order[:k]) for k in DOWN] for order in orders])
    rest = np.array([[to_come(order[: k + 1]) for k in DOWN] for order in orders])
    with_model = replace(log, predicted=world.own + rest, baseline=baseline)
    assert cascade_dr(with_model).plain == pytest.approx(np.full(len(ORDERS), world.true(world.own)))
    assert np.ptp(rips(with_model).plain) > 0.1


def test_all_that_the_log_allows_and_no_more():
    log = replace(two_lists(), place_propensity=None, place_target=None, predicted=None, baseline=None)
    assert [terms.estimator for terms in compute_terms(log)] == ["sips", "snsips", "rips", "snrips"]
    with pytest.raises(EvaluationError, match="place_propensity"):
        iips(log)
    with pytest.raises(EvaluationError, match="baseline"):
        cascade_dr(log)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("reward", np.zeros(2), "lists as rows"),
        ("reward", np.zeros((0, 2)), "lists as rows"),
        ("reward", [[np.nan, 0], [0, 0]], "reward has values that are not numbers"),
        ("target", np.ones((2, 3)), "target is"),
        ("filled", np.ones((3, 2), dtype=bool), "filled is"),
        ("propensity", [[0, 0.5], [0.5, 0.5]], "propensity is 0"),
        ("propensity", [[-0.1, 0.5], [0.5, 0.5]], "propensity runs from -0.1"),
        ("place_propensity", [[1.1, 0.5], [0.5, 0.5]], "place_propensity runs from 0.5 to 1.1"),
        ("target", [[0.5, np.inf], [0.5, 0.5]], "target has values that are not numbers"),
        ("filled", np.array([[True, False], [True, True]]), "must be 1"),
        ("filled", np.array([[True, True], [True, False]]), "has a reward"),
        ("unit", np.zeros(3, dtype=np.intp), "unit is"),
    ],
)
def test_a_broken_log_is_refused(column, values, says):
    with pytest.raises(EvaluationError, match=says):
        compute_terms(replace(two_lists(), **{column: np.asarray(values)}))
