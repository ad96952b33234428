"""The asking side of `serving.py`: requests as bytes, and connections that ask again once they are answered.

It is much cheaper than an HTTP library, because on two cores it takes its part from the server.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

HOST = "127.0.0.1"
ZIPF = 1.1
"""The exponent of the items' popularity, as in the plans of loadtest."""
SHOPPERS, EVENTS = 200, 100
"""Shoppers with a history, and the events of each."""
PATHS = ("similar", "zipf", "search", "for-you")


def requests_of(path: str, titles: dict[str, str], limit: int) -> Iterator[bytes]:
    """Endless requests of a kind, which the docstring of `serving.py` describes."""
    random, ids = Random(0), sorted(titles)
    random.shuffle(ids)
    popular = list(accumulate((rank + 1) ** -ZIPF for rank in range(len(ids))))
    words = sorted({word for title in titles.values() for word in title.split()})
    place = 0
    while True:
        place += 1
        match path:
            case "similar":
                yield get(f"/v1/items/{ids[place % len(ids)]}/similar?limit={limit}")
            case "zipf":
                (item,) = random.choices(ids, cum_weights=popular)
                yield get(f"/v1/items/{item}/similar?limit={limit}")
            case "search":
                yield body("POST", "/v1/search", {"text": " ".join(random.sample(words, 3)), "limit": limit})
            case "for-you":
                yield get(f"/v1/users/u{place % SHOPPERS}/recommendations?limit={limit}")


def histories(titles: dict[str, str]) -> list[bytes]:
    """What the shoppers of `for-you` did, a request for each."""
    random, ids = Random(1), sorted(titles)
    return [
        body("POST", "/v1/events", {"events": [{"kind": "click", "item": item, "user": f"u{shopper}"}
                                               for item in random.choices(ids, k=EVENTS)]})
        for shopper in range(SHOPPERS)
    ]  # fmt: skip


def prices(titles: dict[str, str]) -> Iterator[bytes]:
    """Endless changes of a price, each of another item."""
    ids = sorted(titles)
    Random(2).shuffle(ids)
    place = 0
    while True:
        place += 1
        yield body("PATCH", f"/v1/items/{ids[place % len(ids)]}", {"price": 1 + place % 1000})


def get(path: str) -> bytes:
    """A request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode()


def body(method: str, path: str, form: dict[str, object]) -> bytes:
    """A request with a body of JSON."""
    sent = json.dumps(form).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent


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
        if self.done.done():  # nobody waits any more
            return
        if exc is None and not self._got:
            self.done.set_result(None)
        else:
            self.done.set_exception(exc or ConnectionError("the server hung up"))


async def ask(
    port: int,
    requests: Iterator[bytes],
    connections: int,
    seconds: float,
    writes: Iterator[bytes] | None = None,
) -> Turn:
    """Ask for so long over so many connections; with `writes`, send one of them every second beside."""
    turn, began = Turn(), time.perf_counter()
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: Asking(requests, turn, began + seconds), HOST, port)
        for _ in range(connections)
    ]
    writing = asyncio.create_task(write(port, writes)) if writes else None
    await asyncio.gather(*(protocol.done for _, protocol in opened))
    turn.seconds = time.perf_counter() - began
    if writing is not None:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
    return turn


async def write(port: int, writes: Iterator[bytes]) -> None:
    """One request a second, at its beginning."""
    while True:
        turn = await ask(port, writes, 1, 0)
        assert set(turn.statuses) == {200}, turn.statuses
        await asyncio.sleep(1)
