"""Vectors of items lately looked at."""

from __future__ import annotations

import numpy as np
import pytest

from vlclip.ranking.lists.vectors import FRESH_S, Vectors


class Counting:
    """A store that remembers what it was asked for."""

    def __init__(self, store):
        self.store, self.asked = store, []

    def retrieve(self, ids, **how):
        self.asked.append(list(ids))
        return self.store.retrieve(ids, **how)


@pytest.fixture
def kept(store):
    class Kept:
        now = 100.0
        counting = Counting(store)

        def get(self, *ids):
            return self.vectors.get(ids)

    made = Kept()
    made.vectors = Vectors(made.counting, lambda: made.now, 3)
    return made


def test_vectors_are_those_of_the_store_in_the_order_asked_for(kept, vectors):
    found = kept.get("i3", "nobody", "i1", "i3")
    assert list(found) == ["i3", "i1"]
    for item_id, vector in found.items():
        np.testing.assert_array_equal(vector, vectors[int(item_id[1:])])


def test_an_item_is_read_once_until_its_time_is_over(kept):
    kept.get("i1", "i2")
    kept.get("i2", "i3", "i1")
    assert kept.counting.asked == [["i1", "i2"], ["i3"]]
    kept.now += FRESH_S
    kept.get("i1")
    assert kept.counting.asked[2:] == [["i1"]]


def test_what_is_not_there_is_asked_for_again(kept):
    assert kept.get("nobody") == {}
    assert kept.get("nobody") == {}
    assert kept.counting.asked == [["nobody"], ["nobody"]]


def test_few_are_kept_and_all_are_given(kept):
    assert len(kept.get("i1", "i2", "i3", "i4", "i5")) == 5
    kept.get("i3", "i4", "i5")
    assert len(kept.counting.asked) == 1
    kept.get("i1")
    assert kept.counting.asked[1:] == [["i1"]]
