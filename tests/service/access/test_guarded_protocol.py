"""What arrives on a connection and how it is read, without a socket."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from vlclip.service.access.connections import ConnectionLimits, Connections
from vlclip.service.access.guarded_protocol import MOST_UNUSED, GuardedProtocol

HOST = b"Host: a\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
LENGTH = b"Content-Length: 2\r\n\r\nab"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\nX-Late: x\r\n\r\n"
REQUESTS = {
    b"GET /get?x=1 HTTP/1.1\r\n" + HOST + b"\r\n": (200, b"GET /get 0"),
    b"POST /post HTTP/1.1\r\n" + HOST + LENGTH: (200, b"POST /post 2"),
    b"POST /chunks HTTP/1.1\r\n" + HOST + CHUNKS: (200, b"POST /chunks 2"),
    b"GET /other HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n": (200, b"GET /other 0"),
    b"POST /other HTTP/1.1\r\n" + HOST + UPGRADE + LENGTH: (200, b"POST /other 2"),
    b"POST /others HTTP/1.1\r\n" + UPGRADE + HOST + CHUNKS: (200, b"POST /others 2"),
}
"""Whole requests, and what is answered."""


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self):
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written, self.closing, self.reading = b"", False, True

    def write(self, data):
        self.written += data

    def close(self):
        self.closing = True

    abort = close

    def is_closing(self):
        return self.closing

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def get_write_buffer_size(self):
        return 0

    def set_write_buffer_limits(self, high=None, low=None):
        pass


async def app(scope, receive, send):
    """Says what it was asked: method, path, bytes of the body, and headers that came behind it."""
    length, late = 0, ""
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    late = " late" if any(name == b"x-late" for name, _ in scope["headers"]) else ""
    body = f"{scope['method']} {scope['path']} {length}{late}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def answers(pieces, ended_before=None):
    """Status and body of each answer to what comes in `pieces`, and whether the connection was ended.

    The server is told to end before the piece of this number comes.
    """

    async def exchange(ended_before):
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
        config.load()
        connections = Connections(ConnectionLimits(10, 0, 60.0))
        protocol, wire = GuardedProtocol(connections, config, ServerState(), {}), Wire()
        protocol.connection_made(wire)
        waiting = list(pieces)
        for _ in range(20 * len(waiting) + 200):
            if len(pieces) - len(waiting) == ended_before:
                protocol.shutdown()
                ended_before = None
            if waiting and wire.reading and not wire.closing:
                protocol.data_received(waiting.pop(0))
            await asyncio.sleep(0)
        is_closing = wire.closing
        protocol.connection_lost(None)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        return wire.written, is_closing

    written, is_closing = asyncio.run(exchange(ended_before))
    read, at = [], 0
    while match := re.compile(rb"HTTP/1.1 (\d+) (?s:.*?)\r\n\r\n").match(written, at):
        length = int(re.search(rb"content-length: (\d+)", match[0])[1])
        read.append((int(match[1]), written[match.end() : match.end() + length]))
        at = match.end() + length
    assert at == len(written)
    return read, is_closing


@given(
    st.lists(st.sampled_from(sorted(REQUESTS)), min_size=1, max_size=40),
    st.lists(st.integers(1, 4000), max_size=30),
)
def test_however_requests_are_cut_they_are_answered_the_same_and_in_their_turn(requests, cuts):
    sent = b"".join(requests)
    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    pieces = [sent[a:b] for a, b in pairwise(places)]
    assert answers(pieces) == ([REQUESTS[request] for request in requests], False)


@pytest.mark.parametrize("request_line", [b"GET /a HTTP/1.1\r\n", b"POST /a HTTP/1.1\r\n"])
@pytest.mark.parametrize(
    "headers",
    [
        b"",
        HOST + HOST,
        HOST + b"Host: b\r\n",
        HOST + b"Content-Length: 2\r\nContent-Length: 3\r\n",
        HOST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        HOST + b"Transfer-Encoding: gzip, chunked\r\n",
        HOST + b"Transfer-Encoding: identity\r\n",
        HOST + b"X-Api-Key : a\r\n",
        HOST + b"X: a\x00b\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(request_line, headers):
    read, is_closing = answers([request_line + headers + b"\r\nab"])
    assert [status for status, _ in read] == [400]
    assert is_closing


@pytest.mark.parametrize(
    "line",
    [
        b"GET http://b/a HTTP/1.1",
        b"GET /\xfc HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET a HTTP/1.1",
        b"CONNECT a:80 HTTP/1.1",
        b"GET /a HTTP/2.0",
        b"GET /a HTTP/0.9",
        b"GET /a",
        b"PRI * HTTP/2.0",
    ],
)
def test_a_request_line_that_is_not_of_a_resource_here_is_refused(line):
    read, is_closing = answers([line + b"\r\n" + HOST + b"\r\n"])
    assert [status for status, _ in read] == [400]
    assert is_closing


@pytest.mark.parametrize("begun", [b"GET /", b"GET / HTTP/1.1\r\n" + HOST + b"X: ", b"\r\n"])
def test_a_head_that_never_ends_is_refused(begun):
    many = [begun] + [begun[-1:] * 1000] * (MOST_UNUSED // 1000 + 1)
    read, is_closing = answers(many)
    assert [status for status, _ in read] == [400]
    assert is_closing


@pytest.mark.parametrize("endless", [b"X: a\r\n", b"Y"])
def test_trailers_that_never_end_end_the_connection(endless):
    begun = b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    read, is_closing = answers([begun] + [endless * (6000 // len(endless))] * (MOST_UNUSED // 6000 + 2))
    assert (read, is_closing) == ([], True)


@given(st.integers(1, 5))
def test_what_came_before_words_that_are_no_http_is_answered_first(count):
    request = next(iter(REQUESTS))
    read, is_closing = answers([request * count + b"\x00\x01 hello\r\n\r\n"])
    assert read[:-1] == [REQUESTS[request]] * count
    assert (read[-1][0], is_closing) == (400, True)


@given(st.data())
def test_as_the_server_ends_the_request_that_is_on_its_way_is_answered_and_no_further_one(data):
    requests = data.draw(st.lists(st.sampled_from(sorted(REQUESTS)), min_size=2, max_size=5))
    before = data.draw(st.integers(0, len(requests) - 1))
    read, is_closing = answers(requests, ended_before=before)
    assert is_closing
    assert read[:before] == [REQUESTS[request] for request in requests[:before]]
    assert len(read) in (before, before + 1)  # the one before it may still be at work, and is then the last
    assert read == [REQUESTS[request] for request in requests[: len(read)]]


def test_as_the_server_ends_an_idle_connection_waits_for_what_may_be_on_its_way():
    request = min(REQUESTS)
    idle = [b""] * 50  # rounds of the loop in which the first request is answered
    read, is_closing = answers([request, *idle, request], ended_before=len(idle))
    assert read == [REQUESTS[request]] * 2
    assert is_closing
