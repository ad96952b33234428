"""The embedded engine: Qdrant Edge, in this process, a folder on disk.

The engine needs some care that a server takes by itself. All of this was found by experiment (0.9.0):
- it stores NaN, so vectors are checked before they come here;
- a full disk kills the process, so writes stop while there is room (`room.py`);
- the index of a field costs thirteen files with an fsync each, 7 MB and nine memory maps, so only fields that
  a filter names get one;
- without `flush` the write-ahead log grows, and the next start replays it;
- new points are scanned one by one until `optimize` builds the graph (10 MB of vectors or more);
- word scores still count deleted items until the folder is opened again;
- opening a folder that is open deletes the journals of the process that has it, and only then the engine's
  lock refuses; so we lock first, with a file of our own;
- every call holds Python's global lock: a search for its 0.5 ms, `optimize` for all its seconds or minutes.
  A process that answers requests should leave `optimize` to the process that ingests.

Laws (tests/engine/store/test_edge.py):
- rows are there after kill -9 once `write` has returned;
- one process at a time has a collection open.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Collection as Names
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import qdrant_edge as edge
from filelock import FileLock, Timeout

from vlclip.engine.disk import free_bytes
from vlclip.engine.errors import DiskFull, StoreError
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.backend import (
    DENSE,
    NO_FIELDS,
    WRITE_ROWS,
    Paths,
    PointKey,
    PointRow,
    RevisedRow,
    StoredPoint,
    VectorSearch,
    outside_graph,
)
from vlclip.engine.store.edge.conversion import (
    DIALECT,
    SCHEMA_TYPES,
    engine_point,
    payload_paths,
    query_request,
    revising,
    search_request,
    stored_point,
)
from vlclip.engine.store.edge.errors import locked, translated
from vlclip.engine.store.edge.folder import Collection, check_segments, disk_bytes, disk_errors
from vlclip.engine.store.edge.gate import Gate
from vlclip.engine.store.edge.roll import Roll
from vlclip.engine.store.edge.room import (
    DELETED_BYTES,
    INDEX_BYTES,
    RESERVE_BYTES,
    VALUE_BYTES,
    Room,
    filled_holes,
    size_of_revised,
    size_of_rows,
)
from vlclip.engine.store.edge.seal import Marks, break_seal, glance, is_closed, read_ahead, seal
from vlclip.engine.store.edge.shard import shard_config
from vlclip.engine.store.fields import INDEXED, MAX_INDEXES, FieldKind, path
from vlclip.engine.store.lexical import Sparse
from vlclip.engine.store.store import StoreInfo

log = logging.getLogger("vlclip.store")
FLUSH_EVERY = 5_000
"""Points written between two flushes; bounds the write-ahead log that a restart has to replay."""
LOCK = "open.lock"
"""File in a collection's folder, locked by the process that has the collection open."""


