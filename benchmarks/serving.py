"""How many requests a second the service answers over HTTP, beside a constant body of the same size.

    python benchmarks/serving.py --store ./store
    python benchmarks/serving.py --store ./store --servers uvicorn granian --path search

One process serves the API and, in the same application, a route that answers a constant; a second one is a
bare FastAPI application with that route alone. They take turns for `--seconds` each, `--rounds` times, over
kept-alive connections each of which asks again as soon as it is answered. A round's ratios are those of its
own turns; given are medians over the rounds. Every list is of another item.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random

from fastapi import FastAPI
from fastapi.responses import Response

from vlclip.engine.opening.stores import open_store
from vlclip.service.api.app import create_app
from vlclip.service.commands.serve import run_server
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

HOST = "127.0.0.1"
WARM_S = 1.0
SERVED = "BENCHMARK_SERVED"
"""The variable that tells a server's process what to serve: `app` or `bare`, bytes of the constant, store."""
BESIDE = ("constant", "bare constant")
"""What lists are compared with."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="folder of a filled store; lists are logged beside it")
    parser.add_argument("--path", choices=["similar", "search"], default="similar")
    parser.add_argument("--servers", nargs="+", choices=["uvicorn", "granian"], default=["uvicorn"])
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=int, default=10, help="results of a list")
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
    app = FastAPI() if kind == "bare" else create_app(Shop(Settings.load(store=store, device="cpu")))

    async def constant() -> Response:
        return Response(body, media_type="application/json")

    app.add_api_route("/v1/constant", constant)
    return app


def compare(args: argparse.Namespace) -> None:
    """Start the processes, let them take turns, print the table."""
    requests = cycle(requests_of(args))
    measured = ("requests/s", "p50 ms", "p99 ms", "CPU ms")
    columns = ("server", "connections", "asked", *measured, *(f"of {name}" for name in BESIDE))
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for server in args.servers:
        with Running("app", server, args, 100) as probe:
            size = probe.turn(requests, 1, WARM_S).body_bytes
        with Running("app", server, args, size) as app, Running("bare", server, args, size) as bare:
            constant = get("/v1/constant")
            targets = {
                args.path: (app, requests),
                BESIDE[0]: (app, cycle([constant])),
                BESIDE[1]: (bare, cycle([constant])),
            }
            for running, what in targets.values():
                running.turn(what, 4, WARM_S)
            for connections in args.connections:
                rounds = [
                    {
                        name: running.turn(what, connections, args.seconds)
                        for name, (running, what) in targets.items()
                    }
                    for _ in range(args.rounds)
                ]
                tell(server, connections, rounds)


def tell(server: str, connections: int, rounds: Sequence[dict[str, Turn]]) -> None:
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
                f"{statistics.median(turn[name].rate / turn[beside].rate for turn in rounds):.2f}"
                for beside in BESIDE
            ),
        ]
        print(f"| {server} | {connections} | {name} | {' | '.join(figures)} |", flush=True)


def requests_of(args: argparse.Namespace) -> list[bytes]:
    """Requests for lists, each of another item or of another item's title."""
    store = open_store(args.store, Settings.load(store=args.store))
    titles = {
        item.id: item.payload.get("title", "") for page in store.scan(fields=("title",)) for item in page
    }
    store.close()
    drawn = Random(0).sample(sorted(titles), min(2000, len(titles)))
    if args.path == "similar":
        return [get(f"/v1/items/{item}/similar?limit={args.limit}") for item in drawn]
    return [post("/v1/search", {"text": titles[item], "limit": args.limit}) for item in drawn if titles[item]]


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode()


def post(path: str, form: dict[str, object]) -> bytes:
    body = json.dumps(form).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(slots=True)
class Turn:
    """What came of one turn: `waits_s` of each answer, `body_bytes` of the last, `cpu_s` of the server."""

    seconds: float = 0.0
    waits_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    body_bytes: int = 0
    cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.waits_s) / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Of the server, for one answer."""
        return 1e3 * self.cpu_s / len(self.waits_s)


class Asking(asyncio.Protocol):
    """One connection that asks again as soon as it is answered; much cheaper than an HTTP library."""

    def __init__(self, requests: Iterator[bytes], turn: Turn, until: float) -> None:
        self._requests, self._turn, self._until = requests, turn, until
        self._got = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        """Ask again once an answer is whole."""
        self._got = got = self._got + data
        head = got.find(b"\r\n\r\n")
        if head < 0:
            return
        named = got[:head].lower()
        at = named.index(b"content-length:") + 15
        size = int(named[at:].split(b"\r\n", 1)[0])
        if len(got) < head + 4 + size:
            return
        now = time.perf_counter()
        self._turn.waits_s.append(now - self._began)
        self._turn.statuses[int(got[9:12])] += 1
        self._turn.body_bytes = size
        self._got = b""
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, or an error where an answer is missing."""
        if exc is None and not self._got:
            self.done.set_result(None)
        else:
            self.done.set_exception(exc or ConnectionError("the server hung up"))


async def ask(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Turn:
    turn, began = Turn(), time.perf_counter()
    loop = asyncio.get_running_loop()
    make_app = [
        await loop.create_connection(lambda: Asking(requests, turn, began + seconds), HOST, port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in make_app))
    turn.seconds = time.perf_counter() - began
    return turn


class Running:
    """A server process, ready to be asked until the end of the block."""

    def __init__(self, kind: str, server: str, args: argparse.Namespace, size: int) -> None:
        with socket.create_server((HOST, 0)) as free:
            self.port = free.getsockname()[1]
        here = Path(__file__)
        if server == "granian":  # it forks, which an embedded store does not survive: nothing is imported yet
            words = ["-m", "granian", "--interface", "asgi", "--host", HOST, "--port", str(self.port)]
            words += ["--log-level", "warning", "--factory", "serving:made"]
        else:
            words = [str(here), "--store", args.store, "--serve", str(self.port)]
        paths = [str(here.parents[1]), str(here.parent), os.environ.get("PYTHONPATH", "")]
        served = f"{kind},{size},{args.store}"
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

    def turn(self, requests: Iterator[bytes], connections: int, seconds: float) -> Turn:
        """Ask for so long; the server's processor time with it."""
        before = self._cpu_s()
        turn = asyncio.run(ask(self.port, requests, connections, seconds))
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


if __name__ == "__main__":
    main()
