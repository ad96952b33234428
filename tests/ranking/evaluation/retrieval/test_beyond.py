"""Coverage, novelty, diversity and popularity of lists, worked out by hand for four items.

Two lists: items 0 and 1, and item 0 alone. Items were taken 3, 0, 0 and 1 times.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.evaluation.retrieval.beyond import (
    coverage,
    diversity,
    exposure,
    gini,
    novelty,
    popularity,
    slices,
)

LISTS = np.array([[0, 1], [0, -1]])
NOTHING = np.full((2, 3), -1)
COUNTS = np.array([3, 0, 0, 1])

shows = st.lists(st.integers(0, 20), min_size=1, max_size=30).map(np.array)
numbers = st.integers(-3, 3).map(float)
bundles = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=2, max_size=6)


def test_half_of_the_catalogue_is_shown():
    assert exposure(LISTS, 4).tolist() == [2, 1, 0, 0]
    assert coverage(LISTS, 4) == 0.5
    assert coverage(NOTHING, 4) == 0.0


def test_the_gini_coefficient_by_hand():
    # 0, 0, 1, 2 in order, times -3, -1, 1, 3: 7, over 4 items times 3 places
    assert gini(np.array([2, 1, 0, 0])) == pytest.approx(7 / 12)


@given(st.integers(1, 50), st.integers(1, 50))
def test_all_alike_is_0_and_one_item_alone_the_most_there_is(n, times):
    assert gini(np.full(n, times)) == pytest.approx(0)
    alone = np.zeros(n, dtype=int)
    alone[n // 2] = times
    assert gini(alone) == pytest.approx(1 - 1 / n)


@given(shows)
def test_the_gini_coefficient_is_half_the_mean_difference_over_the_mean(exposures):
    if not exposures.any():
        assert np.isnan(gini(exposures))
        return
    pairs = np.abs(exposures[:, None] - exposures).mean()
    assert gini(exposures) == pytest.approx(pairs / (2 * exposures.mean()))


def test_novelty_is_in_bits_and_every_count_has_one_added():
    # 4, 1, 1, 2 of 8: 1, 3, 3 and 2 bits
    assert novelty(LISTS, COUNTS).tolist() == [2.0, 1.0]
    assert np.isnan(novelty(NOTHING, COUNTS)).all()


@given(shows)
def test_the_rarer_is_the_more_novel_and_equals_are_equally_so(counts):
    bits = novelty(np.arange(len(counts))[:, None], counts)
    order = np.argsort(counts, kind="stable")
    assert (np.diff(bits[order]) <= 1e-12).all()
    alike = novelty(np.arange(len(counts))[:, None], np.full(len(counts), 7))
    np.testing.assert_allclose(alike, np.log2(len(counts)))


def test_popularity_is_how_often_what_is_shown_was_taken():
    assert popularity(LISTS, COUNTS).tolist() == [1.5, 3.0]
    assert np.isnan(popularity(NOTHING, COUNTS)).all()


def test_diversity_by_hand():
    vectors = np.array([[2, 0], [2, 0], [0, 5], [0, 0]], dtype=np.float32)
    by_list = diversity(np.array([[0, 1, -1], [0, 2, -1], [0, 1, 2], [0, 3, -1], [0, -1, -1]]), vectors)
    # copies; right angles; a pair of copies and two at right angles; one without a vector; one item alone
    np.testing.assert_allclose(by_list, [0, 1, 2 / 3, 1, np.nan], atol=1e-7)


@given(bundles, st.randoms(use_true_random=False))
def test_diversity_is_the_mean_over_pairs_in_any_order(rows, random):
    vectors = np.array(rows, dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows_of_one = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    first, second = np.triu_indices(len(vectors), 1)
    expected = np.mean(1 - (rows_of_one[first] * rows_of_one[second]).sum(axis=1))
    order = list(range(len(vectors)))
    random.shuffle(order)
    assert diversity(np.array([order]), vectors)[0] == pytest.approx(expected, abs=1e-5)


@given(shows, st.data())
def test_every_value_is_in_one_slice(times, data):
    values = np.array(data.draw(st.lists(numbers, min_size=len(times), max_size=len(times))))
    cut = slices(values, times)
    assert sum(part.n for part in cut) == len(times)
    total = sum(part.n * part.figure.value for part in cut if part.figure is not None)
    assert total == pytest.approx(values.sum(), abs=1e-9)


def test_slices_are_cut_where_they_say():
    cut = slices(np.array([0.0, 1, 1, 0, 1]), np.array([0, 1, 4, 5, 20]))
    assert [(part.name, part.n, part.figure.value) for part in cut] == [
        ("0", 1, 0.0), ("1-4", 2, 1.0), ("5-19", 1, 0.0), ("20+", 1, 1.0)
    ]  # fmt: skip
    assert slices(np.array([1.0]), np.array([2]))[0].figure is None
