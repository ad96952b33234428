"""Variety: the laws of maximal marginal relevance, and a list that is worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.space import unit
from vlclip.ranking.lists.diversity import FINEST, diversify

# a and b are equal, c is orthogonal to both, d lies halfway between: cos 45° is 0.7071
A, B, C, D = [1, 0], [2, 0], [0, 1], [1, 1]
VECTORS = np.array([A, B, C, D], dtype=np.float32)
SCORES = np.array([1.0, 0.9, 0.5, 0.6])


def a_list(seed, n=20, d=6, ties=False):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n) * 10.0 ** rng.integers(-3, 4)
    return (np.round(scores) if ties else scores), rng.normal(size=(n, d)).astype(np.float32)


lists = st.builds(a_list, st.integers(0, 10_000), st.integers(1, 25), st.integers(1, 8), st.booleans())
amounts = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))


def plainly(scores, vectors, amount, k):
    """The rule in plain code; ties within rounding may go either way, so tests avoid them."""
    high, low = scores.max(), scores.min()
    rows = unit(vectors).astype(np.float64)
    chosen = [int(np.argmax(scores))]
    while len(chosen) < min(k, len(scores)):
        best = {
            row: (1 - amount) * scores[row]
            + amount * (high - (high - low) * max(0, *(rows[row] @ rows[other] for other in chosen)))
            for row in range(len(scores))
            if row not in chosen
        }
        chosen.append(max(best, key=lambda row: best[row]))
    return chosen


def test_a_worked_example():
    # amount 0.5, scores from 0.5 to 1, so a copy counts as 0.5 and a stranger as 1.
    # first a. then  b: (0.9 + 0.5) / 2 = 0.7      c: (0.5 + 1) / 2 = 0.75
    #                d: (0.6 + 1 - 0.5 · 0.7071) / 2 = 0.6232
    # c comes next. d is as like c as a, and b is like neither more than before: b 0.7, then d 0.6232
    order, term = diversify(SCORES, VECTORS, 0.5, 4)
    assert order.tolist() == [0, 2, 1, 3]
    assert (SCORES[order] + term).tolist() == pytest.approx([1, 0.75, 0.7, 0.6232], abs=1e-4)


def test_variety_alone_takes_what_is_least_like_the_list():
    # a; then c (0), d (0.7071 from both), b (a copy of a)
    assert diversify(SCORES, VECTORS, 1, 4)[0].tolist() == [0, 2, 3, 1]


@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.5, 0.9, 1.0]))
def test_the_order_is_that_of_the_rule(seed, amount):
    scores, vectors = a_list(seed)
    # in 6 dimensions some items are over 90° from all chosen items, and tie at amount 1
    vectors = np.abs(vectors)
    assert diversify(scores, vectors, amount, 12)[0].tolist() == plainly(scores, vectors, amount, 12)


@given(lists, st.integers(0, 30))
def test_no_variety_is_the_plain_order(items, k):
    scores, vectors = items
    order, term = diversify(scores, vectors, 0, k)
    assert order.tolist() == np.argsort(-scores, kind="stable")[:k].tolist()
    assert not term.any()


@given(lists, amounts)
def test_scores_never_rise_down_the_list_and_stay_within_those_there_were(items, amount):
    scores, vectors = items
    order, term = diversify(scores, vectors, amount, len(scores))
    assert sorted(order.tolist()) == list(range(len(scores)))
    totals = scores[order] + term
    rounding = 1e-12 * np.abs(scores).max() + 1e-12
    assert (np.diff(totals) <= rounding).all()
    assert order[0] == scores.argmax()
    assert term[0] == pytest.approx(0, abs=rounding)
    assert totals.min() >= scores.min() - FINEST * max(1, np.ptp(scores))


@given(lists, amounts, st.integers(0, 25))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(items, amount, k):
    short, long = (diversify(*items, amount, n) for n in (k, 25))
    for fewer, more in zip(short, long, strict=True):
        assert fewer.tolist() == more[: len(fewer)].tolist()
    assert len(short[0]) == min(k, len(long[0]))


def test_equal_scores_still_vary_and_an_item_without_a_vector_is_like_no_other():
    vectors = np.array([A, B, [0, 0], C], dtype=np.float32)
    order, term = diversify(np.full(4, 0.5), vectors, 0.3, 4)
    assert order.tolist() == [0, 2, 3, 1]
    assert term == pytest.approx(np.zeros(4), abs=FINEST)


def test_similarity_is_the_mean_over_the_segments():
    # two segments each: items 0 and 1 have equal photos and orthogonal texts, so 1 is half like 0
    vectors = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]], dtype=np.float32)
    scores = np.array([3.0, 2.0, 1.0])
    # at amount 1, with scores from 1 to 3: an unlike item 3, one that is half like 3 - 2 · 0.5 = 2
    order, term = diversify(scores, vectors, 1, 3)
    assert order.tolist() == [0, 2, 1]
    assert (scores[order] + term).tolist() == pytest.approx([3, 3, 2])


def test_of_nothing_comes_nothing():
    order, term = diversify(np.empty(0), np.empty((0, 4), dtype=np.float32), 0.5, 10)
    assert len(order) == len(term) == 0
