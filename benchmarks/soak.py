"""A served store under a mixed load for half an hour, and whether its own memory stays flat.

    python benchmarks/soak.py --catalogue ./catalogue/catalogue.jsonl --store ./store --picture docs/soak.png
    python benchmarks/soak.py --table soak.json --picture docs/soak.png      # of a run that is over

The catalogue is a drawn one (`vlclip draw`), the store was filled from it; a copy of the store is served.
A few clients ask for lists (by item, words, photo, user), send events and patches, write and remove whole
items with photos, and look at pages, at random moments. One shopper and one search by words in ten were
never seen before. Every `--every` seconds the memory of the service (resident, and its own: what no file
backs), file descriptors, memory maps, threads and the size of the store on disk are noted, with the part
of Python that /metrics tells. The bounds of two caches are small (`CACHES`), so that they are full after
five minutes like those of a service that ran for a day. `--allocated` counts what Python allocates, line
by line, and prints what grew: for finding a leak, slowly.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from socket import create_server
from urllib.parse import quote, urlencode

HOST = "127.0.0.1"
CACHES = {"VLCLIP_SEARCH__QUERY_CACHE": "100", "VLCLIP_SEARCH__VECTORS": "100"}
CLIENTS, SHOPPERS, WRITTEN = 4, 300, 100
MIX = {
    "similar": 30, "words": 20, "photo": 4, "for you": 8, "events": 20,
    "patch": 8, "put": 3, "delete": 1, "page": 6,
}  # fmt: skip
JSON = {"content-type": "application/json"}
EARLY_S = 300.0
MB = 1e6
ROWS = {
    "own memory, MB": "own", "resident memory, MB": "rss", "part of Python, MB": "python",
    "file descriptors": "files", "memory maps": "maps", "threads": "threads", "store on disk, MB": "disk",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalogue", type=Path, help="catalogue.jsonl of a drawn catalogue")
    parser.add_argument(
        "--store", type=Path, help="folder of the store that was filled from it; it is copied"
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=12.0, help="requests a second")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two looks")
    parser.add_argument("--picture", type=Path, help="PNG to draw")
    parser.add_argument("--report", type=Path, default=Path("soak.json"), help="where the looks are kept")
    parser.add_argument("--table", type=Path, help="a kept report: only print its table and draw its picture")
    parser.add_argument("--allocated", action="store_true", help="tell which lines of Python allocate more")
    args = parser.parse_args()
    if args.table is None:
        run(args)
    looks = json.loads((args.table or args.report).read_text())["looks"]
    print_table(looks)
    if args.picture:
        draw(looks, args.picture)


def run(args: argparse.Namespace) -> None:
    rows = [json.loads(line) for line in args.catalogue.read_text().splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        shutil.copytree(args.store, store)
        with create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        words = ["serve", "--store", str(store), "--port", str(port), "--device", "cpu"]
        code = ALLOCATED if args.allocated else "from vlclip.service.cli import main; main()"
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code, *words], stderr=log, env={**os.environ, **CACHES}
            )
        try:
            until_ready(port)
            watch(args, Load(port, rows, args.catalogue.parent), process.pid, store)
        finally:
            process.terminate()
            process.wait()
            print((Path(folder) / "log").read_text()[-3000:] if args.allocated else "", end="")


ALLOCATED = """
import threading, time, tracemalloc, sys
from vlclip.service.cli import main
def tell():
    time.sleep(60)
    tracemalloc.start(12)
    time.sleep(240)
    first = tracemalloc.take_snapshot()
    while True:
        time.sleep(300)
        for line in tracemalloc.take_snapshot().compare_to(first, "lineno")[:15]:
            print(line, file=sys.stderr, flush=True)
