"""Points and searches as Qdrant Edge's own objects, and back."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import numpy as np
import qdrant_edge as edge

from vlclip.engine.settings import Hnsw
from vlclip.engine.space import Floats
from vlclip.engine.store.backend import (
    DENSE,
    WORDS,
    Paths,
    PointRow,
    RevisedRow,
    StoredPoint,
    VectorSearch,
    width,
)
from vlclip.engine.store.conditions import Dialect
from vlclip.engine.store.lexical import Sparse

SCHEMA_TYPES = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "number": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
}


def _match_bool(value: bool) -> edge.MatchValue:  # noqa: FBT001  # the dialect's signature
    """Python's True would be read as the integer 1 and match nothing; NumPy's is read as a bool."""
    return edge.MatchValue(np.bool_(value))  # type: ignore[arg-type]


DIALECT = Dialect(
    filter=edge.Filter,
    field=edge.FieldCondition,
    match_bool=_match_bool,
    match_any=edge.MatchAny,
    range=edge.RangeFloat,
    has_id=lambda ids: edge.HasIdCondition(set(ids)),
)


def engine_point(row: PointRow) -> edge.Point:
    """A point to write. A text without words gets no vector: zeros would count as a document in the IDF."""
    words = {WORDS: edge.SparseVector(*row.words)} if row.words else {}
    return edge.Point(row.id, {DENSE: row.vector, **words}, row.payload)


def revising(rows: Sequence[RevisedRow]) -> Iterator[edge.UpdateOperation]:
    """The operations that change payloads and words of points, words first.

    If the process is killed between them, a payload that is still the old one shows that the change is due.
    """
    words = [edge.PointVectors(row.id, {WORDS: edge.SparseVector(*row.words)}) for row in rows if row.words]
    if words:
        yield edge.UpdateOperation.update_vectors(words)
    wordless: list[edge.PointId] = [row.id for row in rows if row.words is not None and not row.words]
    if wordless:
        # a sparse vector that is deleted as it is stays in the index and comes back with the next one
        nothing = edge.SparseVector([], [])
        yield edge.UpdateOperation.update_vectors(
            [edge.PointVectors(point, {WORDS: nothing}) for point in wordless]
        )
        yield edge.UpdateOperation.delete_vectors(wordless, [WORDS])
    for row in rows:  # nobody else writes, so a whole payload undoes no other change
        if row.removed:
            yield edge.UpdateOperation.overwrite_payload([row.id], row.payload)
        elif row.fields:
            yield edge.UpdateOperation.set_payload([row.id], row.fields)


def _near(search: VectorSearch) -> edge.Query:
    if isinstance(search.near, Sparse):
        return edge.Query.Nearest(edge.SparseVector(*search.near), using=WORDS)
    return edge.Query.Nearest(search.near, using=DENSE)


def payload_paths(paths: Paths) -> bool | list[str]:
    """The payload to read: all of it, some paths, or none."""
    return True if paths is None else list(paths) or False


def stored_point(point: edge.ScoredPoint | edge.Record, score: float, *, vector: bool) -> StoredPoint:
    """A point of the engine's answer; its vector is read when it is needed."""
    read = partial(_dense, point) if vector else None
    payload = point.payload
    # making a uuid costs time, and a payload holds the item's own id
    return StoredPoint(None if payload else point.id, score, payload or {}, read)


def _dense(point: edge.ScoredPoint | edge.Record) -> Floats:
    """The engine gives a list of Python's floats; packing them is the fastest way to an array."""
    values = cast("dict[str, list[float]]", point.vector)[DENSE]
    return np.frombuffer(struct.pack(f"{len(values)}f", *values), dtype=np.float32)


def query_request(search: VectorSearch, hnsw: Hnsw) -> edge.QueryRequest:
    """A search as one of a batch."""
    return edge.QueryRequest(
        limit=search.limit,
        offset=search.offset,
        query=_near(search),
        prefetches=[_prefetch(inner, hnsw) for inner in search.prefetch],
        with_vector=[DENSE] if search.vector else False,
        with_payload=payload_paths(search.payload),
        filter=search.where,
        params=_params(search, hnsw),
    )


def search_request(search: VectorSearch, hnsw: Hnsw) -> edge.SearchRequest:
    """A plain search of the dense vector, alone."""
    return edge.SearchRequest(
        query=_near(search),
        limit=search.limit,
        offset=search.offset,
        filter=search.where,
        params=_params(search, hnsw),
        with_vector=[DENSE] if search.vector else False,
        with_payload=payload_paths(search.payload),
    )


def _prefetch(search: VectorSearch, hnsw: Hnsw) -> edge.Prefetch:
    return edge.Prefetch(
        limit=search.limit,
        query=_near(search),
        prefetches=[_prefetch(inner, hnsw) for inner in search.prefetch],
        params=_params(search, hnsw),
        filter=search.where,
    )


def _params(search: VectorSearch, hnsw: Hnsw) -> edge.SearchParams:
    ef, oversampling = width(search, hnsw)
    rescored = edge.QuantizationSearchParams(rescore=True, oversampling=oversampling)
    return edge.SearchParams(hnsw_ef=ef, exact=search.exact, quantization=rescored)
