"""More asked than can be answered: who is served, who is told so at once, and what is never begun."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import asynccontextmanager, contextmanager, suppress

import httpx
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from vlclip.service.api.app import create_app
from vlclip.service.http.errors import Overloaded
from vlclip.service.settings import Settings
from vlclip.service.shop.workers import Workers


class Caller:
    """A request that may hang up."""

    def __init__(self):
        self.hung_up = False
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "state": {}}
        self.request = Request(scope, self.receive)

    async def receive(self):
        if not self.hung_up:
            await asyncio.get_running_loop().create_future()  # nothing comes
        return {"type": "http.disconnect"}


class Desk:
    """Workers whose work ends when the test says so; `began` tells in which order it started."""

    def __init__(self, count=1, *, queue=100, max_wait_s=60.0):
        self.workers = Workers(count, queue=queue, max_wait_s=max_wait_s)
        self.began, self.callers, self.tasks = [], {}, {}
        self._ends = {}

    async def ask(self, name, *, fails=False):
        self.callers[name], self._ends[name] = Caller(), threading.Event()

        def work():
            self.began.append(name)
            self._ends[name].wait()
            if fails:
                raise ZeroDivisionError
            return name

        self.tasks[name] = asyncio.create_task(self.workers.run(self.callers[name].request, work))
        await self.settle()
        return self.tasks[name]

    async def end(self, name):
        """Let its work end; what it gave."""
        self._ends[name].set()
        with suppress(ZeroDivisionError):
            await self.tasks[name]
        await self.settle()

    async def settle(self):
        """Until everything that can happen has happened."""
        for _ in range(5):
            await asyncio.sleep(0)
        while len(self.began) < self.workers.in_flight + self.workers.ended:  # noqa: ASYNC110 - of threads
            await asyncio.sleep(0.001)


@pytest.fixture
def desk():
    desks = []

    def make(*args, **options):
        desks.append(Desk(*args, **options))
        return desks[-1]

    yield make
    for opened in desks:
        for end in opened._ends.values():
            end.set()
        opened.workers.close()


def test_no_more_are_at_work_than_there_are_workers_and_the_first_come_is_the_first_served(desk):
    async def day():
        two = desk(2)
        for name in "abcde":
            await two.ask(name)
        assert two.began == ["a", "b"]
        assert (two.workers.in_flight, two.workers.waiting) == (2, 3)
        await two.end("b")
        assert two.began == ["a", "b", "c"]
        await two.end("a")
        await two.end("d")
        assert two.began == ["a", "b", "c", "d", "e"]
        await two.end("c")
        await two.end("e")
        assert [two.tasks[name].result() for name in "abcde"] == list("abcde")
        assert (two.workers.in_flight, two.workers.waiting, two.workers.ended) == (0, 0, 5)

    asyncio.run(day())


def test_a_full_queue_refuses_and_runs_nothing(desk):
    async def day():
        short = desk(1, queue=2)
        for name in "abcd":
            await short.ask(name)
        with pytest.raises(Overloaded):
            await short.tasks["d"]
        for name in "abc":
            await short.end(name)
        assert short.began == ["a", "b", "c"]
        assert short.workers.refused == 1
        await short.ask("e")  # there is room again
        await short.end("e")
        assert short.tasks["e"].result() == "e"

    asyncio.run(day())


def test_who_would_wait_too_long_is_refused_and_told_when_to_come_back(desk):
    async def day():
        slow = desk(2, max_wait_s=5.0)
        slow.workers.service_s = 4.0
        for name in "abcde":
            await slow.ask(name)
        # three wait, each for 4 s of one of two workers: 3 * 4 / 2 = 6 s are over 5; two made 4
        assert (slow.workers.waiting, slow.workers.wait_s) == (3, 6.0)
        with pytest.raises(Overloaded) as refused:
            await (await slow.ask("f"))
        assert refused.value.retry_after_s == 6
        with pytest.raises(Overloaded):
            slow.workers.admit()
        for name in "abcde":
            await slow.end(name)
        slow.workers.admit()

    asyncio.run(day())


@given(count=st.integers(1, 3), calls=st.integers(1, 12))
def test_between_calls_on_the_loop_the_loop_does_what_else_there_is(count, calls):
    async def day():
        workers, order = Workers(count, queue=calls, max_wait_s=60.0), []
        loop = asyncio.get_running_loop()

        def work(name):
            order.append(name)
            loop.call_soon(order.append, "else")  # as a socket that can be read

        asking = [workers.run(Caller().request, lambda n=n: work(n), on_loop=True) for n in range(calls)]
        await asyncio.gather(*asking)
        await asyncio.sleep(0)
        workers.close()
        runs = "".join("." if each == "else" else "x" for each in order).split(".")
        assert max(map(len, runs)) <= count
        assert [each for each in order if each != "else"] == list(range(calls))
        assert (workers.ended, workers.waiting) == (calls, 0)

    asyncio.run(day())


def test_a_call_on_the_loop_that_fails_leaves_its_place():
    async def day():
        workers = Workers(1, queue=5, max_wait_s=60.0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await workers.run(Caller().request, lambda: 1 // 0, on_loop=True)
        assert await workers.run(Caller().request, lambda: "well", on_loop=True) == "well"
        await asyncio.sleep(0)
        assert (workers.in_flight, workers.ended) == (0, 4)
        workers.close()

    asyncio.run(day())


def test_what_a_call_takes_is_smoothed_over_some_twenty_calls():
    async def day():
        workers = Workers(1, queue=0, max_wait_s=1.0)
        workers.service_s = 1.0
        for _ in range(44):  # 0.9 ** 44 is 0.0097
            await workers.run(Caller().request, lambda: None)
        workers.close()
        return workers.service_s

    assert 0.0097 <= asyncio.run(day()) < 0.1


def test_work_of_who_hung_up_while_waiting_is_never_started(desk):
    async def day():
        single = desk()
        for name in "abc":
            await single.ask(name)
        single.callers["b"].hung_up = True
        await single.end("a")
        with pytest.raises(ClientDisconnect):
            await single.tasks["b"]
        await single.end("c")
        assert single.began == ["a", "c"]
        assert single.workers.cancelled == 1

    asyncio.run(day())


def test_work_that_has_begun_goes_on_when_its_caller_hangs_up(desk):
    async def day():
        single = desk()
        await single.ask("a")
        single.callers["a"].hung_up = True
        await single.end("a")
        assert single.tasks["a"].result() == "a"

    asyncio.run(day())


steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.booleans()),
        st.tuples(st.sampled_from(["end", "hang up", "cancel"]), st.integers(0, 30)),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(count=st.integers(1, 3), queue=st.integers(0, 4), steps=steps)
def test_whatever_happens_every_place_is_free_in_the_end_and_every_call_is_accounted_for(count, queue, steps):
    async def day():
        desk = Desk(count, queue=queue)
        workers = desk.workers
        for step, what in steps:
            names = list(desk.tasks)
            if step == "ask":
                await desk.ask(len(names), fails=what)
            elif names and step == "hang up":
                desk.callers[what % len(names)].hung_up = True
            elif names and step == "cancel" and (name := what % len(names)) not in desk.began:
                desk.tasks[name].cancel()
            elif names and step == "end" and (name := what % len(names)) in desk.began:
                await desk.end(name)
            await desk.settle()
            assert workers.in_flight <= count
            assert workers.waiting <= queue
            assert not workers.waiting or workers.in_flight == count
        for end in desk._ends.values():
            end.set()
        results = await asyncio.gather(*desk.tasks.values(), return_exceptions=True)
        refused = sum(isinstance(result, Overloaded) for result in results)
        never = sum(isinstance(result, ClientDisconnect | asyncio.CancelledError) for result in results)
        assert (workers.in_flight, workers.waiting) == (0, 0)
        assert (workers.refused, workers.cancelled, workers.ended) == (refused, never, len(desk.began))
        assert refused + never + len(desk.began) == len(results)
        assert len(set(desk.began)) == len(desk.began)
        workers.close()

    asyncio.run(day())


# the same over the API


class Gate:
    """Holds what makes lists until it is opened."""

    def __init__(self, shop):
        self.open, self.entered, self._similar = threading.Event(), 0, shop.recommender.similar
        shop.recommender.similar = self

    def __call__(self, *args, **options):
        self.entered += 1
        self.open.wait()
        return self._similar(*args, **options)


@pytest.fixture
def small(shop, monkeypatch, request):
    """The API of two workers and four places to wait, over a shop whose lists wait for a gate."""
    shop.warm()
    api = {"workers": 2, "queue": 4, **getattr(request, "param", {})}
    monkeypatch.setattr(shop, "settings", Settings(store=shop.settings.store, device="cpu", api=api))
    monkeypatch.setattr(shop, "lists", None)  # what is remembered would wait for nobody
    gate = Gate(shop)
    yield create_app(shop), gate
    gate.open.set()
    shop.recommender.similar = gate._similar


@asynccontextmanager
async def client(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop") as asking:
        yield asking


def similar(asking, n=1):
    return asyncio.create_task(asking.get(f"/v1/items/drawn-{n:05d}/similar?limit=2"))


def test_in_a_burst_everybody_is_answered_and_afterwards_all_are_served(small):
    app, gate = small

    async def burst():
        async with client(app) as asking:
            requests = [similar(asking, 1 + n % 5) for n in range(30)]
            # two at work, four wait; the others are told while the first is still at work
            refused = [await answer for answer in requests[6:]]
            assert gate.entered <= 2
            assert {answer.status_code for answer in refused} == {503}
            for answer in refused:
                assert answer.json()["code"] == "overloaded"
                assert answer.headers["content-type"] == "application/problem+json"
                assert int(answer.headers["retry-after"]) >= 1
            health = await asking.get("/healthz")
            events_answer = await asking.post(
                "/v1/events", json={"events": [{"kind": "view", "item": "drawn-00001", "user": "eve"}]}
            )
            search = await asking.post("/v1/search", json={"text": "red"})
            gate.open.set()
            served = [await answer for answer in requests[:6]]
            after = [await similar(asking, n) for n in range(1, 6)]
        assert (health.status_code, events_answer.status_code, search.status_code) == (200, 202, 503)
        assert {answer.status_code for answer in served + after} == {200}
        workers = app.state.workers
        assert (workers.in_flight, workers.waiting, workers.refused, workers.ended) == (0, 0, 25, 11)

    asyncio.run(burst())


@contextmanager
def served(app):
    """The address of the API behind a real server, which does not close the shop."""
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        running.start()
        try:
            yield listening.getsockname()
        finally:
            server.should_exit = True
            running.join()


def until(holds):
    """Wait for what happens in another thread."""
    while not holds():
        time.sleep(0.005)


def begin(address, n):
    connection = socket.create_connection(address)
    connection.sendall(f"GET /v1/items/drawn-{n:05d}/similar HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
    return connection


def test_a_client_that_hangs_up_while_it_waits_costs_no_work_and_health_is_told_meanwhile(small):
    app, gate = small
    workers = app.state.workers
    with served(app) as address:
        connections = [begin(address, n) for n in (1, 2)]
        until(lambda: workers.in_flight == 2)
        lost, last = begin(address, 3), begin(address, 4)
        until(lambda: workers.waiting == 2)
        lost.close()
        health = socket.create_connection(address)
        health.sendall(b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        assert health.recv(12) == b"HTTP/1.1 200"
        gate.open.set()
        for connection in [*connections, last]:
            assert connection.recv(12) == b"HTTP/1.1 200"
        for connection in [*connections, last, health]:
            connection.close()
    assert (gate.entered, workers.cancelled, workers.ended) == (3, 1, 3)


@pytest.mark.parametrize("small", [{"timeout_s": 0.2}], indirect=True)
def test_what_waits_until_its_time_is_over_is_told_so_and_never_started(small):
    app, gate = small
    workers = app.state.workers
    with served(app) as address:
        connections = [begin(address, n) for n in (1, 2)]
        until(lambda: workers.in_flight == 2)
        late = begin(address, 3)
        assert late.recv(12) == b"HTTP/1.1 504"
        gate.open.set()
        until(lambda: workers.cancelled == 1)
        for connection in [*connections, late]:
            connection.close()
    assert gate.entered == 2
