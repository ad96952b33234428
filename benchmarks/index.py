"""One search, asked of several indexes in turn: more like an item, and words by their vector.

    python benchmarks/index.py --store ./store --queries 500

All hold the vectors of `--store` and are asked the same queries for the same ten, in turn for every query, in
an order drawn anew each time, in one process with one thread each where that can be set. Another query goes
before each that is timed, so that none finds the processor's cache full of what the one before it has read.
Those that are not ours are built here with the same edges and candidates as ours, and search as narrowly as
finds 99 % of the true ten. The truth is a dot product with every vector; equal scores are equally
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
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and the indexes
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("LANCE_CPU_THREADS", "1")

import numpy as np
from contestants import (
    Corpus,
    Index,
    K,
    bare_edge,
    faiss_index,
    hnswlib_index,
    lance_index,
    local_index,
    looked_up_edge,
    numpy_index,
    ours,
)

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.space import Floats
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.service.settings import Settings

TIE = 1e-5
ENOUGH = 0.99
WIDTHS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True, slots=True)
class Questions:
    """Queries `(q, size)` of one kind, the rows they leave out, and the score of each's true tenth."""

    vectors: Floats
    own: list[int | None]
    least: Floats

    @classmethod
    def of(cls, corpus: Corpus, vectors: Floats, own: Sequence[int | None]) -> Questions:
        """With the truth worked out."""
        least = np.empty(len(vectors), dtype=np.float32)
        for n, vector in enumerate(vectors):
            scores = corpus.vectors @ vector
            if (row := own[n]) is not None:
                scores[row] = -np.inf
            least[n] = np.partition(scores, -K)[-K]
        return cls(vectors, list(own), least)

    def right(self, corpus: Corpus, n: int, answer: Sequence[int]) -> float:
        """The share of the ten of query `n` that are among the ten best."""
        scores = corpus.vectors[list(answer)] @ self.vectors[n]
        return float((scores >= self.least[n] - TIE).sum()) / K


def questions(store: QdrantStore, corpus: Corpus, settings: Settings, count: int) -> dict[str, Questions]:
    """Items' own vectors, and their titles as words."""
    embedder, space = Encoders(settings, store.info).load(), store.info.space
    weights = {"image": settings.search.image_weight, "text": settings.search.text_weight}
    rows = np.random.default_rng(0).choice(len(corpus.ids), count, replace=False).tolist()
    titles = [str(corpus.payloads[row].get("title") or corpus.ids[row]) for row in rows]
    words = np.stack([space.query_vector(embedder.embed_query(text=text), weights) for text in titles])
    return {
        "similar": Questions.of(corpus, corpus.vectors[rows], rows),
        "words": Questions.of(corpus, words, [None] * len(rows)),
    }


def tune(index: Index, kind: str, questions_: Questions, corpus: Corpus) -> None:
    """Search as narrowly as finds enough."""
    assert index.widen is not None
    for width in WIDTHS:
        index.widen(width)
        index.width[kind] = width
        answers = (
            index.ask(vector, own) for vector, own in zip(questions_.vectors, questions_.own, strict=True)
        )
        if np.mean([questions_.right(corpus, n, rows) for n, rows in enumerate(answers)]) >= ENOUGH:
            return


def race(indexes: Sequence[Index], kind: str, questions_: Questions, corpus: Corpus) -> None:
    """Every query of one kind to every index in turn."""
    rng, shares = (
        np.random.default_rng(1),
        {index.name: [0.0] * len(questions_.own) for index in indexes},
    )
    for index in indexes:
        index.took[kind] = []
    for n in range(len(questions_.own)):
        for place in rng.permutation(len(indexes)):
            index = indexes[place]
            index.ask(questions_.vectors[n - 1], questions_.own[n - 1])
            began = time.perf_counter()
            answer = index.ask(questions_.vectors[n], questions_.own[n])
            index.took[kind].append(1000 * (time.perf_counter() - began))
            shares[index.name][n] = questions_.right(corpus, n, answer)
    for index in indexes:
        index.right[kind] = float(np.mean(shares[index.name]))


def built(make: Callable[[], Index]) -> Index:
    """The index with how long it took and how much larger this process became."""
    before, start = _resident_mb(), time.perf_counter()
    index = make()
    index.built_s, index.built_mb = time.perf_counter() - start, _resident_mb() - before
    return index


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def main() -> None:
    """Build, tune, ask, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="folder of a store")
    parser.add_argument("--queries", type=int, default=500)
    arguments = parser.parse_args()
    settings = Settings.load(store=arguments.store)
    with tempfile.TemporaryDirectory() as folder, closing(open_store(arguments.store, settings)) as store:
        corpus = Corpus.read(store)
        questions_by_kind, ef = questions(store, corpus, settings, arguments.queries), settings.hnsw.ef
        bare = bare_edge("Qdrant Edge, bare", store, corpus, ef)
        bare.width = dict.fromkeys(questions_by_kind, ef)
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
        for kind, queries in questions_by_kind.items():
            racing = [index for index in listed if kind == "similar" or not index.by_id]
            for index in racing:
                if index.widen is not None and index is not bare:
                    tune(index, kind, queries, corpus)
            race(racing, kind, queries, corpus)
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
        cells += ["" if cost is None else f"{cost:.0f}" for cost in (index.built_s, index.built_mb)]
        yield f"| {index.name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
