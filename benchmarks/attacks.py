"""Whether the service answers while it is attacked: /healthz, /readyz and a list, and the memory it takes.

    python benchmarks/attacks.py --store ./store
    python benchmarks/attacks.py --store ./store --only bodies heads --checkout ../before

Each attack meets a service of its own on a copy of the store, with `--files` open files and `--memory-gb` of
address space. Before, during and a while after it, somebody asks /healthz, /readyz and for a list, each over
and over, on a new connection. Given are the median, the 99th percentile and the longest answer to each while
the attack was under way, how many were not answered within `--patience` seconds, by how much the resident
memory grew at most, and what the service wrote to its log. `--checkout` attacks another tree of vlclip.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"
PAUSE_S = 0.02
COLUMNS = ("attack", "asked", "answers", "p50 ms", "p99 ms", "longest ms", "unanswered", "RSS MB", "log KB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, type=Path, help="folder of a filled store; it is copied")
    parser.add_argument("--only", nargs="+", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--checkout", type=Path, default=Path.cwd(), help="the tree of vlclip to attack")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each attack")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds for an answer")
    parser.add_argument("--files", type=int, default=1024, help="open files that the service may have")
    parser.add_argument("--memory-gb", type=float, default=0.0, help="address space of the service; 0: any")
    args = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    for name in args.only:
        with served(args) as service:
            anchor = service.get("/v1/items?limit=1")["ids"][0]
            questions = {
                "/healthz": "/healthz", "/readyz": "/readyz", "list": f"/v1/items/{quoted(anchor)}/similar",
            }  # fmt: skip
            askers = [Asker(service, label, path, args.patience) for label, path in questions.items()]
            for asker in askers:
                asker.start()
            time.sleep(1)
            before = service.rss_mb()
            peak = Peak(service)
            peak.start()
            began = time.monotonic()
            ATTACKS[name](service, began + args.seconds)
            time.sleep(max(0.0, began + args.seconds - time.monotonic()))
            for thread in (*askers, peak):
                thread.stop()
            for asker in askers:
                took = sorted(ms for at, ms in asker.answers if at >= began)
                row = (
                    name, asker.label, len(took), *(f"{ms:,.0f}" for ms in figures(took)), asker.unanswered,
                    f"{peak.mb - before:+,.0f}", f"{service.log_bytes() / 1000:,.0f}",
                )  # fmt: skip
                print("| " + " | ".join(map(str, row)) + " |", flush=True)


def figures(took: list[float]) -> tuple[float, float, float]:
    if not took:
        return (float("nan"),) * 3
    return statistics.median(took), took[min(len(took) - 1, int(0.99 * len(took)))], took[-1]


def quoted(text: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415

    return quote(text, safe="")


class Service:
    """The attacked process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    def get(self, path: str, timeout: float = 60.0) -> dict:
        """Its answer as JSON; an `OSError` unless it is 200."""
        status, body = self.request("GET", path, timeout=timeout)
        if status != 200:
            raise OSError(f"{path}: {status}")
        return json.loads(body)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict | None = None,
        timeout: float = 60.0,
    ) -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def connect(self, sends: bytes = b"") -> socket.socket:
        """A connection that has sent this much."""
        client = socket.create_connection((HOST, self.port), timeout=5)
        client.sendall(sends)
        return client

    def rss_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000

    def log_bytes(self) -> int:
        """How much it has logged."""
        return self._log.stat().st_size


@contextmanager
def served(args: argparse.Namespace) -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as folder, socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
        free.close()
        store, log = Path(folder) / "store", Path(folder) / "log"
        shutil.copytree(args.store, store)

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (args.files, args.files))
            if args.memory_gb:
                size = int(args.memory_gb * 2**30)
                resource.setrlimit(resource.RLIMIT_AS, (size, size))

        # what hosts of photos the service may ask: those of this benchmark, on this machine
        environment = {
            **os.environ, "PYTHONPATH": str(args.checkout.resolve()), "VLCLIP_FETCH__ALLOW_PRIVATE": "true",
        }  # fmt: skip
        words = ["serve", "--store", str(store), "--port", str(port), "--device", "cpu"]
        with log.open("wb") as written:
            process = subprocess.Popen(
                [sys.executable, "-c", "from vlclip.service.cli import main; main()", *words],
                stderr=written, cwd=folder, env=environment, preexec_fn=limit,  # noqa: PLW1509 - no other thread runs yet
            )  # fmt: skip
            service = Service(process, port, log)
            try:
                for _ in range(1200):
                    with suppress(OSError):
                        service.get("/readyz", timeout=5)
                        break
                    time.sleep(0.1)
                yield service
            finally:
                process.kill()
                process.wait()


