"""What a store needs and how it answers as it grows, and what keeping the vectors otherwise changes.

    python benchmarks/growth.py --store ./store --work ./growth --sizes 10000 100000 1000000
    python benchmarks/growth.py --store ./store --work ./growth --sizes 100000 --quantization int8 binary none

The items are made of those of `--store` (`benchmarks/grown.py`); the first lines say how near to each other
real and made ones lie. Each store is built, in a process of its own, once: what `--work` holds already is
used, what was interrupted goes on. Memory is that of a fresh process that opens the store and asks; latencies
are of one process that has all stores open and asks each in turn, searches of ten by a stored vector, itself
left out, payloads with them. Recall is against a dot product with every vector, equal scores equally right.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from grown import BLOCK, QUANTILES, Grown

from vlclip.engine.opening.stores import open_store
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Query, Store
from vlclip.service.settings import Settings

K = 10
TIE = 1e-5
ROUND = 25
"""Queries one store is asked before it is the next one's turn."""


@dataclass(frozen=True, slots=True)
class Stand:
    """One store: so many made items, kept so."""

    work: Path
    items: int
    quantization: str

    @property
    def folder(self) -> Path:
        """Of the store."""
        return self.work / f"{self.items}-{self.quantization}"

    @property
    def marker(self) -> Path:
        """Written when the store is finished."""
        return self.folder.with_suffix(".json")

    def settings(self) -> Settings:
        """The shipped ones, but for the quantization."""
        return Settings.load(hnsw={"quantization": self.quantization})

    def open(self) -> Store:
        """The finished store."""
        return open_store(str(self.folder), self.settings())


