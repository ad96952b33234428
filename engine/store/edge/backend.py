"""The embedded engine: Qdrant Edge, in this process, a folder on disk.

What it needs that a server does by itself, all found by trying (0.9.0):
- vectors are checked before they come here, because it stores NaN;
- a full disk kills the process (its files are memory-mapped), so writes stop while there is room;
- without `flush` the write-ahead log grows and is replayed at the next start;
- new points are scanned one by one until `optimize` builds the graph (10 MB of vectors or more);
- word scores count deleted items among all until the folder is opened again;
- opening a folder that is open deletes journals of the one who has it, and only then is refused by the
  engine's lock; so we lock it first, with a file of our own;
- every call holds Python's global lock: a search for its 0.5 ms, `optimize` for all its seconds or
  minutes, so a process that answers requests should leave it to the one that ingests.

Laws (tests/engine/store/test_edge.py): what `write` returned from is there after kill -9; one process
at a time.
"""

from __future__ import annotations

import shutil
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np
import qdrant_edge as edge
from filelock import FileLock, Timeout

from vlclip.engine.errors import StoreError
from vlclip.engine.settings import Hnsw
from vlclip.engine.space import Floats
from vlclip.engine.store.backend import (
    DENSE,
    QUANTILE,
    WORDS,
    WRITE_ROWS,
    Found,
    Key,
    Paths,
    Request,
    Row,
    outside_graph,
    width,
)
from vlclip.engine.store.conditions import Dialect
from vlclip.engine.store.edge.errors import locked, translated
from vlclip.engine.store.edge.folder import Collection, check_segments, disk_errors, full
from vlclip.engine.store.fields import FieldKind, path
from vlclip.engine.store.lexical import Sparse
from vlclip.engine.store.store import StoreInfo

FLUSH_EVERY = 5_000
"""Points written between two flushes; bounds the write-ahead log that a restart has to replay."""
LOCK = "open.lock"
"""File of a collection's folder that whoever has it open holds."""
RESERVE_BYTES = 64 * 2**20
"""Room left on the disk; below it writes are refused instead of killing the process."""
FULL_SCAN_KB = 10_000
"""A filter that leaves fewer vectors than this is scanned, exactly, instead of walking the graph."""
_KINDS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "number": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
}


def _match_bool(value: bool) -> edge.MatchValue:  # noqa: FBT001  # the dialect's signature
    """Python's True would be read as the integer 1 and match nothing; NumPy's is read as a bool."""
    return edge.MatchValue(np.bool_(value))  # type: ignore[arg-type]


