"""Significance by sign flips that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.statistics.significance import difference, holm, randomisation, standings

NOTHING = np.zeros(3)
scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=10).map(np.array)
probabilities = st.lists(st.floats(0, 1), max_size=8)


def test_a_p_value_counts_the_flips_that_are_as_far_from_nothing():
    # three differences of 1: 2 of 8 sums are +3 or -3
    assert randomisation(np.ones(3), NOTHING) == 2 / 8
    # 1, 2, -1: sums 4, 2, 0, -2, 2, 0, -2, -4, of which six are at least 2 away
    assert randomisation(np.array([1.0, 2, -1]), NOTHING) == 6 / 8


def test_queries_that_do_not_differ_or_are_not_known_say_nothing():
    first = np.array([1.0, 1, 1, 0.5, np.nan])
    second = np.array([0.0, 0, 0, 0.5, 0])
    assert randomisation(first, second) == 2 / 8
    assert randomisation(first, first) == 1.0


@given(scores)
def test_few_queries_are_exact(values):
    other = values[::-1].copy()
    ours = randomisation(values, other)
    exact = stats.permutation_test(
        (values, other), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=np.inf,
    ) if len(values) > 1 else None  # fmt: skip
    assert ours == pytest.approx(1.0 if exact is None else exact.pvalue)


def test_many_queries_come_near_the_exact_share():
    rng = np.random.default_rng(0)
    first = rng.random(16)
    second = first - rng.normal(0.1, 0.25, size=16)
    signs = 1 - 2 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    total = (first - second).sum()
    exact = np.mean(np.abs(signs @ (first - second)) >= abs(total) - 1e-9)
    assert 0.01 < exact < 0.6
    assert randomisation(first, second) == pytest.approx(exact, abs=0.015)


@given(scores, st.integers(0, 100))
def test_exchanged_runs_differ_the_other_way_with_the_same_p(values, seed):
    other = np.random.default_rng(seed).permutation(values)
    assert randomisation(values, other) == randomisation(other, values)
    forth, back = difference(values, other), difference(other, values)
    assert forth.value == pytest.approx(-back.value)
    assert (forth.low, forth.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


def test_holm_by_hand():
    # .01 times 3; .03 times 2; .04 times 1, raised to the one before
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.2]) == [0.2]


@given(probabilities)
def test_correcting_makes_nothing_smaller_and_keeps_the_order(ps):
    corrected = holm(ps)
    assert all(p <= new <= 1 for p, new in zip(ps, corrected, strict=True))
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    assert [corrected[place] for place in order] == sorted(corrected)


def test_runs_are_held_to_one_of_them():
    rng = np.random.default_rng(1)
    base = rng.random(40) / 2
    runs = {
        "base": {"nDCG": base, "Judged": np.full(40, np.nan)},
        "same": {"nDCG": base.copy(), "Judged": np.full(40, np.nan)},
        "better": {"nDCG": base + 0.1 + rng.random(40) / 5, "Judged": np.ones(40)},
    }
    by_run = standings(runs, "base")
    assert by_run["base"]["nDCG"].difference is None
    same, better = by_run["same"]["nDCG"].difference, by_run["better"]["nDCG"].difference
    assert (same.figure.value, same.p, same.is_significant) == (0.0, 1.0, False)
    assert better.is_significant
    assert 0.1 < better.figure.low < better.figure.value < better.figure.high < 0.3
    assert better.corrected == pytest.approx(2 * better.p)  # one of two comparisons
    assert np.isnan(by_run["base"]["Judged"].figure.value)
    assert by_run["better"]["Judged"].difference.p == 1.0  # no query has both values


def test_a_run_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(EvaluationError, match=r"'bass'; there are: base"):
        standings({"base": {"nDCG": np.ones(2)}}, "bass")
