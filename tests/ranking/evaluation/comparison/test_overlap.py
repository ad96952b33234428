"""How alike two rankings are, on lists small enough to count by hand."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.evaluation.comparison.overlap import (
    Ranked,
    difference,
    jaccard,
    mean_move,
    means,
    overlap,
    rank_biased_overlap,
)

ITEMS = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=8)
K = 5


def test_rank_biased_overlap_is_what_is_worked_out_by_hand():
    # (a, b, c) and (a, c, d) agree by 1/1, 1/2, 2/3 at depths 1, 2, 3. With p = 0.9:
    # 0.1/0.9 · (1·0.9 + 1/2·0.81 + 2/3·0.729) = 0.199, and 2/3·0.729 = 0.486 for all that is below
    assert rank_biased_overlap("abc", "acd", 0.9) == pytest.approx(0.685)


def test_a_list_that_ends_sooner_is_taken_to_go_on_as_it_did():
    # (a) and (a, b): all of the short one is in the long one, so at depth 2 it counts for 1 + 1/2 · … = 1:
    # 0.5/0.5 · (1·0.5 + (1/2 + 1·1/(1·2))·0.25) + (0/2 + 1/1)·0.25 = 1
    assert rank_biased_overlap("a", "ab", 0.5) == pytest.approx(1)
    # (b) and (a, b): 0 at depth 1; at depth 2 one in common, none of the short one's before its end:
    # 0.5/0.5 · (0 + 1/2·0.25) + ((1 - 0)/2 + 0)·0.25 = 0.125 + 0.125
    assert rank_biased_overlap("b", "ab", 0.5) == pytest.approx(0.25)


def test_the_top_counts_most():
    assert rank_biased_overlap("abcd", "abxy") > rank_biased_overlap("abcd", "xycd")


def test_shares_are_of_the_first_k():
    # of abc and bcd two are in both, four in either
    assert overlap("abc", "bcd", 3) == pytest.approx(2 / 3)
    assert jaccard("abc", "bcd", 3) == pytest.approx(2 / 4)
    assert overlap("abc", "bcd", 1) == 0
    assert overlap("ab", "abcd", 10) == pytest.approx(2 / 4)  # of the longer one, which ends before 10
    assert overlap("", "", 10) == jaccard("", "", 10) == 1


def test_what_moves_is_counted_in_places():
    # b from 2 to 1, c from 3 to 2; a is in one list only
    assert mean_move("abc", "bcd") == 1
    assert mean_move("ab", "ba") == 1
    assert isnan(mean_move("ab", "cd"))


@given(ITEMS, ITEMS)
def test_measures_do_not_mind_which_list_comes_first_and_lie_from_0_to_1(first, second):
    for measure in (
        rank_biased_overlap(first, second) - rank_biased_overlap(second, first),
        overlap(first, second, K) - overlap(second, first, K),
        jaccard(first, second, K) - jaccard(second, first, K),
    ):
        assert measure == pytest.approx(0)
    for measure in (
        rank_biased_overlap(first, second), overlap(first, second, K), jaccard(first, second, K)
    ):  # fmt: skip
        assert -1e-12 <= measure <= 1 + 1e-12


@given(ITEMS)
def test_equal_lists_are_alike_by_1_and_lists_apart_by_0(items):
    other = [item.upper() for item in items]
    assert rank_biased_overlap(items, items) == pytest.approx(1)
    assert overlap(items, items, K) == jaccard(items, items, K) == 1
    if items:
        assert mean_move(items, items) == 0
        assert rank_biased_overlap(items, other) == overlap(items, other, K) == jaccard(items, other, K) == 0


@given(ITEMS, ITEMS.filter(bool), st.floats(0.5, 0.95))
def test_rank_biased_overlap_is_the_limit_of_lists_that_go_on_agreeing_as_at_their_end(first, second, p):
    # lists of one length that go on with the same share in common: equation 32 says what the sum tends to
    k = min(len(first), len(second))
    if k == 0:
        return
    first, second = first[:k], second[:k]
    at = [len(set(first[: d + 1]) & set(second[: d + 1])) / (d + 1) for d in range(k)]
    agreed = at + [at[-1]] * 2000
    summed = (1 - p) * sum(p**d * share for d, share in enumerate(agreed))
    assert rank_biased_overlap(first, second, p) == pytest.approx(summed)


def ranked(arm, lists, **measures):
    return Ranked(arm=arm, lists=lists, measures={name: np.array(each) for name, each in measures.items()})


def test_an_arm_compared_with_itself_differs_by_nothing():
    lists = ["abc", "bcd", "cde"]
    arm = ranked("arm", lists, price=[1.0, nan, 3.0])
    gap = difference(arm, arm, np.arange(3), 3)
    for alike in (gap.overlap, gap.jaccard, gap.rbo):
        assert (alike.value, alike.low, alike.high) == pytest.approx((1, 1, 1))
    assert (gap.first_changes.value, gap.moved.value) == (0, 0)
    change = gap.measures["price"].difference
    assert (change.value, change.low, change.high) == (0, 0, 0)
    assert gap.measures["price"].first.value == 2
    assert gap.comes == gap.goes == ()


def test_what_comes_and_goes_is_counted_by_contexts_and_the_least_alike_come_first():
    first = ranked("first", ["ab", "ab", "cd"], price=[1.0, 1.0, 4.0])
    second = ranked("second", ["ab", "ax", "xy"], price=[1.0, 2.0, nan])
    gap = difference(first, second, np.arange(3), 2)
    assert gap.arm == "second"
    assert gap.comes == (("x", 2), ("y", 1))
    assert gap.goes == (("b", 1), ("c", 1), ("d", 1))
    assert gap.apart == (2, 1, 0)
    assert gap.overlap.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert gap.first_changes.value == pytest.approx(1 / 3)
    # both know the price of the first two requests: 0 and 1
    assert gap.measures["price"].difference.value == pytest.approx(0.5)


def test_contexts_of_one_unit_are_one_draw():
    values = np.tile([0.0, 1.0], 50)
    apart = means([values], np.arange(100))[0]
    # 50 units of two requests each, all with a mean of one half: every resample is the same
    together = means([values], np.arange(100) // 2)[0]
    assert apart.value == together.value == 0.5
    assert apart.low < 0.45 < 0.55 < apart.high
    assert (together.low, together.high) == (0.5, 0.5)


def test_of_one_unit_no_interval_is_known():
    figures = means([np.array([0.2, 0.4]), np.array([nan, nan])], np.zeros(2, dtype=np.intp))
    assert figures[0].value == pytest.approx(0.3)
    assert isnan(figures[0].low)
    assert isnan(figures[1].value)
