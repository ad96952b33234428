"""What a text search costs beside the least it could: encoding its words and asking the engine.

    python benchmarks/text_search.py --store ./store --catalogue fashion

The store is a folder, opened alone. Queries are titles; what is compared takes turns, query by query, with
the same vector, ef, limit and payload. *Bare dense* is one search of the engine's for the vector, *bare
both* one batch of it and of the words. Neither says which items are best by both together, which is what a
text search answers. *Encode* is PyTorch's, as one would put it beside an index by hand; *encode by onnx* is
what a service and our text search here do, where ONNX Runtime is installed. CPU milliseconds are of the whole
process, and say more than the clock where other work takes turns with ours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread a query

from text_encoding import titles

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.store.backend import VectorSearch
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.lexical import WordEncoder
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.recommender import Recommender
from vlclip.service.settings import Settings

BASES = {"encode + bare dense": ("encode", "bare dense"), "encode + bare both": ("encode", "bare both")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="a folder")
    parser.add_argument("--catalogue", required=True, help="whose titles are asked")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--limit", type=int, default=10)
    args = parser.parse_args()
    settings = Settings.load(store=args.store)
    shelf = FolderShelf(Path(args.store), settings.hnsw)
    name = shelf.current()
    if name is None:
        parser.error(f"{args.store} holds no store; make one: vlclip ingest CATALOGUE --store {args.store}")
    backend = shelf.open(name)
    store = QdrantStore(backend)
    encoders = Encoders(settings, store.info, settings.search.query_threads)
    word_encoder = WordEncoder(store.info.language)
    embedder = encoders.load()
    recommender = Recommender(store, lambda: embedder, settings.search)
    weights = {"image": settings.search.image_weight, "text": settings.search.text_weight}
    queries = titles(args.catalogue, args.queries)

    def dense(text: str) -> VectorSearch:
        return VectorSearch(near=vectors[text], limit=args.limit, payload=None)

    def words(text: str) -> VectorSearch:
        return VectorSearch(near=word_encoder.encode_query(text), limit=args.limit, payload=None)

    vectors = {
        text: store.info.space.query_vector(embedder.embed_query(text=text), weights).tolist()
        for text in queries
    }
    page = Page(limit=args.limit)
    ways: dict[str, Callable[[str], object]] = {
        "encode": lambda text: embedder.embed_query(text=text),
        "bare dense": lambda text: backend.query([dense(text)]),
        "bare both": lambda text: backend.query([dense(text), words(text)]),
        "text search": lambda text: recommender.search(text, page=page),
    }
    clock: dict[str, list[float]] = {way: [] for way in ways}
    cpu: dict[str, list[float]] = {way: [] for way in ways}
    for text in queries:
        for way, ask in ways.items():
            began, spent = time.perf_counter(), time.process_time()
            ask(text)
            cpu[way].append(1000 * (time.process_time() - spent))
            clock[way].append(1000 * (time.perf_counter() - began))
    store.close()
    results = {}
    for kind, times in (("p50 ms", clock), ("CPU p50 ms", cpu)):
        medians = {way: statistics.median(durations) for way, durations in times.items()}
        ratios = {
            f"text search / ({base})": medians["text search"] / sum(medians[part] for part in parts)
            for base, parts in BASES.items()
        }
        results[kind] = {way: round(value, 3) for way, value in (medians | ratios).items()}
    print(json.dumps({"queries": len(queries), "limit": args.limit} | results, indent=1))


if __name__ == "__main__":
    main()
