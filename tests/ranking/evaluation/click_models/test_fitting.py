"""Click models fitted on logs that are short enough to check by hand, or drawn from a model we know."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.ranking.evaluation.click_models.drawn import drawn_log, planted
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.click_models.fitting import MODELS, Fitted, fit, fit_all
from vlclip.ranking.evaluation.click_models.log import UNKNOWN, ClickLog
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.click_models.rates import Prior, Rates
from vlclip.ranking.evaluation.click_models.worth import Worth

TRUE = {
    "position-based": PositionBased(np.array([1.0, 0.7, 0.5, 0.3, 0.2])),
    "cascade": Cascade(),
    "dynamic-bayesian": DynamicBayesian(0.8),
}
ATTRACTION, SATISFACTION = planted()
EVERY = np.arange(len(ATTRACTION))


def log_of(*rows, items="abc"):
    """Lists of the same items, a 1 for each click."""
    clicked = np.array(rows, dtype=bool)
    return ClickLog(
        items=np.tile(np.arange(len(items)), (len(rows), 1)),
        clicked=clicked,
        filled=np.ones_like(clicked),
        unit=np.arange(len(rows)),
        names=tuple(items),
    )


def fit_of_equal_rates(model, rate, log):
    """A fit that gives every item the same rate."""
    nothing = np.zeros(len(log.names))
    rates = Rates(nothing, nothing, Prior(rate, 1.0))
    return Fitted(
        behaviour=model, attractions=rates, satisfactions=None, names=log.names, trace=(),
        worth=Worth(None, None, None),
    )  # fmt: skip


def test_a_cascade_is_fitted_by_counting_down_to_the_first_click():
    # looks at a: 4, at b: 3 (not below the click on a), at c: 2; the last click is left out
    fitted = fit("cascade", log_of([0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 1, 0]), strength=2.0)
    assert fitted.attractions.hits.tolist() == [1, 1, 1]
    assert fitted.attractions.chances.tolist() == [4, 3, 2]
    m = fitted.attractions.prior.mode
    worked_out = [(1 + 2 * m) / 6, (1 + 2 * m) / 5, (1 + 2 * m) / 4]
    assert fitted.attraction(np.arange(3)) == pytest.approx(worked_out)
    assert fitted.satisfactions is None


def test_a_single_place_is_always_looked_at():
    fitted = fit("position-based", log_of([1], [0], [0], [1], [0], items="a"), strength=1.0)
    # so all 5 are looks, 2 of them clicks, and one more look is the prior's
    assert fitted.behaviour.examination.tolist() == [1.0]
    assert (fitted.attractions.hits[0], fitted.attractions.chances[0]) == (2, 5)
    assert fitted.attraction(np.array([0])) == pytest.approx((2 + fitted.attractions.prior.mode) / 6)


def test_what_a_step_by_position_expects_worked_out():
    clicked = np.array([[False, True]])
    model, expected = PositionBased(np.array([0.5, 0.5])).learned(
        np.array([[0.4, 0.4]]), np.zeros((1, 2)), clicked, np.ones((1, 2), bool)
    )
    # unclicked at 1: 0.5 · 0.6 / (1 - 0.5 · 0.4) = 0.375; clicked at 2: looked at for sure
    assert expected.examined == pytest.approx(np.array([[0.375, 1.0]]))
    # and one more look a place: (0.375 + 1) / 2, (1 + 1) / 2
    assert model.examination == pytest.approx([0.6875, 1.0])


def test_what_a_step_of_the_bayesian_network_expects_worked_out():
    clicked = np.array([[False, False], [True, False], [True, True]])
    attraction, satisfaction = np.full((3, 2), 0.4), np.full((3, 2), 0.5)
    model, expected = DynamicBayesian(0.8).learned(attraction, satisfaction, clicked, np.ones((3, 2), bool))
    # nothing below is clicked by who is not satisfied: 0.2 + 0.8 · 0.6 = 0.68, of which 0.48 looked
    # after a click at 1: satisfied 0.5 / (0.5 + 0.5 · 0.68) = 0.5 / 0.84, looked at 2: 0.24 / 0.84
    assert expected.examined == pytest.approx(np.array([[1, 0.48 / 0.68], [1, 0.24 / 0.84], [1, 1]]))
    # a click on the last says nothing about satisfaction
    assert expected.informative.tolist() == [[False, False], [True, False], [True, False]]
    assert expected.satisfied == pytest.approx(np.array([[0, 0], [0.5 / 0.84, 0], [0, 0]]))
    # could go on: 1, 0.34 / 0.84 and 1; did: 0.48 / 0.68, 0.24 / 0.84, 1; and once more
    did = 0.48 / 0.68 + 0.24 / 0.84 + 1
    assert model.continuation == pytest.approx((did + 1) / (1 + 0.34 / 0.84 + 1 + 1))


@settings(max_examples=40)
@given(
    attraction=arrays(float, (1, 3), elements=st.floats(0.05, 0.95)),
    satisfaction=arrays(float, (1, 3), elements=st.floats(0.05, 0.95)),
    continuation=st.floats(0.1, 0.9),
    clicks=st.tuples(*[st.booleans()] * 3),
    filled=st.tuples(*[st.booleans()] * 3),
)
def test_what_the_bayesian_network_expects_is_what_all_hidden_courses_come_to(
    attraction, satisfaction, continuation, clicks, filled
):
    filled = np.array([filled])
    clicked = np.array([clicks]) & filled
    # 2^9 courses: who is attracted, satisfied and goes on at each place
    whole = np.array(list(product([False, True], repeat=9))).reshape(-1, 3, 3)
    rates = np.stack([attraction[0], satisfaction[0], np.full(3, continuation)])
    weight = np.where(whole, rates, 1 - rates).prod(axis=(1, 2))
    looks = np.ones((512, 3), bool)
    for k in (1, 2):
        attracted, satisfied, goes_on = whole[:, :, k - 1].T
        passes = goes_on & ~(attracted & satisfied) if filled[0, k - 1] else True
        looks[:, k] = looks[:, k - 1] & passes
    happened = ((looks & whole[:, 0] & filled) == clicked).all(axis=1)
    posterior = weight * happened / (weight * happened).sum()
    _, expected = DynamicBayesian(continuation).learned(attraction, satisfaction, clicked, filled)
    assert expected.examined[0] == pytest.approx(np.where(filled[0], posterior @ looks, 0))
    informative = expected.informative[0]
    assert expected.satisfied[0, informative] == pytest.approx((posterior @ whole[:, 1])[informative])


@pytest.mark.parametrize("true", TRUE)
@pytest.mark.parametrize("name", MODELS)
def test_no_step_lowers_the_posterior(true, name):
    fitted = fit(name, drawn_log(TRUE[true], ATTRACTION, SATISFACTION, lists=300))
    steps = np.diff(fitted.trace)
    assert len(steps)
    assert steps.min() >= -1e-9 * abs(fitted.trace[0])


def test_the_same_log_gives_the_same_fit():
    log = drawn_log(TRUE["dynamic-bayesian"], ATTRACTION, SATISFACTION, lists=300)
    first, second = fit("dynamic-bayesian", log), fit("dynamic-bayesian", log)
    assert first.trace == second.trace
    assert np.array_equal(first.attraction(EVERY), second.attraction(EVERY))


@pytest.mark.parametrize("name", MODELS)
def test_planted_parameters_are_found_again(name):
    log = drawn_log(TRUE[name], ATTRACTION, SATISFACTION, lists=8000)
    fitted = fit(name, log)
    # in standard errors of a rate of so many looks; 1 would be as good as knowing which were looks
    error = np.sqrt(ATTRACTION * (1 - ATTRACTION) / fitted.attractions.chances)
    assert np.sqrt(np.mean(((fitted.attraction(EVERY) - ATTRACTION) / error) ** 2)) < 1.3
    assert np.corrcoef(fitted.attraction(EVERY), ATTRACTION)[0, 1] > 0.97
    if name == "position-based":
        assert fitted.behaviour.examination == pytest.approx(TRUE[name].examination, abs=0.04)
    if name == "dynamic-bayesian":
        assert fitted.behaviour.continuation == pytest.approx(0.8, abs=0.03)
        assert np.corrcoef(fitted.satisfaction(EVERY), SATISFACTION)[0, 1] > 0.7


def test_a_first_place_that_is_passed_over_is_found():
    true = PositionBased(np.array([0.4, 1.0, 0.8, 0.4, 0.2]))
    fitted = fit("position-based", drawn_log(true, ATTRACTION, SATISFACTION, lists=8000))
    assert fitted.behaviour.examination == pytest.approx(true.examination, abs=0.05)


def test_the_model_that_clicks_were_drawn_from_tells_held_out_clicks_best():
    for name, behaviour in TRUE.items():
        fits = fit_all(drawn_log(behaviour, ATTRACTION, SATISFACTION, lists=8000))
        perplexity = {fitted.behaviour.name: value for fitted, value in fits}
        assert list(perplexity.values()) == sorted(perplexity.values())
        # the network with everything certain is a cascade, so it may tell as well
        assert perplexity[name] <= min(perplexity.values()) + 0.0005
        assert perplexity[name] < max(perplexity.values()) - 0.005


def test_the_perplexity_of_a_fair_coin_is_two():
    log = log_of([1, 0, 1], [0, 0, 1])
    by_place, overall = fit_of_equal_rates(PositionBased(np.ones(3)), 0.5, log).perplexity(log)
    assert by_place == pytest.approx([2, 2, 2])
    assert overall == pytest.approx(2)


def test_perplexity_worked_out():
    log = log_of([1, 0], [0, 0], items="ab")
    # predicted 0.25 at 1: 2^((log2 4 + log2 4/3) / 2) = sqrt(16/3); predicted 0 at 2, rightly: 1
    by_place, overall = fit_of_equal_rates(PositionBased(np.array([1.0, 0.0])), 0.25, log).perplexity(log)
    assert by_place == pytest.approx([np.sqrt(16 / 3), 1])
    assert overall == pytest.approx((np.sqrt(16 / 3) + 1) / 2)


def test_a_place_never_shown_has_no_perplexity():
    log = log_of([1, 0, 0], [0, 0, 0])
    shorter = ClickLog(
        items=log.items, clicked=log.clicked, filled=np.array([[True, True, False]] * 2), unit=log.unit,
        names=log.names,
    )  # fmt: skip
    by_place, overall = fit_of_equal_rates(PositionBased(np.ones(3)), 0.5, shorter).perplexity(shorter)
    assert np.isnan(by_place[2])
    assert overall == pytest.approx(2)


@pytest.mark.parametrize("name", MODELS)
def test_an_item_never_clicked_may_still_be_and_one_never_shown_is_like_the_others(name):
    log = log_of([1, 0], [1, 0], [0, 0], [0, 0], items="ab")
    with_third = ClickLog(
        items=log.items, clicked=log.clicked, filled=log.filled, unit=log.unit, names=("a", "b", "c")
    )
    fitted = fit(name, with_third)
    clicked, unclicked, unseen, unknown = fitted.attraction(np.array([0, 1, 2, UNKNOWN]))
    assert 0 < unclicked < clicked < 1
    assert unseen == unknown == pytest.approx(fitted.attractions.prior.mode)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(EvaluationError, match="take one of position-based, cascade, dynamic-bayesian"):
        fit("pbm", log_of([1, 0, 0]))
    with pytest.raises(EvaluationError, match="no clicks"):
        fit("cascade", log_of([0, 0, 0]))
