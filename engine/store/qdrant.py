"""The store over Qdrant, embedded or served: what both engines need, written once.

A point is one dense vector `fused` (dot product), one sparse vector `words` (BM25) and the payload, which
always carries the item's `id`.

A point without a photo or a text has a shorter vector. By dot product every node of an HNSW graph prefers
longer neighbours, so hardly an edge leads to such a point (measured: 4 in 10 of these items were not found
by their own text). Points that lack a segment are therefore marked; a search looks for the best of them
beside the best of all, and its answer is the best of both.

Laws: those of `store.py`.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from vlclip.engine.errors import FilterError
from vlclip.engine.filters import Filter
from vlclip.engine.item import point_id
from vlclip.engine.space import Floats
from vlclip.engine.store.backend import Backend, PointRow, RevisedRow, StoredPoint
from vlclip.engine.store.candidates import Scores, find_candidates
from vlclip.engine.store.checksum import SUMS, Verdict, revised_sums, with_sums
from vlclip.engine.store.contenders import Blend
from vlclip.engine.store.examining import examine
from vlclip.engine.store.fields import (
    LACKS,
    MAX_FIELDS,
    FieldKind,
    KindsOf,
    fitted,
    left_out,
    new_kinds,
    path,
)
from vlclip.engine.store.lexical import FieldTexts, Weighting, WordEncoder
from vlclip.engine.store.searches import Searches, point_ids, public, selection
from vlclip.engine.store.store import (
    Candidate,
    Hit,
    Listener,
    Point,
    Query,
    Record,
    Revision,
    StoreInfo,
    Tidied,
    Written,
)

OWN = (LACKS, SUMS)
"""Payload fields of the store's own, which nobody else sees or sets."""


