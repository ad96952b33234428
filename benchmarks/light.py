"""How light the product is, beside another checkout: start, memory, one command, size of what is installed.

    python benchmarks/light.py --store ./store --before ../before
    python benchmarks/light.py --store ./store --before ../before --python ../before/.venv/bin/python
    python benchmarks/light.py --before ../before --demo --rounds 1

Both checkouts take turns, `--rounds` times, over copies of one store. In each turn a service is started;
measured are the seconds until `/readyz` is 200 and the memory it holds after 1,000 lists and 200 searches of
words, half of which were asked before. Then `vlclip similar ID` runs as a whole process. Given are medians
and their ratios; beside seconds by the clock those of the processor, for machines that do other work. `--only
command` and `--only service` measure one of the two.

With `--demo`, in each turn `make demo` runs in a bare clone, which installs what it needs from the package
index that pip is set to; what its environment holds is added up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
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
    parser.add_argument("--store", type=Path, help="folder of a store that both can open")
    parser.add_argument("--before", type=Path, required=True, help="the other checkout")
    parser.add_argument("--python", default=sys.executable, help="the other checkout's interpreter")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("service", "command"), help="one of the two alone")
    parser.add_argument("--demo", action="store_true", help="run `make demo` in bare clones instead")
    args = parser.parse_args()
    now = Path(__file__).parents[1].resolve()
    if args.demo:
        checkouts = {"before": args.before.resolve(), "now": now}
        tell([{name: demo(checkout) for name, checkout in checkouts.items()} for _ in range(args.rounds)])
        return
    if args.store is None:
        parser.error("give --store or --demo")
    with closing(open_store(str(args.store), Settings.load(store=str(args.store)))) as store:
        records = [record for page in store.scan(fields=("title",)) for record in page][:LISTS]
    ids = [record.id for record in records]
    titles = [str(record.payload["title"]) for record in records][: SEARCHES // 2]
    ways = {
        "before": (args.python, args.before.resolve()),
        "now": (sys.executable, now),
    }
    with tempfile.TemporaryDirectory() as place:
        for name in ways:
            shutil.copytree(args.store, Path(place) / name)
        tell(
            [
                {
                    name: turn(python, checkout, Path(place) / name, ids, titles, args.only)
                    for name, (python, checkout) in ways.items()
                }
                for _ in range(args.rounds)
            ]
        )


def tell(rounds: list[dict[str, dict[str, float]]]) -> None:
    """Print the medians of both checkouts, their ratios, and every round."""
    medians = {
        name: {figure: statistics.median(turns[name][figure] for turns in rounds) for figure in figures}
        for name, figures in rounds[0].items()
    }
    ratios = {figure: medians["now"][figure] / medians["before"][figure] for figure in medians["now"]}
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(json.dumps({"machine": machine, "rounds": rounds, **medians, "ratios": ratios}, indent=1))


def demo(checkout: Path) -> dict[str, float]:
    """Seconds of `make demo` in a bare clone, and megabytes of the environment that it made."""
    with tempfile.TemporaryDirectory() as place:
        clone = Path(place) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(checkout), str(clone)], check=True)
        began, spent = time.perf_counter(), processor_s()
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run(["make", "demo"], cwd=clone, env=environment, check=True, stdout=subprocess.DEVNULL)
        return {
            "make demo, s": time.perf_counter() - began,
            "of the processor, s": processor_s() - spent,
            "installed MB": size_mb(clone / ".venv"),
        }


def processor_s() -> float:
    """Processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def turn(
    python: str, checkout: Path, store: Path, ids: list[str], titles: list[str], only: str | None
) -> dict[str, float]:
    """The figures of the service, of the command, or of both."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have theirs
    begin = Begin([python, "-c", COMMAND], checkout, environment, store)
    figures: dict[str, float] = {}
    if only != "command":
        figures |= service(begin, ids, titles)
    if only != "service":
        figures |= command(begin, ids[0])
    return figures


@dataclass(frozen=True, slots=True)
class Begin:
    """How a command of a checkout is begun, and over which store."""

    words: list[str]
    checkout: Path
    environment: dict[str, str]
    store: Path

    def process(self, *words: str) -> subprocess.Popen[bytes]:
        """A process of the command, with these words."""
        return subprocess.Popen(
            [*self.words, *words, "--store", str(self.store)],
            cwd=self.checkout, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def service(begin: Begin, ids: list[str], titles: list[str]) -> dict[str, float]:
    """Seconds to ready, megabytes after 1,000 lists and 200 searches; of the seconds, the processor's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    served = begin.process("serve", "--port", str(port))
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            ready_s = wait_until_ready(client, served, began)
            ticks = Path(f"/proc/{served.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            ready_cpu_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
            for item in ids:
                client.get(f"/v1/items/{item}/similar").raise_for_status()
            words = cycle(titles)
            for _ in range(SEARCHES):
                client.post("/v1/search", json={"text": next(words)}).raise_for_status()
        memory = memory_mb(served.pid)
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait()
    return {"serve to ready, s": ready_s, "serve to ready, processor s": ready_cpu_s, **memory}


def memory_mb(pid: int) -> dict[str, float]:
    """Megabytes that a process holds, and how many are pages of files, which the system can take back."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines if line.endswith(" kB")}
    return {"resident MB": sizes["VmRSS"], "of files, MB": sizes["RssFile"]}


def command(begin: Begin, item: str) -> dict[str, float]:
    """Seconds of one command, and the processor's."""
    began, spent = time.perf_counter(), processor_s()
    if begin.process("similar", item, "--json").wait():
        raise SystemExit("vlclip similar failed")
    return {
        "vlclip similar, s": time.perf_counter() - began,
        "vlclip similar, processor s": processor_s() - spent,
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


def size_mb(folder: Path) -> float:
    """Bytes of all files below a folder, in megabytes."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 1e6


if __name__ == "__main__":
    main()