def lock_folder(folder: Path) -> FileLock:
    """The lock on a collection's folder, for this process; `StoreLocked` where another one has it."""
    # of the process, since another thread may close; the system frees it when the process dies
    lock = FileLock(folder / LOCK, thread_local=False, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise locked(folder) from None
    return lock


class EdgeBackend:
    """One collection in one folder. `free` gives the bytes left on its disk; tests pass another.

    Raises `StoreLocked` if another process has it open, `StoreDamaged` if it cannot be read.
    """

    dialect = DIALECT
    is_shared = False

    def __init__(
        self,
        folder: Path,
        hnsw: Hnsw,
        reserve: int = RESERVE_BYTES,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder, self._hnsw = folder, hnsw
        self._room = Room(folder, reserve, free)
        self._gate, self._roll = Gate(folder.parent), Roll(folder)
        self._unflushed = 0
        self._unwritten: Marks = {}
        self._indexing = threading.Lock()
        self._indexed: set[str] = set()
        self._closing = threading.Lock()
        self._closed = False
        with disk_errors(folder):
            self._collection = Collection.read(folder)
            check_segments(folder)  # without them the engine would start anew, empty
            # of a process that was killed, the journal is written again
            need = 0 if is_closed(folder) else disk_bytes(folder / "wal")
            self._room.check_floor(need + filled_holes(folder / "segments"), "open the store")
            self._lock = lock_folder(folder)
        try:
            self._gate.keep_open()
            with self._gate.passing(), disk_errors(folder):
                self._look_at_files()
                self._unwritten = break_seal(folder)
                read_ahead(folder)
                with translated(folder, opening=True):
                    self._shard = edge.EdgeShard.load(str(folder), shard_config(self._collection.info, hnsw))
                # of an `optimize` that was killed
                shutil.rmtree(folder / "temp_segments", ignore_errors=True)
                self._look_at_indexes()
            self.index_fields(INDEXED)
        except BaseException:
            self._gate.close()
            self._lock.release()
            raise

    @property
    def differences(self) -> Sequence[str]:
        """What `glance` saw before the collection was opened."""
        return self._differences

    def written_ids(self) -> Mapping[str, str] | None:
        """The roll."""
        with disk_errors(self._folder):
            return self._roll.read()[0] if self._roll.exists else None

    def info(self) -> StoreInfo:
        """What made the vectors."""
        return self._collection.info

    def set_info(self, info: StoreInfo) -> None:
        """Replace the collection's file."""
        collection = replace(self._collection, info=info)
        with self._gate.passing(), disk_errors(self._folder):
            collection.write(self._folder)
        self._collection = collection

    def kinds(self, *, fresh: bool = False) -> Mapping[str, FieldKind]:  # noqa: ARG002  # no one else
        """Field kinds on record."""
        return self._collection.kinds

    def add_fields(self, kinds: Mapping[str, FieldKind]) -> None:
        """Record first, then index those that most filters name; opening again completes what a kill left."""
        self._room.check(_indexes_bytes(kinds), "note new fields")
        self._note(kinds)

    def index_fields(self, names: Names[str]) -> set[str]:
        """Index recorded fields, as long as there is room on the disk and for further indexes."""
        kinds = self._collection.kinds
        wanting = [name for name in names if name in kinds and name not in self._indexed]
        if not wanting:
            return set()
        with self._indexing:
            points = self.count(None)
            for name in sorted(set(wanting) - self._indexed):
                limited = len(self._indexed) >= MAX_INDEXES and name not in INDEXED
                if limited or not self._room.has(INDEX_BYTES + VALUE_BYTES * points):
                    continue
                with self._changes():
                    operation = edge.UpdateOperation.create_field_index(path(name), SCHEMA_TYPES[kinds[name]])
                    self._shard.update(operation)
                self._indexed.add(name)
            return set(wanting) - self._indexed

    def drop_fields(self, names: Names[str]) -> None:
        """Take the names off the record, then drop their indexes."""
        self._room.check_floor(0, "drop fields")
        self._record({name: kind for name, kind in self._collection.kinds.items() if name not in names})
        with self._indexing, self._changes():
            for key in self._shard.info().payload_schema:
                if key in names or key[1:-1] in names:
                    self._shard.update(edge.UpdateOperation.delete_field_index(key))
            self._indexed -= set(names)

    def write(self, rows: Sequence[PointRow], fields: Mapping[str, FieldKind] = NO_FIELDS) -> None:
        """Add or replace points; they are in the write-ahead log once this returns."""
        size = size_of_rows(rows, self._collection.info.space.size) + _indexes_bytes(fields)
        self._room.check(size, f"write {len(rows):,} items")
        self._note(fields)
        for start in range(0, len(rows), WRITE_ROWS):
            part = rows[start : start + WRITE_ROWS]
            with self._changes():
                points = [engine_point(row) for row in part]
                self._shard.update(edge.UpdateOperation.upsert_points(points))
                self._roll.add([row.payload["id"] for row in part])
            self._unflushed += len(part)
            if self._unflushed >= FLUSH_EVERY:
                self.flush()

    def revise(self, rows: Sequence[RevisedRow], fields: Mapping[str, FieldKind] = NO_FIELDS) -> None:
        """Change payloads and words."""
        size = size_of_revised(rows, self._collection.info.space.size) + _indexes_bytes(fields)
        self._room.check(size, f"change {len(rows):,} items")
        self._note(fields)
        for start in range(0, len(rows), WRITE_ROWS):
            part = rows[start : start + WRITE_ROWS]
            with self._changes():
                for operation in revising(part):
                    self._shard.update(operation)
            self._unflushed += len(part)
            if self._unflushed >= FLUSH_EVERY:
                self.flush()

    def remove(self, ids: Sequence[str]) -> None:
        """Remove points by uuid; allowed on an almost full disk, to make room."""
        self._room.check_floor(DELETED_BYTES * len(ids), f"delete {len(ids):,} items")
        with self._changes():
            self._roll.remove(ids)  # first: what a killed process leaves is an item that is not on the roll
            self._shard.update(edge.UpdateOperation.delete_points(list(ids)))

    def fetch(self, ids: Sequence[str], payload: Paths, *, vector: bool) -> list[StoredPoint]:
        """The points among `ids` that exist."""
        with self._calls():
            records = self._shard.retrieve(list(ids), payload_paths(payload), [DENSE] if vector else False)
            return [stored_point(record, 0.0, vector=vector) for record in records]

    def page(
        self,
        after: Any | None,
        limit: int,
        where: Any | None,
        payload: Paths,
        *,
        vector: bool,
    ) -> tuple[list[StoredPoint], Any | None]:
        """The next points in the order of their uuids."""
        request = edge.ScrollRequest(
            after, limit, where, payload_paths(payload), [DENSE] if vector else False
        )
        with self._calls():
            records, after = self._shard.scroll(request)
            return [stored_point(record, 0.0, vector=vector) for record in records], after

    def query(self, searches: Sequence[VectorSearch]) -> list[list[StoredPoint]]:
        """All requests in one call."""
        with self._calls():
            return [
                [stored_point(scored, scored.score, vector=search.vector) for scored in points]
                for search, points in zip(searches, self._answers(searches), strict=True)
            ]

    def scores(self, searches: Sequence[VectorSearch]) -> list[dict[PointKey, float]]:
        """The scores by the uuids' numbers: Python compares these ten times as fast as uuids."""
        with self._calls():
            return [
                {cast("UUID", point.id).int: point.score for point in points}
                for points in self._answers(searches)
            ]

    def uuid(self, key: PointKey) -> str:
        """The uuid of a point from its key in `scores`."""
        return f"{key:032x}"

    def key(self, uuid: str) -> PointKey:
        """The key of a point in `scores` from its uuid."""
        return int(uuid.replace("-", ""), 16)

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
        """Build the graph; while it runs it needs room for about three times the vectors' size."""
        self.flush()
        if self.unindexed():
            with disk_errors(self._folder):
                size = disk_bytes(self._folder / "segments")
            self._room.check(size, "build the search graph (every item is stored, and searches are complete)")
        with self._changes():
            self._shard.optimize()
        self.flush()
        with self._changes():
            seal(self._folder, closed=False)
            if self._roll.exists:
                self._roll.shorten()
            else:
                self._roll.write(self._ids())

    def flush(self) -> None:
        """Write everything to disk and shorten the write-ahead log."""
        with self._changes():
            self._shard.flush()
        self._unflushed = 0

    def close(self) -> None:
        """Flush, close and give up the lock."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            try:
                with self._gate.passing(), translated(self._folder):
                    if not self._unwritten:
                        self._shard.flush()
                    self._shard.close()
                    # a full disk: then the files cannot be compared, nothing worse
                    with suppress(OSError, DiskFull):
                        seal(self._folder, closed=True, unwritten=self._unwritten)
            finally:
                self._gate.close()
                self._lock.release()

    def _note(self, fields: Mapping[str, FieldKind]) -> None:
        if fields:
            self._record({**self._collection.kinds, **fields})
            self.index_fields(INDEXED & fields.keys())

    def _record(self, kinds: Mapping[str, FieldKind]) -> None:
        collection = Collection(self._collection.info, kinds)
        with self._gate.passing(), disk_errors(self._folder):
            collection.write(self._folder)
        self._collection = collection

    def _look_at_indexes(self) -> None:
        """Which recorded fields have an index, and drop those that a killed `drop_fields` left."""
        with self._calls():
            schema = self._shard.info().payload_schema
            self._indexed = {
                name for name in self._collection.kinds if path(name) in schema or name in schema
            }
            for key in schema.keys() - self._indexed - set(map(path, self._indexed)):
                self._unwritten = {}
                self._shard.update(edge.UpdateOperation.delete_field_index(key))

    def _calls(self) -> AbstractContextManager[None]:
        if self._closed:
            raise StoreError(f"the store {self._folder} is closed; open it again")
        return translated(self._folder)

    @contextmanager
    def _changes(self) -> Iterator[None]:
        """As `_calls`, for what changes files: it waits while a backup is taken."""
        with self._calls(), self._gate.passing(), disk_errors(self._folder):
            self._unwritten = {}
            yield

    def _ids(self) -> Iterator[str]:
        after = None
        while True:
            points, after = self.page(after, 10_000, None, ('"id"',), vector=False)
            yield from (str(point.payload["id"]) for point in points)
            if after is None:
                return

    def _look_at_files(self) -> None:
        """Say what is wrong with them before the engine reads them: it may end the process."""
        self._differences = glance(self._folder)
        if self._differences:
            log.error(
                "files of %s are damaged (%s); if the process ends now, it is of that: vlclip doctor --deep",
                self._folder, "; ".join(self._differences),
            )  # fmt: skip

    def _answers(self, searches: Sequence[VectorSearch]) -> list[list[edge.ScoredPoint]]:
        """All in one call; a single plain one by the engine's `search`, which is a quarter faster."""
        if len(searches) == 1 and not searches[0].prefetch and not isinstance(searches[0].near, Sparse):
            return [self._shard.search(search_request(searches[0], self._hnsw))]
        batch = [query_request(search, self._hnsw) for search in searches]
        return self._shard.query_batch(edge.QueryBatchRequest(batch))


def _indexes_bytes(fields: Mapping[str, FieldKind]) -> int:
    """Bytes that the indexes of new fields take."""
    return INDEX_BYTES * len(INDEXED & fields.keys())
