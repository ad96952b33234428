"""The served engine: a Qdrant server or cluster (1.16 or newer), through qdrant-client.

The state of a store lies in the collection's metadata, one key per payload field. The server merges keys,
so two writers that add different fields do not undo each other.

`QdrantClient(":memory:")` stands in for a server in tests. It always searches exactly, and warns about
search parameters and payload indexes; so it gets neither.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, models

from vlclip.engine.errors import StoreDamaged, StoreError
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.backend import (
    DENSE,
    NO_FIELDS,
    WORDS,
    WRITE_ROWS,
    Paths,
    PointKey,
    PointRow,
    RevisedRow,
    StoredPoint,
    VectorSearch,
    outside_graph,
    width,
)
from vlclip.engine.store.conditions import Dialect
from vlclip.engine.store.fields import INDEXED, MAX_INDEXES, FieldKind, has_path, path
from vlclip.engine.store.lexical import Sparse
from vlclip.engine.store.server.errors import translated
from vlclip.engine.store.store import StoreInfo, info_form, info_from

INFO_KEY = "vlclip"
FIELD_KEY = "field:"
POLL_S = 0.5
KINDS_S = 30.0
"""How long fields that another process added may go unnoticed, unless a filter names them."""
_KINDS: dict[FieldKind, models.PayloadSchemaType] = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "number": models.PayloadSchemaType.FLOAT,
    "bool": models.PayloadSchemaType.BOOL,
}


class ServerBackend:
    """One collection on a server; `collection` is its own name, not an alias.

    Raises `StoreNotFound` if it is not there, `StoreDamaged` if something else made it.
    """

    is_shared = True
    dialect = Dialect(
        filter=models.Filter,
        field=models.FieldCondition,
        match_bool=lambda value: models.MatchValue(value=value),
        match_any=models.MatchAny,
        range=models.Range,
        has_id=lambda ids: models.HasIdCondition(has_id=ids),
    )

    def __init__(self, client: QdrantClient, collection: str, hnsw: Hnsw, poll_s: float = POLL_S) -> None:
        self._client, self._name, self._hnsw = client, collection, hnsw
        self._poll_s = poll_s
        self._local = is_local(client)
        self._info = stored_info(client, collection)
        self._kinds: Mapping[str, FieldKind] = {}
        self._kinds_until = 0.0
        self._indexed: set[str] = set()

    @property
    def differences(self) -> Sequence[str]:
        """Its files are the server's."""
        return ()

    def written_ids(self) -> Mapping[str, str] | None:
        """None: several processes write, and none of them knows all ids."""
        return None

    def info(self) -> StoreInfo:
        """What made the vectors."""
        return self._info

    def set_info(self, info: StoreInfo) -> None:
        """Replace the collection's metadata of that name; the rest stays."""
        with translated():
            self._client.update_collection(self._name, metadata={INFO_KEY: info_form(info)})
        self._info = info

    def kinds(self, *, fresh: bool = False) -> Mapping[str, FieldKind]:
        """Field kinds on record, at most `KINDS_S` old."""
        if fresh or time.monotonic() > self._kinds_until:
            self._kinds = {
                key.removeprefix(FIELD_KEY): kind
                for key, kind in _metadata(self._client, self._name).items()
                if key.startswith(FIELD_KEY)
            }
            self._kinds_until = time.monotonic() + KINDS_S
        return self._kinds

    def add_fields(self, kinds: Mapping[str, FieldKind]) -> None:
        """Index first, then record."""
        self._index({name: kind for name, kind in kinds.items() if name in INDEXED})
        with translated():
            metadata = {_field_key(name): kind for name, kind in kinds.items()}
            self._client.update_collection(self._name, metadata=metadata)
        self._kinds_until = 0.0

    def index_fields(self, names: Collection[str]) -> set[str]:
        """Index recorded fields, after a look at what other processes have indexed."""
        if self._local:
            return set()
        kinds = self.kinds()
        wanting = {name: kinds[name] for name in names if name in kinds and name not in self._indexed}
        if not wanting:
            return set()
        with translated():
            schema = self._client.get_collection(self._name).payload_schema
        self._indexed = {name for name in kinds if path(name) in schema or name in schema}
        room = max(0, MAX_INDEXES - len(self._indexed))
        self._index(
            dict([(name, kind) for name, kind in wanting.items() if name not in self._indexed][:room])
        )
        return wanting.keys() - self._indexed

    def drop_fields(self, names: Collection[str]) -> None:
        """Take the names off the record, then drop the indexes; a null removes a key of the metadata."""
        with translated():
            self._client.update_collection(self._name, metadata=dict.fromkeys(map(_field_key, names)))
            if not self._local:
                schema = self._client.get_collection(self._name).payload_schema
                for key in {key for name in names for key in (name, path(name))} & schema.keys():
                    self._client.delete_payload_index(self._name, key, wait=True)
        self._indexed -= set(names)
        self._kinds_until = 0.0

    def _index(self, kinds: Mapping[str, FieldKind]) -> None:
        if self._local:
            return
        with translated():
            for name, kind in kinds.items():
                self._client.create_payload_index(self._name, path(name), _KINDS[kind], wait=True)
                self._indexed.add(name)

    def write(self, rows: Sequence[PointRow], fields: Mapping[str, FieldKind] = NO_FIELDS) -> None:
        """Add or replace points; applied on the server once this returns."""
        if fields:
            self.add_fields(fields)
        for start in range(0, len(rows), WRITE_ROWS):
            points = [
                models.PointStruct(id=row.id, vector=_point_vectors(row), payload=row.payload)
                for row in rows[start : start + WRITE_ROWS]
            ]
            with translated():
                self._client.upsert(self._name, points, wait=True)

    def revise(self, rows: Sequence[RevisedRow], fields: Mapping[str, FieldKind] = NO_FIELDS) -> None:
        """Change payloads and words; field by field, so that two processes may change fields of one item."""
        if fields:
            self.add_fields(fields)
        for start in range(0, len(rows), WRITE_ROWS):
            operations = list(chain.from_iterable(map(_revising, rows[start : start + WRITE_ROWS])))
            with translated():
                self._client.batch_update_points(self._name, operations, wait=True)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove points by uuid."""
        with translated():
            self._client.delete(self._name, models.PointIdsList(points=list(ids)), wait=True)

    def fetch(self, ids: Sequence[str], payload: Paths, *, vector: bool) -> list[StoredPoint]:
        """The points among `ids` that exist."""
        with translated():
            records = self._client.retrieve(
                self._name, list(ids), with_payload=_payload(payload), with_vectors=_vectors(vector)
            )
        return [_stored_point(record, 0.0) for record in records]

    def page(
        self, after: Any | None, limit: int, where: Any | None, payload: Paths, *, vector: bool
    ) -> tuple[list[StoredPoint], Any | None]:
        """The next points in the order of their uuids."""
        with translated():
            records, after = self._client.scroll(
                self._name,
                scroll_filter=where,
                limit=limit,
                offset=after,
                with_payload=_payload(payload),
                with_vectors=_vectors(vector),
            )
        return [_stored_point(record, 0.0) for record in records], after

    def query(self, requests: Sequence[VectorSearch]) -> list[list[StoredPoint]]:
        """All requests in one call."""
        with translated():
            answers = self._client.query_batch_points(
                self._name, [self._query(request) for request in requests]
            )
        return [[_stored_point(point, point.score) for point in answer.points] for answer in answers]

    def scores(self, requests: Sequence[VectorSearch]) -> list[dict[PointKey, float]]:
        """The same, but only which points and their scores."""
        return [{point.id: point.score for point in points} for points in self.query(requests)]

    def uuid(self, key: PointKey) -> str:
        """The uuid of a point from its key in `scores`: the key itself."""
        return str(key)

    def key(self, uuid: str) -> PointKey:
        """The key of a point in `scores`: its uuid."""
        return uuid

    def count(self, where: Any | None) -> int:
        """How many points fit, exactly."""
        with translated():
            return self._client.count(self._name, count_filter=where, exact=True).count

    def facet(self, path: str, limit: int, where: Any | None) -> dict[str, int]:
        """The commonest values of an indexed keyword field."""
        with translated():
            answer = self._client.facet(self._name, path, facet_filter=where, limit=limit, exact=True)
        return {str(hit.value): hit.count for hit in answer.hits}

    def unindexed(self) -> int:
        """Points outside the graph."""
        with translated():
            state = self._client.get_collection(self._name)
        return outside_graph(state.points_count or 0, state.indexed_vectors_count or 0)

    def optimize(self) -> None:
        """Wait until the server's own optimizers are done; wake them if they sleep."""
        green = 0
        while green < 2:  # twice: right after a write they may not have started yet
            with translated():
                state = self._client.get_collection(self._name)
            green = green + 1 if state.status == models.CollectionStatus.GREEN else 0
            if state.status == models.CollectionStatus.RED:
                raise StoreError(f"the server cannot index {self._name}: {state.optimizer_status}")
            if state.status == models.CollectionStatus.GREY:
                with translated():
                    self._client.update_collection(
                        self._name, optimizers_config=models.OptimizersConfigDiff()
                    )
            if not self._local:
                time.sleep(self._poll_s)

    def flush(self) -> None:
        """Nothing to do: the server keeps its own write-ahead log."""

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _query(self, request: VectorSearch) -> models.QueryRequest:
        return models.QueryRequest(
            query=_near(request),
            using=_using(request),
            prefetch=[self._prefetch(inner) for inner in request.prefetch] or None,
            filter=request.where,
            params=self._params(request),
            limit=request.limit,
            offset=request.offset,
            with_payload=_payload(request.payload),
            with_vector=_vectors(request.vector),
        )

    def _prefetch(self, request: VectorSearch) -> models.Prefetch:
        return models.Prefetch(
            prefetch=[self._prefetch(inner) for inner in request.prefetch] or None,
            query=_near(request),
            using=_using(request),
            filter=request.where,
            params=self._params(request),
            limit=request.limit,
        )

    def _params(self, request: VectorSearch) -> models.SearchParams | None:
        if self._local:
            return None
        ef, oversampling = width(request, self._hnsw)
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=oversampling)
        return models.SearchParams(hnsw_ef=ef, exact=request.exact, quantization=rescored)


