"""Exact lists: every search for them compares every vector."""

from __future__ import annotations

import pytest

from tests.ranking.planted import PlantedEmbedder
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search


class Listening:
    """A store that records whether each search was exact."""

    def __init__(self, store):
        self._store, self.exact = store, []

    def __getattr__(self, name):
        return getattr(self._store, name)

    def search(self, queries):
        self.exact += [query.exact for query in queries]
        return self._store.search(queries)

    def candidates(self, query, text, pool, blend):
        self.exact.append(query.exact)
        return self._store.candidates(query, text, pool, blend)


ASK = {
    "similar": lambda shop, page: shop.similar("i1", page=page),
    "similar with variety": lambda shop, page: shop.similar("i1", page=page),
    "words": lambda shop, page: shop.search("red number7", page=page),
    "for you": lambda shop, page: shop.recommend("user anna", page=page),
}


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("ask", ASK)
def test_every_search_of_an_exact_list_is_exact_and_of_others_not(store, ask, exact):
    listening = Listening(store)
    shop = Recommender(listening, PlantedEmbedder, Search())
    ASK[ask](shop, Page(exact=exact, diversity=0.5 if "variety" in ask else None))
    assert listening.exact
    assert all(listening.exact) == exact  # popular items are always read exactly


@pytest.mark.parametrize("ask", ASK)
def test_where_the_index_misses_nothing_both_give_the_same_list(store, ask):
    shop = Recommender(store, PlantedEmbedder, Search())
    plain, exact = (ASK[ask](shop, Page(limit=50, exact=is_exact)) for is_exact in (False, True))
    assert [(result.id, pytest.approx(result.score, abs=1e-5)) for result in plain] == [
        (result.id, result.score) for result in exact
    ]