class EdgeBackend:
    """One collection in one folder. `free` tells the bytes left on its disk; tests pass another.

    Raises `StoreLocked` if another process has it open, `StoreDamaged` if it cannot be read.
    """

    dialect = Dialect(
        filter=edge.Filter,
        field=edge.FieldCondition,
        match_bool=_match_bool,
        match_any=edge.MatchAny,
        range=edge.RangeFloat,
        has_id=lambda ids: edge.HasIdCondition(set(ids)),
    )

    def __init__(
        self, folder: Path, hnsw: Hnsw, free: Callable[[Path], int] = lambda p: shutil.disk_usage(p).free
    ) -> None:
        self._folder, self._hnsw, self._free = folder, hnsw, free
        self._unflushed = 0
        self._closing = threading.Lock()
        self._closed = False
        with disk_errors(folder):
            self._collection = Collection.read(folder)
            check_segments(folder)  # without them the engine would start anew, empty
            # not of a thread, since another one may close; the system lets go of it when the process dies
            self._lock = FileLock(folder / LOCK, thread_local=False, blocking=False)
            try:
                self._lock.acquire()
            except Timeout:
                raise locked(folder) from None
        try:
            with translated(folder, opening=True):
                self._shard = edge.EdgeShard.load(str(folder), _config(self._collection.info, hnsw))
            shutil.rmtree(folder / "temp_segments", ignore_errors=True)  # of an `optimize` that was killed
            self._complete_indexes()
        except BaseException:
            self._lock.release()
            raise

    def info(self) -> StoreInfo:
        """What made the vectors."""
        return self._collection.info

    def kinds(self, *, fresh: bool = False) -> Mapping[str, FieldKind]:  # noqa: ARG002  # no one else
        """Field kinds on record."""
        return self._collection.kinds

    def add_fields(self, kinds: Mapping[str, FieldKind]) -> None:
        """Record first, then index: a kill in between is mended when the folder is opened again."""
        self._check_room(0)
        collection = Collection(self._collection.info, {**self._collection.kinds, **kinds})
        with disk_errors(self._folder):
            collection.write(self._folder)
        self._collection = collection
        self._complete_indexes()

    def write(self, rows: Sequence[Row]) -> None:
        """Add or replace points; in the write-ahead log once this returns."""
        for start in range(0, len(rows), WRITE_ROWS):
            part = rows[start : start + WRITE_ROWS]
            self._check_room(len(part))
            with self._calls():
                points = [edge.Point(row.id, _vectors(row), row.payload) for row in part]
                self._shard.update(edge.UpdateOperation.upsert_points(points))
            self._unflushed += len(part)
            if self._unflushed >= FLUSH_EVERY:
                self.flush()

    def remove(self, ids: Sequence[str]) -> None:
        """Remove points by uuid; allowed on an almost full disk, to make room."""
        with self._calls():
            self._shard.update(edge.UpdateOperation.delete_points(list(ids)))

    def fetch(self, ids: Sequence[str], payload: Paths, *, vector: bool) -> list[Found]:
        """The points among `ids` that exist."""
        with self._calls():
            records = self._shard.retrieve(list(ids), _payload(payload), [DENSE] if vector else False)
            return [_found(record, 0.0, vector) for record in records]

    def page(
        self,
        after: Any | None,
        limit: int,
        where: Any | None,
        payload: Paths,
        *,
        vector: bool,
    ) -> tuple[list[Found], Any | None]:
        """The next points in the order of their uuids."""
        request = edge.ScrollRequest(after, limit, where, _payload(payload), [DENSE] if vector else False)
        with self._calls():
            records, after = self._shard.scroll(request)
            return [_found(record, 0.0, vector) for record in records], after

    def query(self, requests: Sequence[Request]) -> list[list[Found]]:
        """All requests in one call."""
        with self._calls():
            return [
                [_found(point, point.score, request.vector) for point in points]
                for request, points in zip(requests, self._ask(requests), strict=True)
            ]

    def scores(self, requests: Sequence[Request]) -> list[dict[Key, float]]:
        """The scores by the uuids' numbers: Python compares these ten times as fast as uuids."""
        with self._calls():
            return [
                {cast("UUID", point.id).int: point.score for point in points}
                for points in self._ask(requests)
            ]

    def uuid(self, key: Key) -> str:
        """The uuid of a point that `scores` told of."""
        return str(UUID(int=cast("int", key)))

    def count(self, where: Any | None) -> int:
        """How many points fit, exactly."""
        with self._calls():
            return self._shard.count(edge.CountRequest(exact=True, filter=where))

    def facet(self, path: str, limit: int, where: Any | None) -> dict[str, int]:
        """The commonest values of an indexed keyword field."""
        with self._calls():
            answer = self._shard.facet(edge.FacetRequest(path, limit, exact=True, filter=where))
            return {str(hit.value): hit.count for hit in answer.hits}

    def unindexed(self) -> int:
        """Points outside the graph."""
        with self._calls():
            info = self._shard.info()
            return outside_graph(info.points_count, info.indexed_vectors_count)

    def optimize(self) -> None:
        """Build the graph; needs about three times the vectors' size of room while it runs."""
        self.flush()
        with self._calls():
            self._shard.optimize()
        self.flush()

    def flush(self) -> None:
        """Write everything to disk and shorten the write-ahead log."""
        with self._calls():
            self._shard.flush()
        self._unflushed = 0

    def close(self) -> None:
        """Flush, close and give up the lock."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            try:
                with translated(self._folder):
                    self._shard.flush()
                    self._shard.close()
            finally:
                self._lock.release()

    def _complete_indexes(self) -> None:
        """Index every recorded field that has no index yet."""
        with self._calls():
            indexed = self._shard.info().payload_schema
            for name, kind in self._collection.kinds.items():
                if path(name) not in indexed and name not in indexed:
                    operation = edge.UpdateOperation.create_field_index(path(name), _KINDS[kind])
                    self._shard.update(operation)

    def _check_room(self, rows: int) -> None:
        size = 4 * self._collection.info.space.size
        with disk_errors(self._folder):
            if self._free(self._folder) < RESERVE_BYTES + rows * 8 * (size + 1024):
                raise full(self._folder)

    def _calls(self) -> AbstractContextManager[None]:
        if self._closed:
            raise StoreError(f"the store {self._folder} is closed; open it again")
        return translated(self._folder)

    def _ask(self, requests: Sequence[Request]) -> list[list[edge.ScoredPoint]]:
        """In one call; a plain one alone by the engine's `search`, which is a quarter faster."""
        if len(requests) == 1 and not requests[0].prefetch and not isinstance(requests[0].near, Sparse):
            return [self._shard.search(self._search(requests[0]))]
        return self._shard.query_batch(edge.QueryBatchRequest([self._query(one) for one in requests]))

    def _query(self, request: Request) -> edge.QueryRequest:
        return edge.QueryRequest(
            limit=request.limit,
            offset=request.offset,
            query=_near(request),
            prefetches=[self._prefetch(inner) for inner in request.prefetch],
            with_vector=[DENSE] if request.vector else False,
            with_payload=_payload(request.payload),
            filter=request.where,
            params=self._params(request),
        )

    def _search(self, request: Request) -> edge.SearchRequest:
        return edge.SearchRequest(
            query=_near(request),
            limit=request.limit,
            offset=request.offset,
            filter=request.where,
            params=self._params(request),
            with_vector=[DENSE] if request.vector else False,
            with_payload=_payload(request.payload),
        )

    def _prefetch(self, request: Request) -> edge.Prefetch:
        return edge.Prefetch(
            limit=request.limit,
            query=_near(request),
            prefetches=[self._prefetch(inner) for inner in request.prefetch],
            params=self._params(request),
            filter=request.where,
        )

    def _params(self, request: Request) -> edge.SearchParams:
        ef, oversampling = width(request, self._hnsw)
        rescored = edge.QuantizationSearchParams(rescore=True, oversampling=oversampling)
        return edge.SearchParams(hnsw_ef=ef, exact=request.exact, quantization=rescored)


