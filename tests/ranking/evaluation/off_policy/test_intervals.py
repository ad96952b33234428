"""Intervals: by hand, against a plain loop, against each other, and of pairs."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.intervals import (
    POISSON_FROM,
    STEPS,
    difference,
    estimate_all,
    observe,
    poisson_counts,
    resample,
)
from vlclip.ranking.evaluation.off_policy.log import Choices
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.evaluation.off_policy.single import ips, snips
from vlclip.ranking.evaluation.off_policy.terms import Terms

SIZES = (40, POISSON_FROM)


def log_of(n, seed=0):
    rng = np.random.default_rng(seed)
    propensity, target = rng.uniform(0.1, 1, n), rng.uniform(0, 1, n)
    return Choices(
        reward=(rng.random(n) < 0.3).astype(float),
        propensity=propensity,
        target=target * (rng.random(n) < 0.8),
        predicted=rng.uniform(0.1, 0.5, n),
        baseline=rng.uniform(0.1, 0.5, n),
    )


def plain(values, name="plain"):
    return Terms(estimator=name, assumes="", plain=values)


def ratio(above, below):
    return Terms(estimator="ratio", assumes="", above=above, below=below)


def rows_of(terms, rows):
    """The same terms on the rows with these numbers."""

    def cut(values):
        return None if values is None else values[rows]

    return replace(terms, plain=cut(terms.plain), above=cut(terms.above), below=cut(terms.below))


def ends(every):
    return np.array(
        [
            (item.value, item.low, item.high, item.analytic_low, item.analytic_high, item.error)
            for item in every
        ]
    )


def test_a_mean_by_hand():
    # 1, 2, 6 have mean 3, deviations -2, -1, 3, variance 14 / 2 = 7, standard error √(7 / 3)
    (estimate,) = estimate_all([plain(np.array([1.0, 2, 6]))], resamples=10_000)
    assert estimate.value == pytest.approx(3)
    assert estimate.error == pytest.approx(np.sqrt(7 / 3))
    assert estimate.analytic_high - estimate.value == pytest.approx(1.959964 * np.sqrt(7 / 3))
    assert estimate.analytic_low + estimate.analytic_high == pytest.approx(6)
    # one resample in 27, over 2.5 %, is three times the first row, another three times the last
    assert (estimate.low, estimate.high) == pytest.approx((1, 6))


def test_a_ratio_by_hand():
    # (2 + 0) / (1 + 3) = 0.5; deviations 2 - 0.5 and 0 - 1.5, by the sum 4: ±0.375; times 2 / 1 for two rows
    (estimate,) = estimate_all([ratio(np.array([2.0, 0]), np.array([1.0, 3]))])
    assert estimate.value == pytest.approx(0.5)
    assert estimate.error == pytest.approx(0.375 * 2)
    # a resample is both of the first, 2 / 1, both of the second, 0, or one of each
    assert set(resample([ratio(np.array([2.0, 0]), np.array([1.0, 3]))])[:, 0].round(9)) == {2, 0.5, 0}


def test_a_ratio_for_each_column_is_summed():
    # 2 + 0 over 1 + 3 at the first place, 1 + 1 over 1 + 0 at the second
    both = ratio(np.array([[2.0, 1], [0, 1]]), np.array([[1.0, 1], [3, 0]]))
    (estimate,) = estimate_all([both])
    assert estimate.value == pytest.approx(0.5 + 2)
    # deviations by the sums: 1.5 / 4 + (1 - 2) / 1 = -0.625 and the opposite
    assert estimate.error == pytest.approx(0.625 * 2)


def test_units_by_hand():
    # rows 1, 2 | 6 of units 0, 0, 1: mean 3, deviations summed by unit -3, 3, by the 3 rows ±1; times 2 / 1
    (estimate,) = estimate_all([plain(np.array([1.0, 2, 6]))], np.array([0, 0, 1]))
    assert estimate.error == pytest.approx(np.sqrt(2 * 2))
    # both of unit 0: 3 / 2; both of unit 1: 6; one of each: 3
    assert set(resample([plain(np.array([1.0, 2, 6]))], np.array([0, 0, 1]))[:, 0].round(9)) == {1.5, 6, 3}


def test_weights_are_described():
    # 0, 1, 3, 4: sum 8, squares 26
    weights = np.array([0.0, 1, 3, 4])
    (estimate,) = estimate_all([replace(plain(weights), weights=weights, parameters={"most": 4.0})])
    assert estimate.effective == pytest.approx(64 / 26)
    assert estimate.mean_weight == 2
    assert estimate.unsupported == 0.25
    assert estimate.rows == 4
    assert estimate.parameters == {"most": 4}
    # between 1 and 3; 0.7 and 0.97 of the way from 3 to 4
    assert estimate.quantiles == pytest.approx({"p50": 2, "p90": 3.7, "p99": 3.97, "max": 4})


def test_without_weights_nothing_is_said_of_them():
    (estimate,) = estimate_all([plain(np.array([0.0, 1]))])
    assert np.isnan([estimate.effective, estimate.mean_weight, estimate.unsupported]).all()
    assert estimate.quantiles == {}


@pytest.mark.parametrize("n", SIZES)
def test_a_target_that_the_log_never_shows_has_no_value_but_by_ips(n):
    log = replace(log_of(n), target=np.zeros(n))
    by_ips, by_snips = estimate_all([ips(log), snips(log)])
    assert (by_ips.value, by_ips.low, by_ips.high, by_ips.error) == (0, 0, 0, 0)
    assert np.isnan(ends([by_snips])).all()
    assert (by_snips.effective, by_snips.unsupported) == (0, 1)


@pytest.mark.parametrize("n", SIZES)
def test_resamples_without_the_only_row_that_counts_are_left_out(n):
    below = np.zeros(n)
    below[3] = 0.7
    samples = resample([ratio(0.3 * below, below)])[:, 0]
    # of n units one is left out of a resample about once in e times
    assert np.isnan(samples).mean() == pytest.approx(np.exp(-1), abs=0.06)
    (estimate,) = estimate_all([ratio(0.3 * below, below)])
    assert ends([estimate])[0] == pytest.approx((0.3, 0.3, 0.3, 0.3, 0.3, 0))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.booleans())
def test_the_one_pass_equals_a_loop_over_the_same_counts(seed, by_unit):
    units, resamples = POISSON_FROM, 30
    rng = np.random.default_rng(seed)
    log = log_of(2 * units if by_unit else units, seed)
    unit = rng.permutation(np.repeat(np.arange(units), 2)) if by_unit else np.arange(units)
    terms = compute_terms(log)
    counts = np.concatenate([counts for _, counts in poisson_counts(units, resamples, seed)], axis=1)
    looped = np.zeros((resamples, len(terms)))
    for b in range(resamples):
        drawn = counts[b].astype(float)[unit]
        for j, item in enumerate(terms):
            if item.plain is not None:
                looped[b, j] += drawn @ item.plain / drawn.sum()
            if item.above is not None:
                looped[b, j] += (drawn @ item.above) / (drawn @ item.below)
    passed = resample(terms, unit if by_unit else None, resamples, seed)
    # single precision costs a ten-thousandth of the spread at most
    assert (np.abs(passed - looped).max(axis=0) < 1e-4 * looped.std(axis=0)).all()


def test_a_narrow_spread_far_from_0_is_kept():
    # in single precision a thousand and a thousandth more are the same number
    spread = 1e-6 * np.random.default_rng(0).normal(size=5000)
    near, far = resample([plain(spread)])[:, 0], resample([plain(1e3 + spread)])[:, 0] - 1e3
    assert far == pytest.approx(near, abs=1e-3 * near.std())


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_rewards_may_be_beyond_the_range_of_single_precision(scale):
    values = np.random.default_rng(0).normal(1, 1, POISSON_FROM)
    scaled = resample([plain(scale * values)])[:, 0]
    assert scaled / scale == pytest.approx(resample([plain(values)])[:, 0])


def test_a_byte_is_a_poisson_count_with_its_mean_and_variance():
    counts = np.searchsorted(STEPS, np.arange(256), side="right")
    assert counts.mean() == 1
    assert counts.var() == 1
    poisson = np.exp(-1) / np.array([1, 1, 2, 6, 24, 120])
    assert np.bincount(counts) / 256 == pytest.approx(poisson, abs=0.005)


def test_counts_of_units_and_resamples_are_independent():
    resamples, units = 400, 3000
    counts = np.concatenate([counts for _, counts in poisson_counts(units, resamples, 5)], axis=1)
    assert counts.shape == (resamples, units)
    for axis in (counts, counts.T):
        # correlations of n pairs have a spread of 1/√n; the largest of so many lies within six of it
        off = np.corrcoef(axis) - np.eye(len(axis))
        assert np.abs(off).max() < 6 / np.sqrt(axis.shape[1])


@pytest.mark.parametrize("n", [500, 20_000])
def test_bootstrap_and_delta_method_agree(n):
    rng = np.random.default_rng(1)
    above, below = rng.normal(2, 1, n), rng.normal(5, 1, n)
    every = estimate_all(
        [plain(above), ratio(above, below), replace(ratio(above, below), plain=below)], resamples=4000
    )
    for item in every:
        # an end of the bootstrap has a spread of 0.04 standard errors from 4,000 resamples
        assert item.low == pytest.approx(item.analytic_low, abs=0.2 * item.error)
        assert item.high == pytest.approx(item.analytic_high, abs=0.2 * item.error)


def test_an_interval_holds_the_truth_19_times_in_20():
    rng = np.random.default_rng(2)
    inside = []
    for seed in range(300):
        values, unit = np.repeat(rng.normal(1, 1, 300), 3), np.repeat(np.arange(300), 3)
        (estimate,) = estimate_all([plain(values)], unit, resamples=300, seed=seed)
        inside.append((estimate.low < 1 < estimate.high, estimate.analytic_low < 1 < estimate.analytic_high))
    # of 300 the share has a spread of 0.013
    assert np.mean(inside, axis=0) == pytest.approx([0.95, 0.95], abs=0.04)


@pytest.mark.parametrize("n", SIZES)
def test_every_row_twice_in_its_unit_changes_no_interval(n):
    terms = compute_terms(log_of(n))
    twice = [rows_of(item, np.repeat(np.arange(n), 2)) for item in terms]
    assert ends(estimate_all(twice, np.repeat(np.arange(n), 2))) == pytest.approx(ends(estimate_all(terms)))


def test_every_row_twice_without_units_narrows_the_interval():
    terms = compute_terms(log_of(500))
    twice = [rows_of(item, np.repeat(np.arange(500), 2)) for item in terms]
    for once, doubled in zip(estimate_all(terms), estimate_all(twice), strict=True):
        assert doubled.error == pytest.approx(once.error / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("n", SIZES)
def test_numbers_of_units_may_have_gaps(n):
    terms, unit = compute_terms(log_of(2 * n)), np.repeat(np.arange(n), 2)
    assert ends(estimate_all(terms, 3 * unit + 5)).tolist() == ends(estimate_all(terms, unit)).tolist()


@pytest.mark.parametrize("n", SIZES)
def test_the_same_seed_gives_the_same_resamples_whatever_else_is_estimated(n):
    log = log_of(n)
    alone, among = resample([ips(log)])[:, 0], resample(compute_terms(log))[:, 1]
    # the same counts; a product of other matrices may round otherwise
    assert alone == pytest.approx(among, rel=1e-6)
    assert not np.allclose(alone, resample([ips(log)], seed=8)[:, 0], rtol=1e-6)
    assert resample([ips(log)]).tolist() == resample([ips(log)]).tolist()


@pytest.mark.parametrize("n", SIZES)
def test_an_estimator_differs_from_itself_by_nothing(n):
    gap = difference(snips(log_of(n)), snips(log_of(n)))
    assert (gap.value, gap.low, gap.high) == (0, 0, 0)


@pytest.mark.parametrize("n", SIZES)
def test_a_difference_is_of_pairs(n):
    # the second is the first and 0.1 more: both are uncertain, their difference is not
    reward = log_of(n).reward
    gap = difference(plain(reward + 0.1), observe(reward))
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.1, 0.1, 0.1))
    (alone,) = estimate_all([observe(reward)])
    assert alone.high - alone.low > 0.03


def test_uplift_of_a_better_policy_is_over_0():
    # the target prefers what earns; of 4,000 rows that is certain
    rng = np.random.default_rng(3)
    good = rng.random(4000) < 0.5
    reward = (rng.random(4000) < np.where(good, 0.4, 0.2)).astype(float)
    log = Choices(reward=reward, propensity=np.full(4000, 0.5), target=np.where(good, 0.8, 0.2))
    gap = difference(snips(log), observe(reward))
    assert gap.low > 0
    # 0.8·0.4 + 0.2·0.2 - 0.3
    assert gap.low < 0.06 < gap.high


def test_a_single_unit_has_no_analytic_interval():
    (estimate,) = estimate_all([plain(np.array([1.0, 3]))], np.zeros(2, np.intp))
    assert (estimate.value, estimate.low, estimate.high) == (2, 2, 2)
    assert np.isnan([estimate.error, estimate.analytic_low, estimate.analytic_high]).all()


def test_what_is_not_of_one_log_is_refused():
    with pytest.raises(EvaluationError, match="no rows to estimate"):
        estimate_all([])
    with pytest.raises(EvaluationError, match="no rows to estimate"):
        estimate_all([plain(np.empty(0))])
    with pytest.raises(EvaluationError, match="differ in rows"):
        estimate_all([plain(np.ones(3)), plain(np.ones(4))])
    with pytest.raises(EvaluationError, match="differ in rows"):
        estimate_all([plain(np.ones(3))], np.zeros(4, np.intp))
    with pytest.raises(EvaluationError, match="numbered from 0"):
        estimate_all([plain(np.ones(3))], np.array([0, -1, 1]))


@pytest.mark.data
def test_two_real_policies_are_within_each_others_intervals(data):
    def read(policy):
        with (data / "open_bandit" / policy / "men" / "men.csv").open(encoding="utf-8") as file:
            rows = [(float(row["click"]), float(row["propensity_score"])) for row in csv.DictReader(file)]
        click, propensity = np.array(rows).T
        return Choices(reward=click, propensity=propensity, target=np.full(len(rows), 1 / 34))

    (truth,) = estimate_all([observe(read("random").reward)])
    for item in estimate_all([ips(read("bts")), snips(read("bts"))]):
        assert item.low < truth.high
        assert truth.low < item.high
        assert item.effective < 0.1 * item.rows
