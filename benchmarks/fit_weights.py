"""How near learned weights come to those shoppers click by, and how often nothing is called better.

    python benchmarks/fit_weights.py

Simulated lists of the ten best of 40 items by weights of 1 and 0.3 for photo and text; shoppers look at
place k once in k times and click what they look at by true weights of photo and text, about one in
ten of what is shown. Errors are of the photo's weight, of a sum of 1.3. `no places` is the same fit told that
everything stood first. Logs that are clicked by the weights in force are called better by mistake.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from tests.ranking.clicking import clicked_rows
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.learning.clicks import design, fit
from vlclip.ranking.learning.rows import ItemRows
from vlclip.ranking.learning.weights import learn, scaled

FORCE, TRUE, SAME = (1.0, 0.3), (3.0, 9.0), (6.0, 1.8)
LEVEL = -2.5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lists", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--logs", type=int, default=40, help="simulated logs of each kind")
    arguments = parser.parse_args()
    print(
        f"{'lists':>6} {'chance':>6} {'clicks':>7} {'error':>6} {'no places':>9} {'better':>7} {'seconds':>8}"
    )
    for lists in arguments.lists:
        for temperature in (0.0, 0.2):
            print(f"{lists:6} {temperature:6} {row(lists, temperature, arguments.logs)}")
    for lists in arguments.lists:
        called = [is_better(rows) for rows in logs(SAME, lists, 0.0, arguments.logs)]
        print(f"no better, {lists} lists: {sum(called)} of {len(called)} called better")


def logs(true: tuple[float, ...], lists: int, temperature: float, count: int) -> Iterator[ItemRows]:
    for seed in range(count):
        yield clicked_rows(
            true, FORCE, lists=lists, temperature=temperature, level=LEVEL, seed=seed, units=lists // 3
        )


def row(lists: int, temperature: float, count: int) -> str:
    errors, flat_errors, better, seconds, clicks = [], [], [], [], []
    truth = 1.3 * TRUE[0] / sum(TRUE)
    for rows in logs(TRUE, lists, temperature, count):
        start = perf_counter()
        learned_weights = learn(rows)
        seconds.append(perf_counter() - start)
        flat = replace(rows, place=np.zeros_like(rows.place))
        naive = scaled(fit(design(flat), flat.target, 0.0).slopes, flat)
        errors.append(abs(learned_weights.weights["image"].value - truth))
        flat_errors.append(abs(naive[0] - truth))
        better.append(learned_weights.is_better)
        clicks.append(rows.clicked.sum())
    return (
        f"{np.mean(clicks):7.0f} {np.mean(errors):6.3f} {np.mean(flat_errors):9.3f} "
        f"{sum(better):3}/{len(better)} {np.median(seconds):8.2f}"
    )


def is_better(rows: ItemRows) -> bool:
    try:
        return learn(rows).is_better
    except EvaluationError:
        return False


if __name__ == "__main__":
    main()
