"""How many requests a second the service answers over HTTP, beside a constant body of the same size.

    python benchmarks/serving.py --store ./store
    python benchmarks/serving.py --store ./store --path similar zipf search for-you --before ../before
    python benchmarks/serving.py --store ./store --path similar zipf --instead hnswlib lancedb

One process serves the API and, in the same application, a route that answers a constant; a second one is a
bare FastAPI application with that route alone; with `--before` a third serves the API as another checkout has
it, with that checkout's code and the packages of this one. They take turns for `--seconds` each, `--rounds`
times, over kept-alive connections each of which asks again as soon as it is answered. A round's ratios are
those of its own turns; given are medians over the rounds. Each server has a copy of the store. With
`--instead` what somebody would build instead (`instead.py`) serves the same vectors; it takes no writes.

`similar` asks of another item each time; `zipf` of items by their popularity (s = 1.1), while a price changes
every second; `search` for three words that nobody asked before; `for-you` for shoppers with 100 events.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from asking import HOST, PATHS, Turn, ask, get, histories, prices, requests_of
from fastapi import FastAPI
from fastapi.responses import Response

from vlclip.engine.opening.stores import open_store
from vlclip.service.api.app import create_app
from vlclip.service.commands.serve import run_server
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

WARM_S = 1.0
SERVED = "BENCHMARK_SERVED"
"""The variable that tells a server's process what to serve: `app` or `bare`, bytes of the constant, store."""
BESIDE = ("constant", "bare constant")
"""What lists are compared with."""
HERE = Path(__file__)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="folder of a filled store, which is copied")
    parser.add_argument("--path", nargs="+", choices=PATHS, default=["similar"])
    parser.add_argument("--before", type=Path, help="another checkout, to be compared with")
    parser.add_argument("--instead", nargs="+", choices=["hnswlib", "lancedb"], default=[])
    parser.add_argument("--servers", nargs="+", choices=["uvicorn", "granian"], default=["uvicorn"])
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=int, default=10, help="results of a list")
    parser.add_argument(
        "--warm", type=float, default=1.0, help="seconds of the same requests before; a store remembers items"
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args)
    else:
        compare(args)


def serve(args: argparse.Namespace) -> None:
    """In a process of its own: what `made` says, under uvicorn as `vlclip serve` runs it."""
    run_server(make_app(), HOST, int(args.serve), Settings.load(store=args.store, device="cpu"))


def make_app() -> FastAPI:
    """The API with a constant beside it, or the bare constant; granian calls this in its worker."""
    kind, size, store = os.environ[SERVED].split(",", 2)
    body = b'"' + b"x" * (int(size) - 2) + b'"'
    if kind == "bare":
        app = FastAPI()
    elif kind == "app":
        app = create_app(Shop(Settings.load(store=store, device="cpu")))
    else:
        from instead import make_instead  # noqa: PLC0415 - only where the extra `compare` is installed

        app = make_instead(kind, Path(store))

    async def constant() -> Response:
        return Response(body, media_type="application/json")

    app.add_api_route("/v1/constant", constant)
    return app


def compare(args: argparse.Namespace) -> None:
    """For each kind of list start the processes, let them take turns, print their rows."""
    titles = titles_of(args)
    measured = ("requests/s", "p50 ms", "p99 ms", "CPU ms")
    beside = (*BESIDE, *(["before"] if args.before else []), *args.instead)
    columns = ("server", "connections", "asked", *measured, *(f"of {name}" for name in beside))
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for server in args.servers:
        for path in args.path:
            turns(server, path, titles, args)