class QdrantStore:
    """A `Store` over one collection of a `Backend`; safe to use from several threads."""

    def __init__(self, backend: Backend, max_fields: int = MAX_FIELDS) -> None:
        self._backend, self._max_fields = backend, max_fields
        self._info = backend.info()
        words = WordEncoder(self._info.language, self._info.words)
        self._searches = Searches(backend, self._info.space, words, max_fields)
        self._writing = threading.Lock()
        self._listeners: list[weakref.WeakMethod[Listener]] = []

    @property
    def info(self) -> StoreInfo:
        """What made the vectors."""
        return self._info

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; of the same id within one batch the last one counts."""
        if not points:
            return
        vectors = np.stack([self._searches.checked(point.vector, point.id) for point in points])
        payloads = [_with_id(point, lacks) for point, lacks in zip(points, self._lacks(vectors), strict=True)]
        with self._writing:
            fresh, kinds = self._kinds_with(payloads)
            rows = {
                point.id: PointRow(
                    point_id(point.id),
                    numbers,
                    self._searches.words.encode_document(_by_field(point.lexical)),
                    with_sums(fitted(payload, kinds), vector),
                )
                for point, numbers, vector, payload in zip(
                    points, vectors.tolist(), vectors, payloads, strict=True
                )
            }
            with self._telling(Written(list(rows), payloads)):
                self._backend.write(list(rows.values()), fresh)

    def revise(self, ids: Sequence[str], revision: Callable[[Record], Revision | None]) -> int:
        """Change payloads of stored items and leave their vectors; how many were changed."""
        with self._writing:
            revised: list[tuple[StoredPoint, Revision]] = []
            for point in self._backend.fetch(point_ids(ids), None, vector=False):
                visible = {name: value for name, value in point.payload.items() if name not in OWN}
                if (change := revision(Record(point.payload["id"], visible))) is not None:
                    revised.append((point, change))
            if not revised:
                return 0
            fresh, kinds = self._kinds_with([change.fields for _, change in revised])
            rows = [self._revised_row(point, change, kinds) for point, change in revised]
            changes = [change for _, change in revised]
            written = Written(
                [str(point.payload["id"]) for point, _ in revised],
                [change.fields for change in changes],
                frozenset(chain.from_iterable((*change.fields, *change.removed) for change in changes)),
                words=any(change.lexical is not None for change in changes),
            )
            with self._telling(written):
                self._backend.revise(rows, fresh)
        return len(revised)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items by id; how many of them were there."""
        with self._writing:
            points = self._backend.fetch(point_ids(ids), (), vector=False)
            if points:
                with self._telling(Written(ids)):
                    self._backend.remove([str(point.id) for point in points])
        return len(points)

    def follow(self, listener: Listener) -> bool:
        """Call this method after every write; False where other processes write too."""
        if self._backend.is_shared:
            return False
        with self._writing:
            self._listeners = [other for other in self._listeners if other() is not None]
            self._listeners.append(weakref.WeakMethod(listener))
        return True

    @contextmanager
    def _telling(self, written: Written) -> Iterator[None]:
        """Tell whoever follows of a write, also of one that failed midway."""
        try:
            yield
        finally:
            for reference in self._listeners:
                if (listener := reference()) is not None:
                    listener(written)

    def retrieve(
        self,
        ids: Sequence[str],
        *,
        fields: tuple[str, ...] | None = None,
        with_vector: bool = False,
    ) -> dict[str, Record]:
        """The stored items among `ids`; unknown ids are absent from the answer."""
        if not ids:
            return {}
        if fields == ():  # the ids are at hand, so no payload has to be read
            names = {point_id(item_id): item_id for item_id in ids}
            points = self._backend.fetch(list(names), (), vector=with_vector)
            records = [Record(names[str(point.id)], {}, _vector(point)) for point in points]
        else:
            points = self._backend.fetch(point_ids(ids), selection(fields), vector=with_vector)
            records = [_record(point, fields) for point in points]
        return {record.id: record for record in records}

    def scan(
        self,
        *,
        filter: Filter | None = None,
        fields: tuple[str, ...] | None = None,
        with_vector: bool = False,
        batch: int = 1000,
    ) -> Iterator[list[Record]]:
        """Every item once, in batches, in no particular order."""
        where, after = self._searches.where(filter), None
        while True:
            points, after = self._backend.page(after, batch, where, selection(fields), vector=with_vector)
            if points:
                yield [_record(point, fields) for point in points]
            if after is None:
                return

    def ids(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """A page of all ids, and where the next one begins, None at the end."""
        points, following = self._backend.page(after, limit, None, selection(("id",)), vector=False)
        return [str(point.payload["id"]) for point in points], None if following is None else str(following)

    def examine(self, ids: Sequence[str] | None = None, batch: int = 500) -> Iterator[list[Verdict]]:
        """Whether items are as they were written, all or those of `ids`, in batches; nobody's answer is used.

        An item that the engine cannot give back at all counts as damaged.
        """
        return examine(self._backend, None if ids is None else point_ids(ids), batch)

    @property
    def file_differences(self) -> Sequence[str]:
        """What is wrong with files of the collection, as far as a look at its opening told."""
        return self._backend.differences

    def written_ids(self) -> Mapping[str, str] | None:
        """The ids of all items that were written, by the uuids of their points; None if no list is kept."""
        return self._backend.written_ids()

    def search(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """One list of hits per query, best first, in one batched call."""
        searches = [self._searches.search(query) for query in queries]
        possible = [search for search in searches if search is not None]
        answers = iter(self._backend.query(possible) if possible else ())
        return [
            [] if search is None else [hit_of(point, query) for point in next(answers)]
            for query, search in zip(queries, searches, strict=True)
        ]

    def candidates(self, query: Query, text: str, pool: int, blend: Blend | None = None) -> list[Candidate]:
        """The best of both searches with both of their scores, mostly in three calls.

        The last call reads the payloads, of those candidates only that may be among the best.
        """
        scored = self._scored_points(find_candidates(self._searches, query, text, pool, blend), query)
        return [candidate_of(point, dense, lexical, query) for point, dense, lexical in scored]

    def _scored_points(self, scores: Scores, query: Query) -> list[tuple[StoredPoint, float, float]]:
        """The points of candidates, read as the query says, with both of their scores."""
        uuids = [self._backend.uuid(key) for key in scores.keys]
        points = self._backend.fetch(uuids, selection(query.fields), vector=query.with_vector)
        of_points = [(point, self._backend.key(point_id(point.payload["id"]))) for point in points]
        return [(point, scores.dense.get(key, 0.0), scores.lexical.get(key, 0.0)) for point, key in of_points]

    def count(self, filter: Filter | None = None) -> int:
        """How many items fit the filter; exact."""
        return self._backend.count(self._searches.where(filter))

    def facet(self, name: str, *, limit: int = 20, filter: Filter | None = None) -> dict[str, int]:
        """The commonest values of a keyword field with their counts, commonest first."""
        kinds = self.fields()
        if kinds.get(name) != "keyword":
            keywords = ", ".join(sorted(n for n, k in kinds.items() if k == "keyword")) or "none"
            raise FilterError(
                f"{name!r} is no keyword field, so its values cannot be counted; those are: {keywords}"
            )
        if self._backend.index_fields([name]):
            return self._counted(name, limit, filter)
        return self._backend.facet(path(name), limit, self._searches.where(filter))

    def fields(self) -> Mapping[str, FieldKind]:
        """Payload fields that can be filtered on, with the kind of their values."""
        return public(self._backend.kinds(fresh=True))

    def has_field(self, name: str) -> bool:
        """Whether items can be filtered on a field, by what is on record in memory."""
        return name != LACKS and name in self._backend.kinds()

    def left_out(self, payload: Mapping[str, Any]) -> list[str]:
        """Fields of a payload that no filter can name, for there are `max_fields` others."""
        kinds = public(self._backend.kinds())
        return left_out(payload, kinds) if len(kinds) >= self._max_fields else []

    def tidy(self) -> Tidied:
        """Forget fields that no item has, and take fields in that found no place before.

        It reads every payload. A field of which items hold values of several kinds stays left out: what is
        stored would not fit any index.
        """
        with self._writing:
            kinds, present = self._backend.kinds(fresh=True), KindsOf()
            for records in self.scan():
                present.add(record.payload for record in records)
            dropped = [name for name in public(kinds) if name not in present.names]
            if dropped:
                self._backend.drop_fields(dropped)
            rest = {name: kind for name, kind in kinds.items() if name not in dropped}
            fresh = {name: next(iter(of)) for name, of in present.fresh(rest, self._max_fields, alike=True)}
            if fresh:
                self._backend.add_fields(fresh)
        return Tidied(tuple(dropped), tuple(fresh))

    def unindexed(self) -> int:
        """Items outside the search graph, which every search compares one by one; at most a few too many."""
        return self._backend.unindexed()

    def set_weighting(self, weighting: Weighting) -> None:
        """Weight the words of later writes so; what is stored keeps its weights until it is written again."""
        with self._writing:
            info = replace(self._info, words=weighting)
            self._backend.set_info(info)
            self._info = info
            self._searches = replace(self._searches, words=WordEncoder(info.language, weighting))

    def optimize(self) -> None:
        """Build or refresh the search index after a bulk load; returns when it is done."""
        self._backend.optimize()

    def flush(self) -> None:
        """Make everything written so far survive a power cut."""
        self._backend.flush()

    def close(self) -> None:
        """Flush and close files and connections; safe to call twice."""
        self._backend.close()

    def _counted(self, name: str, limit: int, filter: Filter | None) -> dict[str, int]:
        """The facet of a field without an index."""
        counts: Counter[str] = Counter()
        for records in self.scan(filter=filter, fields=(name,)):
            for record in records:
                value = record.payload.get(name)
                values = value if isinstance(value, list) else [value]
                counts.update({text for text in values if isinstance(text, str)})
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit])

    def _kinds_with(
        self, payloads: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, FieldKind], Mapping[str, FieldKind]]:
        """The fields that `payloads` bring for the first time, and all field kinds with them."""
        fresh = new_kinds(payloads, self._backend.kinds(), self._max_fields)
        if fresh:
            fresh = new_kinds(payloads, self._backend.kinds(fresh=True), self._max_fields)
        return fresh, {**self._backend.kinds(), **fresh} if fresh else self._backend.kinds()

    def _revised_row(
        self, point: StoredPoint, change: Revision, kinds: Mapping[str, FieldKind]
    ) -> RevisedRow:
        own = {"id", *OWN}  # the store's, whatever a revision says
        fields = {name: value for name, value in fitted(change.fields, kinds).items() if name not in own}
        removed = [name for name in change.removed if name in point.payload and name not in {*own, *fields}]
        payload = {name: value for name, value in point.payload.items() if name not in removed} | fields
        sums = revised_sums(point.payload, payload, shared=self._backend.is_shared)
        texts = None if change.lexical is None else _by_field(change.lexical)
        words = None if texts is None else self._searches.words.encode_document(texts)
        return RevisedRow(
            point_id(point.payload["id"]), payload | {SUMS: sums}, fields | {SUMS: sums}, removed, words
        )

    def _lacks(self, vectors: Floats) -> list[list[str]]:
        """For each of the rows `(n, size)` the names of its segments that are all zeros."""
        out: list[list[str]] = [[] for _ in vectors]
        for name, span in self._info.space.slices().items():
            for row in np.flatnonzero(~vectors[:, span].any(axis=1)):
                out[row].append(name)
        return out


