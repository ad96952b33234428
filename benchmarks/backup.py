"""What a backup costs: how long it takes, how long writes wait for it, and what checksums cost a write.

    python benchmarks/backup.py --items 40000

A store of `--items` items with random vectors is made in a temporary folder, its graph built with few
edges. Then, while a process of its own patches one item after the other: a backup to a file, two into a
folder, the second after `--patches` patches. Given are seconds, bytes written, how long the gate was
closed, and the longest patch. At the end the checksums of a write alone, in microseconds an item.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from vlclip.engine.opening.stores import open_store
from vlclip.engine.settings import Hnsw
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.checksum import with_sums
from vlclip.engine.store.edge.gate import Gate
from vlclip.engine.store.edge.roll import Roll
from vlclip.engine.store.store import Point, StoreInfo
from vlclip.service.backup.restoring import restore_backup
from vlclip.service.backup.taking import Backup, take_backup
from vlclip.service.diagnosis.examination import examine
from vlclip.service.settings import Settings

CHUNK = 500
WRITER = """
import sys, time
from contextlib import closing
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Revision
from vlclip.service.settings import Settings
settings = Settings(store=sys.argv[1])
longest = count = 0
with closing(open_store(settings.store, settings)) as store:
    print("open", flush=True)
    while time.time() < float(sys.argv[2]):
        began = time.perf_counter()
        store.revise([f"sku-{count % 1000}"], lambda _: Revision({"price": float(count)}))
        longest, count = max(longest, time.perf_counter() - began), count + 1
        time.sleep(0.001)
print(longest, count, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=40_000)
    parser.add_argument("--patches", type=int, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(store=str(folder / "store"))
        fill(settings, args.items)
        figures = {
            "file, nobody else": figures_of(take_backup(settings, folder / "quiet.tar")),
            **under_writes(settings, folder),
        }
        began = time.perf_counter()
        restore_backup(folder / "quiet.tar", Settings(store=str(folder / "again")))
        figures["restore_s"] = round(time.perf_counter() - began, 2)
        began = time.perf_counter()
        (damage,) = examine(settings)
        assert not damage.is_damaged, damage
        figures["doctor --deep, s"] = round(time.perf_counter() - began, 2)
        figures["us an item"] = write_costs(folder)
    print(json.dumps(figures, indent=1))


def fill(settings: Settings, count: int) -> None:
    """A store with random unit vectors, its graph built."""
    space = FusedSpace((Segment("image", 512), Segment("text", 512)))
    info = StoreInfo("0123456789abcdef", space, {"image": "random", "text": "random"})
    light = settings.model_copy(update={"hnsw": Hnsw(m=8, ef_construct=32)})
    with closing(open_store(settings.store, light, info)) as store:
        for start in range(0, count, CHUNK):
            store.upsert(points(start, min(CHUNK, count - start)))
        store.optimize()


def points(start: int, count: int) -> list[Point]:
    """Some items."""
    vectors = np.random.default_rng(start).normal(size=(count, 1024)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Point(
            f"sku-{start + row}", vectors[row], {"title": f"Red shoe {start + row}"},
            {"title": f"Red shoe {start + row}", "price": float(row), "brand": f"brand {row % 50}",
             "provenance": {"content_hash": "ab" * 16, "text": "red shoe", "embedded_at": "2026-11-30"}},
        )
        for row in range(count)
    ]  # fmt: skip


def under_writes(settings: Settings, folder: Path) -> dict[str, object]:
    """Backups while another process patches."""
    many = folder / "many"
    many.mkdir()
    figures: dict[str, object] = {}
    for title, target in (
        ("file, under patches", folder / "busy.tar"),
        ("folder, first", many),
        ("folder, second", many),
    ):
        until = time.time() + 20
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, settings.store, str(until)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        backup = take_backup(settings, target)
        longest, count = writer.communicate()[0].split()
        figures[title] = figures_of(backup) | {
            "longest_patch_s": round(float(longest), 3), "patches": int(count),
        }  # fmt: skip
    return figures


def figures_of(backup: Backup) -> dict[str, float]:
    return {
        "seconds": round(backup.seconds, 2),
        "writes_waited_s": round(backup.moment_s, 3),
        "mb": round(backup.size / 1e6, 1),
        "mb_written": round(backup.written / 1e6, 1),
    }


def write_costs(folder: Path) -> dict[str, float]:
    """What a write of a batch has to do since there are checksums, gate and roll."""
    some = points(0, 256)
    payloads = [{**point.payload, "id": point.id} for point in some]
    gate, roll = Gate(folder), Roll(folder)
    roll.write(())
    costs: dict[str, float] = {}
    began = time.perf_counter()
    for _ in range(40):
        for point, payload in zip(some, payloads, strict=True):
            with_sums(dict(payload), point.vector)
    costs["checksums"] = (time.perf_counter() - began) / 40 / 256
    began = time.perf_counter()
    for _ in range(400):
        with gate.passing():
            pass
    costs["gate, a batch"] = (time.perf_counter() - began) / 400
    began = time.perf_counter()
    for _ in range(100):
        roll.add([point.id for point in some])
    costs["roll"] = (time.perf_counter() - began) / 100 / 256
    return {name: round(1e6 * seconds, 2) for name, seconds in costs.items()}


if __name__ == "__main__":
    main()
