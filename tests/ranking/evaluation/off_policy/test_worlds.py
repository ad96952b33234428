"""What is stated about made-up shops is what their logs come to."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ranking.evaluation.off_policy.worlds import draw, draw_lists, shelf, shop

WORLDS = [{}, {"places": 3}, {"missing": 2}, {"items": 5, "contexts": 3, "rate": 0.3}]


def within(sample, expected):
    """Whether a mean of many is what was expected, within four standard errors."""
    return abs(sample.mean() - expected) < 4 * sample.std() / np.sqrt(len(sample))


@pytest.mark.parametrize("knobs", WORLDS)
def test_the_stated_value_is_the_mean_reward_of_the_target_policy(knobs):
    world = shop(1, **knobs)
    assert within(draw(world, 200_000, 2, by_target=True).choices.reward, world.value)


@pytest.mark.parametrize("knobs", [{}, {"places": 3}])
def test_where_support_holds_weighted_rewards_come_to_the_stated_value(knobs):
    world = shop(3, **knobs)
    log = draw(world, 200_000, 4).choices
    assert within(log.weights, 1.0)
    assert within(log.weights * log.reward, world.value)


def test_the_reward_model_is_sane_but_wrong():
    world = shop(5)
    log = draw(world, 200_000, 6).choices
    assert np.corrcoef(world.believed.ravel(), world.rates.ravel())[0, 1] > 0.5
    assert not within(log.baseline, world.value)
    assert within(log.baseline + log.weights * (log.reward - log.predicted), world.value)


def test_units_that_click_more_or_less_leave_the_mean_as_it_is():
    world = shop(7)
    log = draw(world, 200_000, 8, by_target=True, per_unit=20).choices
    by_unit = log.reward.reshape(-1, 20).mean(axis=1)
    assert within(by_unit, world.value)
    # half the units click half as often, half of them half as often again: more than chance sets them apart
    assert by_unit.var() > 1.2 * log.reward.var() / 20


def test_items_that_were_never_shown_have_no_row_and_their_probability_is_told():
    world = shop(9, missing=2)
    log = draw(world, 50_000, 10)
    assert len(np.unique(log.item)) == 18
    assert log.outside.mean() > 0.05
    assert within(log.choices.weights + log.outside, 1.0)
    assert draw(shop(9), 1000, 10).outside.max() == 0


def test_a_faulty_log_has_the_same_choices_and_lies_about_their_probabilities():
    world = shop(11, places=3)
    honest = draw(world, 20_000, 12)
    for fault in ("wrong propensities", "pooled places"):
        lying = draw(world, 20_000, 12, fault=fault)
        assert np.array_equal(lying.item, honest.item)
        assert np.array_equal(lying.choices.reward, honest.choices.reward)
        assert not np.allclose(lying.choices.propensity, honest.choices.propensity)
        assert lying.claimed.sum(axis=1) == pytest.approx(np.ones(20_000))


def test_the_same_seeds_give_the_same_log():
    first, again = (draw(shop(13), 1000, 14) for _ in range(2))
    assert np.array_equal(first.choices.reward, again.choices.reward)
    assert not np.array_equal(first.item, draw(shop(13), 1000, 15).item)


@pytest.mark.parametrize("clicks", ["places", "cascade"])
def test_the_stated_value_of_lists_is_what_the_target_policy_earns(clicks):
    world = shelf(1, clicks=clicks)
    own = draw_lists(world, 100_000, 2, by_target=True)
    assert within(own.reward.sum(axis=1), world.value)
    log = draw_lists(world, 100_000, 3)
    weights = log.target / log.propensity
    assert within(weights.prod(axis=1) * log.reward.sum(axis=1), world.value)
    assert (own.reward.sum(axis=1).max() == 1) == (clicks == "cascade")


def test_weights_of_a_place_alone_are_right_where_people_click_by_place_and_item():
    world = shelf(4)
    log = draw_lists(world, 100_000, 5)
    assert within(((log.place_target / log.place_propensity) * log.reward).sum(axis=1), world.value)
    # the first place has nothing above it
    assert log.place_propensity[:, 0] == pytest.approx(log.propensity[:, 0])


@pytest.mark.parametrize("clicks", ["places", "cascade"])
def test_the_list_model_expects_what_follows_if_the_target_fills_it(clicks):
    world = shelf(6, clicks=clicks)
    log = draw_lists(world, 100_000, 7)
    step = log.target / log.propensity
    reached = np.concatenate([np.ones((len(step), 1)), np.cumprod(step, axis=1)], axis=1)
    # whatever the model, what it expects before an item is the target's mean of what it expects after it
    for place in range(3):
        after = reached[:, place + 1] * log.predicted[:, place]
        assert within(after - reached[:, place] * log.baseline[:, place], 0.0)
    # and before anything is shown it is the model's idea of the value
    believed = (world.target.prod(axis=2) * world.believed.sum(axis=2)).sum(axis=1).mean()
    assert within(log.baseline[:, 0], believed)
