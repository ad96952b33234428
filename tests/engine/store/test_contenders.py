"""Who may be among the best by two scores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.store.contenders import Blend, contenders, settled


def searched(scores, deep):
    """What a search for the `deep` best brings."""
    return dict(sorted(scores.items(), key=lambda pair: -pair[1])[:deep])


def test_only_who_could_still_reach_the_best_is_asked_about():
    # two searches brought a, b and a, c; d came second by words, and the best word score left out is 1:
    #   a: 1.0 + 12 · 4/4 = 13, known.     b: 0.9 + at most 12 · 1/4 = 3.9
    #   c: at most 2 + 12 · 3/4 = 11       d: at most 2 + 12 · 1/4 = 5
    dense, words = {"a": 1.0, "b": 0.9}, {"a": 4.0, "c": 3.0, "d": 1.0}
    assert contenders(dense, words, Blend(1, 12.0), reach=2.0, floor=1.0) == ["a"]
    # of two the second has at least c's -2 + 9 = 7, which b and d cannot have
    assert contenders(dense, words, Blend(2, 12.0), reach=2.0, floor=1.0) == ["a", "c"]


def test_the_best_match_is_always_told():
    dense, words = {"a": 1.0, "b": 0.9}, {"c": 4.0}
    assert contenders(dense, words, Blend(1, 0.0), reach=0.5, floor=0.0) == ["a", "c"]


def test_the_best_match_of_all_sets_the_scale_where_it_is_known():
    dense, words = {"a": 1.0}, {"b": 2.0}
    # b's words are worth 2/2 of 1.5, or 2/8 of it: 1.5 - 0.1 over a's 1, or 0.375 + 0.1 below
    assert contenders(dense, words, Blend(1, 1.5), reach=0.1, floor=0.0) == ["b"]
    assert "a" in contenders(dense, words, Blend(1, 1.5, best=8.0), reach=0.1, floor=0.0)


SCORES = st.lists(
    st.tuples(st.floats(-2, 2), st.one_of(st.just(0.0), st.floats(0, 9))), min_size=1, max_size=25
)


@given(SCORES, st.integers(1, 25), st.integers(1, 8), st.sampled_from([0.0, 0.5, 12.0]))
def test_none_of_the_best_that_were_found_is_left_out(scores, deep, count, weight):
    dense = {row: score for row, (score, _) in enumerate(scores)}
    words = {row: score for row, (_, score) in enumerate(scores) if score}
    by_dense, by_words = searched(dense, deep), searched(words, deep)
    floor = min(by_words.values()) if len(by_words) == deep else 0.0
    ids = contenders(by_dense, by_words, Blend(count, weight), reach=2.0, floor=floor)
    best = max(words.values(), default=1.0)
    total = {
        item_id: dense[item_id] + weight * words.get(item_id, 0.0) / best
        for item_id in {**by_dense, **by_words}
    }
    bar = sorted(total.values(), reverse=True)[:count][-1]
    assert {item_id for item_id, score in total.items() if score >= bar} <= set(ids)


@given(SCORES, st.integers(1, 25), st.integers(1, 8), st.sampled_from([0.0, 0.5, 12.0]))
def test_what_is_settled_no_item_could_change_that_neither_search_brought(scores, deep, count, weight):
    dense = {row: score for row, (score, _) in enumerate(scores)}
    words = {row: score for row, (_, score) in enumerate(scores) if score}
    by_dense, by_words = searched(dense, deep), searched(words, deep)
    blend = Blend(count, weight)
    scale = blend.scale(words)
    total = {item_id: dense[item_id] + scale * words.get(item_id, 0.0) for item_id in dense}
    totals = [total[item_id] for item_id in {**by_dense, **by_words}]
    floor = min(by_words.values()) if len(by_words) == deep else 0.0
    is_settled = settled(totals, blend, scale=scale, dense_floor=min(by_dense.values()), floor=floor)
    if is_settled:
        assert sorted(totals)[-count:] == sorted(total.values())[-count:]


def test_a_tie_with_what_an_unseen_item_could_have_settles_nothing():
    blend = Blend(2, 1.0)
    assert settled([3.0, 2.1, 1.0], blend, scale=1.0, dense_floor=1.5, floor=0.5)
    assert not settled([3.0, 2.0, 1.0], blend, scale=1.0, dense_floor=1.5, floor=0.5)
    assert not settled([3.0], blend, scale=1.0, dense_floor=0.0, floor=0.0)


@pytest.mark.parametrize("count", [1, 5])
def test_of_nothing_there_is_nothing(count):
    assert contenders({}, {}, Blend(count, 12.0), reach=2.0, floor=0.0) == []
