"""What a durable answer costs: events a second and milliseconds an answer over HTTP, for a running service.

    python benchmarks/events_http.py
    python benchmarks/events_http.py --before ../checkout-of-before --rounds 3

A service process answers `POST /v1/events` over a drawn store; clients in another process send for some
seconds: single events and batches, with one connection and with many. With `--before`, the service of another
checkout takes its turns in between, so that both meet the same load of the machine.
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
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SERVER = """
import sys
from vlclip.service.api.app import create_app
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop
import uvicorn

Shop.warm = lambda self: setattr(self, "is_ready", True)  # events need no model
history = {"url": sys.argv[3]} if sys.argv[3] else {}
settings = Settings.load(
    store=sys.argv[1], device="cpu", api={"requests_per_minute": 0}, history=history
)
uvicorn.run(create_app(Shop(settings)), port=int(sys.argv[2]), log_level="error", access_log=False)
"""
FILL = """
import sys
from pathlib import Path
from vlclip.ingestion.drawn import write_catalogue
from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.service.settings import Settings

folder = Path(sys.argv[1])
settings = Settings.load(store=str(folder / "store"), device="cpu")
ingest_catalogue(write_catalogue(folder / "drawn", 20, 7), settings)
"""
LOADS = ((1, 1), (16, 1), (1, 100), (8, 100), (8, 1000))
"""Connections and events a request."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="another checkout, measured in turns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--url", default="", help="a Redis or Valkey server as the history")
    args = parser.parse_args()
    checkouts = [HERE, *([args.before.resolve()] if args.before else [])]
    figures: dict[tuple[str, int, int], list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        for number in range(args.rounds):
            for checkout in checkouts:
                folder = Path(name) / f"{checkout.name}-{number}"
                folder.mkdir()
                run(checkout, FILL, folder).wait()
                with serving(checkout, folder / "store", args.url) as port:
                    for connections, batch in LOADS:
                        figure = load(port, connections, batch, args.seconds)
                        figures.setdefault((checkout.name, connections, batch), []).append(figure)
    print("| service | connections | events a request | events/s | p50 ms | p99 ms |")
    print("|---|---|---|---|---|---|")
    for (service, connections, batch), rounds in sorted(figures.items(), key=lambda row: row[0][1:]):
        rate, p50, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"| {service} | {connections} | {batch} | {rate:,.0f} | {p50:.1f} | {p99:.1f} |")


def run(checkout: Path, code: str, *words: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], cwd=checkout, env=environment)


@contextmanager
def serving(checkout: Path, store: Path, url: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = run(checkout, SERVER, store, port, url)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert server.poll() is None, "the service ended"
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


def load(port: int, connections: int, batch: int, seconds: float) -> tuple[float, float, float]:
    """Events a second, and the median and 99th percentile of an answer in milliseconds."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    def send(user: str) -> None:
        connection = HTTPConnection("127.0.0.1", port)
        while time.perf_counter() < end:
            events = [
                {"id": uuid.uuid4().hex, "kind": "view", "item": "drawn-00001", "user": user}
                for _ in range(batch)
            ]
            body = json.dumps({"events": events})
            began = time.perf_counter()
            connection.request("POST", "/v1/events", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 202:
                times.append(time.perf_counter() - began)
            else:
                time.sleep(0.02)

    threads = [threading.Thread(target=send, args=[f"user {n}"]) for n in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(times) * batch / (time.perf_counter() - began)
    times.sort()
    return rate, times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000


if __name__ == "__main__":
    main()
