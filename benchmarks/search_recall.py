"""How many of the true top k a search finds, and how fast.

    python benchmarks/search_recall.py --store FOLDER --catalogue SOURCE --queries 1000 --k 10
    python benchmarks/search_recall.py --synthetic 40000          # no store needed

The truth is a dot product with every stored vector, in NumPy. A hit counts if its true score is
within 1e-6 of the k-th best: items of equal score are equally right. With the catalogue that the store
was made from, its titles are asked as text searches and its photos, mirrored and cut to nine tenths,
as photo searches. Latencies are one query at a
time, through `Store.search`; NumPy's is one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: the reference is one thread
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from PIL import Image, ImageOps

from vlclip.engine.filters import Condition, Filter
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits
from vlclip.engine.space import Floats, FusedSpace, Segment
from vlclip.engine.store.store import Point, Query, Record, Store, StoreInfo
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings

TIE = 1e-6
FILTER_FIELDS = ("product_type", "brand")
CUT = 0.05
Embed = Callable[[Sequence[Record]], Mapping[str, Floats]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is stored: records without vectors, and their vectors `(n, size)` in the same order."""

    records: list[Record]
    vectors: Floats
    space: FusedSpace


@dataclass(frozen=True, slots=True)
class Question:
    """One query, and the rows of the corpus that may answer it."""

    query: Query
    allowed: np.ndarray | slice


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table."""

    kind: str
    queries: int
    overlap: float
    p50_ms: float
    p99_ms: float
    numpy_p50_ms: float


def no_embedder(records: Sequence[Record]) -> Mapping[str, Floats]:
    """No queries that go through an encoder."""
    del records
    return {}


def catalogue_embedder(source: str, store: Store, settings: Settings) -> Embed:
    """Text and photo searches made of the titles and photos of `source`, by the store's own encoder."""
    embedder = Encoders(settings, store.info).load()
    weights = {"image": settings.search.image_weight, "text": settings.search.text_weight}
    catalogue = open_catalogue(source)
    columns = map_columns(catalogue)

    def fused(**query: Any) -> Floats:
        return store.info.space.query_vector(embedder.embed_query(**query), weights)

    def embed(records: Sequence[Record]) -> Mapping[str, Floats]:
        ids = {record.id for record in records}
        items = [e.item for e in catalogue.entries(columns) if e.item is not None and e.id in ids]
        photos = [item.image for item in items if isinstance(item.image, bytes)]
        return {
            "text search": np.stack([fused(text=item.title) for item in items if item.title]),
            "photo search": np.stack([fused(photo=_taken_again(photo)) for photo in photos]),
        }

    return embed


def _taken_again(photo: bytes) -> Image.Image:
    decoded = ImageOps.mirror(decode(photo, Limits()))
    width, height = decoded.size
    return decoded.crop(
        (int(width * CUT), int(height * CUT), int(width * (1 - CUT)), int(height * (1 - CUT)))
    )


def read(store: Store) -> Corpus:
    """Every stored vector and its record."""
    records, blocks = [], []
    for batch in store.scan(with_vector=True):
        records += [Record(record.id, record.payload) for record in batch]
        blocks.append(np.stack([record.vector for record in batch if record.vector is not None]))
    return Corpus(records, np.concatenate(blocks), store.info.space)


def similar(corpus: Corpus, rows: np.ndarray, weights: Mapping[str, float], k: int) -> Iterator[Question]:
    """'More like this': the stored vectors of `rows`, weighted, themselves left out."""
    spans = corpus.space.slices()
    for row in rows:
        vector = np.zeros(corpus.space.size, dtype=np.float32)
        for name, weight in weights.items():
            vector[spans[name]] = weight * corpus.vectors[row, spans[name]]
        if vector.any():
            allowed = np.delete(np.arange(len(corpus.vectors)), row)
            yield Question(Query(vector=vector, limit=k, exclude=(corpus.records[row].id,)), allowed)


def filtered(corpus: Corpus, rows: np.ndarray, field: str, k: int) -> Iterator[Question]:
    """The stored vectors of `rows` among the items that share their value of `field`."""
    values = np.array([str(record.payload.get(field, "")) for record in corpus.records])
    for row in rows:
        if values[row]:
            only = Filter((Condition(field, "any", (str(values[row]),)),))
            query = Query(vector=corpus.vectors[row], limit=k, filter=only)
            yield Question(query, np.flatnonzero(values == values[row]))


def kinds(
    corpus: Corpus, rng: np.random.Generator, count: int, k: int, embed: Embed
) -> Iterator[tuple[str, list[Question]]]:
    """Every kind of query this corpus can be asked."""
    some = rng.choice(len(corpus.records), min(count, len(corpus.records)), replace=False)
    names = corpus.space.names
    yield "similar-blend", list(similar(corpus, some, dict.fromkeys(names, 1.0), k))
    for name in names:
        yield f"similar-{name}", list(similar(corpus, some, {name: 1.0}, k))
    for name, span in corpus.space.slices().items():
        lacking = np.flatnonzero(~corpus.vectors[:, span].any(axis=1))
        if len(lacking) >= k:
            rows = rng.choice(lacking, min(count, len(lacking)), replace=False)
            questions = [Question(Query(vector=corpus.vectors[row], limit=k), slice(None)) for row in rows]
            yield f"itself, no {name}", questions
    for field in FILTER_FIELDS:
        if any(field in record.payload for record in corpus.records[:1000]):
            yield f"filtered by {field}", list(filtered(corpus, some, field, k))
    for kind, vectors in embed([corpus.records[row] for row in some]).items():
        yield kind, [Question(Query(vector=vector, limit=k), slice(None)) for vector in vectors]


