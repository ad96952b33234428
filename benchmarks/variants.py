"""What a list of cards costs, by the number of variants of each product, and how deep it reads.

    python benchmarks/variants.py
    python benchmarks/variants.py --only "30 variants"

Made-up stores of `--items` items of 256 + 256 floats in Qdrant Edge: products of 1, 5, 30, and of 1 to 30
variants. Half of the products have variants with one photo and one text, whose vectors are equal; the
variants of the others differ a little. Lists of items and lists of cards take turns in one process; a store
without groups is asked too. The figures are over `--lists` lists.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from vlclip.engine.opening.stores import open_store
from vlclip.engine.space import FusedSpace, Segment, unit
from vlclip.engine.store.store import Point, Query, Store, StoreInfo
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import arm_of
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search
from vlclip.service.settings import Settings

SIZE = 256
SPACE = FusedSpace((Segment("image", SIZE), Segment("text", SIZE)))
INFO = StoreInfo("made-up", SPACE, {"image": "made-up", "text": "made-up"})
SIZES = {
    "no groups": (),
    "1 variant": (1,),
    "5 variants": (5,),
    "30 variants": (30,),
    "1 to 30": range(1, 31),
}
COLOURS = ("red", "green", "blue")
WORDS = [f"word{number}" for number in range(3000)]
COMMON = 1 / np.arange(1, len(WORDS) + 1)
"""How common each word is, on any scale (Zipf)."""


class PlantedEmbedder:
    """Query directions seeded by the text."""

    info = INFO

    def embed_query(self, *, text: str = "", photo: object = None) -> dict[str, np.ndarray]:  # noqa: ARG002
        """A direction for the text."""
        rng = np.random.default_rng(sum(map(ord, text)))
        parts = {name: rng.normal(size=SIZE).astype(np.float32) for name in SPACE.names}
        return {name: unit(part[None])[0] for name, part in parts.items()}


class CountingStore:
    """A store that counts the hits that its searches bring, and the searches."""

    def __init__(self, store: Store) -> None:
        self._store, self.hits, self.searches = store, 0, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def search(self, queries: Sequence[Query]) -> object:
        """As the store does, counted."""
        answers = self._store.search(queries)
        self.hits += sum(map(len, answers))
        self.searches += 1
        return answers

    def candidates(self, *args: object) -> object:
        """As the store does, counted."""
        answer = self._store.candidates(*args)
        self.hits += len(answer)
        self.searches += 1
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=40_000)
    parser.add_argument("--lists", type=int, default=200)
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--only", choices=SIZES, help="products of this kind alone")
    args = parser.parse_args()
    print(
        f"{'products of':<13}{'list':<12}{'by':<9}{'p50 ms':>8}{'p95 ms':>8}{'processor ms':>14}{'hits':>7}"
        f"{'searches':>10}"
    )
    for name, sizes in SIZES.items():
        if args.only not in (None, name):
            continue
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(filled(Path(folder), sizes, args.items)) as store,
        ):
            compare(name, store, args)


def filled(folder: Path, sizes: Sequence[int], items: int) -> Store:
    """A store of this many items in groups of these sizes, in turn."""
    store = open_store(str(folder), Settings.load(), INFO)
    rng = np.random.default_rng(1)
    for batch in batches(sizes, items, rng):
        store.upsert(batch)
    store.optimize()
    return store


def batches(sizes: Sequence[int], items: int, rng: np.random.Generator) -> Iterator[list[Point]]:
    groups = rng.permutation(np.resize(np.array(sizes or (1,)), items))
    count = product = 0
    batch: list[Point] = []
    middles = rng.normal(size=(50, 2 * SIZE))
    while count < items:
        size = min(int(groups[product]), items - count)
        centre = middles[product % 50] + rng.normal(size=2 * SIZE)
        noise = 0.3 * (product % 2) * rng.normal(size=(size, 2 * SIZE))
        values = (centre + noise).astype(np.float32)
        vectors = SPACE.item_vectors({"image": values[:, :SIZE], "text": values[:, SIZE:]}, size)
        words = " ".join(rng.choice(WORDS, 5, p=COMMON / COMMON.sum()))
        for n in range(size):
            payload = {
                "title": f"{words} {product}", "price": 10.0 + n, "currency": "EUR", "available": n % 3 > 0,
                "size": str(36 + n), "colour": COLOURS[n % 3], "description": "A description. " * 30,
                "provenance": {"text": words, "photo_hash": "0" * 90},
            } | ({"group": f"g{product}"} if sizes else {})  # fmt: skip
            batch.append(Point(f"p{product}-{n}", vectors[n], words, payload))
        count, product = count + size, product + 1
        if len(batch) >= 2000:
            yield batch
            batch = []
    yield batch


def compare(name: str, store: Store, args: argparse.Namespace) -> None:
    counting = CountingStore(store)
    recommender = Recommender(counting, PlantedEmbedder, Search())
    anchors = [record.id for page in store.scan(fields=("id",)) for record in page][
        :: args.items // args.lists
    ]
    varied = arm_of({"diversity": {"amount": 0.3}}, "varied")
    ways = [("item", "none"), ("card", "group")] if name != "no groups" else [("item", None)]
    for kind in ("similar", "varied", "search"):
        times: dict[str, list[float]] = {way: [] for way, _ in ways}
        spent: dict[str, list[float]] = {way: [] for way, _ in ways}
        hits: dict[str, list[int]] = {way: [] for way, _ in ways}
        searches: dict[str, list[int]] = {way: [] for way, _ in ways}
        for number, anchor in enumerate(anchors):
            for way, group_by in ways:
                page = Page(limit=args.limit, **({"group_by": group_by} if group_by else {}))
                counting.hits = counting.searches = 0
                began, processor = time.perf_counter(), time.process_time()
                if kind == "search":
                    recommender.search(" ".join(WORDS[number :: args.lists][:3]), page=page)
                elif kind == "varied":
                    recommender.similar(anchor, page=page, arm=varied)
                else:
                    recommender.similar(anchor, page=page)
                times[way].append(1000 * (time.perf_counter() - began))
                spent[way].append(1000 * (time.process_time() - processor))
                hits[way].append(counting.hits)
                searches[way].append(counting.searches)
        for way, _ in ways:
            p50, p95 = statistics.median(times[way]), np.percentile(times[way], 95)
            print(
                f"{name:<13}{kind:<12}{way:<9}{p50:>8.2f}{p95:>8.2f}{statistics.median(spent[way]):>14.2f}"
                f"{statistics.median(hits[way]):>7.0f}"
                f"{statistics.median(searches[way]):>10.0f}", flush=True
            )  # fmt: skip


if __name__ == "__main__":
    main()
