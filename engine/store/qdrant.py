"""The store over Qdrant, embedded or served: checks, field kinds and requests, once for both.

A point is one dense vector `fused` (dot product), one sparse vector `words` (BM25) and the payload,
which always carries the item's `id`.

Laws: those of `store.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine.errors import FilterError, InvalidVector, SpaceError
from engine.filters import Filter
from engine.item import point_id
from engine.space import Floats
from engine.store import lexical
from engine.store.backend import Backend, Found, Paths, Request, Row
from engine.store.conditions import build
from engine.store.fields import FieldKind, fitted, has_path, new_kinds, path
from engine.store.store import Candidate, Hit, Point, Query, Record, StoreInfo


class QdrantStore:
    """A `Store` over one collection of a `Backend`; safe to use from several threads."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._info = backend.info()
        self._kinds = backend.kinds()
        self._writing = threading.Lock()

    @property
    def info(self) -> StoreInfo:
        """What made the vectors."""
        return self._info

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; of the same id within one batch the last one counts."""
        if not points:
            return
        vectors = [self._checked(point.vector, point.id) for point in points]
        with self._writing:
            self._learn(points)
            rows = {
                point.id: Row(
                    point_id(point.id),
                    vector.tolist(),
                    lexical.document(point.lexical),
                    fitted({**point.payload, "id": point.id}, self._kinds),
                )
                for point, vector in zip(points, vectors, strict=True)
            }
            self._backend.write(list(rows.values()))

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items by id; how many of them were there."""
        with self._writing:
            found = self._backend.fetch(_point_ids(ids), (), vector=False)
            if found:
                self._backend.remove([point.id for point in found])
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
        found = self._backend.fetch(_point_ids(ids), _selection(fields), vector=with_vector)
        return {point.payload["id"]: _record(point, fields) for point in found}

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
            found, after = self._backend.page(
                after, batch, where, _selection(fields), vector=with_vector
            )
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

    def candidates(self, query: Query, text: str, pool: int) -> list[Candidate]:
        """The best of both searches with both of their scores; one batched call of two requests.

        Both requests rescore the same union, one by the dense and one by the sparse vector. They
        scan it exactly: an HNSW search filtered to so few points would lose some of them.
        """
        if query.vector is None:
            raise SpaceError("candidates are searched by a vector and a text; the vector is missing")
        dense, words = self._checked(query.vector).tolist(), lexical.query(text)
        where = self._where(query.filter, query.exclude)
        union = [Request(near=dense, limit=pool, where=where, ef=query.ef, exact=query.exact)]
        if words:
            union.append(Request(near=words, limit=pool, where=where))
        by_dense = Request(
            near=dense,
            limit=len(union) * pool,
            exact=True,
            prefetch=tuple(union),
            payload=_selection(query.fields),
            vector=True,
        )
        by_words = Request(near=words, limit=len(union) * pool, exact=True, prefetch=tuple(union))
        found, *rest = self._backend.query([by_dense, by_words] if words else [by_dense])
        matched = {point.id: point.score for point in rest[0]} if rest else {}
        return [
            Candidate(
                id=point.payload["id"],
                dense=point.score,
                lexical=matched.get(point.id, 0.0),
                payload=_shown(point.payload, query.fields),
                vector=np.asarray(point.vector, dtype=np.float32),
            )
            for point in found
        ]

    def count(self, filter: Filter | None = None) -> int:
        """How many items fit the filter; exact."""
        return self._backend.count(self._where(filter))

    def facet(self, name: str, *, limit: int = 20, filter: Filter | None = None) -> dict[str, int]:
        """The commonest values of a keyword field with their counts, commonest first."""
        kind = self.fields().get(name)
        if kind != "keyword":
            keywords = ", ".join(sorted(n for n, k in self._kinds.items() if k == "keyword")) or "none"
            raise FilterError(
                f"{name!r} is no keyword field, so its values cannot be counted; those are: {keywords}"
            )
        return self._backend.facet(path(name), limit, self._where(filter))

    def fields(self) -> Mapping[str, FieldKind]:
        """Payload fields that can be filtered on, with the kind of their values."""
        self._kinds = self._backend.kinds()
        return dict(self._kinds)

    def optimize(self) -> None:
        """Build or refresh the search index after a bulk load; returns when it is done."""
        self._backend.optimize()

    def flush(self) -> None:
        """Make everything written so far survive a power cut."""
        self._backend.flush()

    def close(self) -> None:
        """Flush and let go of files and connections; safe to call twice."""
        self._backend.close()

    def _learn(self, points: Sequence[Point]) -> None:
        """Record the fields that `points` bring for the first time."""
        payloads = [{**point.payload, "id": point.id} for point in points]
        if not new_kinds(payloads, self._kinds):
            return
        self._kinds = self._backend.kinds()
        if fresh := new_kinds(payloads, self._kinds):
            self._backend.add_fields(fresh)
            self._kinds = {**self._kinds, **fresh}

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
        if any(condition.field not in self._kinds for condition in wanted.conditions):
            self._kinds = self._backend.kinds()
        return build(self._backend.dialect, wanted, self._kinds, _point_ids(exclude))

    def _request(self, query: Query) -> Request | None:
        """The request for a query; None where its text has no words, so nothing can match."""
        where = self._where(query.filter, query.exclude)
        near: list[float] | lexical.Sparse
        if query.vector is not None:
            near = self._checked(query.vector).tolist()
        else:
            near = lexical.query(query.text or "")
            if not near:
                return None
        return Request(
            near=near,
            limit=query.limit,
            offset=query.offset,
            where=where,
            ef=query.ef,
            exact=query.exact,
            payload=_selection(query.fields),
            vector=query.with_vector,
        )


def _point_ids(ids: Sequence[str]) -> list[str]:
    return [point_id(item_id) for item_id in dict.fromkeys(ids)]


def _selection(fields: tuple[str, ...] | None) -> Paths:
    """What to read of the payload; the id always, everything where a name cannot be a path."""
    if fields is None or not all(has_path(name) for name in fields):
        return None
    return [path(name) for name in dict.fromkeys(("id", *fields))]


def _shown(payload: dict[str, Any], fields: tuple[str, ...] | None) -> dict[str, Any]:
    return payload if fields is None else {n: payload[n] for n in fields if n in payload}


def _record(point: Found, fields: tuple[str, ...] | None) -> Record:
    vector = np.asarray(point.vector, dtype=np.float32) if len(point.vector) else None
    return Record(point.payload["id"], _shown(point.payload, fields), vector)


def _hit(point: Found, query: Query) -> Hit:
    vector = np.asarray(point.vector, dtype=np.float32) if len(point.vector) else None
    return Hit(point.payload["id"], point.score, _shown(point.payload, query.fields), vector)
