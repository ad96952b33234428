"""The cache of items' vectors."""

from __future__ import annotations

import numpy as np
import pytest

from vlclip.ranking.lists.vectors import FRESH_S, Vectors


class Counting:
    """A store that records the ids it was asked for."""

    def __init__(self, store):
        self.store, self.reads = store, []

    def retrieve(self, ids, **how):
        self.reads.append(list(ids))
        return self.store.retrieve(ids, **how)


@pytest.fixture
def cache(store):
    class Cache:
        now = 100.0
        counting = Counting(store)

        def get(self, *ids):
            return self.vectors.get(ids)

    lately = Cache()
    lately.vectors = Vectors(lately.counting, lambda: lately.now, 3)
    return lately


def test_vectors_are_those_of_the_store_in_the_order_asked_for(cache, vectors):
    vectors_by_id = cache.get("i3", "nobody", "i1", "i3")
    assert list(vectors_by_id) == ["i3", "i1"]
    for item_id, vector in vectors_by_id.items():
        np.testing.assert_array_equal(vector, vectors[int(item_id[1:])])


def test_an_item_is_read_once_until_its_time_is_over(cache):
    cache.get("i1", "i2")
    cache.get("i2", "i3", "i1")
    assert cache.counting.reads == [["i1", "i2"], ["i3"]]
    cache.now += FRESH_S
    cache.get("i1")
    assert cache.counting.reads[2:] == [["i1"]]


def test_what_is_not_there_is_asked_for_again(cache):
    assert cache.get("nobody") == {}
    assert cache.get("nobody") == {}
    assert cache.counting.reads == [["nobody"], ["nobody"]]


def test_few_are_kept_and_all_are_given(cache):
    assert len(cache.get("i1", "i2", "i3", "i4", "i5")) == 5
    cache.get("i3", "i4", "i5")
    assert len(cache.counting.reads) == 1
    cache.get("i1")
    assert cache.counting.reads[1:] == [["i1"]]
