"""What memory a service takes for photos of 49 million pixels that come at the same time.

    python benchmarks/photo_memory.py
    python benchmarks/photo_memory.py --before ../before --rounds 3 --photos 4

A service of a small store runs as a process of its own, with the defaults but for its time limit, and its
resident memory is sampled every 10 ms. `--photos` PNGs of 7,000 by 7,000 pixels in RGBA, a few hundred KB
each, come at the same time: as searches, on the page, as items. Given are the most above idle (of all
rounds), seconds until the last answer and seconds of CPU that the service took (medians), and how many
answers there were of each status; then microseconds to decode a drawn photo of 160 by 200.
`--before` is the working tree of another version; versions take turns, and each measurement has a service of
its own.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx2
from PIL import Image

SIDE = 7000
HERE = Path(__file__).resolve().parents[1]
ORDINARY = """
import sys, time
from vlclip.ingestion.drawn.catalogue import draw_product
from io import BytesIO
from PIL import Image
try:
    from vlclip.engine.photos.decoding import decode as _decode
    from vlclip.engine.photos.room import Limits
    decode = lambda data: _decode(data, Limits())
except ImportError:
    from vlclip.ingestion.photos.decoding import decode as _decode
    decode = lambda data: _decode(data, max_pixels=50_000_000)
photos = [draw_product(7, number).item.image for number in range(200)]
for photo in photos:
    decode(photo)
best = []
for _ in range(7):
    began = time.perf_counter()
    for photo in photos:
        decode(photo)
    best.append((time.perf_counter() - began) / len(photos) * 1e6)
print(min(best))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one service: the most bytes above idle, seconds by the clock and of CPU, answers by status."""

    above_idle: int
    times_s: tuple[float, float]
    answers: Counter[int]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="working tree of the version to compare with")
    parser.add_argument("--photos", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    args = parser.parse_args()
    trees = {"now": HERE} | ({"before": args.before.resolve()} if args.before else {})
    photo = large_photo()
    print(f"{args.photos} PNGs of {SIDE} x {SIDE} RGBA, {len(photo) / 1000:.0f} KB each")
    print(f"{'version':8} {'way':8} {'MB above idle':>13} {'seconds':>8} {'of CPU':>8}  answers")
    rows: dict[tuple[str, str], list[Measured]] = {}
    micros: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        fill(store)
        for _ in range(args.rounds):
            for name, tree in trees.items():
                for way in args.ways:
                    send = WAYS[way]
                    rows.setdefault((name, way), []).append(measure(tree, store, send, photo, args.photos))
                micros.setdefault(name, []).append(ordinary(tree))
    for (name, way), runs in rows.items():
        answers = sum((run.answers for run in runs), Counter[int]())
        highest = max(run.above_idle for run in runs)
        seconds, cpu = (
            statistics.median(values) for values in zip(*(run.times_s for run in runs), strict=True)
        )
        print(f"{name:8} {way:8} {highest / 1e6:13,.0f} {seconds:8.1f} {cpu:8.1f}  {dict(answers)}")
    for name, times in micros.items():
        print(f"{name:8} an ordinary photo: {min(times):.0f} µs")


def large_photo() -> bytes:
    """A photo that is small as a file."""
    ramp = Image.linear_gradient("L").resize((SIDE, SIDE))
    photo, out = Image.merge("RGBA", [ramp, ramp.rotate(90), ramp, ramp]), BytesIO()
    photo.save(out, "PNG", compress_level=6)
    return out.getvalue()


def fill(store: Path) -> None:
    """A store of a few drawn products."""
    catalogue = store.parent / "drawn"
    run = [sys.executable, "-m", "vlclip"]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    subprocess.run(
        [*run, "draw", str(catalogue), "--count", "40"], env=environment, check=True, capture_output=True
    )
    subprocess.run(
        [*run, "ingest", str(catalogue / "catalogue.jsonl"), "--store", str(store)],
        env=environment,
        check=True,
        capture_output=True,
    )


@contextmanager
def service(tree: Path, store: Path) -> Iterator[tuple[str, int]]:
    """The address and the process of a service of this version, warm."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vlclip", "serve", "--store", str(store), "--port", str(port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(tree), "VLCLIP_API__TIMEOUT_S": "300"},
        cwd=tree,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address, process)
        small = BytesIO()
        Image.new("RGBA", (300, 300)).save(small, "PNG")
        for send in WAYS.values():
            send(address, small.getvalue(), 0)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    """Until models are loaded."""
    until = time.monotonic() + 600
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx2.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit("the service did not start")


def search(address: str, photo: bytes, _: int) -> int:
    """As a search by photo."""
    files = {"photo": ("a.png", photo, "image/png")}
    return httpx2.post(f"{address}/v1/search", files=files, timeout=600).status_code


def page(address: str, photo: bytes, _: int) -> int:
    """As the page sends it."""
    files = {"photo": ("a.png", photo, "image/png")}
    return httpx2.post(f"{address}/page/photo", files=files, timeout=600).status_code


def write(address: str, photo: bytes, number: int) -> int:
    """As the photo of an item."""
    body = {"title": "A large photo", "image_base64": base64.b64encode(photo).decode()}
    return httpx2.put(f"{address}/v1/items/large-{number}", json=body, timeout=600).status_code


WAYS: dict[str, Callable[[str, bytes, int], int]] = {"search": search, "page": page, "write": write}


def measure(
    tree: Path, store: Path, send: Callable[[str, bytes, int], int], photo: bytes, count: int
) -> Measured:
    """What the photos took of a service of this version."""
    with service(tree, store) as (address, pid):
        time.sleep(1)
        idle, peak, over = resident(pid), [0], threading.Event()

        def watch() -> None:
            while not over.wait(0.01):
                peak[0] = max(peak[0], resident(pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        began, cpu = time.perf_counter(), cpu_s(pid)
        with ThreadPoolExecutor(count) as threads:
            answers = Counter(threads.map(lambda number: send(address, photo, number), range(count)))
        times_s = time.perf_counter() - began, cpu_s(pid) - cpu
        over.set()
        watcher.join()
        return Measured(peak[0] - idle, times_s, answers)


def resident(pid: int) -> int:
    """Bytes of memory that a process takes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ordinary(tree: Path) -> float:
    """Microseconds to decode an ordinary photo."""
    run = subprocess.run(
        [sys.executable, "-c", ORDINARY],
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(run.stdout))


if __name__ == "__main__":
    main()
