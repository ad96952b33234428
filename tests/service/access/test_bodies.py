"""What a request may send: how long its address and headers are, how large and how slow its body."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from tests.service.mannered import mannered, problem
from vlclip.service.access import bodies
from vlclip.service.access.bodies import BodyLimit, BodySizes


def test_a_body_over_the_limit_is_refused_announced_or_not(tmp_path):
    client = mannered(tmp_path, max_body_bytes=2_000_000)

    def in_chunks(count):
        return (b"x" * 10_000 for _ in range(count))

    assert client.put("/v1/items/1", content=b"x" * 2_000_000).json() == {"read": 2_000_000}
    assert client.put("/v1/items/1", content=in_chunks(200)).json() == {"read": 2_000_000}
    assert (
        "2,000,000 bytes"
        in problem(client.put("/v1/items/1", content=in_chunks(201)), 413, "too-large")["detail"]
    )
    problem(client.put("/v1/items/1", content=b"x" * 2_000_001), 413, "too-large")
    usual = mannered(tmp_path)
    assert usual.put("/v1/items/1", content=in_chunks(801)).status_code == 200
    for limit, send in (
        (800, lambda chunks: usual.post("/v1/items:compare", content=chunks)),
        (800, lambda chunks: usual.post("/v1/items:delete", content=chunks)),
        (200, lambda chunks: usual.post("/v1/events", content=chunks)),
        (200, lambda chunks: usual.post("/v1/search", content=chunks)),
    ):
        assert send(in_chunks(limit)).status_code == 200
        problem(send(in_chunks(limit + 1)), 413, "too-large")
    problem(client.get("/v1/items/1", headers={"content-length": "9" * 30}), 413, "too-large")


def scope(path="/v1/items/1"):
    return {"type": "http", "method": "PUT", "path": path, "headers": [], "state": {"request_id": "r"}}


def sizes_of(limit, together=10**9):
    return BodySizes(photos=limit, batch=limit, other=limit, together=together)


@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=20), limit=st.integers(1, 200))
def test_of_a_body_no_more_is_read_than_the_chunk_that_breaks_the_limit(sizes, limit):
    chunks = iter([{"type": "http.request", "body": b"x" * size, "more_body": True} for size in sizes])
    received = []

    async def app(scope, receive, send):
        for _ in sizes:
            message = await receive()
            received.append(len(message["body"]))

    async def receive():
        return next(chunks)

    served = BodyLimit(app, sizes_of(limit))(scope(), receive, None)
    if sum(sizes) <= limit:
        asyncio.run(served)
        assert received == sizes
    else:
        with pytest.raises(HTTPException, match="larger"):
            asyncio.run(served)
        assert sum(received) <= limit


def test_a_long_address_and_long_headers_are_refused_before_they_are_read(tmp_path):
    client = mannered(tmp_path)
    problem(client.get("/v1/" + "a" * bodies.MAX_PATH_BYTES), 414, "uri-too-long")
    problem(client.get("/v1/a?filter=" + "a" * bodies.MAX_QUERY_BYTES), 414, "uri-too-long")
    problem(client.get("/v1/a", headers={"cookie": "a" * bodies.MAX_HEADER_BYTES}), 431, "headers-too-large")
    assert client.get("/v1/a?filter=" + "a" * 30_000, headers={"cookie": "a" * 60_000}).status_code == 200


class Requests:
    """Requests under way at a middleware: each sends its body in chunks and ends when it is told to."""

    def __init__(self, limit, together):
        self.middleware = BodyLimit(self.app, sizes_of(limit, together))
        self.ending = {}

    async def app(self, scope, receive, send):
        while (await receive())["more_body"]:
            pass
        await self.ending[scope["id"]].wait()

    async def begin(self, number, chunks):
        self.ending[number] = asyncio.Event()
        left = list(chunks)

        async def receive():
            size = left.pop(0)
            return {"type": "http.request", "body": b"x" * size, "more_body": bool(left)}

        task = asyncio.create_task(self.middleware({**scope(), "id": number}, receive, None))
        for _ in range(3):
            await asyncio.sleep(0)
        return task


bodies_held = st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=4), min_size=1, max_size=12)


@given(bodies_held, st.lists(st.booleans(), min_size=12, max_size=12))
def test_all_bodies_held_at_a_time_have_one_limit_and_what_ends_gives_its_bytes_back(chunks, ends):
    async def run():
        requests, open_sizes, tasks = Requests(limit=160, together=200), {}, []
        for number, (sizes, is_ended) in enumerate(zip(chunks, ends, strict=False)):
            task = await requests.begin(number, sizes)
            tasks.append(task)
            if task.done():
                with pytest.raises(HTTPException, match="held at once"):
                    task.result()
                assert sum(open_sizes.values()) + sum(sizes) > 200
            else:
                open_sizes[number] = sum(sizes)
                assert sum(open_sizes.values()) <= 200
            if is_ended and open_sizes:
                ended = next(iter(open_sizes))
                del open_sizes[ended]
                requests.ending[ended].set()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        for number in open_sizes:
            requests.ending[number].set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert requests.middleware._held == 0

    asyncio.run(run())


def test_a_body_that_drips_is_refused_and_waiting_after_the_body_is_not(monkeypatch):
    monkeypatch.setattr(bodies, "GRACE_S", 0.01)
    ended = []

    async def app(scope, receive, send):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            ended.append(message.get("more_body"))

    async def run(chunks, pause_s):
        messages = iter(chunks)

        async def receive():
            message = next(messages, None)
            if message is None or not message["body"]:
                await asyncio.sleep(pause_s)
            return message or {"type": "http.disconnect"}

        await BodyLimit(app, sizes_of(10**6))(scope(), receive, None)

    def chunk(body, *, more):
        return {"type": "http.request", "body": body, "more_body": more}

    with pytest.raises(HTTPException) as refused:
        asyncio.run(run([chunk(b"x", more=True), chunk(b"", more=True)], pause_s=60))
    assert refused.value.status_code == 408
    ended.clear()
    asyncio.run(run([chunk(b"x" * 100_000, more=True), chunk(b"", more=False)], pause_s=0.05))
    assert ended == [True, False]  # 100,000 bytes have ten seconds, and waiting for the answer has no end