threading.Thread(target=tell, daemon=True).start()
main()
"""


def until_ready(port: int) -> None:
    while True:
        with suppress(OSError):
            if ask(port, "GET", "/readyz")[0] == 200:
                return
        time.sleep(0.1)


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Load:
    """The requests, at random; `answers` are counted by kind and status, `took` is in milliseconds."""

    def __init__(self, port: int, rows: list[dict], folder: Path) -> None:
        self.port, self._rows, self._folder = port, rows, folder
        self._dice = random.Random(7)
        self.answers: Counter[tuple[str, int]] = Counter()
        self.took: dict[str, list[float]] = defaultdict(list)
        self.stopped = threading.Event()
        self._strangers = 0

    def run(self, rate: float) -> None:
        """Ask until stopped, on average so many times a second."""
        due = time.monotonic()
        while not self.stopped.is_set():
            due += self._dice.expovariate(rate)
            time.sleep(max(0.0, due - time.monotonic()))
            (kind,) = self._dice.choices(list(MIX), MIX.values())
            began = time.monotonic()
            try:
                status, _ = ask(self.port, *self._request(kind))
            except OSError:
                status = 0
            self.answers[kind, status] += 1
            self.took[kind].append((time.monotonic() - began) * 1000)

    def _request(self, kind: str) -> tuple:  # noqa: PLR0911 - one for each kind
        dice, row = self._dice, self._dice.choice(self._rows)
        item_id = quote(row["id"], safe="")
        match kind:
            case "similar":
                return "GET", f"/v1/items/{item_id}/similar?user={self._shopper()}"
            case "words":
                body = {"text": self._words(row), "user": self._shopper(), "filter": {"price": {"lt": 500}}}
                return "POST", "/v1/search", json.dumps(body).encode(), JSON
            case "photo":
                edge = b"--edge"
                head = b'\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
                body = edge + head + self._photo(row) + b"\r\n" + edge + b"--\r\n"
                return "POST", "/v1/search", body, {"content-type": "multipart/form-data; boundary=edge"}
            case "for you":
                return "GET", f"/v1/users/{self._shopper()}/recommendations"
            case "events":
                event = {"kind": dice.choice(["view", "click", "cart"]), "user": self._shopper()}
                events = [{**event, "item": dice.choice(self._rows)["id"]} for _ in range(dice.randint(1, 5))]
                return "POST", "/v1/events", json.dumps({"events": events}).encode(), JSON
            case "patch":
                body = {"price": round(dice.uniform(1, 500), 2), "available": dice.random() < 0.9}
                return "PATCH", f"/v1/items/{item_id}", json.dumps(body).encode(), JSON
            case "put":
                photo = base64.b64encode(self._photo(row)).decode()
                body = {"title": row["title"], "price": row["price"], "image_base64": photo}
                path = f"/v1/items/written-{dice.randrange(WRITTEN)}?replace=true"
                return "PUT", path, json.dumps(body).encode(), JSON
            case "delete":
                return "DELETE", f"/v1/items/written-{dice.randrange(WRITTEN)}"
        visit = dice.choice(["/?" + urlencode({"text": self._words(row)}), f"/page/item?id={item_id}"])
        return "GET", dice.choice([visit, f"/page/photo?id={item_id}"])

    def _photo(self, row: dict) -> bytes:
        return (self._folder / row["image"]).read_bytes()

    def _shopper(self) -> str:
        if self._dice.random() < 0.1:
            self._strangers += 1
            return f"stranger-{self._strangers}"
        return f"shopper-{self._dice.randrange(SHOPPERS)}"

    def _words(self, row: dict) -> str:
        words = row["title"].split()[-2:]
        return " ".join([*words, f"{self._dice.randrange(10**6)}"] if self._dice.random() < 0.1 else words)


def watch(args: argparse.Namespace, load: Load, pid: int, store: Path) -> None:
    clients = [
        threading.Thread(target=load.run, args=(args.rate / CLIENTS,), daemon=True) for _ in range(CLIENTS)
    ]
    began = time.monotonic()
    for client in clients:
        client.start()
    looks: list[dict] = []
    while (at := time.monotonic() - began) < args.minutes * 60:
        looks.append({"at": round(at, 1), **look(pid, store, load.port), "asked": sum(load.answers.values())})
        args.report.write_text(json.dumps({"looks": looks}))
        time.sleep(max(0.0, len(looks) * args.every - (time.monotonic() - began)))
    load.stopped.set()
    for client in clients:
        client.join()
    print("| request | sent | not 2xx | p50 ms | p95 ms |\n|---|---|---|---|---|")
    for kind in MIX:
        took = sorted(load.took[kind]) or [float("nan")]
        other = {status: n for (of, status), n in load.answers.items() if of == kind and status // 100 != 2}
        failed = ", ".join(f"{n} times {status}" for status, n in sorted(other.items())) or "0"
        p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
        print(f"| {kind} | {len(load.took[kind]):,} | {failed} | {statistics.median(took):.0f} | {p95:.0f} |")
    print()


def look(pid: int, store: Path, port: int) -> dict[str, float]:
    """What the process has now; bytes in MB."""
    proc = Path(f"/proc/{pid}")
    rollup = dict(re.findall(r"^(\w+): +(\d+) kB", (proc / "smaps_rollup").read_text(), re.MULTILINE))
    status, metrics = ask(port, "GET", "/metrics")
    python = re.search(r'vlclip_memory_bytes\{part="python"\} (\S+)', metrics.decode())
    disk = 0
    for file in store.rglob("*"):
        with suppress(OSError):
            disk += file.lstat().st_blocks * 512
    return {
        "rss": int(rollup["Rss"]) * 1024 / MB,
        "own": int(rollup["Anonymous"]) * 1024 / MB,
        "python": float(python[1]) / MB if status == 200 and python else float("nan"),
        "files": len(list((proc / "fd").iterdir())),
        "maps": (proc / "maps").read_text().count("\n"),
        "threads": len(list((proc / "task").iterdir())),
        "disk": disk / MB,
    }


def print_table(looks: list[dict]) -> None:
    early = [each for each in looks if each["at"] < EARLY_S]
    late = [each for each in looks if each["at"] >= EARLY_S]
    if len(late) < 2:
        return
    half = len(late) // 2
    print("| | at first | after 5 min | 5 min to half | rest | at the end | slope after 5 min, an hour |")
    print("|---|---|---|---|---|---|---|")
    for label, key in ROWS.items():
        parts = [
            early[0][key],
            late[0][key],
            *(statistics.median(each[key] for each in part) for part in (late[:half], late[half:])),
            late[-1][key],
        ]
        slope = statistics.linear_regression([x["at"] for x in late], [x[key] for x in late]).slope * 3600
        print(f"| {label} | " + " | ".join(f"{part:,.0f}" for part in parts) + f" | {slope:+,.1f} |")


def draw(looks: list[dict], picture: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of loading

    figure = Figure(figsize=(8, 6), layout="constrained", dpi=90)
    panels = (
        ("MB", {"resident memory": "rss", "own memory": "own"}),
        ("count", {"memory maps": "maps", "file descriptors": "files", "threads": "threads"}),
        ("MB", {"store on disk": "disk"}),
    )
    minutes = [each["at"] / 60 for each in looks]
    for axis, (unit, lines) in zip(figure.subplots(len(panels), sharex=True), panels, strict=True):
        for label, key in lines.items():
            axis.plot(minutes, [each[key] for each in looks], label=label, linewidth=1.4)
        axis.axvline(EARLY_S / 60, color="#85888d", linewidth=0.8, linestyle=":")
        axis.set_ylim(bottom=0)
        axis.set_ylabel(unit)
        axis.legend(loc="lower right", frameon=False, ncols=3)
        axis.spines[["top", "right"]].set_visible(False)
    axis.set_xlabel("minutes")
    figure.savefig(picture)


if __name__ == "__main__":
    main()
