"""What clients may leave unsaid and unread, with uvicorn on a real socket."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import threading
import time
from contextlib import ExitStack, closing
from functools import partial

import pytest
import uvicorn

from vlclip.service.access import connections, guarded_protocol
from vlclip.service.access.connections import NOBODY, ConnectionLimits, Connections
from vlclip.service.access.guarded_protocol import GuardedProtocol
from vlclip.service.access.proxies import Proxies

HEAD = b"GET /a HTTP/1.1\r\nHost: a\r\n"
LARGE = 30_000_000
"""Bytes of an answer that no socket takes at once."""


async def app(scope, receive, send):
    """`/a` answers, `/large` answers much, `/body` reads a body and answers, `/refuse` answers without."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    body = b"x" * (LARGE if scope["path"] == "/large" else 2)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Served:
    """A server in a thread, and sockets to it."""

    def __init__(self, stack, *, total=1000, per_address=0, silent_s=60.0, proxies=NOBODY):
        self._stack = stack
        self.connections = Connections(ConnectionLimits(total, per_address, silent_s, proxies))
        protocol = partial(GuardedProtocol, self.connections)
        config = uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", port=0, log_config=None, timeout_keep_alive=60
        )
        self._server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        self.address = listening.getsockname()
        thread = threading.Thread(target=lambda: asyncio.run(self._server.serve([listening])))
        thread.start()
        stack.callback(thread.join)
        stack.callback(self._stop)

    def _stop(self):
        self._server.should_exit = True

    def connect(self, sends=b""):
        client = self._stack.enter_context(closing(socket.create_connection(self.address, timeout=60)))
        client.sendall(sends)
        return client

    def ask(self, path="/a"):
        """The status of a request of somebody new."""
        return status(self.connect(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()))


def status(client):
    """The status of an answer, which is read whole; None where the connection ended without one."""
    try:
        head, read = client.recv(65_536), b""
        while b"\r\n\r\n" not in head:
            if not (chunk := client.recv(65_536)):
                return None
            head += chunk
        head, _, read = head.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        while len(read) < length:
            read += client.recv(65_536)
    except ConnectionError:
        return None
    return int(head.split(b" ", 2)[1])


def is_closed(client):
    """Whether the server closed the connection, once it has."""
    try:
        while client.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