def is_local(client: QdrantClient) -> bool:
    """Whether the client is qdrant-client's own stand-in for a server."""
    return bool(client.init_options.get("location") == ":memory:")


def stored_info(client: QdrantClient, name: str) -> StoreInfo:
    """What made the vectors of a collection."""
    try:
        return info_from(_metadata(client, name)[INFO_KEY])
    except (KeyError, TypeError, ValueError):
        raise StoreDamaged(
            f"the collection {name!r} was not made by vlclip, or by another version; choose another "
            "name with the setting server.collection"
        ) from None


def _field_key(name: str) -> str:
    return FIELD_KEY + name


def _metadata(client: QdrantClient, name: str) -> dict[str, Any]:
    with translated():
        return dict(client.get_collection(name).config.metadata or {})


def _point_vectors(row: PointRow) -> dict[str, Any]:
    """A text without words gets no vector of words: zeros would count among the documents of the IDF."""
    words = {WORDS: _sparse(row.words)} if row.words else {}
    return {DENSE: row.vector, **words}


def _revising(row: RevisedRow) -> Iterator[models.UpdateOperation]:
    """Words first: where the second operation does not come to pass, the old payload shows it."""
    points = [row.id]
    if row.words:
        words = models.PointVectors(id=row.id, vector={WORDS: _sparse(row.words)})
        yield models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(points=[words]))
    elif row.words is not None:
        nothing = models.DeleteVectors(points=points, vector=[WORDS])
        yield models.DeleteVectorsOperation(delete_vectors=nothing)
    if not all(map(has_path, row.removed)):  # a name that no path can name
        payload = models.SetPayload(payload=row.payload, points=points)
        yield models.OverwritePayloadOperation(overwrite_payload=payload)
        return
    if row.fields:
        fields = models.SetPayload(payload=row.fields, points=points)
        yield models.SetPayloadOperation(set_payload=fields)
    if row.removed:
        removed = models.DeletePayload(keys=[path(name) for name in row.removed], points=points)
        yield models.DeletePayloadOperation(delete_payload=removed)


def _sparse(words: Sparse) -> models.SparseVector:
    return models.SparseVector(indices=words.indices, values=words.values)


def _near(request: VectorSearch) -> Any:
    return _sparse(request.near) if isinstance(request.near, Sparse) else request.near


def _using(request: VectorSearch) -> str:
    return WORDS if isinstance(request.near, Sparse) else DENSE


def _payload(paths: Paths) -> bool | list[str]:
    return True if paths is None else list(paths) or False


def _vectors(with_vector: bool) -> bool | list[str]:  # noqa: FBT001  # a switch in one place
    return [DENSE] if with_vector else False


def _stored_point(point: models.ScoredPoint | models.Record, score: float) -> StoredPoint:
    dense = point.vector.get(DENSE) if isinstance(point.vector, dict) else None
    read = None if dense is None else partial(np.asarray, dense, dtype=np.float32)
    return StoredPoint(point.id, score, point.payload or {}, read)
