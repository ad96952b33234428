"""The ranking of a store, read from its top to any depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.ranking.planted import COUNT, SPACE, PlantedEmbedder
from vlclip.engine.filters import Condition, Filter, parse_json
from vlclip.engine.space import unit
from vlclip.ranking.lists.candidates import Matching, Nearest, join


def nearest(store, *directions, filter=None, exclude=()):
    return Nearest(
        store=store, directions=directions, filter=filter or Filter(), exclude=exclude, fields=("colour",),
    )  # fmt: skip


def matching(store, text="number7", weight=0.5):
    query = SPACE.query_vector(PlantedEmbedder().embed_query(text=text), {})
    return Matching(
        store=store, direction=query, text=text, weight=weight, filter=Filter(), exclude=(), fields=()
    )


def direction(seed):
    return unit(np.random.default_rng(seed).normal(size=(1, 24)).astype(np.float32))[0]


def ranked(scores):
    return [f"i{n}" for n in sorted(range(COUNT), key=lambda n: (-scores[n], f"i{n}"))]


@pytest.mark.parametrize("directions", [1, 2, 3])
def test_a_pool_is_the_beginning_of_the_ranking_by_the_best_direction(store, vectors, directions):
    queries = [direction(seed) for seed in range(directions)]
    truth = np.max([vectors @ query for query in queries], axis=0)
    for depth in (2, 5, 40, 2 * COUNT):
        pool = nearest(store, *queries).pool(depth)
        assert pool.ids == ranked(truth)[: len(pool.ids)]
        assert len(pool.ids) >= min(depth - 1, COUNT)
        np.testing.assert_allclose(pool.scores, np.sort(truth)[::-1][: len(pool.ids)], atol=1e-5)
        assert (pool.floor is None) == (depth > COUNT)
        outside = truth[[int(item_id[1:]) for item_id in ranked(truth)[len(pool.ids) :]]]
        assert pool.floor is None or outside.max() <= pool.floor + 1e-5


def test_what_does_not_fit_or_is_excluded_is_no_candidate(store, vectors):
    red = parse_json({"colour": "red"})
    pool = nearest(store, direction(0), filter=red, exclude=("i0", "i3")).pool(200)
    assert pool.floor is None
    assert set(pool.ids) == {f"i{n}" for n in range(6, COUNT, 3)}
    assert {payload["colour"] for payload in pool.payloads} == {"red"}


def test_words_are_worth_their_weight_over_the_best_match(store, vectors):
    candidates = matching(store)
    pool = candidates.pool(COUNT)
    scores = vectors @ candidates.direction
    scores[7] += 0.5  # the only item with that word
    assert pool.ids == ranked(scores)
    assert pool.floor is None
    assert pool.terms["lexical"][pool.ids.index("i7")] == pytest.approx(0.5)
    assert np.count_nonzero(pool.terms["lexical"]) == 1
    few = candidates.pool(20)
    assert few.ids == pool.ids[:20]
    assert few.floor == pytest.approx(pool.scores[20])


@pytest.mark.parametrize("weight", [0.0, 0.3, 12.0])
def test_however_deep_a_pool_with_words_is_the_beginning_of_the_ranking_of_everything(store, vectors, weight):
    # a third of the items match "red" equally well, so only their vectors decide which of them rank high
    candidates = replace(matching(store, "red", weight), least=2)
    scores = vectors @ candidates.direction + np.array([weight * (n % 3 == 0) for n in range(COUNT)])
    for depth in (1, 3, 10, 40, 120):
        assert candidates.pool(depth).ids == ranked(scores)[:depth]


def test_where_no_vector_is_asked_only_what_matches_is_a_candidate(store):
    nothing = np.zeros(24, dtype=np.float32)
    assert replace(matching(store, "number7"), direction=nothing).pool(10).ids == ["i7"]
    assert replace(matching(store, "qqq"), direction=nothing).pool(10).ids == []
    reds = replace(matching(store, "red"), direction=nothing).pool(COUNT).ids
    assert sorted(reds) == sorted(f"i{n}" for n in range(0, COUNT, 3))


def test_one_pool_above_another_keeps_both_orders_and_fills_missing_terms(store):
    first, rest = matching(store).pool(3), nearest(store, direction(1)).pool(6)
    both = join(first, rest)
    assert both.ids == [*first.ids, *rest.ids]
    assert both.floor == rest.floor
    assert both.terms["lexical"].tolist() == [*first.terms["lexical"], *[0] * len(rest.ids)]


def test_rows_are_picked_from_everything_a_pool_holds(store):
    pool = matching(store).pool(10)
    few = pool.rows([4, 2])
    assert few.ids == [pool.ids[4], pool.ids[2]]
    assert few.scores.tolist() == [pool.scores[4], pool.scores[2]]
    assert few.terms["lexical"].tolist() == [pool.terms["lexical"][4], pool.terms["lexical"][2]]


def test_narrowed_the_rest_keeps_its_order(store):
    candidates = nearest(store, direction(0))
    whole = candidates.pool(COUNT + 1).ids
    red = Condition("colour", "not", ("red",))
    rest = (
        candidates.without([red, Condition("no such field", "not", ("x",))], whole[:40]).pool(COUNT + 1).ids
    )
    assert rest == [item_id for item_id in whole[40:] if int(item_id[1:]) % 3]


def test_what_the_kind_of_a_field_cannot_be_compared_with_is_not_asked_for(store):
    candidates = nearest(store, direction(0))
    kinds = store.fields()
    assert (kinds["price"], kinds["available"]) == ("number", "bool")
    text = [Condition("price", "not", ("one size",)), Condition("available", "not", ("maybe",))]
    assert candidates.without(text, []).pool(COUNT + 1).ids == candidates.pool(COUNT + 1).ids