class Stoppable(threading.Thread, ABC):
    """A thread that does `step` until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Do it."""
        while not self._stopped.wait(PAUSE_S):
            self.step()

    @abstractmethod
    def step(self) -> None:
        """One round."""

    def stop(self) -> None:
        """End, and wait for it."""
        self._stopped.set()
        self.join()


class Asker(Stoppable):
    """Somebody who asks for one thing again and again."""

    def __init__(self, service: Service, label: str, path: str, patience_s: float) -> None:
        super().__init__()
        self._service, self.label, self._path, self._patience_s = service, label, path, patience_s
        self.answers: list[tuple[float, float]] = []
        self.unanswered = 0

    def step(self) -> None:
        """Ask once."""
        began = time.monotonic()
        try:
            self._service.get(self._path, self._patience_s)
            self.answers.append((began, (time.monotonic() - began) * 1000))
        except (OSError, http.client.HTTPException):
            self.unanswered += 1


class Peak(Stoppable):
    """The most resident memory."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service, self.mb = service, 0.0

    def step(self) -> None:
        """Look once."""
        with suppress(OSError, StopIteration):
            self.mb = max(self.mb, self._service.rss_mb())


def together(work: Callable[[], None], count: int, until: float) -> None:
    """`work` in `count` threads, again and again until the end."""

    def repeat() -> None:
        while time.monotonic() < until:
            with suppress(OSError, http.client.HTTPException):
                work()

    threads = [threading.Thread(target=repeat, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


JSON = {"content-type": "application/json"}


def filters(service: Service, until: float) -> None:
    """A search whose filter has 300,000 numbers, twice at a time."""
    body = json.dumps({"text": "shoes", "filter": {"price": list(range(300_000))}}).encode()
    together(lambda: service.request("POST", "/v1/search", body, JSON) and None, 2, until)


def batches(service: Service, until: float) -> None:
    """Batches of a thousand items with very many attributes, twice at a time."""
    attributes = {f"a{number}": number for number in range(900)}
    items = [{"id": f"x{number}", "attributes": attributes} for number in range(1000)]
    body = json.dumps(items).encode()
    together(lambda: service.request("POST", "/v1/items:batch", body, JSON) and None, 2, until)


def deep(service: Service, until: float) -> None:
    """JSON nested 100,000 deep."""
    body = b'{"text": "shoes", "filter": {"brand": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    together(lambda: service.request("POST", "/v1/search", body, JSON) and None, 4, until)


def uploads(service: Service, until: float) -> None:
    """Forty bodies of 30 MB at a time."""
    body = b'[{"id": "x", "image_base64": "' + b"A" * 30_000_000 + b'"}]'
    together(lambda: service.request("POST", "/v1/items:batch", body, JSON) and None, 40, until)


def photos(service: Service, until: float) -> None:
    """Six batches of a thousand photos on a host that drips a byte a second."""

    class Drip(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                while True:
                    self.wfile.write(b"x")
                    time.sleep(1)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Drip) as host:
        host.daemon_threads = True
        threading.Thread(target=host.serve_forever, daemon=True).start()
        address = f"http://{HOST}:{host.server_address[1]}"
        items = [{"id": f"slow-{n}", "title": "slow", "image": f"{address}/{n}.jpg"} for n in range(1000)]
        body = json.dumps(items).encode()
        together(lambda: service.request("POST", "/v1/items:batch", body, JSON, 600) and None, 6, until)
        single = json.dumps({"title": "slow", "image": f"{address}/x.jpg"}).encode()
        together(lambda: service.request("PUT", "/v1/items/one", single, JSON, 600) and None, 60, until + 10)
        host.shutdown()


def heads(service: Service, until: float) -> None:
    """1,100 connections with half a head each, opened again as they end."""
    opened: list[socket.socket] = []
    while time.monotonic() < until:
        with suppress(OSError):
            opened.append(service.connect(b"GET /healthz HTTP/1.1\r\nHost: a\r\n"))
        if len(opened) >= 1100:
            for client in opened[:50]:
                client.close()
            del opened[:50]
            time.sleep(0.1)
    for client in opened:
        client.close()


def readers(service: Service, until: float) -> None:
    """400 clients that ask for the longest lists, one after another, and read none."""
    anchor = quoted(service.get("/v1/items?limit=1")["ids"][0])
    ask = f"GET /v1/items/{anchor}/similar?limit=100 HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    opened = []
    for _ in range(400):
        with suppress(OSError):
            client = service.connect()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(0)
            opened.append(client)
    while time.monotonic() < until:
        for client in opened:
            with suppress(OSError):
                client.send(ask)
        time.sleep(0.1)
    for client in opened:
        client.close()


ATTACKS: dict[str, Callable[[Service, float], None]] = {
    "filters": filters, "batches": batches, "deep": deep, "uploads": uploads, "photos": photos,
    "heads": heads, "readers": readers,
}  # fmt: skip


if __name__ == "__main__":
    main()
