"""Indexes that can be asked the same: ours, Qdrant Edge by itself, and others built of the same vectors.

Those with a graph are built with the edges and candidates of the settings. "Leave this row out" is a
condition of the search where an index has such, else one more result is asked for and the row dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import hnswlib
import lancedb
import numpy as np
import pyarrow as pa
import qdrant_edge as edge
from lancedb.index import HnswFlat
from qdrant_client import QdrantClient, models

from vlclip.engine.item import point_id
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.space import Floats
from vlclip.engine.store.backend import DENSE
from vlclip.engine.store.edge.backend import EdgeBackend
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.store import Query
from vlclip.ranking.lists.recommender import Recommender
from vlclip.service.settings import Settings

K = 10
FIELDS = ("id", "title", "product_type", "base_colour")
"""Fields LanceDB has as columns and brings along."""

Ask = Callable[[Floats, int | None], Sequence[int]]
"""A query vector and the row to leave out, if any, to rows, best first."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Ids, vectors `(n, size)` and payloads in the same order."""

    ids: list[str]
    vectors: Floats
    payloads: list[dict[str, Any]]

    @classmethod
    def read(cls, store: QdrantStore) -> Corpus:
        """Everything the store holds."""
        records = [record for batch in store.scan(with_vector=True) for record in batch]
        vectors = np.stack([record.vector for record in records if record.vector is not None])
        return cls([hit.id for hit in records], vectors, [dict(hit.payload) for hit in records])


@dataclass(slots=True)
class Index:
    """One way to ask. `widen` sets how widely it searches, where that is to be found out."""

    name: str
    ask: Ask
    widen: Callable[[int], None] | None = None
    by_id: bool = False
    built_s: float | None = None
    built_mb: float | None = None
    width: dict[str, int] = field(default_factory=dict)
    took: dict[str, list[float]] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)


def bare_edge(name: str, store: QdrantStore, corpus: Corpus, ef: int) -> Index:
    """The engine's own calls on the store's own collection; the request is what the store sends."""
    backend = store._backend  # noqa: SLF001 - nothing public gives the engine away
    assert isinstance(backend, EdgeBackend)
    shard, row_of = backend._shard, {point_id(item_id): row for row, item_id in enumerate(corpus.ids)}  # noqa: SLF001
    chosen = {"ef": ef}

    def ask(vector: Floats, own: int | None) -> Sequence[int]:
        without = (
            None if own is None else edge.Filter(must_not=[edge.HasIdCondition({point_id(corpus.ids[own])})])
        )
        request = edge.SearchRequest(
            query=edge.Query.Nearest(vector.tolist(), using=DENSE),
            limit=K,
            filter=without,
            with_payload=True,
            params=edge.SearchParams(
                hnsw_ef=chosen["ef"],
                quantization=edge.QuantizationSearchParams(rescore=True, oversampling=chosen["ef"] / K),
            ),
        )
        return [row_of[str(hit.id)] for hit in shard.search(request) if hit.payload]

    return Index(name, ask, lambda ef: chosen.update(ef=ef))


def looked_up_edge(bare: Index, store: QdrantStore, corpus: Corpus) -> Index:
    """The same, the item's vector read first, as whoever knows an id only has to."""
    backend = store._backend  # noqa: SLF001
    assert isinstance(backend, EdgeBackend)
    shard = backend._shard  # noqa: SLF001

    def ask(vector: Floats, own: int | None) -> Sequence[int]:
        if own is not None:
            (record,) = shard.retrieve([point_id(corpus.ids[own])], with_payload=False, with_vector=[DENSE])
            vector = np.asarray(record.vector[DENSE], dtype=np.float32)
        return bare.ask(vector, own)

    return Index("Qdrant Edge, bare, the item's vector read first", ask, by_id=True)


