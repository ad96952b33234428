"""One of the items with near-duplicate photos is shown: by the rule, and in lists from a real store."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.hashes import distance
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_store
from vlclip.engine.space import FusedSpace, Segment, unit
from vlclip.engine.store.store import Point, Store, StoreInfo
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.collapse import collapse
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search
from vlclip.service.settings import Settings

NEAR = 8
SPACE = FusedSpace((Segment("image", 16), Segment("text", 8)))
INFO = StoreInfo("fp", SPACE, {"image": "planted", "text": "planted"})
FAMILIES, SIZES, BARE = 40, 5, 10
"""Products, sizes of each product that share a photo, and products without a photo."""
ALL = FAMILIES * SIZES + BARE
WORDS = ("red", "green", "blue")
SEARCH = Search(lexical_weight=0.5, pool=10, max_limit=ALL)


def a_hash(family: int, *flipped: int) -> str:
    row = np.random.default_rng(family).integers(0, 256, 45).astype(np.uint8)
    for bit in flipped:
        row[bit // 8] ^= 1 << (bit % 8)
    return row.tobytes().hex()


def folded(hashes, most, anchor=""):
    """The rule in plain code."""
    groups = {}
    for item_id, photo in hashes.items():
        if photo and anchor and distance(photo, anchor) <= most:
            continue
        near = (
            better
            for better in groups
            if photo and hashes[better] and distance(photo, hashes[better]) <= most
        )
        better = next(near, None)
        if better is None:
            groups[item_id] = []
        else:
            groups[better].append(item_id)
    return groups


photos = st.one_of(
    st.just(""),
    st.builds(a_hash, st.integers(0, 3), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)),
)


@given(st.lists(photos, max_size=30), st.integers(0, 6), photos)
def test_an_item_is_folded_into_the_best_of_those_shown_that_it_is_near(listed, most, anchor):
    hashes = {f"i{n}": photo for n, photo in enumerate(listed)}
    assert collapse(hashes, most, anchor) == folded(hashes, most, anchor)


@given(st.lists(photos, max_size=30), st.integers(0, 30))
def test_what_ranks_below_changes_nothing_above(listed, cut):
    hashes = {f"i{n}": photo for n, photo in enumerate(listed)}
    top = dict(list(hashes.items())[:cut])
    assert list(collapse(hashes, NEAR))[: len(collapse(top, NEAR))] == list(collapse(top, NEAR))


def test_thousands_of_one_photo_are_one_result_and_quick():
    same = a_hash(1)
    groups = collapse({f"i{n}": same for n in range(20_000)} | {"other": a_hash(2)}, NEAR)
    assert list(groups) == ["i0", "other"]
    assert len(groups["i0"]) == 19_999


class PlantedEmbedder:
    info = INFO

    def embed_query(self, *, text="", photo=None):
        rng = np.random.default_rng(sum(map(ord, text)) + (0 if photo is None else 7))
        parts = {"image": rng.normal(size=16).astype(np.float32)}
        if text:
            parts["text"] = rng.normal(size=8).astype(np.float32)
        return {name: unit(part[None])[0] for name, part in parts.items()}


@pytest.fixture(scope="module")
def hashes() -> dict[str, str]:
    by_id = {f"p{f}-{s}": a_hash(f, 3 * s, 3 * s + 1) for f in range(FAMILIES) for s in range(SIZES)}
    return by_id | {f"bare{n}": "" for n in range(BARE)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, hashes) -> Iterator[Store]:
    rng = np.random.default_rng(3)
    images = rng.normal(size=(FAMILIES, 16)).repeat(SIZES, axis=0)
    images = np.concatenate([images, np.zeros((BARE, 16))]).astype(np.float32)
    texts = rng.normal(size=(len(images), 8)).astype(np.float32)
    vectors = SPACE.item_vectors({"image": images, "text": texts}, len(images))
    opened = open_store(str(tmp_path_factory.mktemp("store")), Settings.load(), INFO)
    opened.upsert(
        [
            Point(
                item_id, vector, f"{WORDS[n % 3]} thing",
                {"size": n % SIZES, "provenance": {"photo_hash": photo} if photo else {}},
            )
            for n, ((item_id, photo), vector) in enumerate(zip(hashes.items(), vectors, strict=True))
        ]
    )  # fmt: skip
    opened.optimize()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shop(store: Store) -> Recommender:
    return Recommender(store, PlantedEmbedder, SEARCH)


def ask(shop, kind, **page):
    if kind == "similar":
        return shop.similar("p1-0", page=Page(**page))
    if kind == "a photo":
        return shop.search(photo=object(), page=Page(**page))
    return shop.search("red", page=Page(**page))


lists = pytest.mark.parametrize("kind", ["similar", "a photo", "words"])


@lists
def test_a_collapsed_ranking_is_the_plain_one_folded(shop, hashes, kind):
    # copies tie except for the last digits of their sums
    ranked = sorted(ask(shop, kind, limit=ALL), key=lambda result: (-round(result.score, 5), result.id))
    plain = [result.id for result in ranked]
    anchor = hashes["p1-0"] if kind == "similar" else ""
    expected = folded({item_id: hashes[item_id] for item_id in plain}, NEAR, anchor)
    collapsed = ask(shop, kind, limit=ALL, collapse=True)
    assert {result.id: sorted(result.duplicates) for result in collapsed} == {
        item_id: sorted(others) for item_id, others in expected.items()
    }
    assert [result.id for result in collapsed] == list(expected)
    assert len(collapsed) == FAMILIES + BARE - (kind == "similar")


@lists
def test_no_two_results_show_the_same_photo_and_the_page_is_full(shop, hashes, kind):
    answer = ask(shop, kind, limit=30, collapse=True)
    assert len(answer) == 30
    photos = [hashes[result.id] for result in answer if hashes[result.id]]
    assert all(distance(a, b) > NEAR for a, b in combinations(photos, 2))
    named = [item_id for result in answer for item_id in (result.id, *result.duplicates)]
    assert len(set(named)) == len(named)
    for result in answer:
        assert all(distance(hashes[result.id], hashes[other]) <= NEAR for other in result.duplicates)
        assert sum(result.parts.values()) == pytest.approx(result.score)


@lists
def test_collapsed_pages_continue_each_other(shop, kind):
    def page(offset, limit):
        return [result.id for result in ask(shop, kind, offset=offset, limit=limit, collapse=True)]

    assert page(0, 7) + page(7, 7) + page(14, 7) == page(0, 21)
    assert page(0, 30) + page(30, 30) == page(0, 60)
    assert page(60, 10) == []


def test_what_shows_the_anchors_photo_is_not_similar_but_the_same(shop):
    assert {"p1-1", "p1-2"} & {result.id for result in ask(shop, "similar")}
    answer = ask(shop, "similar", limit=ALL, collapse=True)
    assert not [result.id for result in answer if result.id.startswith("p1-")]
    without = shop.similar("bare0", weights={"text": 1.0}, page=Page(limit=ALL, collapse=True))
    assert len(without) == FAMILIES + BARE - 1


@lists
def test_what_is_filtered_out_or_excluded_stands_for_nothing(shop, kind):
    answer = ask(shop, kind, limit=ALL, collapse=True, filter=parse_json({"size": [1, 2]}), exclude=["p5-1"])
    named = {item_id for result in answer for item_id in (result.id, *result.duplicates)}
    assert {item_id[-2:] for item_id in named if item_id.startswith("p")} == {"-1", "-2"}
    assert "p5-1" not in named
    assert "p5-2" in named


@lists
def test_nothing_is_collapsed_unless_the_request_or_the_setting_says_so(store, shop, kind):
    assert all(result.duplicates == () for result in ask(shop, kind, limit=50))
    settings = SEARCH.model_copy(update={"collapse": True})
    always = Recommender(store, PlantedEmbedder, settings)
    assert ask(always, kind) == ask(shop, kind, collapse=True)
    assert all(result.duplicates == () for result in ask(always, kind, limit=50, collapse=False))
    exact = Recommender(store, PlantedEmbedder, settings.model_copy(update={"collapse_distance": 0}))
    assert len(ask(exact, kind, limit=ALL)) >= ALL - 1  # each size's hash differs by a few bits
