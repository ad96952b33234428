"""What is written down of a server that hangs or drops connections; locust runs in a process of its own."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import suppress

import pytest

import vlclip.loadtest.run
from vlclip.loadtest.run import Options
from vlclip.loadtest.thresholds import lags

LIST = {"results": [{"id": f"i{n}", "score": 1.0, "item": {"title": "red shoe"}} for n in range(20)]}
BODY = json.dumps(LIST | {"request_id": "r"}).encode()
OPEN = """
[pace]
kind = "open"
[session]
follow = 0
click = 0
[probe]
share = 0
[thresholds.all]
error_share = 0.01
"""
RATE, SECONDS = 20, 3


class Shop:
    """Answers lists. Of visitors' requests it drops every `drops`-th, and hangs from one on for `hangs_s`."""

    def __init__(self, drops: int = 0, hangs_from: int = 10**9, hangs_s: float = 0.0) -> None:
        self.drops, self.hangs_from, self.hangs_s = drops, hangs_from, hangs_s
        self.asked = self.dropped = self.answered = 0
        self.hung_until = 0.0

    async def __call__(self, caller: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await caller.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                await caller.readexactly(int(length[1]) if length else 0)
                visitor = b"gevent" in head
                if visitor:
                    self.asked += 1
                    if self.drops and self.asked % self.drops == 0:
                        self.dropped += 1
                        break
                    await self._hang()
                back.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY))
                await back.drain()
                self.answered += visitor
        back.close()
        with suppress(OSError):
            await back.wait_closed()

    async def _hang(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.asked >= self.hangs_from:
            self.hung_until = self.hung_until or now + self.hangs_s
            await asyncio.sleep(max(0.0, self.hung_until - now))


@pytest.fixture
def visit(read, monkeypatch):
    """The report of a short run on a shop; users that are told to leave have `stop_s` for it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers = []

    def run(shop, stop_s=1, old="", new=""):
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(shop, "127.0.0.1", 0), loop).result()
        servers.append(server)
        monkeypatch.setattr(vlclip.loadtest.run, "STOP_S", stop_s)
        shape = f"level = {RATE}\nseconds = {SECONDS}"
        plan = read("level = 2\nseconds = 5", shape, OPEN.replace(old, new)).model_copy(update={"warm_s": 0})
        return vlclip.loadtest.run.run(
            plan, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Options()
        )

    async def end() -> None:
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for record_ in others:
            record_.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    yield run
    asyncio.run_coroutine_threadsafe(end(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_server_that_hangs_fails_and_all_that_was_due_is_written_down(visit):
    shop = Shop(hangs_from=RATE, hangs_s=60)
    report = visit(shop)
    records = report.figures["all"]
    assert not lags(records.requests, RATE * SECONDS)
    assert records.requests - records.errors == shop.answered
    assert set(report.reasons) == {
        "similar: no answer before the user left",
        "similar: not sent before the user left",
    }
    error_share, silence = report.misses
    assert error_share.startswith("all error share is ")
    assert re.fullmatch(r"all: .*/s were answered of .*/s that were due", silence)


def test_a_visitor_who_thinks_writes_down_what_was_not_answered(visit):
    report = visit(Shop(hangs_from=1, hangs_s=60), old='"open"', new='"think"\nthink_s = 0.1')
    assert report.figures["all"].errors == report.figures["all"].requests == RATE  # each waits for the first
    assert report.misses == [
        "all error share is 100.00 %, the limit is 1.00 %",
        "all: nothing was answered",
    ]


def test_what_was_due_when_a_server_stopped_hanging_is_still_asked(visit):
    shop = Shop(hangs_from=RATE, hangs_s=SECONDS)
    report = visit(shop, stop_s=10)
    assert shop.hung_until
    assert report.passed
    assert not lags(report.figures["all"].requests, RATE * SECONDS)


def test_every_connection_that_is_dropped_is_an_error_and_nothing_is_asked_twice(visit):
    shop = Shop(drops=5)
    report = visit(shop)
    assert shop.dropped > 5
    assert sum(report.reasons.values()) == shop.dropped
    assert all("HTTPConnectionClosed" in output for output in report.reasons)
    assert shop.asked == shop.answered + shop.dropped
