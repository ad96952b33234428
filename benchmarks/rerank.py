"""How long it takes to boost, vary and draw a list, once its candidates are there.

    python benchmarks/rerank.py

One thread, made-up candidates: scores that fall, fused vectors of 256 + 256 in clusters, payloads with a
number, a time and a flag. Medians of many calls.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: one thread
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from vlclip.engine.space import FusedSpace, Segment
from vlclip.ranking.lists.arm import Boost
from vlclip.ranking.lists.boosts import boost_terms
from vlclip.ranking.lists.diversity import diversify
from vlclip.ranking.lists.exploration import propensities, sample

SPACE = FusedSpace((Segment("image", 256), Segment("text", 256)))
BOOSTS = (
    Boost(field="popularity", weight=0.1, half=50),
    Boost(field="updated_at", weight=0.05, shape="fresh", half=30),
    Boost(field="available", weight=0.1, shape="flag"),
)
RESULTS = 50
ORDERS = 100


def tasks(n: int, rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is measured, on `n` candidates."""
    scores = np.sort(rng.uniform(0.5, 2.0, n))[::-1].copy()
    centres = rng.normal(size=(10, SPACE.size))
    rows = (centres[rng.integers(0, 10, n)] + rng.normal(size=(n, SPACE.size))).astype(np.float32)
    vectors = SPACE.item_vectors({name: rows[:, span] for name, span in SPACE.slices().items()}, n)
    payloads = [
        {"popularity": float(row), "updated_at": f"2026-03-{1 + row % 28:02}T12:00:00Z", "available": True}
        for row in range(n)
    ]
    orders = np.array([sample(scores, 0.1, rng, RESULTS)[0] for _ in range(ORDERS)])
    now = 1.775e9
    yield "three boosts", lambda: boost_terms(BOOSTS, payloads, now)
    yield f"diversity, {RESULTS} shown", lambda: diversify(scores, vectors, 0.3, RESULTS)
    yield f"a drawn order of {RESULTS}", lambda: sample(scores, 0.1, rng, RESULTS)
    yield f"propensities of {ORDERS} orders of {RESULTS}", lambda: propensities(scores, orders, 0.1)


def median_ms(task: Callable[[], object], repeats: int) -> float:
    task()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="Time what happens to a list after the search.")
    parser.add_argument("--candidates", type=int, nargs="+", default=[100, 200])
    parser.add_argument("--repeats", type=int, default=300)
    arguments = parser.parse_args()
    columns = [
        [(name, median_ms(task, arguments.repeats)) for name, task in tasks(n, np.random.default_rng(0))]
        for n in arguments.candidates
    ]
    print("| median ms | " + " | ".join(f"{n} candidates" for n in arguments.candidates) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for line in zip(*columns, strict=True):
        print(f"| {line[0][0]} | " + " | ".join(f"{ms:.3f}" for _, ms in line) + " |")


if __name__ == "__main__":
    main()
