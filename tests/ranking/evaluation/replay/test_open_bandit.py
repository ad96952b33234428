"""Logs in the format of Open Bandit, and what one of them says about a policy that was not asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.replay.open_bandit import BanditLog, EstimatedPolicy, read_open_bandit, uniform


def a_log(item, propensity, *, count=3, position=None, time=None, click=None):
    n = len(item)
    return BanditLog(
        ids=tuple(map(str, range(count))),
        item=np.array(item),
        position=np.zeros(n, dtype=int) if position is None else np.array(position),
        click=np.zeros(n) if click is None else np.array(click, dtype=float),
        propensity=np.array(propensity, dtype=float),
        time=np.arange(n, dtype=float) if time is None else np.array(time, dtype=float),
        affinity=np.zeros((n, count), dtype=np.float32),
        items=np.zeros((count, 1)),
        names=("item_feature_0",),
    )


def write(folder, context=True, **columns):
    folder.mkdir(exist_ok=True)
    rows = {
        "": [0, 1], "timestamp": ["2019-11-24 00:00:01.500000+00:00", "2019-11-24 00:00:03+00:00"],
        "item_id": [7, 4], "position": [1, 3], "click": [0, 1], "propensity_score": [0.5, 0.25],
        "user_feature_0": ["a", "b"], "user-item_affinity_4": [0.0, 2.0], "user-item_affinity_7": [1.0, 0.0],
    } | columns  # fmt: skip
    pl.DataFrame(rows).write_csv(folder / "men.csv")
    if context:
        pl.DataFrame(
            {"": [0, 1], "item_id": [7, 4], "item_feature_0": [1.0, 3.0], "item_feature_1": ["x", "y"]}
        ).write_csv(folder / "item_context.csv")
    return folder


def test_a_log_is_read_with_what_is_known_of_items_and_users(tmp_path):
    folder = write(tmp_path / "men")
    log = read_open_bandit(folder)
    assert log.ids == ("4", "7")
    assert log.item.tolist() == [1, 0]
    assert log.position.tolist() == [0, 2]
    assert log.click.tolist() == [0, 1]
    assert log.propensity.tolist() == [0.5, 0.25]
    assert log.time.tolist() == [1574553601.5, 1574553603.0]
    assert log.affinity.tolist() == [[0, 1], [2, 0]]
    assert log.names == ("item_feature_0", "item_feature_1_x", "item_feature_1_y")
    # 3 and 1 lie 1 from their mean, which is 0.707 of their standard deviation
    np.testing.assert_allclose(log.items, [[0.5**0.5, 0, 1], [-(0.5**0.5), 1, 0]])
    features = log.features()
    assert features.shape == (2, 2, 3 + 1 + 3)
    np.testing.assert_allclose(features[1, 0], [0.5**0.5, 0, 1, 2, 0, 0, 1])
    np.testing.assert_array_equal(log.features(slice(1, 2)), features[1:])
    named = read_open_bandit(folder / "men.csv")
    np.testing.assert_array_equal(named.item, log.item)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"propensity_score": [0.5, 0.0]}, "propensities over 0"),
        ({"position": [0, 1]}, "positions from 1"),
        ({"item_id": [7, 5]}, "no log in the format"),
        ({"timestamp": ["yesterday", "today"]}, "no log in the format"),
    ],
)
def test_a_log_that_breaks_the_format_is_refused(tmp_path, columns, says):
    with pytest.raises(EvaluationError, match=says):
        read_open_bandit(write(tmp_path / "men", **columns))


def test_a_folder_without_one_log_or_without_items_is_refused(tmp_path):
    folder = write(tmp_path / "men", context=False)
    with pytest.raises(EvaluationError, match="no log in the format"):
        read_open_bandit(folder)
    (folder / "women.csv").write_text("")
    with pytest.raises(EvaluationError, match="2 logs"):
        read_open_bandit(folder)


def test_the_uniform_policy_has_ratios_of_1_on_its_own_log():
    log = a_log([0, 1, 2, 1], [1 / 3] * 4, click=[0, 1, 0, 0])
    choices = log.choices(uniform(log))
    np.testing.assert_allclose(choices.weights, 1)
    assert choices.reward.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("target", [np.ones((4, 3)), np.full((4, 2), 0.5), np.tile([2.0, -1.0, 0.0], (4, 1))])
def test_a_target_that_is_no_distribution_is_refused(target):
    with pytest.raises(EvaluationError, match="a target"):
        a_log([0, 1, 2, 1], [1 / 3] * 4).choices(target)


@given(st.lists(st.floats(0.05, 1), min_size=2, max_size=5), st.integers(0, 100))
def test_a_policy_that_never_changes_is_estimated_exactly(odds, seed):
    rng = np.random.default_rng(seed)
    shares = np.array(odds) / np.sum(odds)
    item = np.tile(np.arange(len(shares)), 6)  # each often enough to be told by others
    rng.shuffle(item)
    log = a_log(item, shares[item], count=len(shares), position=rng.integers(0, 2, len(item)),
                time=rng.random(len(item)))  # fmt: skip
    policy = EstimatedPolicy(log)
    queried = replace(log, time=rng.random(len(item)), position=rng.integers(0, 3, len(item)))
    np.testing.assert_allclose(policy(queried), np.tile(shares, (len(item), 1)))
    fit = policy.fit()
    assert fit.mean_ratio == pytest.approx(1)
    assert fit.median_ratio == pytest.approx(1)


def test_between_two_choices_of_an_item_its_probability_is_the_harmonic_mean():
    # item 0 at times 0 and 10, item 1 at times 0 and 10, at one place
    policy = EstimatedPolicy(a_log([0, 0, 1, 1], [0.2, 0.6, 0.8, 0.4], time=[0, 10, 0, 10], count=2))
    queried = a_log([0] * 4, [0.5] * 4, time=[-5, 5, 2.5, 99], count=2)
    chances = policy(queried)
    # halfway: 2 / (5 + 1.667) = 0.3 and 2 / (1.25 + 2.5) = 0.533, over their sum
    np.testing.assert_allclose(chances[1], np.array([0.3, 8 / 15]) / (0.3 + 8 / 15))
    np.testing.assert_allclose(chances[0], [0.2, 0.8])  # before the first
    np.testing.assert_allclose(chances[3], [0.6, 0.4])  # after the last
    np.testing.assert_allclose(chances.sum(axis=1), 1)


def test_an_item_never_chosen_at_a_place_is_told_by_its_other_places_and_one_never_chosen_not_at_all():
    policy = EstimatedPolicy(a_log([0, 1, 1], [0.3, 0.6, 0.9], position=[0, 0, 1]))
    chances = policy(a_log([0], [0.5], position=[1], time=[1]))
    np.testing.assert_allclose(chances, [[0.3 / 1.2, 0.9 / 1.2, 0]])


def test_each_row_of_its_own_log_is_told_by_the_others():
    log = a_log([0, 1, 0, 1], [0.3, 0.7, 0.5, 0.5], count=2)
    # the first row is told by the third, 0.5, beside item 1 at the time of its first, 0.7
    expected = EstimatedPolicy(log)(log)
    np.testing.assert_allclose(expected[0], np.array([0.5, 0.7]) / 1.2)


def test_of_other_items_nothing_can_be_told():
    log = a_log([0, 1], [0.5, 0.5], count=2)
    with pytest.raises(EvaluationError, match="different items"):
        EstimatedPolicy(log)(replace(log, ids=("x", "y")))


def test_on_the_real_logs_the_estimate_tells_most_of_what_was_logged(data):
    random, bts = (read_open_bandit(data / "open_bandit" / name / "men") for name in ("random", "bts"))
    np.testing.assert_allclose(random.choices(uniform(random)).weights, 1, rtol=1e-9)
    policy = EstimatedPolicy(bts)
    fit = policy.fit()
    assert fit.correlation > 0.95
    assert 0.9 < fit.mean_ratio < 1.1
    assert random.choices(policy(random)).weights.mean() == pytest.approx(1, abs=0.05)
