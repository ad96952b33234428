"""One search, asked of several indexes in turn: more like an item, and words by their vector.

    python benchmarks/index.py --store ./store --queries 500

All hold the vectors of `--store` and are asked the same queries for the same ten, one after the other for
every query, in an order that changes, in one process with one thread each where that can be set. Those that
are not ours are built here with the same edges and candidates as ours, and search as narrowly as finds 99 %
of the true ten of 200 other queries. The truth is a dot product with every vector; equal scores are equally
right. "More like an item" leaves the item itself out: ours and Qdrant's by a condition, the others by one
more result. Ratios are of medians, over Qdrant Edge asked bare.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and the indexes
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("LANCE_CPU_THREADS", "1")

import faiss
import hnswlib
import lancedb
import numpy as np
import pyarrow as pa
import qdrant_edge as edge
from lancedb.index import HnswFlat
from qdrant_client import QdrantClient, models

from engine.item import point_id
from engine.settings import Settings
from engine.space import Floats
from engine.store.backend import DENSE
from engine.store.edge import EdgeBackend
from engine.store.opening import open_store
from engine.store.qdrant import QdrantStore
from engine.store.store import Query
from ranking.recommender import Recommender
from service.wiring import Encoders

K = 10
TIE = 1e-5
ENOUGH = 0.99
WIDTHS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
TUNED_ON = 200
SHOWN = ("id", "title", "product_type", "base_colour")
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
        return cls([one.id for one in records], vectors, [dict(one.payload) for one in records])


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
    shard, row_of = backend._shard, {point_id(one): row for row, one in enumerate(corpus.ids)}  # noqa: SLF001
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
    """A search of the store, and a whole list of the recommender, which knows ids only."""
    row_of = {one: row for row, one in enumerate(corpus.ids)}
    recommender = Recommender(store, Encoders(settings, store.info).load, settings.search)

    def search(vector: Floats, own: int | None) -> Sequence[int]:
        exclude = () if own is None else (corpus.ids[own],)
        (hits,) = store.search([Query(vector=vector, limit=K, exclude=exclude)])
        return [row_of[hit.id] for hit in hits]

    def similar(vector: Floats, own: int | None) -> Sequence[int]:
        del vector
        return [row_of[one.id] for one in recommender.similar(corpus.ids[own or 0])]

    return [Index("vlclip, Store.search", search), Index("vlclip, Recommender.similar", similar, by_id=True)]


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
    columns = {name: [str(payload.get(name, "")) for payload in corpus.payloads] for name in SHOWN}
    vectors = pa.FixedSizeListArray.from_arrays(corpus.vectors.ravel(), corpus.vectors.shape[1])
    rows = pa.table({"row": np.arange(len(corpus.ids)), "vector": vectors, **columns})
    table = lancedb.connect(folder).create_table("items", rows)
    graph = HnswFlat(
        distance_type="dot", num_partitions=1, m=settings.hnsw.m, ef_construction=settings.hnsw.ef_construct
    )
    table.create_index("vector", config=graph)
    chosen = {"ef": K}

    def ask(vector: Floats, own: int | None) -> Sequence[int]:
        wanted = K + (own is not None)
        asked = table.search(vector, vector_column_name="vector").distance_type("dot").limit(wanted)
        found = asked.ef(max(chosen["ef"], wanted)).select(["row", *SHOWN, "_distance"]).to_list()
        return _without(own, [one["row"] for one in found])

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


def built(make: Callable[[], Index]) -> Index:
    """The index with how long it took and how much larger this process became."""
    before, start = _resident_mb(), time.perf_counter()
    index = make()
    index.built_s, index.built_mb = time.perf_counter() - start, _resident_mb() - before
    return index


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries `(q, size)` of one kind, the rows they leave out, and the score of each's true tenth."""

    vectors: Floats
    own: list[int | None]
    least: Floats

    @classmethod
    def of(cls, corpus: Corpus, vectors: Floats, own: Sequence[int | None]) -> Asked:
        """With the truth worked out."""
        least = np.empty(len(vectors), dtype=np.float32)
        for n, vector in enumerate(vectors):
            scores = corpus.vectors @ vector
            if (row := own[n]) is not None:
                scores[row] = -np.inf
            least[n] = np.partition(scores, -K)[-K]
        return cls(vectors, list(own), least)

    def right(self, corpus: Corpus, ask: Ask, among: range) -> float:
        """The share of the ten that are among the ten best."""
        hits = 0
        for n in among:
            found = ask(self.vectors[n], self.own[n])
            hits += int((corpus.vectors[list(found)] @ self.vectors[n] >= self.least[n] - TIE).sum())
        return hits / (K * len(among))


