"""The laws of lists, on an embedded store with planted vectors."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from tests.ranking.planted import INFO, SPACE, PlantedEmbedder
from vlclip.engine.errors import FilterError, SpaceError
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_store
from vlclip.engine.space import unit
from vlclip.engine.store.store import Hit, Point, Store
from vlclip.ranking.errors import BadPage, EmptyQuery, UnknownItem
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search
from vlclip.service.settings import Settings


@pytest.fixture(scope="module")
def shop(store: Store) -> Recommender:
    return Recommender(store, PlantedEmbedder, Search(lexical_weight=0.5, lexical_weight_with_photo=0.25))


@pytest.mark.parametrize("weights", [None, {"image": 0.2}, {"image": 2.0, "text": 0.0}])
def test_parts_add_up_to_the_score_and_lists_are_sorted(shop, weights):
    for results in (shop.similar("i1", weights=weights), shop.search("red number7", weights=weights)):
        scores = [result.score for result in results]
        assert scores == sorted(scores, reverse=True)
        for result in results:
            assert sum(result.parts.values()) == pytest.approx(result.score, abs=1e-6)


def test_similar_ranks_by_the_exact_blend(shop, vectors):
    query = SPACE.query_vector(SPACE.split(vectors[1]), {"image": 1.0, "text": 0.3})
    exact = [f"i{n}" for n in np.argsort(-(vectors @ query)) if n != 1][:10]
    assert [r.id for r in shop.similar("i1", weights={"text": 0.3})] == exact


def test_words_beside_a_photo_have_a_weight_of_their_own(shop):
    photo = Image.new("RGB", (8, 8))
    assert shop.search("red").weights["lexical"] == 0.5
    assert shop.search("red", photo=photo).weights["lexical"] == 0.25
    assert shop.search("red", photo=photo, weights={"lexical": 2.0}).weights["lexical"] == 2.0


def test_one_segment_alone_ranks_as_that_segment(shop, vectors):
    answer = shop.similar("i1", weights={"image": 1.0, "text": 0.0})
    exact = [f"i{n}" for n in np.argsort(-(vectors[:, :16] @ vectors[1, :16])) if n != 1][:10]
    assert [r.id for r in answer] == exact
    assert all(r.parts["text"] == 0 for r in answer)


def test_the_anchor_and_the_excluded_never_appear(shop):
    plain = shop.similar("i1", page=Page(limit=5))
    left_out = [plain[0].id, plain[3].id]
    rest = shop.similar("i1", page=Page(limit=100, exclude=left_out))
    assert not {"i1", *left_out} & {r.id for r in rest}
    assert rest[0].id == plain[1].id
    searched = shop.search("red", page=Page(limit=100, exclude=left_out))
    assert not set(left_out) & {r.id for r in searched}


@pytest.mark.parametrize("ask", ["similar", "search"])
def test_pages_continue_each_other(shop, ask):
    def page(offset, limit):
        where = Page(limit=limit, offset=offset)
        return [
            r.id
            for r in (shop.similar("i1", page=where) if ask == "similar" else shop.search("red", page=where))
        ]

    assert page(0, 10) + page(10, 10) + page(20, 10) == page(0, 30)


def test_pages_of_items_that_are_copies_continue_each_other_the_smaller_id_first(tmp_path):
    # 200 items with five photos: 40 tie at every score, and no page ends between two of them
    rng = np.random.default_rng(1)
    five = unit(rng.normal(size=(5, 24)).astype(np.float32))
    with closing(open_store(str(tmp_path / "store"), Settings.load(), INFO)) as store:
        store.upsert([Point(f"i{n:03}", five[n % 5], "", {}) for n in rng.permutation(200)])
        shop = Recommender(store, PlantedEmbedder, Search())
        pages = [shop.similar("i000", page=Page(limit=7, offset=offset)) for offset in range(0, 196, 7)]
        near = sorted(range(5), key=lambda n: -(five[n] @ five[0]))
    walked = [result.id for page in pages for result in page]
    assert walked == [f"i{n:03}" for first in near for n in range(first, 200, 5) if n][:196]


def test_every_result_fits_the_filter_and_none_is_lost(shop, vectors):
    fits = parse_json({"colour": ["red", "blue"], "price": {"lt": 100}})
    query = SPACE.query_vector(SPACE.split(vectors[2]), {})
    allowed = [n for n in range(100) if n % 3 != 1 and n != 2]
    exact = [f"i{n}" for n in sorted(allowed, key=lambda n: -(vectors[n] @ query))][:10]
    assert [r.id for r in shop.similar("i2", page=Page(filter=fits))] == exact


def test_an_item_without_a_photo_or_without_words_still_ranks(shop):
    by_id = {r.id: r for r in shop.similar("i1", page=Page(limit=200))} | {
        r.id: r for r in shop.similar("i1", page=Page(limit=200, offset=150))
    }
    assert by_id["i5"].parts["image"] == 0
    assert by_id["i6"].parts["text"] == 0
    assert [r.parts["image"] for r in shop.similar("i5")] == [0] * 10


def test_words_that_match_are_worth_their_weight_and_the_best_match_all_of_it(shop):
    answer = shop.search("number7", weights={"lexical": 100.0})
    assert answer[0].id == "i7"
    assert answer[0].parts["lexical"] == pytest.approx(100.0)
    without = shop.search("number7", weights={"lexical": 0.0})
    assert "lexical" not in without[0].parts


def test_words_rank_exactly_over_the_whole_catalogue(shop, vectors):
    weights = {"image": 1.0, "text": 1.0, "lexical": 0.5}
    query = SPACE.query_vector(PlantedEmbedder().embed_query(text="number7"), {"image": 1.0, "text": 1.0})
    scores = vectors @ query
    scores[7] += 0.5  # the only item with that word
    exact = [f"i{n}" for n in np.argsort(-scores)][:20]
    assert [r.id for r in shop.search("number7", weights=weights, page=Page(limit=20))] == exact


def test_provenance_is_not_part_of_a_list(shop):
    assert "provenance" not in shop.similar("i1")[0].item
    assert shop.similar("i1")[0].item["title"].startswith("t")


def test_what_cannot_be_answered_says_why(shop):
    with pytest.raises(UnknownItem, match="'nobody'"):
        shop.similar("nobody")
    with pytest.raises(EmptyQuery, match="words, a photo"):
        shop.search("  ")
    with pytest.raises(EmptyQuery, match="weights are 0"):
        shop.similar("i1", weights={"image": 0, "text": 0})
    with pytest.raises(EmptyQuery, match="no segment that has a weight"):
        shop.similar("i5", weights={"image": 1, "text": 0})
    with pytest.raises(SpaceError, match="'sound'"):
        shop.similar("i1", weights={"sound": 1})
    with pytest.raises(SpaceError, match="lexical=-1"):
        shop.search("red", weights={"lexical": -1})
    with pytest.raises(FilterError, match="'size'"):
        shop.similar("i1", page=Page(filter=parse_json({"size": 3})))
    with pytest.raises(BadPage, match="limit is 0"):
        shop.similar("i1", page=Page(limit=0))
    with pytest.raises(BadPage, match="offset is -1"):
        shop.similar("i1", page=Page(offset=-1))


def test_vectors_are_read_only_for_parts_that_are_looked_at(store, monkeypatch):
    read = []
    getter = Hit.vector.fget
    monkeypatch.setattr(Hit, "vector", property(lambda hit: read.append(hit.id) or getter(hit)))
    answer = Recommender(store, PlantedEmbedder, Search()).similar("i1")
    assert [result.score for result in answer]
    assert read == []
    assert [result.parts.keys() for result in answer] == [{"image", "text"}] * 10
    assert read == [result.id for result in answer]  # once for all results
