"""Vectors to lists: items like this one, items that fit these words or this photo.

Laws (tested in tests/ranking/test_recommender.py):
- a result's parts add up to its score;
- weight 1 on one segment and 0 on the others ranks as that segment alone;
- the anchor is never in its own list, nor is anything excluded;
- page two continues page one; every result fits the filter;
- collapsed, no two results are near-duplicates, none is one of the anchor, and the page is as full as
  the store allows;
- an item without photo or without words still ranks by what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from engine.duplicates import stored_hash
from engine.embedder import Embedder
from engine.errors import SpaceError
from engine.filters import Filter
from engine.settings import Search
from engine.space import Floats
from engine.store.store import Hit, Query, Record, Store
from ranking.collapse import collapse
from ranking.errors import BadPage, EmptyQuery, UnknownItem

LEXICAL = "lexical"
"""The score part, and the weight, of words that match (BM25), beside the segments' names."""

EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Result:
    """One item of a list: `parts` add up to `score`; `item` are its stored fields.

    `duplicates` are the ids of items with a near-duplicate photo that this one stands for.
    """

    id: str
    score: float
    parts: Mapping[str, float]
    item: Mapping[str, Any]
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What part of the ranking to give, and from which items.

    With `collapse` only the best of items with near-duplicate photos is in the ranking.
    """

    limit: int | None = None
    offset: int = 0
    filter: Filter = EVERYTHING
    exclude: Sequence[str] = ()
    collapse: bool | None = None


FIRST = Page()


class Recommender:
    """Answers from one store. The encoder is loaded at the first search; `similar` needs none."""

    def __init__(self, store: Store, load_embedder: Callable[[], Embedder], search: Search) -> None:
        self._store = store
        self._load_embedder = load_embedder
        self._settings = search

    @cached_property
    def embedder(self) -> Embedder:
        """The query-side encoder, loaded once."""
        return self._load_embedder()

    def similar(
        self, item_id: str, *, weights: Mapping[str, float] | None = None, page: Page = FIRST
    ) -> list[Result]:
        """Items like this one, best first, the item itself left out, collapsed also its duplicates.

        `weights` by segment name (`image`, `text`), each at least 0; those not named keep their
        default. Errors: `UnknownItem`; `SpaceError`, `FilterError`, `BadPage` for bad arguments.
        """
        space = self._store.info.space
        vector = self._query_weights(weights, lexical=False)
        self._check(page)
        record = self._store.retrieve([item_id], fields=("provenance",), with_vector=True).get(item_id)
        if record is None or record.vector is None:
            raise UnknownItem(f"no item {item_id!r} in the store; ingest it first or check the id")
        query = space.query_vector(space.split(record.vector), vector)
        return self._dense(query, page, (item_id, *page.exclude), anchor=stored_hash(record.payload))

    def search(
        self,
        text: str = "",
        *,
        photo: Image.Image | None = None,
        weights: Mapping[str, float] | None = None,
        page: Page = FIRST,
    ) -> list[Result]:
        """Items that fit the words, the photo (RGB) or both, best first.

        `weights` by segment name and `lexical` for matching words. The lexical part is BM25 over
        the best BM25 score any item reaches for these words within the filter, so it lies in
        [0, weight]. Errors: `EmptyQuery`; `SpaceError`, `FilterError`, `BadPage`.
        """
        if not text.strip() and photo is None:
            raise EmptyQuery("give words, a photo, or both to search for")
        wanted = self._query_weights(weights, lexical=True)
        lexical_weight = wanted.pop(LEXICAL)
        self._check(page)
        space = self._store.info.space
        query = space.query_vector(self.embedder.embed_query(text=text, photo=photo), wanted)
        if not text.strip() or lexical_weight == 0:
            return self._dense(query, page, tuple(page.exclude))
        return self._with_words(query, text, lexical_weight, page)

    def _dense(
        self, query: Floats, page: Page, exclude: tuple[str, ...], *, anchor: str = ""
    ) -> list[Result]:
        if not query.any():
            raise EmptyQuery(
                "nothing is left to compare: the weights are 0, or the item lacks what they ask for"
            )
        asked = Query(
            vector=query, limit=self._limit(page), offset=page.offset, filter=page.filter, exclude=exclude
        )
        if not self._collapses(page):
            return self._scored(query, self._store.search([replace(asked, with_vector=True)])[0])
        shown = self._distinct(asked, anchor)
        found = self._store.retrieve(list(shown), with_vector=True)
        results = self._scored(query, [found[item_id] for item_id in shown if item_id in found])
        return [replace(result, duplicates=tuple(shown[result.id])) for result in results]

    def _scored(self, query: Floats, found: Sequence[Hit | Record]) -> list[Result]:
        if not found:
            return []
        parts = self._store.info.space.parts(query, np.stack([_vector(one.vector) for one in found]))
        return [
            _result(one.id, one.payload, {name: float(part[row]) for name, part in parts.items()})
            for row, one in enumerate(found)
        ]

    def _distinct(self, asked: Query, anchor: str) -> dict[str, list[str]]:
        """The ids of the page, collapsed, each with those folded into it.

        The ranking is read from its top, ever deeper, until the page is full or the ranking ends.
        """
        end = asked.offset + asked.limit
        depth = 2 * end
        while True:
            wanted = replace(asked, limit=depth, offset=0, fields=("provenance",))
            hits = self._store.search([wanted])[0]
            is_all = len(hits) < depth
            # copies tie, and an engine gives ties in any order: the same one has to stand for all of
            # them, and of those that tie with the last hit some may not be there
            settled = [hit for hit in hits if is_all or hit.score > hits[-1].score]
            settled.sort(key=lambda hit: (-hit.score, hit.id))
            hashes = {hit.id: stored_hash(hit.payload) for hit in settled}
            shown = collapse(hashes, self._settings.collapse_distance, anchor)
            if len(shown) >= end or is_all:
                return dict(islice(shown.items(), asked.offset, end))
            depth *= 2

    def _with_words(self, query: Floats, text: str, weight: float, page: Page) -> list[Result]:
        end, pool = page.offset + self._limit(page), self._settings.pool
        while pool < 2 * end:
            pool *= 2
        while True:
            hashes, results = self._blended(query, text, weight, page, pool)
            if not self._collapses(page):
                return results[page.offset : end]
            is_all = len(results) < pool
            ranked = {result.id: result for result in (results if is_all else results[: pool // 2])}
            shown = collapse(
                {item_id: hashes[item_id] for item_id in ranked}, self._settings.collapse_distance
            )
            if len(shown) >= end or is_all:
                return [
                    replace(ranked[item_id], duplicates=tuple(others))
                    for item_id, others in islice(shown.items(), page.offset, end)
                ]
            pool *= 2

    def _blended(
        self, query: Floats, text: str, weight: float, page: Page, pool: int
    ) -> tuple[dict[str, str], list[Result]]:
        """The photo hashes by id, and the candidates of both searches, best first."""
        found = self._store.candidates(
            Query(vector=query, filter=page.filter, exclude=tuple(page.exclude)), text, pool
        )
        if not found:
            return {}, []
        best = max(candidate.lexical for candidate in found) or 1.0
        parts = self._store.info.space.parts(query, np.stack([one.vector for one in found]))
        parts[LEXICAL] = np.array([weight * one.lexical / best for one in found], dtype=np.float32)
        results = [
            _result(one.id, one.payload, {name: float(part[row]) for name, part in parts.items()})
            for row, one in enumerate(found)
        ]
        results.sort(key=lambda result: (-result.score, result.id))
        return {one.id: stored_hash(one.payload) for one in found}, results

    def _query_weights(self, weights: Mapping[str, float] | None, *, lexical: bool) -> dict[str, float]:
        settings = self._settings
        known = {"image": settings.image_weight, "text": settings.text_weight}
        given = dict(weights or {})
        lexical_weight = given.pop(LEXICAL, settings.lexical_weight) if lexical else 0.0
        if not np.isfinite(lexical_weight) or lexical_weight < 0:
            raise SpaceError(f"weight {LEXICAL}={lexical_weight} must be a number of at least 0")
        defaults = {name: known.get(name, 1.0) for name in self._store.info.space.names}
        merged = defaults | self._store.info.space.check_weights(given)
        return merged | ({LEXICAL: lexical_weight} if lexical else {})

    def _check(self, page: Page) -> None:
        limit, most = self._limit(page), self._settings.max_limit
        if not 1 <= limit <= most:
            raise BadPage(f"limit is {limit}; it must lie between 1 and {most}")
        if not 0 <= page.offset <= 10_000:
            raise BadPage(f"offset is {page.offset}; it must lie between 0 and 10000")

    def _collapses(self, page: Page) -> bool:
        return self._settings.collapse if page.collapse is None else page.collapse

    def _limit(self, page: Page) -> int:
        return self._settings.limit if page.limit is None else page.limit


def _vector(vector: Floats | None) -> Floats:
    assert vector is not None  # noqa: S101  # asked for by with_vector
    return vector


def _result(item_id: str, payload: Mapping[str, Any], parts: dict[str, float]) -> Result:
    shown = {name: value for name, value in payload.items() if name != "provenance"}
    return Result(item_id, sum(parts.values()), parts, shown)