def _by_field(lexical: FieldTexts | str) -> FieldTexts:
    return {"title": lexical} if isinstance(lexical, str) else lexical


def _with_id(point: Point, lacks: list[str]) -> dict[str, Any]:
    """The payload with the fields of the store's own."""
    payload = {name: value for name, value in point.payload.items() if name not in OWN} | {"id": point.id}
    return {**payload, LACKS: lacks} if lacks else payload


def visible(payload: dict[str, Any], fields: tuple[str, ...] | None) -> dict[str, Any]:
    """The payload, or these fields of it, without the store's own; it may be changed."""
    if fields is None:
        for name in OWN:
            payload.pop(name, None)
        return payload
    return {name: payload[name] for name in fields if name in payload and name not in OWN}


def _record(point: StoredPoint, fields: tuple[str, ...] | None) -> Record:
    lacks = tuple(point.payload.get(LACKS, ()))
    return Record(point.payload["id"], visible(point.payload, fields), _vector(point), lacks)


def _vector(point: StoredPoint) -> Floats | None:
    return point.vector() if point.vector else None


def hit_of(point: StoredPoint, query: Query) -> Hit:
    """A point as a hit of a query."""
    return Hit(point.payload["id"], point.score, visible(point.payload, query.fields), point.vector)


def candidate_of(point: StoredPoint, dense: float, lexical: float, query: Query) -> Candidate:
    """A point as a candidate of a query."""
    return Candidate(point.payload["id"], dense, lexical, visible(point.payload, query.fields), point.vector)