def build(stand: Stand, grown: Grown) -> None:
    """Fill and index; what an interrupted run has stored is kept."""
    with closing(open_store(str(stand.folder), stand.settings(), create=grown.info)) as store:
        start, there = time.perf_counter(), store.count() // BLOCK * BLOCK
        for number, points in enumerate(grown.points(there, stand.items), there // BLOCK + 1):
            store.upsert(points)
            print(f"{stand.folder.name}: {number * BLOCK:,} stored", file=sys.stderr)
        stored = time.perf_counter()
        store.optimize()
    figures = {
        "stored_s": stored - start if not there else None,
        "indexed_s": time.perf_counter() - stored,
        "peak_mb": _memory()["VmHWM"],
    }
    stand.marker.write_text(json.dumps(figures))


def questions(grown: Grown, count: int) -> dict[str, Floats]:
    """Kind to `(count, size)` query vectors, of the first made items, which all stores hold."""
    fused = grown.rows(0, -(-count // BLOCK) * BLOCK)[1][:count]
    out = {"blend": fused}
    for name, span in grown.info.space.slices().items():
        out[name] = np.zeros_like(fused)
        out[name][:, span] = fused[:, span]
    return out


def truth(grown: Grown, items: int, queries: dict[str, Floats]) -> dict[str, Floats]:
    """Kind to the score `(count,)` of each query's tenth best other item among the first `items`."""
    best = {kind: np.full((len(rows), 0), 0, dtype=np.float32) for kind, rows in queries.items()}
    for start in range(0, items, BLOCK):
        block = grown.rows(start, start + BLOCK)[1]
        for kind, rows in queries.items():
            scores = rows @ block.T
            if start < len(rows):
                own = np.arange(start, min(start + BLOCK, len(rows)))
                scores[own, own - start] = -np.inf
            best[kind] = np.partition(np.hstack([best[kind], scores]), -K, axis=1)[:, -K:]
    return {kind: scores.min(axis=1) for kind, scores in best.items()}


def recall(store: Store, queries: dict[str, Floats], least: dict[str, Floats]) -> dict[str, float]:
    """By kind the share of the ten that are among the ten best."""
    out = {}
    for kind, rows in queries.items():
        right = 0
        for row, vector in enumerate(rows):
            (hits,) = store.search([_query(row, vector, with_vector=True)])
            right += sum(float(hit.vector @ vector) >= least[kind][row] - TIE for hit in hits)
        out[kind] = right / (K * len(rows))
    return out


def memory(stand: Stand, queries: dict[str, Floats]) -> dict[str, float]:
    """MB that opening the store and asking it adds to this process, its own and of mapped files."""
    before = _memory()
    with closing(stand.open()) as store:
        for row, vector in enumerate(queries["blend"]):
            store.search([_query(row, vector)])
        after = _memory()
    return {name: after[name] - before[name] for name in ("RssAnon", "RssFile")}


def latencies(stands: Sequence[Stand], rows: Floats, rounds: int) -> dict[Stand, Floats]:
    """Milliseconds of every search, the stores asked in turn, the first turn not counted."""
    took: dict[Stand, list[float]] = {stand: [] for stand in stands}
    with ExitStack() as stack:
        stores = {stand: stack.enter_context(closing(stand.open())) for stand in stands}
        for turn, start in product(range(rounds + 1), range(0, len(rows), ROUND)):
            for stand, store in stores.items():
                for row in range(start, min(start + ROUND, len(rows))):
                    query = _query(row, rows[row])
                    began = time.perf_counter()
                    store.search([query])
                    if turn:
                        took[stand].append(1000 * (time.perf_counter() - began))
    return {stand: np.asarray(times, dtype=np.float32) for stand, times in took.items()}


def _query(row: int, vector: Floats, *, with_vector: bool = False) -> Query:
    return Query(vector=vector, limit=K, exclude=(f"item-{row}",), with_vector=with_vector)


def _memory() -> dict[str, float]:
    """What the system says of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    parts = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(value) / 1000 for name, value, _ in parts}


def _disk(folder: Path) -> float:
    """MB that the files take on the disk."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file()) / 1e6


def _apart(stand: Stand, task: str, queries: int) -> Any:
    """What a fresh process of this script says of the store."""
    command = [sys.executable, __file__, "--work", str(stand.work), "--task", task,
               "--sizes", str(stand.items), "--quantization", stand.quantization,
               "--queries", str(queries)]  # fmt: skip
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(answer or "null")


def main() -> None:
    """Build what is missing, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder of a store of real items; not needed once --work has begun")
    parser.add_argument("--work", type=Path, required=True, help="folder for the stores; about 8 KB an item")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--quantization", nargs="+", default=["int8"], choices=("int8", "binary", "none"))
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3, help="times every query is timed")
    parser.add_argument("--picture", type=Path, help="PNG of latency and recall over size")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    parser.add_argument("--task", choices=("build", "memory"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if any(size % BLOCK for size in arguments.sizes):
        parser.error(f"sizes are multiples of {BLOCK:,}")
    stands = [
        Stand(arguments.work, size, how) for how, size in product(arguments.quantization, arguments.sizes)
    ]
    grown = _grown(arguments.work, arguments.store)
    if arguments.task == "build":
        build(stands[0], grown)
        return
    queries = questions(grown, arguments.queries)
    if arguments.task == "memory":
        del grown
        print(json.dumps(memory(stands[0], queries)))
        return
    print("\n".join(_likeness(grown)), flush=True)
    for stand in stands:
        if not stand.marker.exists():
            _apart(stand, "build", arguments.queries)
    rows = list(_figures(stands, grown, queries, arguments.rounds))
    print("\n".join(_table(rows)))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    if arguments.picture:
        draw(rows, arguments.picture)


def _grown(work: Path, store: str | None) -> Grown:
    if not (work / "seeds.json").exists():
        if not store:
            raise SystemExit(f"{work} holds nothing yet; name a store of real items with --store")
        with closing(open_store(store, Settings.load())) as real:
            Grown.fit(real).save(work)
    return Grown.load(work)


def _figures(
    stands: Sequence[Stand], grown: Grown, queries: dict[str, Floats], rounds: int
) -> Iterator[dict[str, Any]]:
    least = {size: truth(grown, size, queries) for size in {stand.items for stand in stands}}
    took = latencies(stands, queries["blend"], rounds)
    for stand in stands:
        with closing(stand.open()) as store:
            shares = recall(store, queries, least[stand.items])
        p50, p99 = (float(q) for q in np.quantile(took[stand], (0.5, 0.99)))
        yield {
            "items": stand.items, "quantization": stand.quantization,
            **json.loads(stand.marker.read_text()), "disk_mb": _disk(stand.folder),
            **_apart(stand, "memory", len(queries["blend"])), "p50_ms": p50, "p99_ms": p99, "recall": shares,
        }  # fmt: skip


def _likeness(grown: Grown) -> Iterator[str]:
    yield f"| cosines to others, quantiles | {' | '.join(f'{q:g}' for q in QUANTILES)} |"
    yield "|---" * (len(QUANTILES) + 1) + "|"
    equal = []
    for name, figures in grown.check().items():
        equal.append(f"{name} {' and '.join(f'{share:.1%}' for share in figures.pop('equals'))}")
        for of, values in figures.items():
            yield f"| {name}, {of} | {' | '.join(f'{value:.3f}' for value in values)} |"
    yield f"\nItems that have an equal, of the real and of the made ones: {', '.join(equal)}.\n"


def _table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    kinds = list(rows[0]["recall"])
    yield (
        "| items | kept as | stored s | indexed s | peak MB | disk MB | RAM MB, own + mapped | KB an item "
        f"| p50 ms | p99 ms | p50 over first | {' | '.join(f'recall {kind}' for kind in kinds)} |"
    )
    yield "|---" * (11 + len(kinds)) + "|"
    for row in rows:
        ram = row["RssAnon"] + row["RssFile"]
        stored = "" if row["stored_s"] is None else f"{row['stored_s']:,.0f}"
        shares = " | ".join(f"{row['recall'][kind]:.4f}" for kind in kinds)
        yield (
            f"| {row['items']:,} | {row['quantization']} | {stored} | {row['indexed_s']:,.0f} "
            f"| {row['peak_mb']:,.0f} | {row['disk_mb']:,.0f} "
            f"| {row['RssAnon']:,.0f} + {row['RssFile']:,.0f} "
            f"| {1000 * ram / row['items']:.2f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} "
            f"| {row['p50_ms'] / rows[0]['p50_ms']:.2f} | {shares} |"
        )


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Latency and recall over size, of the first kind of vectors asked for."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of loading

    plotted = [row for row in rows if row["quantization"] == rows[0]["quantization"]]
    sizes = [row["items"] for row in plotted]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in ("p50_ms", "p99_ms"):
        left.plot(sizes, [row[name] for row in plotted], marker="o", label=name.removesuffix("_ms"))
    left.set(xscale="log", xlabel="items", ylabel="ms a search", title="latency")
    left.set_ylim(bottom=0)
    for kind in plotted[0]["recall"]:
        right.plot(sizes, [row["recall"][kind] for row in plotted], marker="o", label=kind)
    right.axhline(0.98, linestyle=":", color="grey")
    right.set(xscale="log", xlabel="items", ylabel="recall@10", title="recall")
    right.set_ylim(0.95, 1.001)
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
