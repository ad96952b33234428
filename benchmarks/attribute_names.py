"""What it costs a store that items bring new names of attributes.

    python benchmarks/attribute_names.py
    python benchmarks/attribute_names.py --before ../before --rounds 3

An embedded store of `--items` items with random vectors gets `--names` further items, each with an attribute
of a name of its own. Given are seconds by the clock and of CPU of that write, what the process then has of
memory maps and descriptors more than before it, what the store takes more on the disk (without holes), the
seconds that closing and opening take then, and the milliseconds of the first and of a further filter on one
of the names. Each measurement is a process of its own, in a temporary folder; versions take turns, and the
medians are shown. `--before` is the working tree of another version.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
MEASURE = """
import json, os, sys, time
from pathlib import Path
import numpy as np
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_store
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.store import Point, StoreInfo
from vlclip.service.settings import Settings

folder, items, names = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
info = StoreInfo("0123456789abcdef", FusedSpace((Segment("image", 256), Segment("text", 256))), {})
dice, settings = np.random.default_rng(0), Settings()

def point(number, **fields):
    vector = dice.standard_normal(512).astype(np.float32)
    vector /= np.linalg.norm(vector)
    title = f"red shoe {number}"
    return Point(f"sku-{number}", vector, title, {"title": title, "price": 1.0, **fields})

def state():
    maps = len(Path("/proc/self/maps").read_text().splitlines())
    disk = sum(512 * file.stat().st_blocks for file in folder.rglob("*") if file.is_file())
    return maps, len(os.listdir("/proc/self/fd")), disk

def timed(act):
    began, cpu = time.perf_counter(), time.process_time()
    result = act()
    return result, time.perf_counter() - began, time.process_time() - cpu

store = open_store(str(folder), settings, info)
store.upsert([point(number) for number in range(items)])
before = state()
new = [point(items + number, **{f"attribute {number}": f"value {number}"}) for number in range(names)]
_, wall, cpu = timed(lambda: store.upsert(new))
after = state()
assert store.count() == items + names
_, closing, _ = timed(store.close)
store, opening, _ = timed(lambda: open_store(str(folder), settings))
where = parse_json({"attribute 7": "value 7"})
count, first, _ = timed(lambda: store.count(where))
_, further, _ = timed(lambda: store.count(where))
assert count == 1, count
store.close()
maps, files, disk = (b - a for a, b in zip(before, after))
print(json.dumps({
    "seconds": wall, "of CPU": cpu, "memory maps": maps, "descriptors": files, "MB on disk": disk / 2**20,
    "closing, s": closing, "opening, s": opening, "first filter, ms": first * 1e3,
    "further, ms": further * 1e3,
}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="working tree of the version to compare with")
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--names", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    trees = ({"before": args.before.resolve()} if args.before else {}) | {"now": HERE}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(args.rounds):
        for name, tree in trees.items():
            runs[name].append(measured(tree, args.items, args.names))
    print(f"| {args.names} new names beside {args.items:,} items | {' | '.join(trees)} |")
    print("|---" * (1 + len(trees)) + "|")
    for figure in runs["now"][0]:
        medians = [statistics.median(run[figure] for run in runs[name]) for name in trees]
        print(f"| {figure} | {' | '.join(f'{median:,.1f}' for median in medians)} |")


def measured(tree: Path, items: int, names: int) -> dict[str, float]:
    """The figures of one process of a version."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-c", MEASURE, f"{folder}/store", str(items), str(names)],
            env={**os.environ, "PYTHONPATH": str(tree)}, cwd=tree, check=True, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
    answer: dict[str, float] = json.loads(run.stdout)
    return answer


if __name__ == "__main__":
    main()
