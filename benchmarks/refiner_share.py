"""What the field refiner costs of an ingest: its share of the processor time of all threads.

    python benchmarks/refiner_share.py --catalogue ../shared/data/fashion --items 10000

The catalogue goes through the pipeline into an empty store, with the shipped model. The stage that writes the
texts is timed by its thread's processor time, the ingest by that of the process, so other work on the machine
counts in neither.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from benchmarks.ingest import ingest
from vlclip.ingestion.reading.entry import Batch
from vlclip.ingestion.stages.embed import Refine
from vlclip.service.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--catalogue", type=Path, required=True, help="a file or a folder of shards")
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--clip", default="vlclip-small", help="the model, as in the settings")
    arguments = parser.parse_args()
    stage: Callable[[Refine, Batch], Batch] = Refine.__call__
    spent, adding = [0.0], threading.Lock()

    def timed(self: Refine, batch: Batch) -> Batch:
        began = time.thread_time()
        refined = stage(self, batch)
        with adding:
            spent[0] += time.thread_time() - began
        return refined

    settings = Settings.load(clip=arguments.clip)
    with tempfile.TemporaryDirectory() as folder, patch.object(Refine, "__call__", timed):
        began = time.process_time()
        figures = ingest(arguments.catalogue, arguments.items, Path(folder) / "store", settings)
        total = time.process_time() - began
    items = figures["items"]
    print(f"{platform.machine()}, {os.cpu_count()} cores, {arguments.clip}, {items:,} items")
    print(f"refiner {1e6 * spent[0] / items:.0f} of {1e6 * total / items:,.0f} µs of an item", end=": ")
    print(f"{spent[0] / total:.2%} of an ingest's processor time")


if __name__ == "__main__":
    main()