def turns(server: str, path: str, titles: dict[str, str], args: argparse.Namespace) -> None:
    """The rows of one kind of list."""
    requests = requests_of(path, titles, args.limit)
    writes = prices(titles) if path == "zipf" else None
    with ExitStack() as stack:
        with Running("app", server, args, 100) as probe:
            size = probe.turn(requests, 1, WARM_S).body_bytes
        app, bare = (stack.enter_context(Running(kind, server, args, size)) for kind in ("app", "bare"))
        constant = cycle([get("/v1/constant")])
        targets = {path: (app, requests, writes)}
        if args.before:
            before = stack.enter_context(Running("app", server, args, size, args.before.absolute()))
            targets["before"] = (before, requests, writes)
        for kind in args.instead:
            targets[kind] = (stack.enter_context(Running(kind, server, args, size)), requests, None)
        targets |= {BESIDE[0]: (app, constant, None), BESIDE[1]: (bare, constant, None)}
        for running, sent, written in targets.values():
            if path == "for-you" and sent is requests:
                for shopper in histories(titles):
                    assert running.turn(iter([shopper]), 1, 0).statuses[202]
            running.turn(sent, 4, args.warm, written)
        for connections in args.connections:
            rounds = [
                {
                    name: running.turn(sent, connections, args.seconds, written)
                    for name, (running, sent, written) in targets.items()
                }
                for _ in range(args.rounds)
            ]
            tell(server, connections, rounds)


def tell(server: str, connections: int, rounds: Sequence[dict[str, Turn]]) -> None:
    """A row for each target."""
    beside = [*BESIDE, *(name for name in rounds[0] if name in ("before", "hnswlib", "lancedb"))]
    for name in rounds[0]:
        turns = [turn[name] for turn in rounds]
        refused = sum((turn.statuses for turn in turns), Counter())
        assert set(refused) == {200}, refused
        waits = sorted(wait for turn in turns for wait in turn.waits_s)
        figures = [
            f"{statistics.median(turn.rate for turn in turns):,.0f}",
            f"{1e3 * statistics.median(waits):.2f}",
            f"{1e3 * waits[int(0.99 * len(waits))]:.2f}",
            f"{statistics.median(turn.cpu_ms for turn in turns):.2f}",
            *(
                f"{statistics.median(turn[name].rate / turn[other].rate for turn in rounds):.2f}"
                for other in beside
            ),
        ]
        print(f"| {server} | {connections} | {name} | {' | '.join(figures)} |", flush=True)


def titles_of(args: argparse.Namespace) -> dict[str, str]:
    """The titles of all items by id."""
    store = open_store(args.store, Settings.load(store=args.store))
    titles = {
        item.id: item.payload.get("title", "") for page in store.scan(fields=("title",)) for item in page
    }
    store.close()
    return titles


class Running:
    """A server process, ready to be asked until the end of the block."""

    def __init__(
        self, kind: str, server: str, args: argparse.Namespace, size: int, checkout: Path = HERE.parents[1]
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=Path(args.store).absolute().parent)
        store = Path(self._folder.name) / "store"
        if kind != "bare":
            shutil.copytree(args.store, store)
        with socket.create_server((HOST, 0)) as free:
            self.port = free.getsockname()[1]
        if server == "granian":  # it forks, which an embedded store does not survive: nothing is imported yet
            words = ["-m", "granian", "--interface", "asgi", "--host", HOST, "--port", str(self.port)]
            words += ["--log-level", "warning", "--factory", "serving:made"]
        else:
            words = [str(HERE), "--store", str(store), "--serve", str(self.port)]
        paths = [str(checkout), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        served = f"{kind},{size},{store}"
        environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths), SERVED: served}
        self._process = subprocess.Popen([sys.executable, *words], env=os.environ | environment)
        self._ready = "/readyz" if kind == "app" else "/v1/constant"

    def __enter__(self) -> Running:
        while True:
            if self._process.poll() is not None:
                raise SystemExit("the server ended; its message is above")
            try:
                turn = asyncio.run(ask(self.port, cycle([get(self._ready)]), 1, 0))
            except OSError:
                turn = Turn()
            if turn.statuses[200]:
                return self
            time.sleep(0.1)

    def turn(
        self,
        requests: Iterator[bytes],
        connections: int,
        seconds: float,
        writes: Iterator[bytes] | None = None,
    ) -> Turn:
        """Ask for so long; the server's processor time with it."""
        before = self._cpu_s()
        turn = asyncio.run(ask(self.port, requests, connections, seconds, writes))
        turn.cpu_s = self._cpu_s() - before
        return turn

    def _cpu_s(self) -> float:
        """User and system time of the process and those under it (fields 14, 15 of proc_pid_stat(5))."""
        own = self._process.pid
        under = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        times = [
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in (own, *under)
        ]
        return sum(int(ticks) for pair in times for ticks in pair) / os.sysconf("SC_CLK_TCK")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


if __name__ == "__main__":
    main()
