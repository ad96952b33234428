"""What was computed, kept for who asks next."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.encoding.query_cache import QueryCache


@given(st.integers(0, 5), st.lists(st.integers(0, 8), max_size=60))
def test_it_keeps_the_last_used_and_gives_what_computing_gives(size, keys):
    cache = QueryCache(size)
    model: OrderedDict[int, None] = OrderedDict()  # the model: keys by last use
    computed = []

    def value(key):
        computed.append(key)
        return key * key

    for key in keys:
        was_cached, before = key in model, len(computed)
        assert cache.get(key, lambda: value(key)) == key * key  # noqa: B023 - called at once
        assert len(computed) == before + (not was_cached)
        model[key] = None
        model.move_to_end(key)
        while len(model) > size:
            model.popitem(last=False)
        assert len(cache) == len(model)
    assert cache.misses == len(computed)
    assert cache.hits == len(keys) - len(computed)


def get_at_once(cache, compute, threads=4):
    """What as many threads get that ask while the first is computing."""
    began, go = threading.Event(), threading.Event()

    def slow():
        began.set()
        assert go.wait(timeout=10)
        return compute()

    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(cache.get, "shoe", slow)]
        assert began.wait(timeout=10)
        calls += [pool.submit(cache.get, "shoe", slow) for _ in range(threads - 1)]
        while cache.hits < threads - 1:
            pass
        go.set()
    return calls


@pytest.mark.parametrize("size", [0, 3])
def test_what_several_ask_for_at_once_is_computed_once(size):
    cache, computed = QueryCache(size), []
    calls = get_at_once(cache, lambda: computed.append(1) or len(computed))
    assert [call.result() for call in calls] == [1, 1, 1, 1]
    assert (cache.hits, cache.misses) == (3, 1)


def test_an_error_reaches_all_who_wait_and_is_not_kept():
    cache = QueryCache(3)

    def fail():
        raise ValueError("no such word")

    for call in get_at_once(cache, fail):
        with pytest.raises(ValueError, match="no such word"):
            call.result()
    assert len(cache) == 0
    assert cache.get("shoe", lambda: 7) == 7