def wait_until(holds):
    for _ in range(6000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def are_at_work(server, count):
    return len(server.connections.opened) == count and not server.connections._strange


@pytest.fixture
def serving(monkeypatch):
    for name in ("HEAD_S", "READ_S", "LINGER_S"):
        monkeypatch.setattr(guarded_protocol, name, 0.3)
    for module in (connections, guarded_protocol):
        monkeypatch.setattr(module, "SWEEP_S", 0.05)
    with ExitStack() as stack:
        yield partial(Served, stack)


@pytest.mark.parametrize("begun", [b"G", HEAD, HEAD + b"X: " + b"a" * 5000])
def test_a_head_that_is_not_whole_in_time_is_refused_as_a_problem(serving, begun):
    server = serving()
    client = server.connect(begun)
    answer = client.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "request-timeout"
    assert is_closed(client)


def test_a_head_that_drips_has_no_more_time(serving):
    server = serving()
    client = server.connect(HEAD)
    for _ in range(6000):
        try:
            client.sendall(b"x")
        except ConnectionError:
            break
        time.sleep(0.01)
    wait_until(lambda: not server.connections.opened)


def test_a_second_head_has_its_own_time_and_a_kept_connection_is_kept(serving):
    server = serving()
    client = server.connect(HEAD + b"\r\n")
    assert status(client) == 200
    time.sleep(0.6)  # idle longer than a head may take
    client.sendall(HEAD + b"\r\n")
    assert status(client) == 200
    client.sendall(HEAD)
    assert status(client) == 408


def transports():
    """How many there are in this process."""
    return sum(type(each).__name__ == "_SelectorSocketTransport" for each in gc.get_objects())


def test_a_connection_is_gone_when_it_has_ended_without_the_garbage_collector(serving):
    server = serving()
    gc.collect()
    before = transports()
    gc.disable()
    try:
        for _ in range(5):
            client = server.connect(HEAD + b"Connection: close\r\n\r\n")
            assert status(client) == 200
            assert is_closed(client)
        wait_until(lambda: transports() <= before)
    finally:
        gc.enable()


def test_a_silent_connection_ends(serving):
    assert is_closed(serving(silent_s=0.2).connect())


@pytest.mark.parametrize("request_head", [HEAD, HEAD + b"Connection: close\r\n"])
@pytest.mark.parametrize("path", [b"/a", b"/large"])
def test_an_answer_that_nobody_reads_is_dropped(serving, monkeypatch, path, request_head):
    server = serving()
    client = server.connect(request_head.replace(b"/a", b"/large") + b"\r\n")
    if path == b"/a":  # a further one, which waits until the first is read
        client.sendall(HEAD + b"\r\n")
    wait_until(lambda: server.connections.opened)
    wait_until(lambda: not server.connections.opened)
    assert server.ask() == 200


def test_an_answer_that_is_read_slowly_is_read_whole(serving, monkeypatch):
    monkeypatch.setattr(guarded_protocol, "READ_S", 1.5)  # a reader may stand still on a busy machine
    server = serving()
    client = server.connect(HEAD.replace(b"/a", b"/large") + b"\r\n")
    read = 0
    while read < LARGE:
        chunk = client.recv(400_000)
        assert chunk
        read += len(chunk)
        time.sleep(0.02)


def test_a_body_that_nobody_wants_ends_the_connection(serving):
    server = serving()
    client = server.connect(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
    assert status(client) == 200
    for _ in range(6000):
        try:
            client.sendall(b"x" * 1000)
        except ConnectionError:
            break
        time.sleep(0.01)
    wait_until(lambda: not server.connections.opened)


@pytest.mark.parametrize("begun", [b"", b"G", HEAD])
def test_somebody_new_is_served_however_many_wait_without_a_request(serving, monkeypatch, begun):
    monkeypatch.setattr(guarded_protocol, "HEAD_S", 600)
    server = serving(total=20)
    for _ in range(60):
        server.connect(begun)
        assert len(server.connections.opened) <= 20
    assert [server.ask() for _ in range(30)] == [200] * 30
    assert len(server.connections.opened) <= 20


def test_connections_at_work_are_not_closed_for_others(serving):
    server = serving(total=3)
    head = b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
    working = [server.connect(head + b"x") for _ in range(3)]
    wait_until(partial(are_at_work, server, 3))
    assert server.ask() == 503
    for client in working:
        client.sendall(b"x")
    assert [status(client) for client in working] == [200] * 3
    assert server.ask() == 200


def test_one_address_has_a_limit_of_its_own_unless_it_is_a_proxy(serving):
    head = b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
    for proxies, expected in ((NOBODY, 503), (Proxies(["127.0.0.0/8"]), 200)):
        server = serving(per_address=3, proxies=proxies)
        for _ in range(3):
            server.connect(head + b"x")
        wait_until(partial(are_at_work, server, 3))
        assert server.ask() == expected


def test_what_is_no_http_is_refused_as_a_problem(serving):
    client = serving().connect(b"\x16\x03\x01 hello\r\n\r\n")
    answer = client.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "bad-request"


def test_who_does_not_read_makes_room_for_others(serving, monkeypatch):
    monkeypatch.setattr(guarded_protocol, "READ_S", 600)
    server = serving(total=5)
    for _ in range(5):
        # the second request waits until the answer to the first is read
        server.connect((HEAD.replace(b"/a", b"/large") + b"\r\n") * 2)
    wait_until(lambda: sum(client.is_unread for client in list(server.connections.opened)) == 5)
    assert server.ask() == 200
