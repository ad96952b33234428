"""How light the product is, beside another checkout: start, memory, one command, size of what is installed.

    python benchmarks/light.py --store ./store --before ../before
    python benchmarks/light.py --store ./store --before ../before --python ../before/.venv/bin/python

Both checkouts take turns, `--rounds` times, over copies of one store. In each turn a service is started;
measured are the seconds until `/readyz` is 200 and the memory it holds after 1,000 lists and 200 searches of
words, half of which were asked before. Then `vlclip similar ID` runs as a whole process. Last, what both
interpreters have installed is added up. Given are medians, and ratios of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import httpx2

from vlclip.engine.opening.stores import open_store
from vlclip.service.settings import Settings

LISTS, SEARCHES = 1000, 200
COMMAND = "from vlclip.service.cli import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", type=Path, required=True, help="folder of a store that both can open")
    parser.add_argument("--before", type=Path, required=True, help="the other checkout")
    parser.add_argument("--python", default=sys.executable, help="the other checkout's interpreter")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with open_store(str(args.store), Settings.load(store=str(args.store))) as store:
        records = [record for page in store.scan(fields=("title",)) for record in page][:LISTS]
    ids = [record.id for record in records]
    titles = [str(record.payload["title"]) for record in records][: SEARCHES // 2]
    ways = {
        "before": (args.python, args.before.resolve()),
        "now": (sys.executable, Path(__file__).parents[1].resolve()),
    }
    with tempfile.TemporaryDirectory() as place:
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for name in ways:
            shutil.copytree(args.store, Path(place) / name)
        for _ in range(args.rounds):
            for name, (python, checkout) in ways.items():
                turns[name].append(turn(python, checkout, Path(place) / name, ids, titles))
        medians = {
            name: {figure: statistics.median(figures[figure] for figures in turned) for figure in turned[0]}
            for name, turned in turns.items()
        }
        for name, (python, _) in ways.items():
            medians[name]["installed MB"] = installed_mb(python)
    ratios = {figure: medians["now"][figure] / medians["before"][figure] for figure in medians["now"]}
    print(json.dumps(medians | {"ratios": ratios}, indent=1))


def turn(python: str, checkout: Path, store: Path, ids: list[str], titles: list[str]) -> dict[str, float]:
    """Seconds to ready, megabytes afterwards, seconds of one command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    begin = [python, "-c", COMMAND]
    began = time.perf_counter()
    served = subprocess.Popen(
        [*begin, "serve", "--store", str(store), "--port", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            ready_s = wait_until_ready(client, served, began)
            for item in ids:
                client.get(f"/v1/items/{item}/similar").raise_for_status()
            words = cycle(titles)
            for _ in range(SEARCHES):
                client.post("/v1/search", json={"text": next(words)}).raise_for_status()
        resident = int(Path(f"/proc/{served.pid}/statm").read_text().split()[1])
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait()
    began = time.perf_counter()
    subprocess.run(
        [*begin, "similar", ids[0], "--store", str(store), "--json"],
        env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return {
        "serve to ready, s": ready_s,
        "resident MB": resident * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "vlclip similar, s": time.perf_counter() - began,
    }


def wait_until_ready(client: httpx2.Client, served: subprocess.Popen[bytes], began: float) -> float:
    """Seconds from `began` until the service is ready."""
    while served.poll() is None:
        try:
            if client.get("/readyz").status_code == httpx2.codes.OK:
                return time.perf_counter() - began
        except httpx2.TransportError:
            pass
        time.sleep(0.02)
    raise SystemExit(f"the service ended with status {served.returncode}")


def installed_mb(python: str) -> float:
    """Bytes of all that an interpreter's environment has installed, in megabytes."""
    program = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.run(
        [python, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()
    return sum(file.lstat().st_size for file in Path(folder).rglob("*") if not file.is_dir()) / 1e6


if __name__ == "__main__":
    main()
