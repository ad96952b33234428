"""The weights by which shoppers click are recovered; without a preference nothing is learned."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.clicking import clicked_rows
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.learning.clicks import design, fit
from vlclip.ranking.learning.weights import folds_of, learn, scaled

FORCE = (1.0, 0.3, 0.5)
TRUE = (3.0, 9.0, 2.0)
ASIDE = np.array(TRUE) * 1.3 / 12
"""The true weights; photo and text add up to the same sum as in force."""


def values(learned):
    return [figure.value for figure in learned.weights.values()]


@pytest.fixture(scope="module")
def rows():
    return clicked_rows(TRUE, FORCE, seed=5)


@pytest.fixture(scope="module")
def learned(rows):
    return learn(rows, folds=5)


def test_the_weights_that_shoppers_click_by_are_found_again(rows, learned):
    assert values(learned) == pytest.approx(ASIDE, abs=0.15)
    assert learned.is_better
    for name in ("auc", "top_ctr", "dcg"):
        assert learned.figures[name].difference.low > 0
    low, high = zip(*((figure.low, figure.high) for figure in learned.weights.values()), strict=True)
    assert all(np.array(low) < ASIDE)
    assert all(np.array(high) > ASIDE)


def test_without_the_places_they_are_not(rows, learned):
    flat = replace(rows, place=np.zeros_like(rows.place))
    naive = scaled(fit(design(flat), flat.target, 0.0).slopes, flat)
    error, naive_error = np.abs(values(learned) - ASIDE).max(), np.abs(naive - ASIDE).max()
    assert naive_error > 3 * error


def test_lists_with_chance_in_them_say_the_same():
    relearned = learn(clicked_rows(TRUE, FORCE, temperature=0.2, seed=6), folds=5)
    assert values(relearned) == pytest.approx(ASIDE, abs=0.15)


def test_the_segments_weigh_together_what_they_did(learned):
    assert sum(values(learned)[:2]) == pytest.approx(1.3)


def test_at_twice_the_size_in_force_all_is_learned_twice_as_large(rows, learned):
    twice = learn(replace(rows, target=2 * rows.target), folds=5)
    assert values(twice) == pytest.approx(2 * np.array(values(learned)), rel=1e-3)
    assert twice.strength == learned.strength


def test_the_same_rows_give_the_same_answer(rows, learned):
    assert learn(rows, folds=5) == learned


@given(unit=st.lists(st.integers(0, 30), min_size=1), folds=st.integers(2, 10))
def test_a_shoppers_rows_are_in_one_fold(unit, folds):
    numbers = np.unique(unit, return_inverse=True)[1]
    fold = folds_of(numbers, folds)
    of_units = dict(zip(numbers.tolist(), fold.tolist(), strict=True))
    assert [of_units[number] for number in numbers.tolist()] == fold.tolist()
    sizes = np.bincount(list(of_units.values()), minlength=folds)
    assert sizes.max() - sizes.min() <= 1


def test_the_order_of_lists_and_the_names_of_shoppers_decide_only_the_folds(rows, learned):
    other = replace(rows, unit=(rows.unit + 77) % 200)
    assert values(learn(other, folds=5)) == pytest.approx(values(learned), abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_clicks_without_any_preference_are_no_improvement(seed):
    rows = clicked_rows((0.0, 0.0, 0.0), FORCE, level=-0.5, seed=seed)
    try:
        relearned = learn(rows, folds=5)
    except EvaluationError as refused:
        assert "no segment attracts clicks" in str(refused)  # noqa: PT017 - either answer is right
    else:
        assert not relearned.is_better


def test_weights_that_are_right_already_stay():
    relearned = learn(clicked_rows((6.0, 1.8, 3.0), FORCE, seed=8), folds=5)
    assert not relearned.is_better
    assert values(relearned) == pytest.approx(FORCE, abs=0.1)


def test_told_probabilities_are_kept_on_shoppers_held_out(learned):
    calibration = learned.calibration
    assert calibration.ece < 0.02
    assert calibration.slope == pytest.approx(1, abs=0.1)
    assert calibration.corrected_brier == pytest.approx(calibration.brier, abs=0.002)


def test_each_place_is_told_how_often_it_is_looked_at(learned):
    examination = learned.examination["similar"]
    assert list(examination) == list(range(1, 11))
    assert examination[1] == 1
    assert examination[4] == pytest.approx(1 / 4, abs=0.1)


def test_the_progress_is_told(rows):
    shares = []
    learn(rows, folds=2, progress=shares.append)
    assert shares == [0.5, 1.0]


def test_too_few_clicks_are_refused_with_how_many_it_takes():
    # 3 weights, 3 means, 1 kind, 10 places: 17 numbers, 20 clicks each
    with pytest.raises(EvaluationError, match=r"17 numbers are fitted .* needs 340 clicks"):
        learn(clicked_rows(TRUE, FORCE, lists=60))
    few = clicked_rows(TRUE, FORCE, units=40)
    with pytest.raises(EvaluationError, match="of 40 shoppers are too few"):
        learn(few)


def test_features_that_say_the_same_are_refused_by_name(rows):
    features = rows.features.copy()
    features[:, 1] = 2 * features[:, 0] + 0.001 * features[:, 1]
    with pytest.raises(EvaluationError, match="image and text say the same"):
        learn(replace(rows, features=features))


def test_what_never_varies_is_refused_by_name(rows):
    features = rows.features.copy()
    features[:, 1] = rows.list
    with pytest.raises(EvaluationError, match="text does not vary"):
        learn(replace(rows, features=features))


def test_one_part_alone_is_nothing_to_weigh(rows):
    alone = replace(rows, names=("image",), features=rows.features[:, :1], target=rows.target[:1])
    with pytest.raises(EvaluationError, match="nothing to weigh"):
        learn(alone)
    with pytest.raises(EvaluationError, match="no weight to any segment"):
        learn(replace(rows, target=np.array([0, 0, 1.0])))


def test_what_repels_is_refused():
    with pytest.raises(EvaluationError, match="no segment attracts clicks"):
        learn(clicked_rows((-5.0, -5.0), FORCE[:2], level=1.0, seed=9), folds=3)


def test_without_a_slope_there_is_no_size(rows):
    assert all(math.isnan(weight) for weight in scaled(np.zeros(3), rows))
