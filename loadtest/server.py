"""`vlclip serve` as a process of its own: started, watched, stopped under load, started again.

Laws (tests/loadtest/test_server.py):
- memory that rises evenly has that slope; one odd moment is no growth;
- the error of a server that does not start shows its output of this time, not of earlier starts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np

from vlclip.loadtest.errors import NotReached

READY_S = 120.0
STOP_S = 60.0
MB = 1e6
PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process and its children: (seconds since 1970, MB), in the order of time."""

    samples: list[tuple[float, float]] = field(default_factory=list)

    def between(self, begin: float, end: float) -> Memory:
        """The samples in this time."""
        return Memory([(at, mb) for at, mb in self.samples if begin <= at <= end])

    @property
    def growth_mb(self) -> float | None:
        """The median of the last tenth less that of the first; None if there are too few samples."""
        mb = [mb for _, mb in self.samples]
        tenth = max(1, len(mb) // 10)
        return float(np.median(mb[-tenth:]) - np.median(mb[:tenth])) if len(mb) > 2 else None

    @property
    def slope_mb_per_h(self) -> float | None:
        """The slope of the line of least squares; None if there are too few samples."""
        if len(self.samples) < 3:
            return None
        at, mb = np.array(self.samples).T
        return float(np.polyfit(at - at[0], mb, 1)[0] * 3600)


class Server:
    """One `vlclip serve` on a store and a free port; its output goes to a file."""

    def __init__(self, store: str, log_file: Path, options: Sequence[str] = ()) -> None:
        self._store, self._log_file, self._options = store, log_file, options
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.memory = Memory()
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()

    @property
    def url(self) -> str:
        """The address where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ended(self) -> int | None:
        """The exit status once it has ended, by itself or not; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it and wait until it is ready; else `NotReached` with its last output."""
        words = ["serve", "--store", self._store, "--port", str(self.port), *self._options]
        with self._log_file.open("ab") as log:
            before = log.tell()
            # all callers of a load test have one address
            unlimited = {"VLCLIP_API__MAX_CONNECTIONS_PER_ADDRESS": "0", **os.environ}
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-c", "from vlclip.service.cli import main; main()", *words],
                env=unlimited, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/readyz").status_code == 200:
                    threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
                    return
            time.sleep(0.1)
        self.kill()
        last = self._log_file.read_bytes()[before:].decode(errors="replace")[-2000:]
        raise NotReached(f"vlclip serve --store {self._store} did not become ready:\n{last}")

    def stop(self) -> int:
        """Send SIGTERM and return the exit status; kill the server if it does not end in time."""
        assert self._process is not None  # noqa: S101  # started before
        self._over.set()
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def kill(self) -> None:
        """Kill the server at once, if it still runs."""
        self._over.set()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        self._over.clear()
        while not self._over.wait(1.0) and process.poll() is None:  # one that ended has none
            with contextlib.suppress(OSError):
                self.memory.samples.append((time.time(), resident_mb(process.pid)))


@contextlib.contextmanager
def serving(store: str, log_file: Path) -> Iterator[Server]:
    """A server that is stopped afterwards."""
    server = Server(store, log_file)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def resident_mb(process: int) -> float:
    """Resident memory of a process and all that it started, in MB; read from /proc, so on Linux only."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    return pages * PAGE_BYTES / MB + sum(resident_mb(int(child)) for child in children)
