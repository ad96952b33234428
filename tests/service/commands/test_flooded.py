"""`vlclip serve` as a process that is flooded: it answers others meanwhile, and its log stays short."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

FILES, CLIENTS = 700, 800
"""Open files that the process may have; more clients come than that."""
WRITERS, THREADS, QUEUE = 10, 4, 2
"""Writes at a time, of which so many find a thread or a place to wait."""


@dataclass
class Served:
    """A service of a copy of the store, which the floods follow each other on."""

    address: tuple[str, int]
    log: Path
    process: subprocess.Popen[bytes]
    idle_mb: float


@pytest.fixture(scope="module")
def flooded(filled, tmp_path_factory):
    """One for all floods: what an earlier one left is there in the next."""
    place = tmp_path_factory.mktemp("flooded")
    shutil.copytree(filled, place / "store")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    words = ["serve", "--store", str(place / "store"), "--port", str(address[1]), "--device", "cpu"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "from vlclip.service.cli import main; main()", *words],
            stderr=log, env=environment(),
        )  # fmt: skip
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        wait_until_ready(process, address)
        yield Served(address, place / "log", process, resident_mb(process))
        process.kill()
        process.wait()


def environment():
    return {
        **os.environ, "VLCLIP_FETCH__ALLOW_PRIVATE": "true", "VLCLIP_API__PHOTOS_TIMEOUT_S": "300",
        "VLCLIP_API__WRITE_WORKERS": str(THREADS), "VLCLIP_API__WRITE_QUEUE": str(QUEUE),
    }  # fmt: skip


def wait_until_ready(process, address):
    while process.poll() is None:
        with suppress(httpx2.TransportError):
            if get(address, "/readyz").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the service ended")


def get(address, path, timeout=60):
    return httpx2.get(f"http://{address[0]}:{address[1]}{path}", timeout=timeout)


PATHS = ("/healthz", "/readyz", "/v1/items/drawn-00001", "/v1/items/drawn-00001/similar")


@pytest.mark.chaos
def test_half_open_connections_keep_nobody_out(flooded):
    address, before = flooded.address, flooded.log.stat().st_size
    with ExitStack() as stack:
        for number in range(CLIENTS):
            with suppress(OSError):
                client = stack.enter_context(closing(socket.create_connection(address, timeout=20)))
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")
            if number % 200 == 199:
                assert [get(address, path).status_code for path in PATHS] == [200] * len(PATHS)
        for _ in range(10):
            assert [get(address, path).status_code for path in PATHS] == [200] * len(PATHS)
    assert flooded.log.stat().st_size - before < 100_000


def huge():
    number, many = b"1234567,", {str(number): number for number in range(900)}
    return {
        "numbers": ("/v1/search", b'{"text": "a", "filter": {"price": [' + number * 1_500_000 + b"1]}}"),
        "few numbers": ("/v1/search", b'{"text": "a", "filter": {"price": [' + b"1," * 200_000 + b"1]}}"),
        "deep": ("/v1/search", b'{"filter": ' * 100_000 + b"1" + b"}" * 100_000),
        "attributes": ("/v1/items:batch", json.dumps([{"id": "a", "attributes": many}] * 1000).encode()),
    }  # fmt: skip


@pytest.mark.chaos
@pytest.mark.parametrize("name", huge())
def test_a_huge_body_takes_no_memory_to_speak_of(flooded, name):
    address, (path, body) = flooded.address, huge()[name]
    for _ in range(3):
        headers = {"content-type": "application/json"}
        with suppress(httpx2.TransportError):  # refused before it was sent whole
            answer = httpx2.post(
                f"http://{address[0]}:{address[1]}{path}", content=body, headers=headers, timeout=60
            )
            assert answer.status_code in (400, 413)
            assert len(answer.content) < 1000
        assert get(address, "/healthz").status_code == 200
    assert resident_mb(flooded.process) - flooded.idle_mb < 200


def resident_mb(process):
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


@pytest.mark.chaos
def test_photos_that_drip_keep_no_reader_waiting(flooded):  # the last: it ends the service
    address = flooded.address
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=200) as host:
        dripping = threading.Thread(target=drip, args=(host, ended), daemon=True)
        dripping.start()
        url = f"http://127.0.0.1:{host.getsockname()[1]}"
        items = [{"id": f"slow-{n}", "title": "slow", "image": f"{url}/{n}.jpg"} for n in range(100)]
        statuses = []

        def write():
            with suppress(httpx2.TransportError):  # of those that wait when the service is killed
                answer = httpx2.post(
                    f"http://{address[0]}:{address[1]}/v1/items:batch", json=items, timeout=None
                )
                statuses.append(answer.status_code)

        writers = [threading.Thread(target=write) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        while (
            len(statuses) < WRITERS - THREADS - QUEUE
        ):  # what finds neither a thread nor a place in the queue
            time.sleep(0.05)
        assert set(statuses) == {503}
        for _ in range(10):
            assert [get(address, path).status_code for path in PATHS] == [200] * len(PATHS)
        patched = httpx2.patch(
            f"http://{address[0]}:{address[1]}/v1/items/drawn-00001", json={"price": 1.5}, timeout=60
        )
        assert patched.json()["status"] == "patched"
        removed = httpx2.delete(f"http://{address[0]}:{address[1]}/v1/items/drawn-00002", timeout=60)
        assert removed.status_code == 204
        assert len(statuses) < WRITERS  # all of that while photos were awaited
        ended.set()
        flooded.process.kill()
        for writer in writers:
            writer.join()


def drip(host, ended):
    """Send each client a byte now and then."""
    clients = []
    host.settimeout(0.05)
    while not ended.is_set():
        with suppress(TimeoutError):
            client, _ = host.accept()
            client.settimeout(0)
            clients.append(client)
            with suppress(OSError):
                client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for client in clients:
            with suppress(OSError):
                client.send(b"x")
    for client in clients:
        client.close()
