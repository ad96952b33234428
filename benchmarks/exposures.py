"""What a logged list costs: bytes and CPU time to log, export and read it, and the peak of memory.

python benchmarks/exposures.py --lists 4000 24000

Lists of 10 items with 4 parts; with and without exploration among 50 candidates. Each size runs in a
process of its own; times are of the CPU, so that other work on the machine counts less.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np

from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.log import SqliteExposures
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.experiments.table import part_names, read_exposures, write_table
from vlclip.ranking.history.sqlite import SqliteHistory

PARTS = ("image", "text", "lexical", "history")
CONTEXT = {"anchor": "12345", "weights": {"image": 1.0, "text": 1.0}, "filter": {"available": True}}


def lists(count: int, explored: int) -> Iterator[Exposure]:
    rng = np.random.default_rng(1)
    for n in range(count):
        parts = rng.normal(size=(10, 4)).astype(np.float32).tolist()
        ids = rng.integers(1000, 60_000, 60).astype(str).tolist()
        chances, scores = rng.random(10).tolist(), np.sort(rng.random(explored))[::-1].tolist()
        yield Exposure(
            request_id=uuid.UUID(bytes=rng.bytes(16)).hex,
            time=1.7e9 + n,
            kind="similar",
            unit=f"user:{rng.integers(5000)}",
            arm="default@0123456789ab",
            experiment="sizes",
            context=CONTEXT,
            items=tuple(
                ShownItem(
                    ids[place],
                    sum(row),
                    dict(zip(PARTS, row, strict=True)),
                    chances[place] if explored else 1.0,
                )
                for place, row in enumerate(parts)
            ),
            candidates=tuple(zip(ids[:explored], scores, strict=True)),
            temperature=0.1 if explored else 0.0,
        )


def measure(count: int, explored: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.sqlite"
        log, history = SqliteExposures(path), SqliteHistory(None)
        batch: list[Exposure] = []
        spent = 0.0
        for exposure in lists(count, explored):
            batch.append(exposure)
            if len(batch) == 500:
                began = process_time()
                log.add(batch)
                spent += process_time() - began
                batch.clear()
        log.close()
        log = SqliteExposures(path)
        print(f"{count:,} lists, {explored} candidates")
        report("log", spent, path, count)
        for ending in ("parquet", "jsonl"):
            out = Path(folder) / f"out.{ending}"
            began = process_time()
            write_table(out, joined(log.scan(), history), part_names(log.scan()))
            report(f"export .{ending}", process_time() - began, out, count)
            began = process_time()
            for _ in read_exposures(out):
                pass
            report(f"read .{ending}", process_time() - began, out, count)
        log.close()
        history.close()


def report(what: str, seconds: float, path: Path, count: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    size = path.stat().st_size / count
    print(f"  {what:16} {seconds / count * 1e6:6.0f} us, {size:6.0f} bytes a list, peak {peak} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=int, nargs="+", default=[4000, 24_000])
    parser.add_argument("--explored", type=int, nargs="+", default=[0, 50])
    arguments = parser.parse_args()
    if len(arguments.lists) == 1 and len(arguments.explored) == 1:
        measure(arguments.lists[0], arguments.explored[0])
        return
    for explored in arguments.explored:
        for count in arguments.lists:
            words = ["--lists", str(count), "--explored", str(explored)]
            subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
