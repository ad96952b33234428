"""`vlclip serve` as a process that is told to stop while it is asked."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx2
import pytest

from vlclip.engine.opening.stores import open_store
from vlclip.service.settings import Settings

OPEN_REQUESTS = 6
"""Requests the server has begun to read when it is told to stop."""
BODY = json.dumps({"text": "red dress", "limit": 3}).encode()


@pytest.fixture
def served(filled, tmp_path):
    """The process, its address and the folder of its store."""
    folder = tmp_path / "store"
    shutil.copytree(filled, folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()
    words = ["serve", "--store", str(folder), "--port", str(port), "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from vlclip.service.cli import main; main()", *words],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process, (host, port), folder
    process.kill()
    process.wait()
    process.stderr.close()


def wait_until_ready(process, address):
    while process.poll() is None:
        try:
            if httpx2.get(f"http://{address[0]}:{address[1]}/readyz", timeout=60).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(process.stderr.read())


def begin(address):
    """A search the server waits for the body of; it says so itself, by 100 Continue."""
    connection = socket.create_connection(address)
    head = (
        "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
    )
    connection.sendall(head.encode() + BODY[:5])
    stream = connection.makefile("rb")
    assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert stream.readline() == b"\r\n"
    return connection, stream


def finish(connection, stream):
    connection.sendall(BODY[5:])
    with connection, stream:
        status = stream.readline()
        while stream.readline() != b"\r\n":
            pass
        return status, json.loads(stream.read())


def ask_until_refused(address, answers):
    url = f"http://{address[0]}:{address[1]}/v1/items/drawn-00001/similar"
    try:
        while True:
            answers.append(httpx2.get(url, params={"limit": 3}, timeout=120))
    except httpx2.TransportError:
        return  # not accepted any more


def test_on_sigterm_every_accepted_request_is_answered_and_the_store_is_closed(served):
    process, address, folder = served
    wait_until_ready(process, address)
    open_requests = [begin(address) for _ in range(OPEN_REQUESTS)]
    answers: list[list[httpx2.Response]] = [[] for _ in range(3)]
    threads = [threading.Thread(target=ask_until_refused, args=(address, received)) for received in answers]
    for thread in threads:
        thread.start()
    while not all(answers):
        assert all(thread.is_alive() for thread in threads)
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert process.poll() is None  # it waits for those it has begun
    for status, body in (finish(*thread) for thread in open_requests):
        assert status == b"HTTP/1.1 200 OK\r\n"
        assert len(body["results"]) == 3
    assert {answer.status_code for received in answers for answer in received} == {200}
    log = process.communicate()[1]
    assert process.returncode == 0, log
    assert "Traceback" not in log
    assert "no API keys: open to this machine" in log
    opened = open_store(str(folder), Settings())  # its lock is free
    assert opened.count() == 60
    opened.close()
