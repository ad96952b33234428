"""The proxy that makes a good service worse, before a small server of the standard library."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from vlclip.loadtest.errors import BadFault
from vlclip.loadtest.faults import Faults, faulty, read_address, read_faults


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Path", self.path)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_):
        pass


@pytest.fixture
def echo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_faults_are_read_and_others_refused():
    assert read_faults([]) == Faults()
    assert read_faults(["delay=50ms", "errors=0.01"]) == Faults(0.05, 0.01)
    assert read_faults(["delay=1.5s"]) == Faults(1.5)
    for wrong in ("delay=50", "errors=2", "errors=1%", "loss=0.1"):
        with pytest.raises(BadFault, match=r"write delay=50ms or errors=0\.01"):
            read_faults([wrong])


def test_an_address_that_nothing_can_be_passed_on_to_is_refused():
    assert read_address("http://127.0.0.1:8018") == ("127.0.0.1", 8018)
    assert read_address("http://shop/") == ("shop", 80)
    for wrong in ("127.0.0.1:8018", "localhost:8018", "https://shop", "http://", "http://shop:x", ""):
        with pytest.raises(BadFault, match=r"write it as http://127\.0\.0\.1:8000"):
            read_address(wrong)
        with pytest.raises(BadFault), faulty(wrong, Faults(errors=0.5)):
            pass


def test_without_faults_there_is_no_proxy(echo):
    with faulty(echo, Faults()) as address:
        assert address == echo


def test_requests_and_answers_pass_unchanged(echo):
    with faulty(echo, Faults(delay_s=0.001)) as address, httpx2.Client(base_url=address, timeout=60) as http:
        for size in (0, 1, 300_000):
            answer = http.post("/some/path?a=b", content=b"x" * size)
            assert answer.status_code == 201
            assert answer.headers["x-path"] == "/some/path?a=b"
            assert answer.content == b"x" * size
        assert http.get("/").status_code == 201


def test_a_connection_that_the_service_closed_while_idle_is_made_again(echo, monkeypatch):
    monkeypatch.setattr(Echo, "timeout", 0.1)  # seconds without a request
    with faulty(echo, Faults(delay_s=0.001)) as address, httpx2.Client(base_url=address, timeout=60) as http:
        for _ in range(3):
            assert http.get("/").status_code == 201
            time.sleep(0.3)


def test_a_delay_holds_every_request_up(echo):
    with faulty(echo, Faults(delay_s=0.05)) as address, httpx2.Client(base_url=address, timeout=60) as http:
        for _ in range(3):
            began = time.perf_counter()
            http.get("/")
            assert time.perf_counter() - began >= 0.05


def test_a_share_of_requests_fails_the_others_pass(echo):
    with faulty(echo, Faults(errors=0.3)) as address, httpx2.Client(base_url=address, timeout=60) as http:
        counts = Counter(http.post("/", content=b"body").status_code for _ in range(300))
    assert set(counts) == {201, 500}
    assert counts[500] / 300 == pytest.approx(0.3, abs=0.08)


def test_a_service_that_is_gone_ends_the_connection():
    with faulty("http://127.0.0.1:9", Faults(errors=0.5)) as address, pytest.raises(httpx2.TransportError):
        httpx2.get(address, timeout=60)