def ours(store: QdrantStore, corpus: Corpus, settings: Settings) -> list[Index]:
    """A search of the store, and a list of the recommender, which knows ids only, without and with parts."""
    row_of = {item: row for row, item in enumerate(corpus.ids)}
    recommender = Recommender(store, Encoders(settings, store.info).load, settings.search)

    def search(vector: Floats, own: int | None) -> Sequence[int]:
        exclude = () if own is None else (corpus.ids[own],)
        (hits,) = store.search([Query(vector=vector, limit=K, exclude=exclude)])
        return [row_of[hit.id] for hit in hits]

    def similar(vector: Floats, own: int | None) -> Sequence[int]:
        del vector
        return [row_of[item.id] for item in recommender.similar(corpus.ids[own or 0])]

    def explained(vector: Floats, own: int | None) -> Sequence[int]:
        del vector
        return [row_of[item.id] for item in recommender.similar(corpus.ids[own or 0]) if item.parts]

    return [
        Index("vlclip, Store.search", search),
        Index("vlclip, Recommender.similar", similar, by_id=True),
        Index("vlclip, Recommender.similar, the scores' parts read", explained, by_id=True),
    ]


def hnswlib_index(corpus: Corpus, settings: Settings) -> Index:
    index = hnswlib.Index(space="ip", dim=corpus.vectors.shape[1])
    index.init_index(len(corpus.vectors), M=settings.hnsw.m, ef_construction=settings.hnsw.ef_construct)
    index.set_num_threads(1)
    index.add_items(corpus.vectors)
    return Index(
        "hnswlib", lambda vector, own: _without(own, index.knn_query(vector, K + (own is not None))[0][0]),
        index.set_ef,
    )  # fmt: skip


def faiss_index(corpus: Corpus, settings: Settings) -> Index:
    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWFlat(corpus.vectors.shape[1], settings.hnsw.m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = settings.hnsw.ef_construct
    index.add(corpus.vectors)
    return Index(
        "FAISS, IndexHNSWFlat",
        lambda vector, own: _without(own, index.search(vector[None], K + (own is not None))[1][0]),
        lambda ef: setattr(index.hnsw, "efSearch", ef),
    )


def lance_index(corpus: Corpus, settings: Settings, folder: Path) -> Index:
    columns = {name: [str(payload.get(name, "")) for payload in corpus.payloads] for name in FIELDS}
    vectors = pa.FixedSizeListArray.from_arrays(corpus.vectors.ravel(), corpus.vectors.shape[1])
    rows = pa.table({"row": np.arange(len(corpus.ids)), "vector": vectors, **columns})
    table = lancedb.connect(folder).create_table("items", rows)
    graph = HnswFlat(
        distance_type="dot", num_partitions=1, m=settings.hnsw.m, ef_construction=settings.hnsw.ef_construct
    )
    table.create_index("vector", config=graph)
    chosen = {"ef": K}

    def ask(vector: Floats, own: int | None) -> Sequence[int]:
        limit = K + (own is not None)
        query = table.search(vector, vector_column_name="vector").distance_type("dot").limit(limit)
        rows = query.ef(max(chosen["ef"], limit)).select(["row", *FIELDS, "_distance"]).to_list()
        return _without(own, [row["row"] for row in rows])

    return Index("LanceDB, IVF_HNSW_FLAT", ask, lambda ef: chosen.update(ef=ef))


def local_index(corpus: Corpus) -> Index:
    client = QdrantClient(":memory:")
    params = models.VectorParams(size=corpus.vectors.shape[1], distance=models.Distance.DOT)
    client.create_collection("items", params)
    client.upload_collection("items", corpus.vectors, corpus.payloads, range(len(corpus.ids)))

    def ask(vector: Floats, own: int | None) -> Sequence[int]:
        without = None if own is None else models.Filter(must_not=[models.HasIdCondition(has_id=[own])])
        return [int(point.id) for point in client.query_points("items", vector, query_filter=without).points]

    return Index("qdrant-client in memory, exact", ask)


def numpy_index(corpus: Corpus) -> Index:
    def ask(vector: Floats, own: int | None) -> Sequence[int]:
        scores = corpus.vectors @ vector
        best = np.argpartition(scores, -K - 1)[-K - 1 :]
        return _without(own, best[np.argsort(-scores[best])])

    return Index("NumPy, exact", ask)


def _without(own: int | None, rows: Sequence[int]) -> list[int]:
    return [int(row) for row in rows if row != own][:K]