def create_shard(folder: Path, info: StoreInfo, hnsw: Hnsw) -> None:
    """Make an empty shard in the empty `folder`."""
    with translated(folder):
        edge.EdgeShard.create(str(folder), _config(info, hnsw)).close()


def _config(info: StoreInfo, hnsw: Hnsw) -> edge.EdgeConfig:
    return edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(size=info.space.size, distance=edge.Distance.Dot)},
        sparse_vectors={WORDS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        hnsw_config=edge.HnswIndexConfig(
            m=hnsw.m, ef_construct=hnsw.ef_construct, full_scan_threshold=FULL_SCAN_KB
        ),
        quantization_config=_quantization(hnsw),
        optimizers=edge.EdgeOptimizersConfig(default_segment_number=1),
    )


def _quantization(
    hnsw: Hnsw,
) -> edge.ScalarQuantizationConfig | edge.BinaryQuantizationConfig | None:
    if hnsw.quantization == "int8":
        return edge.ScalarQuantizationConfig(
            type=edge.ScalarType.Int8, quantile=QUANTILE, memory=edge.Memory.Pinned
        )
    if hnsw.quantization == "binary":
        return edge.BinaryQuantizationConfig(memory=edge.Memory.Pinned)
    return None


def _vectors(row: Row) -> dict[str, Any]:
    """No words, no vector of words: one of zeros would count among the documents of the IDF."""
    words = {WORDS: edge.SparseVector(*row.words)} if row.words else {}
    return {DENSE: row.vector, **words}


def _near(request: Request) -> edge.Query:
    if isinstance(request.near, Sparse):
        return edge.Query.Nearest(edge.SparseVector(*request.near), using=WORDS)
    return edge.Query.Nearest(request.near, using=DENSE)


def _payload(paths: Paths) -> bool | list[str]:
    return True if paths is None else list(paths) or False


def _found(point: edge.ScoredPoint | edge.Record, score: float, vector: bool) -> Found:  # noqa: FBT001
    read = partial(_dense, point) if vector else None
    payload = point.payload
    # a uuid is a Python object to be made, and who has read the payload knows the item by its own id
    return Found(None if payload else point.id, score, payload or {}, read)


def _dense(point: edge.ScoredPoint | edge.Record) -> Floats:
    """The engine gives a list of Python's floats; packing them is the fastest way to an array."""
    values = cast("dict[str, list[float]]", point.vector)[DENSE]
    return np.frombuffer(struct.pack(f"{len(values)}f", *values), dtype=np.float32)
