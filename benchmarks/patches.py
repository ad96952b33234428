"""How many items a second get a new price and stock over HTTP, and what lists take meanwhile.

    python benchmarks/patches.py --items 40000

A store of `--items` items with random vectors is made in a temporary folder and served by `vlclip serve` in a
process of its own. A client in this process sends `--rounds` times a new price and a new stock for every
item, in batches; then, for `--seconds`, patches of one item each. Server and client share the cores. Lists of
`similar` are timed before, beside and after the batches; given are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import numpy as np

from vlclip.engine.encoding.embedder import embedder_info
from vlclip.engine.item import Item
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Point
from vlclip.service.client import Client
from vlclip.service.settings import Settings

CHUNK = 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=40_000)
    parser.add_argument("--batches", nargs="+", type=int, default=[100, 1000], help="patches of one request")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="for patches of one item each")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        fill(store, args.items)
        with serving(store) as address, Client(address, timeout=120) as client:
            figures = measure(client, address, args)
    print(json.dumps(figures, indent=1))


def fill(store: str, count: int) -> None:
    """A store with random unit vectors and payloads as a shop's items have them."""
    settings = Settings.load(store=store, device="cpu")
    info = embedder_info(settings)
    dice = np.random.default_rng(0)
    with closing(open_store(store, settings, info)) as opened:
        for start in range(0, count, CHUNK):
            parts = {
                segment.name: dice.standard_normal((CHUNK, segment.size)).astype(np.float32)
                for segment in info.space.segments
            }
            vectors = info.space.item_vectors(parts, CHUNK)
            points = []
            for place in range(min(CHUNK, count - start)):
                number = start + place
                item = Item(
                    str(number), title=f"Thing number {number}", brand=f"Brand {number % 50}",
                    product_type=f"kind {number % 40}", price=float(number), image=f"photos/{number}.jpg",
                    attributes={"colour": "red", "stock": number % 9},
                )  # fmt: skip
                provenance = {"fingerprint": info.fingerprint, "content_hash": "0" * 32, "text": item.title}
                payload = {**item.payload(), "provenance": provenance}
                points.append(Point(item.id, vectors[place], item.lexical_texts, payload))
            opened.upsert(points)
        opened.optimize()


class serving:  # noqa: N801 - read as a word: `with serving(store) as address`
    """`vlclip serve` on a free port, ready."""

    def __init__(self, store: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "vlclip", "serve", "--store", store, "--port", str(port)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def __enter__(self) -> str:
        with Client(self.address) as client:
            while not client.ready():
                time.sleep(0.2)
        return self.address

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def measure(client: Client, address: str, args: argparse.Namespace) -> dict[str, object]:
    """Rates of patches, and milliseconds of a list."""
    dice = Random(0)
    figures: dict[str, object] = {"cores": os.cpu_count(), "list_ms_before": list_ms(client, args.items)}
    beside: list[float] = []
    for batch in args.batches:
        rates = []
        for _ in range(args.rounds):
            stopped = threading.Event()
            watch = threading.Thread(target=keep_asking, args=(address, args.items, stopped, beside))
            watch.start()
            began = time.perf_counter()
            outcomes = client.patch_many(prices(args.items, dice), batch=batch)
            seconds = time.perf_counter() - began
            stopped.set()
            watch.join()
            assert all(outcome.status == "patched" for outcome in outcomes)
            rates.append(args.items / seconds)
        figures[f"items_per_second_in_batches_of_{batch}"] = round(statistics.median(rates))
    figures["list_ms_beside"] = round(statistics.median(beside), 2)
    count, until = 0, time.perf_counter() + args.seconds
    while time.perf_counter() < until:
        client.patch(str(dice.randrange(args.items)), {"price": dice.random()})
        count += 1
    figures["single_patches_per_second"] = round(count / args.seconds)
    figures["list_ms_after"] = list_ms(client, args.items)
    return figures


def prices(count: int, dice: Random) -> Iterator[dict[str, object]]:
    """A new price and stock for every item."""
    for number in range(count):
        yield {"id": str(number), "price": round(dice.uniform(1, 500), 2), "stock": dice.randrange(10**6)}


def list_ms(client: Client, items: int, count: int = 50) -> float:
    """The median time of a list of similar items."""
    times = []
    for number in range(count):
        began = time.perf_counter()
        client.similar(str(number * 37 % items), limit=10)
        times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 2)


def keep_asking(address: str, items: int, stopped: threading.Event, times: list[float]) -> None:
    """A list every tenth of a second until `stopped`."""
    with Client(address) as client:
        while not stopped.wait(0.1):
            times.append(list_ms(client, items, 1))


if __name__ == "__main__":
    main()
