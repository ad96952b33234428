"""A store that nobody else writes to, which remembers what it read: items, and rankings asked for before.

Shoppers ask for the same few lists over and over. So the engine is not asked where the same ranking was asked
for before and nothing it depends on has changed since; and vectors, which the engine hands over as lists of
Python's floats, are converted once.

Laws (tests/engine/store/test_cache.py; the contract suite runs over this store as well):
- whatever was written in between, an answer is the one that the store without a memory gives;
- what is remembered stays within its bounds.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from vlclip.engine.item import point_id
from vlclip.engine.store.backend import Backend, PointKey, StoredPoint, VectorSearch
from vlclip.engine.store.cache.fields import json_parts
from vlclip.engine.store.cache.items import CachedItem, CachedItems
from vlclip.engine.store.cache.rankings import WORDS, Changes, Part, Ranking, Rankings, fields_of, question_of
from vlclip.engine.store.cache.reading import Reading
from vlclip.engine.store.candidates import find_candidates
from vlclip.engine.store.contenders import Blend
from vlclip.engine.store.fields import LACKS
from vlclip.engine.store.lexical import Weighting
from vlclip.engine.store.qdrant import QdrantStore, candidate_of, hit_of, visible
from vlclip.engine.store.store import Candidate, Hit, Query, Record, Tidied, Written

DEPTH = 256
"""Items of a ranking beyond which nothing is remembered."""
FEW = 16
"""Items of one call that are remembered though nobody searched for them."""
MB = 1_000_000
SHARE_OF_RANKINGS, SHARE_OF_LISTS, PLACE_BYTES = 1 / 8, 1 / 8, 80
"""What rankings and whole lists get of the memory, and about what a place of a ranking takes."""


class CacheUses(NamedTuple):
    """How often rankings and items were asked for, and how often the engine had to give them.

    `size_bytes` is about the memory in use for what is remembered.
    """

    rankings_asked: int
    rankings_missed: int
    items_asked: int
    items_missed: int
    size_bytes: int


class CachedStore(QdrantStore):
    """A `QdrantStore` over a backend that is not shared, with `cache_mb` of memory for what it read."""

    def __init__(self, backend: Backend, max_fields: int, cache_mb: float) -> None:
        super().__init__(backend, max_fields)
        self._caching = threading.Lock()
        self._changes = Changes()
        self.list_bytes = int(cache_mb * MB * SHARE_OF_LISTS)
        """Memory for whole lists that were made from what is remembered; who makes them, keeps them."""
        self._items = CachedItems(int(cache_mb * MB * (1 - SHARE_OF_RANKINGS - SHARE_OF_LISTS)))
        self._rankings = Rankings(int(cache_mb * MB * SHARE_OF_RANKINGS / PLACE_BYTES))
        self._rankings_asked = self._rankings_missed = self._items_asked = self._items_missed = 0
        self.follow(self._forget)

    @property
    def cache_uses(self) -> CacheUses:
        """What is remembered, and how often it helped."""
        size = self._items.size_bytes + PLACE_BYTES * self._rankings.places
        return CacheUses(
            self._rankings_asked, self._rankings_missed, self._items_asked, self._items_missed, size
        )

    def search(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """One list of hits per query, best first."""
        if any(_depth(query) > DEPTH for query in queries):
            return super().search(queries)
        questions = [question_of(query) for query in queries]
        remembered = self._recall(queries, questions)
        return self._searched(queries, questions) if remembered is None else remembered

    def recall(self, queries: Sequence[Query], reading: Reading | None = None) -> list[list[Hit]] | None:
        """What `search` gives, without the engine, noted in `reading`; None where not all is remembered."""
        return self._recall(queries, [question_of(query) for query in queries], reading)

    def _recall(
        self, queries: Sequence[Query], questions: Sequence[Hashable], reading: Reading | None = None
    ) -> list[list[Hit]] | None:
        with self._caching:
            rankings = [self._rankings.get(question, self._changes) for question in questions]
            if not all(rankings):
                return None
            present = [ranking for ranking in rankings if ranking is not None]
            needed = [
                item_id
                for query, ranking in zip(queries, present, strict=True)
                for item_id in (ranking.ids if _needs_items(query) else ())
            ]
            items = {item_id: self._items.get(item_id) for item_id in needed}
            if not all(items.values()):
                return None
            if reading is not None:
                reading.rankings.extend(zip(questions, present, strict=True))
                reading.items |= items
            self._rankings_asked += len(queries)
            self._items_asked += len(needed)
        return [
            [
                _hit(item_id, score, items.get(item_id), query)
                for item_id, (score, *_) in zip(ranking.ids, ranking.scores, strict=True)
            ]
            for query, ranking in zip(queries, present, strict=True)
        ]

    def recall_items(self, ids: Sequence[str], reading: Reading | None = None) -> list[CachedItem] | None:
        """The stored items of these ids, without the engine; None where not all are remembered."""
        with self._caching:
            items = [item for item_id in ids if (item := self._items.get(item_id)) is not None]
            if len(items) < len(ids):
                return None
            if reading is not None:
                reading.items |= {item.id: item for item in items}
            self._items_asked += len(items)
        return items

    def holds(self, reading: Reading) -> bool:
        """Whether all that was read is remembered as it was, so nothing that was read has changed."""
        if not all(self.has_field(name) == was_there for name, was_there in reading.fields.items()):
            return False
        with self._caching:
            recall_ranking, recall_item = self._rankings.get, self._items.get
            if not all(recall_item(item_id) is item for item_id, item in reading.items.items()):
                return False
            if not all(recall_ranking(of, self._changes) is ranking for of, ranking in reading.rankings):
                return False
            self._rankings_asked += len(reading.rankings)
            self._items_asked += len(reading.items)
        return True

    def candidates(self, query: Query, text: str, pool: int, blend: Blend | None = None) -> list[Candidate]:
        """The best of both searches with both of their scores."""
        if not _is_whole(query):  # it would read more than it is asked for
            return super().candidates(query, text, pool, blend)
        question = question_of(query, text, pool, blend)
        with self._caching:
            begun = self._changes.count
            ranking = self._rankings.get(question, self._changes)
        self._rankings_asked += 1
        self._rankings_missed += ranking is None
        if ranking is None:
            scores = find_candidates(self._searches, query, text, pool, blend)
            by_key = self._of_points(scores.keys, begun) if len(scores.keys) <= DEPTH else None
            if by_key is None:
                scored = self._scored_points(scores, query)
                return [candidate_of(point, dense, lexical, query) for point, dense, lexical in scored]
            items = list(by_key.values())
            pairs: tuple[tuple[float, ...], ...] = tuple(
                (scores.dense.get(key, 0.0), scores.lexical.get(key, 0.0)) for key in by_key
            )
            ids = tuple(item.id for item in items)
            self._remember(question, Ranking(begun, ids, pairs, (*fields_of(query.filter), WORDS)), begun)
        else:
            items, pairs = self._by_id(ranking.ids, begun), ranking.scores
            if len(items) < len(ranking.ids) or self._changes.count != begun:
                return super().candidates(query, text, pool, blend)
        return [
            Candidate(item.id, dense, lexical, item.fields(query.fields), item.read)
            for item, (dense, lexical) in zip(items, pairs, strict=True)
        ]

    def retrieve(
        self, ids: Sequence[str], *, fields: tuple[str, ...] | None = None, with_vector: bool = False
    ) -> dict[str, Record]:
        """The stored items among `ids`; unknown ids are absent from the answer."""
        distinct = tuple(dict.fromkeys(ids))
        items = self.recall_items(distinct)
        if items is None and len(distinct) > FEW:
            return super().retrieve(distinct, fields=fields, with_vector=with_vector)
        if items is None:
            items = self._by_id(distinct, self._changes.count)
        return {item.id: record_of(item, fields, with_vector=with_vector) for item in items}

    def tidy(self) -> Tidied:
        """Forget fields that no item has, and take fields in that found no place before."""
        with self._changing():
            return super().tidy()

    def set_weighting(self, weighting: Weighting) -> None:
        """Weight the words of later writes so."""
        with self._changing():
            super().set_weighting(weighting)

    def optimize(self) -> None:
        """Build or refresh the search index; another graph may give other rankings."""
        with self._changing():
            super().optimize()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """For a change of the whole store, after which no ranking is sure."""
        try:
            yield
        finally:  # also after an error: some of it may have been done
            self._forget(Written(()))

    def _forget(self, written: Written) -> None:
        """Items were written or removed; a change of a few fields leaves what goes by others in memory."""
        with self._caching:
            if written.fields is None:
                self._changes.note_all()
                self._rankings.clear()
            else:
                self._changes.note(written.fields, words=written.words)
            for item_id in written.ids:
                self._items.drop(item_id)

    def _searched(self, queries: Sequence[Query], questions: Sequence[Hashable]) -> list[list[Hit]]:
        """By the engine. The rankings are remembered, and items that came whole."""
        begun = self._changes.count
        self._rankings_asked += len(queries)
        self._rankings_missed += len(queries)
        searches = [self._searches.search(query) for query in queries]
        lists = self._ranked(queries, searches, begun) if all(map(_is_whole, queries)) else None
        if lists is None:
            possible = [search for search in searches if search is not None]
            answers = iter(self._backend.query(possible) if possible else ())
            lists = [
                [] if search is None else self._hits(next(answers), query, begun)
                for query, search in zip(queries, searches, strict=True)
            ]
        for query, question, hits in zip(queries, questions, lists, strict=True):
            ids, scores = tuple(hit.id for hit in hits), tuple((hit.score,) for hit in hits)
            self._remember(question, Ranking(begun, ids, scores, _parts_of(query)), begun)
        return lists

    def _hits(self, points: Sequence[StoredPoint], query: Query, begun: int) -> list[Hit]:
        """Points as hits; those that were read whole are remembered."""
        if not _is_whole(query):
            return [hit_of(point, query) for point in points]
        items = self._harvest(points, begun)
        return [_hit(item.id, point.score, item, query) for item, point in zip(items, points, strict=True)]

    def _ranked(
        self, queries: Sequence[Query], searches: Sequence[VectorSearch | None], begun: int
    ) -> list[list[Hit]] | None:
        """The hits of searches for whole items; None where something was written meanwhile."""
        possible = [replace(search, payload=(), vector=False) for search in searches if search is not None]
        answers = iter(self._backend.scores(possible) if possible else ())
        scores: list[dict[PointKey, float]] = [{} if search is None else next(answers) for search in searches]
        items = self._of_points(dict.fromkeys(chain.from_iterable(scores)), begun)
        if items is None:
            return None
        return [
            [_hit(items[key].id, score, items[key], query) for key, score in of_query.items()]
            for query, of_query in zip(queries, scores, strict=True)
        ]

    def _of_points(self, keys: Iterable[PointKey], begun: int) -> dict[PointKey, CachedItem] | None:
        """The items of points that a search ranked; None where something was written meanwhile.

        The engine gives only those that are not remembered: reading one takes it longer than ranking a few.
        """
        with self._caching:
            by_key = {key: self._items.of_point(key) for key in keys}
        missing = [self._backend.uuid(key) for key, item in by_key.items() if item is None]
        self._items_asked += len(by_key) - len(missing)
        if missing:
            points = self._backend.fetch(missing, None, vector=True)
            by_key |= {item.key: item for item in self._harvest(points, begun)}
        items = {key: item for key, item in by_key.items() if item is not None}
        return items if self._changes.count == begun and len(items) == len(by_key) else None

    def _harvest(self, points: Sequence[StoredPoint], begun: int) -> list[CachedItem]:
        """The items of points that were read whole; they are remembered, where nothing has changed since."""
        with self._caching:
            is_sure = self._changes.count == begun
            items = [self._items.get(point.payload["id"]) if is_sure else None for point in points]
        new = {place: self._item(points[place]) for place, item in enumerate(items) if item is None}
        self._items_asked += len(points)
        self._items_missed += len(new)
        with self._caching:
            if self._changes.count == begun:
                self._items.add(new.values())
        return [new[place] if item is None else item for place, item in enumerate(items)]

    def _remember(self, question: Hashable, ranking: Ranking, begun: int) -> None:
        with self._caching:
            if self._changes.count == begun:
                self._rankings.add(question, ranking)

    def _by_id(self, ids: Sequence[str], begun: int) -> list[CachedItem]:
        """The items of these ids, in their order, without those that are not stored."""
        with self._caching:
            by_id = {item_id: self._items.get(item_id) for item_id in ids}
        missing = [item_id for item_id, item in by_id.items() if item is None]
        self._items_asked += len(by_id) - len(missing)
        if missing:
            points = self._backend.fetch([point_id(item_id) for item_id in missing], None, vector=True)
            by_id |= {item.id: item for item in self._harvest(points, begun)}
        return [item for item in by_id.values() if item is not None]

    def _item(self, point: StoredPoint) -> CachedItem:
        assert point.vector is not None  # noqa: S101  # points are read with it
        lacks = tuple(point.payload.get(LACKS, ()))
        payload = visible(point.payload, None)
        json, aside = json_parts(payload)
        key = self._backend.key(point_id(payload["id"]))
        return CachedItem(payload["id"], key, point.vector, json, aside, lacks, 4 * self._info.space.size)


def record_of(item: CachedItem, fields: tuple[str, ...] | None, *, with_vector: bool) -> Record:
    """An item as `retrieve` gives it."""
    lacks = item.lacks if fields is None else ()
    return Record(item.id, dict(item.fields(fields)), item.read() if with_vector else None, lacks)


def _hit(item_id: str, score: float, item: CachedItem | None, query: Query) -> Hit:
    """A hit of a query; where it holds ids alone, no item is needed."""
    if item is None:
        return Hit(item_id, score, {"id": item_id} if query.fields else {})
    return Hit(item_id, score, item.fields(query.fields), item.read if query.with_vector else None)


def _needs_items(query: Query) -> bool:
    """Whether its hits hold more than ids and scores."""
    return query.with_vector or query.fields is None or any(name != "id" for name in query.fields)


def _is_whole(query: Query) -> bool:
    """Whether its items are read with all that is remembered of one."""
    return query.fields is None and query.with_vector


def _parts_of(query: Query) -> tuple[Part, ...]:
    """What its ranking depends on."""
    return (*fields_of(query.filter), *(() if query.text is None else (WORDS,)))


def _depth(query: Query) -> int:
    return query.offset + query.limit + len(query.exclude)