def questions(store: QdrantStore, corpus: Corpus, settings: Settings, count: int) -> dict[str, Asked]:
    """Items' own vectors, and their titles as words; the last `TUNED_ON` are for tuning."""
    embedder, space = Encoders(settings, store.info).load(), store.info.space
    weights = {"image": settings.search.image_weight, "text": settings.search.text_weight}
    rows = np.random.default_rng(0).choice(len(corpus.ids), count + TUNED_ON, replace=False).tolist()
    titles = [str(corpus.payloads[row].get("title") or corpus.ids[row]) for row in rows]
    words = np.stack([space.query_vector(embedder.embed_query(text=text), weights) for text in titles])
    return {
        "similar": Asked.of(corpus, corpus.vectors[rows], rows),
        "words": Asked.of(corpus, words, [None] * len(rows)),
    }


def tune(index: Index, kind: str, asked: Asked, corpus: Corpus, count: int) -> None:
    """Search as narrowly as finds enough."""
    assert index.widen is not None
    for width in WIDTHS:
        index.widen(width)
        index.width[kind] = width
        if asked.right(corpus, index.ask, range(count, count + TUNED_ON)) >= ENOUGH:
            return


def race(indexes: Sequence[Index], kind: str, asked: Asked, corpus: Corpus, count: int) -> None:
    """Every query of one kind to every index in turn, an index later in the order each time."""
    for index in indexes:
        index.right[kind] = asked.right(corpus, index.ask, range(count))
        index.took[kind] = []
    for n in range(count):
        turn = n % len(indexes)
        for index in (*indexes[turn:], *indexes[:turn]):
            began = time.perf_counter()
            index.ask(asked.vectors[n], asked.own[n])
            index.took[kind].append(1000 * (time.perf_counter() - began))


def main() -> None:
    """Build, tune, ask, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="folder of a store")
    parser.add_argument("--queries", type=int, default=500)
    given = parser.parse_args()
    settings = Settings.load(store=given.store)
    with tempfile.TemporaryDirectory() as folder, closing(open_store(given.store, settings)) as store:
        corpus = Corpus.read(store)
        asked, ef = questions(store, corpus, settings, given.queries), settings.hnsw.ef
        bare = bare_edge("Qdrant Edge, bare", store, corpus, ef)
        bare.width = dict.fromkeys(asked, ef)
        narrow = bare_edge("Qdrant Edge, bare, narrower", store, corpus, ef)
        others = [
            built(lambda: hnswlib_index(corpus, settings)),
            built(lambda: faiss_index(corpus, settings)),
            built(lambda: lance_index(corpus, settings, Path(folder))),
            built(lambda: local_index(corpus)),
        ]
        listed = [
            bare, looked_up_edge(bare, store, corpus), *ours(store, corpus, settings),
            narrow, *others, numpy_index(corpus),
        ]  # fmt: skip
        for kind, queries in asked.items():
            racing = [index for index in listed if kind == "similar" or not index.by_id]
            for index in racing:
                if index.widen is not None and index is not bare:
                    tune(index, kind, queries, corpus, given.queries)
            race(racing, kind, queries, corpus, given.queries)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{len(corpus.ids):,} items of {corpus.vectors.shape[1]}, {machine}\n")
    print("\n".join(table(listed, bare)))


def table(indexes: Sequence[Index], bare: Index) -> Iterator[str]:
    """A line an index, Markdown."""
    yield (
        "| | similar: ef | recall@10 | p50 ms | over bare | words: ef | recall@10 | p50 ms | over bare "
        "| built s | MB |"
    )
    yield "|---" * 11 + "|"
    for index in indexes:
        cells = []
        for kind, base in bare.took.items():
            if kind not in index.took:
                cells += ["", "", "", ""]
                continue
            middle = float(np.median(index.took[kind]))
            ratio = middle / float(np.median(base))
            cells += [
                str(index.width.get(kind, "")),
                f"{index.right[kind]:.4f}",
                f"{middle:.2f}",
                f"{ratio:.2f}",
            ]
        cells += ["" if one is None else f"{one:.0f}" for one in (index.built_s, index.built_mb)]
        yield f"| {index.name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