def measure(store: Store, corpus: Corpus, kind: str, questions: Sequence[Question], k: int) -> Measured:
    """Ask every query of one kind, and work out the truth."""
    row_of = {record.id: row for row, record in enumerate(corpus.records)}
    shares, ours, numpys = [], [], []
    store.search([each.query for each in questions[:10]])  # warm up
    for each in questions:
        vector = np.asarray(each.query.vector)
        start = time.perf_counter()
        (hits,) = store.search([each.query])
        middle = time.perf_counter()
        scores = corpus.vectors @ vector
        best = min(k, len(scores))
        np.argpartition(scores, -best)
        numpys.append(time.perf_counter() - middle)
        ours.append(middle - start)
        allowed = np.sort(scores[each.allowed])[::-1][:k]
        right = sum(scores[row_of[hit.id]] >= allowed[-1] - TIE for hit in hits)
        shares.append(right / len(allowed) if len(allowed) else 1.0)
    p50, p99 = np.quantile(ours, [0.5, 0.99]) * 1000
    return Measured(
        kind, len(questions), float(np.mean(shares)), float(p50), float(p99), float(np.median(numpys) * 1000)
    )


def synthetic(count: int, rng: np.random.Generator) -> tuple[StoreInfo, Iterator[list[Point]]]:
    """`count` made-up items whose vectors lie as CLIP's do: clusters in a narrow, anisotropic cone.

    Photo and text agree on the cluster for 8 items in 10; 2 in 100 have no photo.
    """
    size, clusters = 256, max(1, count // 100)
    space = FusedSpace((Segment("image", size), Segment("text", size)))
    label = rng.integers(0, clusters, count)
    other = np.where(rng.random(count) < 0.8, label, rng.integers(0, clusters, count))
    spread = np.linspace(1.0, 0.1, size)

    def segment(labels: np.ndarray) -> Floats:
        centres = rng.standard_normal((clusters, size)) * spread
        rows = centres[labels] + 0.7 * rng.standard_normal((count, size)) * spread
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows[:, :5] += 0.5  # a few dimensions are large in every vector
        return np.asarray(rows, dtype=np.float32)

    image = segment(label)
    image[rng.random(count) < 0.02] = 0
    vectors = space.item_vectors({"image": image, "text": segment(other)}, count)

    def batches() -> Iterator[list[Point]]:
        for start in range(0, count, 256):
            yield [
                Point(
                    id=f"item-{row}",
                    vector=vectors[row],
                    lexical=f"product {row} type {label[row]}",
                    payload={"product_type": f"type {label[row]}", "brand": f"brand {row % 20}"},
                )
                for row in range(start, min(start + 256, count))
            ]

    return StoreInfo("5ca1ab1e", space, {"image": "synthetic", "text": "synthetic"}), batches()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--store", help="folder or URL of an existing store")
    where.add_argument("--synthetic", type=int, metavar="N", help="build a store of N made-up items")
    parser.add_argument("--catalogue", help="what the store was made from, for text and photo searches")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args(arguments)
    settings, rng = Settings.load(), np.random.default_rng(options.seed)
    embed: Embed = no_embedder
    with tempfile.TemporaryDirectory() as folder:
        if options.synthetic:
            info, batches = synthetic(options.synthetic, rng)
            store = open_store(f"{folder}/store", settings, create=info)
            for batch in batches:
                store.upsert(batch)
            store.optimize()
        else:
            store = open_store(options.store, settings)
            if options.catalogue:
                embed = catalogue_embedder(options.catalogue, store, settings)
        corpus = read(store)
        lines = [
            measure(store, corpus, kind, queries, options.k)
            for kind, queries in kinds(corpus, rng, options.queries, options.k, embed)
        ]
        store.close()
    about = {
        "store": options.store or f"synthetic, {options.synthetic} items",
        "items": len(corpus.records),
        "size": corpus.space.size,
        "k": options.k,
        "hnsw": settings.hnsw.model_dump(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    if options.json:
        print(json.dumps({**about, "kinds": [asdict(line) for line in lines]}))
        return
    print(f"{about['store']}: {about['items']:,} items of {about['size']}, {about['machine']}")
    overlap = f"overlap@{options.k}"
    print(f"{'kind':28} {'queries':>8} {overlap:>11} {'p50 ms':>8} {'p99 ms':>8} {'NumPy p50':>10}")
    for line in lines:
        print(
            f"{line.kind:28} {line.queries:8} {line.overlap:11.4f} {line.p50_ms:8.2f} {line.p99_ms:8.2f} "
            f"{line.numpy_p50_ms:10.2f}"
        )


if __name__ == "__main__":
    main()
