"""The store over Qdrant, embedded or served: checks, field kinds and requests, once for both.

A point is one dense vector `fused` (dot product), one sparse vector `words` (BM25) and the payload,
which always carries the item's `id`.

A point without a photo or a text is shorter than the others, and by dot product every node of an HNSW
graph prefers longer neighbours: hardly an edge leads to it (measured: 4 in 10 such items were not
found by their own text). So points that lack a segment are marked, and a search asks for the best of
them beside the best of all; its answer is the best of both.

Laws: those of `store.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vlclip.engine.errors import FilterError, InvalidVector, SpaceError
from vlclip.engine.filters import Filter
from vlclip.engine.item import point_id
from vlclip.engine.space import Floats
from vlclip.engine.store.backend import Backend, Found, Key, Paths, Request, Row
from vlclip.engine.store.conditions import build
from vlclip.engine.store.contenders import Blend, contenders, settled
from vlclip.engine.store.fields import LACKS, FieldKind, fitted, has_path, new_kinds, path
from vlclip.engine.store.lexical import Sparse, WordEncoder
from vlclip.engine.store.store import Candidate, Hit, Point, Query, Record, StoreInfo

DEEPER = 16
"""Times as deep as asked that searches for candidates go at most: what thousands tie for is cut off."""


class QdrantStore:
    """A `Store` over one collection of a `Backend`; safe to use from several threads."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._info = backend.info()
        self._words = WordEncoder(self._info.language)
        self._writing = threading.Lock()

    @property
    def info(self) -> StoreInfo:
        """What made the vectors."""
        return self._info

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; of the same id within one batch the last one counts."""
        if not points:
            return
        vectors = np.stack([self._checked(point.vector, point.id) for point in points])
        payloads = [_with_id(point, lacks) for point, lacks in zip(points, self._lacks(vectors), strict=True)]
        with self._writing:
            kinds = self._learn(payloads)
            rows = {
                point.id: Row(
                    point_id(point.id),
                    vector,
                    self._words.encode_document(point.lexical),
                    fitted(payload, kinds),
                )
                for point, vector, payload in zip(points, vectors.tolist(), payloads, strict=True)
            }
            self._backend.write(list(rows.values()))

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items by id; how many of them were there."""
        with self._writing:
            found = self._backend.fetch(_point_ids(ids), (), vector=False)
            if found:
                self._backend.remove([str(point.id) for point in found])
        return len(found)

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
        if fields == ():  # nothing of the payload is wanted, and whose points these are is known
            names = {point_id(item_id): item_id for item_id in ids}
            points = self._backend.fetch(list(names), (), vector=with_vector)
            records = [Record(names[str(point.id)], {}, _vector(point)) for point in points]
        else:
            points = self._backend.fetch(_point_ids(ids), _selection(fields), vector=with_vector)
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
        where, after = self._where(filter), None
        while True:
            found, after = self._backend.page(after, batch, where, _selection(fields), vector=with_vector)
            if found:
                yield [_record(point, fields) for point in found]
            if after is None:
                return

    def search(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """One list of hits per query, best first, in one batched call."""
        requests = [self._request(query) for query in queries]
        asked = [request for request in requests if request is not None]
        answers = iter(self._backend.query(asked) if asked else ())
        return [
            [] if request is None else [_hit(point, query) for point in next(answers)]
            for query, request in zip(queries, requests, strict=True)
        ]

    def candidates(self, query: Query, text: str, pool: int, blend: Blend | None = None) -> list[Candidate]:
        """The best of both searches with both of their scores, mostly in three calls.

        The first makes both searches and reads nothing else, since of all that a search does reading
        payloads costs the most. The second asks, by id, for scores that one search did not bring, if with
        them an item could be among the best. Both are made again, twice as deep, while an item that
        neither search brought could be among the best. The last reads those that are.
        """
        if query.vector is None:
            raise SpaceError("candidates are searched by a vector and a text; the vector is missing")
        where, words = self._where(query.filter, query.exclude), self._words.encode_query(text)
        deepest = pool if blend is None else DEEPER * pool
        while True:
            ids, dense, matched, is_settled = self._both(query, where, words, pool, blend)
            if is_settled or pool >= deepest:
                break
            pool *= 2
        names = {self._backend.uuid(one): one for one in ids}
        points = self._backend.fetch(list(names), _selection(query.fields), vector=query.with_vector)
        candidates = []
        for point in points:
            item_id = point.payload["id"]
            key = names[point_id(item_id)]
            candidates.append(
                Candidate(
                    id=item_id,
                    dense=dense.get(key, 0.0),
                    lexical=matched.get(key, 0.0),
                    payload=_shown(point.payload, query.fields),
                    read=point.vector,
                )
            )
        return candidates

    def _both(
        self, query: Query, where: Any | None, words: Sparse, pool: int, blend: Blend | None
    ) -> tuple[list[Key], dict[Key, float], dict[Key, float], bool]:
        """Candidates of two searches this deep, their scores, and whether the best of all are there."""
        assert query.vector is not None  # noqa: S101  # its caller has looked
        best = self._nearest(query, where, pool)
        asked = [best, Request(near=words, limit=pool, where=where)] if words else [best]
        dense, *rest = self._backend.scores(asked)
        matched = rest[0] if rest else {}
        floor = min(matched.values()) if len(matched) == pool else 0.0
        dense_floor = min(dense.values()) if len(dense) == pool else None  # else all are there
        if blend is None:
            ids = list({**dense, **matched})
        else:
            ids = contenders(dense, matched, blend, reach=self._reach(query.vector), floor=floor)
        missing = [
            Request(near=near, limit=len(lacking), exact=True, where=self._only(lacking))
            for near, lacking in (
                (best.near, [one for one in ids if one not in dense]),
                (words, [one for one in ids if one not in matched] if floor else []),
            )
            if lacking
        ]
        for request, found in zip(missing, self._backend.scores(missing) if missing else (), strict=True):
            (matched if request.near is words else dense).update(found)
        if blend is None:
            return ids, dense, matched, True
        ids = contenders(dense, matched, blend, reach=0.0, floor=0.0)
        scale = blend.scale(matched)
        scores = [dense.get(one, 0.0) + scale * matched.get(one, 0.0) for one in ids]
        is_settled = dense_floor is None or settled(
            scores, blend, scale=scale, dense_floor=dense_floor, floor=floor
        )
        return ids, dense, matched, is_settled

    def _reach(self, vector: Floats) -> float:
        """The largest dot product of a query with items, whose segments have length 1 or 0."""
        spans = self._info.space.slices().values()
        return sum(float(np.linalg.norm(vector[span])) for span in spans)

    def _only(self, keys: Sequence[Key]) -> Any:
        dialect = self._backend.dialect
        return dialect.filter(must=[dialect.has_id([self._backend.uuid(key) for key in keys])])

    def count(self, filter: Filter | None = None) -> int:
        """How many items fit the filter; exact."""
        return self._backend.count(self._where(filter))

    def facet(self, name: str, *, limit: int = 20, filter: Filter | None = None) -> dict[str, int]:
        """The commonest values of a keyword field with their counts, commonest first."""
        kinds = self.fields()
        if kinds.get(name) != "keyword":
            keywords = ", ".join(sorted(n for n, k in kinds.items() if k == "keyword")) or "none"
            raise FilterError(
                f"{name!r} is no keyword field, so its values cannot be counted; those are: {keywords}"
            )
        return self._backend.facet(path(name), limit, self._where(filter))

    def fields(self) -> Mapping[str, FieldKind]:
        """Payload fields that can be filtered on, with the kind of their values."""
        return _public(self._backend.kinds(fresh=True))

    def unindexed(self) -> int:
        """Items outside the search graph, which every search compares one by one; a few too many at most."""
        return self._backend.unindexed()

    def optimize(self) -> None:
        """Build or refresh the search index after a bulk load; returns when it is done."""
        self._backend.optimize()

    def flush(self) -> None:
        """Make everything written so far survive a power cut."""
        self._backend.flush()

    def close(self) -> None:
        """Flush and let go of files and connections; safe to call twice."""
        self._backend.close()

    def _learn(self, payloads: Sequence[Mapping[str, Any]]) -> Mapping[str, FieldKind]:
        """All field kinds, after recording those that `payloads` bring for the first time."""
        if new_kinds(payloads, self._backend.kinds()):
            fresh = new_kinds(payloads, self._backend.kinds(fresh=True))
            if fresh:
                self._backend.add_fields(fresh)
        return self._backend.kinds()

    def _lacks(self, vectors: Floats) -> list[list[str]]:
        """For each of the rows `(n, size)` the names of its segments that are all zeros."""
        out: list[list[str]] = [[] for _ in vectors]
        for name, span in self._info.space.slices().items():
            for row in np.flatnonzero(~vectors[:, span].any(axis=1)):
                out[row].append(name)
        return out

    def _checked(self, vector: Floats, of: str | None = None) -> Floats:
        """The vector as float32, or `InvalidVector` that says whose it is and what is wrong."""
        whose = "the query" if of is None else f"item {of!r}"
        array = np.asarray(vector, dtype=np.float32)
        if array.shape != (self._info.space.size,):
            raise InvalidVector(
                f"the vector of {whose} has shape {array.shape}, this store holds "
                f"({self._info.space.size},); was it made by another encoder?"
            )
        if not np.isfinite(array).all():
            raise InvalidVector(
                f"the vector of {whose} holds NaN or infinity; look at the photo and text it came from"
            )
        return array

    def _where(self, filter: Filter | None, exclude: Sequence[str] = ()) -> Any | None:
        wanted = filter or Filter()
        kinds = self._backend.kinds() if wanted else {}
        if any(condition.field not in kinds for condition in wanted.conditions):
            kinds = self._backend.kinds(fresh=True)
        return build(self._backend.dialect, wanted, _public(kinds), _point_ids(exclude))

    def _request(self, query: Query) -> Request | None:
        """The request for a query; None where its text has no words, so nothing can match."""
        where = self._where(query.filter, query.exclude)
        if query.vector is not None:
            return self._nearest(
                query, where, query.limit, query.offset, _selection(query.fields), vector=query.with_vector
            )
        if words := self._words.encode_query(query.text or ""):
            return Request(
                near=words, limit=query.limit, offset=query.offset, where=where,
                payload=_selection(query.fields), vector=query.with_vector,
            )  # fmt: skip
        return None

    def _nearest(
        self,
        query: Query,
        where: Any | None,
        limit: int,
        offset: int = 0,
        payload: Paths = (),
        *,
        vector: bool = False,
    ) -> Request:
        """The `limit` best of a query's vector after `offset`, those that lack a segment not forgotten."""
        assert query.vector is not None  # noqa: S101  # its callers have looked
        near = self._checked(query.vector).tolist()
        best = Request(
            near=near, limit=limit, offset=offset, where=where, ef=query.ef, exact=query.exact,
            payload=payload, vector=vector,
        )  # fmt: skip
        if query.exact or LACKS not in self._backend.kinds():
            return best
        dialect = self._backend.dialect
        marked = dialect.field(key=path(LACKS), match=dialect.match_any(any=list(self._info.space.names)))
        lacking = dialect.filter(must=[marked] if where is None else [marked, where])
        deep = Request(near=near, limit=limit + offset, where=where, ef=query.ef)
        return replace(best, where=None, ef=None, exact=True, prefetch=(deep, replace(deep, where=lacking)))


def _with_id(point: Point, lacks: list[str]) -> dict[str, Any]:
    """The payload with the fields of the store's own."""
    payload = {**point.payload, "id": point.id}
    payload.pop(LACKS, None)
    return {**payload, LACKS: lacks} if lacks else payload


def _public(kinds: Mapping[str, FieldKind]) -> dict[str, FieldKind]:
    return {name: kind for name, kind in kinds.items() if name != LACKS}


def _point_ids(ids: Sequence[str]) -> list[str]:
    return [point_id(item_id) for item_id in dict.fromkeys(ids)]


def _selection(fields: tuple[str, ...] | None) -> Paths:
    """What to read of the payload; the id always, everything where a name cannot be a path."""
    if fields is None or not all(has_path(name) for name in fields):
        return None
    return [path(name) for name in dict.fromkeys(("id", *fields))]


def _shown(payload: dict[str, Any], fields: tuple[str, ...] | None) -> dict[str, Any]:
    if fields is None:
        payload.pop(LACKS, None)
        return payload
    return {name: payload[name] for name in fields if name in payload and name != LACKS}


def _record(point: Found, fields: tuple[str, ...] | None) -> Record:
    return Record(point.payload["id"], _shown(point.payload, fields), _vector(point))


def _vector(point: Found) -> Floats | None:
    return point.vector() if point.vector else None


def _hit(point: Found, query: Query) -> Hit:
    return Hit(point.payload["id"], point.score, _shown(point.payload, query.fields), point.vector)
