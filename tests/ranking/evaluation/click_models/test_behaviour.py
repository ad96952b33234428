"""What each click model predicts for lists short enough to work out by hand, and for any list at all."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.click_models.position import PositionBased

PLACES = 4
POSITION = PositionBased(np.array([1.0, 0.5, 0.2, 0.1]))
MODELS = [POSITION, Cascade(), DynamicBayesian(0.8), DynamicBayesian(1.0), DynamicBayesian(0.0)]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
ALL = np.ones((1, 3), bool)
ATTRACTION = np.array([[0.5, 0.4, 0.2]])
SATISFACTION = np.array([[0.5, 1.0, 0.3]])

rates = arrays(float, (1, PLACES), elements=st.floats(0, 1))
masks = arrays(bool, (1, PLACES))


def clicks(*places):
    return np.isin([[1, 2, 3]], places)


def test_by_position_a_click_is_examination_times_attraction():
    # 1 · 0.5, 0.5 · 0.4, 0.2 · 0.2, whatever was clicked above
    worked_out = [[0.5, 0.2, 0.04]]
    assert POSITION.marginal(ATTRACTION, SATISFACTION, ALL) == pytest.approx(np.array(worked_out))
    given_all = POSITION.conditional(ATTRACTION, SATISFACTION, clicks(1, 2, 3), ALL)
    assert given_all == pytest.approx(np.array(worked_out))


def test_by_cascade_a_place_is_reached_if_nothing_above_attracted():
    # 0.5, (1 - 0.5) · 0.4, (1 - 0.5) · (1 - 0.4) · 0.2
    assert Cascade().marginal(ATTRACTION, SATISFACTION, ALL) == pytest.approx(np.array([[0.5, 0.2, 0.06]]))


def test_by_cascade_nothing_is_clicked_below_a_click():
    def conditional(*places):
        return Cascade().conditional(ATTRACTION, SATISFACTION, clicks(*places), ALL)

    assert conditional() == pytest.approx(np.array([[0.5, 0.4, 0.2]]))
    assert conditional(2) == pytest.approx(np.array([[0.5, 0.4, 0.0]]))
    assert conditional(1) == pytest.approx(np.array([[0.5, 0.0, 0.0]]))


def test_by_the_bayesian_network_one_goes_on_unless_satisfied():
    # looked at: 1; 0.8 · (1 - 0.5 · 0.5) = 0.6; 0.6 · 0.8 · (1 - 0.4 · 1) = 0.288
    # clicked:   0.5; 0.6 · 0.4 = 0.24; 0.288 · 0.2 = 0.0576
    marginal = DynamicBayesian(0.8).marginal(ATTRACTION, SATISFACTION, ALL)
    assert marginal == pytest.approx(np.array([[0.5, 0.24, 0.0576]]))


def test_by_the_bayesian_network_no_click_makes_it_less_likely_that_one_still_looks():
    def conditional(*places):
        return DynamicBayesian(0.8).conditional(ATTRACTION, SATISFACTION, clicks(*places), ALL)

    # clicked at 1: not satisfied in half of the cases, then goes on in 0.8 of them: 0.4 · 0.4 = 0.16.
    # Then unclicked at 2: looked (0.4 · 0.6) / (1 - 0.16) = 2/7, on to 3: 0.8 · 2/7 · 0.2 = 0.32/7
    assert conditional(1) == pytest.approx(np.array([[0.5, 0.16, 0.32 / 7]]))
    # unclicked at 1, which was looked at for sure: 0.8 · 0.4 = 0.32.
    # Clicked at 2, which always satisfies: 0
    assert conditional(2) == pytest.approx(np.array([[0.5, 0.32, 0.0]]))


def test_a_page_that_begins_below_is_looked_at_from_its_own_top():
    second = np.array([[False, True, True]])
    for model in (Cascade(), DynamicBayesian(0.8)):
        assert model.marginal(ATTRACTION, SATISFACTION, second)[0, :2] == pytest.approx([0.0, 0.4])
    assert POSITION.marginal(ATTRACTION, SATISFACTION, second)[0] == pytest.approx([0.0, 0.2, 0.04])


def test_a_place_of_which_nothing_is_known_is_refused():
    with pytest.raises(EvaluationError, match="5 places, the model was fitted on 4; cut the lists"):
        POSITION.marginal(np.full((1, 5), 0.5), np.zeros((1, 5)), np.ones((1, 5), bool))


@every_model
@given(attraction=rates, satisfaction=rates, filled=masks)
def test_the_marginal_is_the_sum_over_all_patterns_of_their_conditionals(
    model, attraction, satisfaction, filled
):
    patterns = np.array(list(product([False, True], repeat=PLACES)))
    tables = [np.repeat(table, len(patterns), axis=0) for table in (attraction, satisfaction, filled)]
    conditional = model.conditional(tables[0], tables[1], patterns, tables[2])
    joint = np.where(patterns, conditional, 1 - conditional).prod(axis=1)
    assert joint.sum() == pytest.approx(1)
    expected = (joint[:, None] * patterns).sum(axis=0)
    assert model.marginal(attraction, satisfaction, filled)[0] == pytest.approx(expected, abs=1e-9)


@every_model
@given(attraction=rates, satisfaction=rates, other=rates, filled=masks)
def test_what_is_not_shown_changes_nothing_and_is_never_clicked(
    model, attraction, satisfaction, other, filled
):
    marginal = model.marginal(attraction, satisfaction, filled)
    changed = [np.where(filled, table, other) for table in (attraction, satisfaction)]
    assert np.array_equal(marginal, model.marginal(*changed, filled))
    assert not marginal[~filled].any()
    assert not model.sample(np.ones_like(attraction), satisfaction, filled, np.random.default_rng(0))[
        ~filled
    ].any()


@every_model
def test_sampled_clicks_are_as_frequent_as_the_model_says(model):
    n = 40_000
    attraction = np.tile([0.5, 0.4, 0.9, 0.6], (n, 1))
    satisfaction = np.tile([0.3, 0.9, 0.5, 0.2], (n, 1))
    filled = np.tile([True, True, False, True], (n, 1))
    drawn = model.sample(attraction, satisfaction, filled, np.random.default_rng(1))
    marginal = model.marginal(attraction, satisfaction, filled)
    # four standard errors of a rate are at most 0.01
    assert drawn.mean(axis=0) == pytest.approx(marginal[0], abs=0.01)
    # and so are pairs: the last place after a click at the first
    after = drawn[:, 0]
    conditional = model.conditional(attraction, satisfaction, drawn, filled)
    assert drawn[after, 3].mean() == pytest.approx(conditional[after, 3].mean(), abs=0.015)


@given(attraction=rates, filled=masks)
def test_certain_satisfaction_and_continuation_make_a_cascade(attraction, filled):
    sure = np.ones_like(attraction)
    network = DynamicBayesian(1.0).marginal(attraction, sure, filled)
    assert network == pytest.approx(Cascade().marginal(attraction, sure, filled))
