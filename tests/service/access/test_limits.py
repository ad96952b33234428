"""What one caller may take of the HTTP API: requests, bytes, time; and the id of a request."""

from __future__ import annotations

import asyncio
import logging
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse

from tests.service.mannered import mannered, problem
from vlclip.service.access.keys import add_key
from vlclip.service.access.limits import Timeout, TokenBuckets


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self):
        return self.now


def test_a_bucket_worked_by_hand():
    clock = Clock()
    buckets = TokenBuckets(clock)
    # two requests a minute: a token comes back every 30 s
    assert [buckets.take("a", 2).remaining for _ in range(2)] == [1, 0]
    refused = buckets.take("a", 2)
    assert (refused.allowed, refused.wait_s, refused.full_s) == (False, 30, 60)
    assert buckets.take("b", 2).allowed  # each caller has a bucket of its own
    clock.now += 30
    assert buckets.take("a", 2).allowed
    assert not buckets.take("a", 2).allowed
    clock.now += 60
    assert [buckets.take("a", 2).allowed for _ in range(3)] == [True, True, False]


gaps = st.lists(st.floats(0, 70), min_size=1, max_size=60)


@given(quota=st.integers(1, 12), gaps=gaps)
def test_no_minute_has_more_than_twice_the_quota_and_waiting_as_told_is_enough(quota, gaps):
    clock, allowed = Clock(), []
    buckets = TokenBuckets(clock)
    for gap in gaps:
        clock.now += gap
        admission = buckets.take("a", quota)
        if not admission.allowed:
            clock.now += admission.wait_s
            assert buckets.take("a", quota).allowed
        allowed.append(clock.now)
    for start in allowed:
        assert sum(start <= at < start + 60 for at in allowed) <= 2 * quota
    clock.now += 60
    assert all(buckets.take("a", quota).allowed for _ in range(quota))


@given(requests=st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 40)), max_size=40))
def test_callers_at_rest_are_forgotten_without_a_trace(requests):
    clock = Clock()
    remembering, forgetting = TokenBuckets(clock), TokenBuckets(clock)
    for caller, gap in requests:
        clock.now += gap
        forgetting._sweep_at = 0
        assert forgetting.take(caller, 3) == remembering.take(caller, 3)
    clock.now += 61
    forgetting._sweep_at = 0
    forgetting.take("z", 3)
    assert list(forgetting._full_at) == ["z"]


def test_a_caller_over_the_quota_is_told_when_to_come_back(tmp_path):
    client = mannered(tmp_path, requests_per_minute=2)
    first = client.get("/v1/items/1")
    assert first.headers["ratelimit-policy"] == '"minute";q=2;w=60'
    assert first.headers["ratelimit"] == '"minute";r=1;t=30'
    assert client.get("/v1/items/1").status_code == 200
    refused = client.get("/v1/items/1")
    problem(refused, 429, "too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["ratelimit"].startswith('"minute";r=0;t=')
    assert "ratelimit" not in client.get("/healthz").headers
    assert "ratelimit" not in mannered(tmp_path).get("/v1/items/1").headers


def test_each_key_has_its_own_quota(tmp_path):
    path = tmp_path / "records" / "keys.json"
    own, _ = add_key(path, ["read"], requests_per_minute=1)
    usual, _ = add_key(path, ["read"])
    client = mannered(tmp_path, requests_per_minute=3)

    def asks(key, times):
        return [client.get("/v1/a", headers={"X-API-Key": key}).status_code for _ in range(times)]

    assert asks(own, 2) == [200, 429]
    assert asks(usual, 4) == [200, 200, 200, 429]


def scope(method="GET", path="/v1/items/1"):
    return {"type": "http", "method": method, "path": path, "headers": [], "state": {"request_id": "r"}}


def serve(app, *, method="GET", seconds=0.01, write_seconds=0.01, body=None):
    """What the server sends, and is sent while `app` is still at work."""

    async def run():
        sent, answered = [], asyncio.Event()

        async def send(message):
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered.set()

        async def receive():
            if body is not None:
                return {"type": "http.request", "body": body}
            await answered.wait()  # as servers do: nothing comes any more, so the end of the answer ends it
            return {"type": "http.disconnect"}

        middleware = Timeout(app(answered), seconds=seconds, write_seconds=write_seconds)
        await middleware(scope(method), receive, send)
        return sent

    return asyncio.run(run())


def test_an_answer_that_takes_too_long_is_a_504_and_the_work_is_not_cut_in_half():
    ended = []

    def slow(answered):
        async def app(scope, receive, send):
            loop, free = asyncio.get_running_loop(), threading.Event()
            waiting = loop.create_task(answered.wait())
            waiting.add_done_callback(lambda _: free.set())
            await run_in_threadpool(free.wait)  # ends after the answer only
            ended.append(answered.is_set())
            await PlainTextResponse("late")(scope, receive, send)

        return app

    start, body = serve(slow)
    assert start["status"] == 504
    assert b'"timeout"' in body["body"]
    assert ended == [True]


def test_what_late_work_dies_of_is_logged_and_not_sent(caplog):
    def fails(answered):
        async def app(scope, receive, send):
            await answered.wait()
            raise RuntimeError("too late to matter")

        return app

    assert serve(fails)[0]["status"] == 504
    assert "too late to matter" in caplog.text


def test_a_body_that_does_not_come_is_a_408():
    def reads(_):
        async def app(scope, receive, send):
            await Request(scope, receive).body()

        return app

    start, body = serve(reads, method="PUT")
    assert start["status"] == 408
    assert b'"request-timeout"' in body["body"]


def test_an_answer_in_time_is_left_alone_and_so_are_errors():
    def fast(_):
        return PlainTextResponse("here")

    assert serve(fast, seconds=60)[1]["body"] == b"here"

    def raises(_):
        async def app(scope, receive, send):
            raise ClientDisconnect

        return app

    with pytest.raises(ClientDisconnect):
        serve(raises, seconds=60)


def test_writes_have_a_time_of_their_own():
    def waits(answered):
        async def app(scope, receive, send):
            if scope["method"] == "GET":
                await answered.wait()
                return
            await asyncio.sleep(0.05)  # longer than anything but a write may take
            await PlainTextResponse("in time")(scope, receive, send)

        return app

    assert serve(waits, method="GET", write_seconds=60)[0]["status"] == 504
    assert serve(waits, method="PUT", write_seconds=60)[0]["status"] == 200


@pytest.mark.parametrize("given_id", ["7", "3f2a-shop:web.01_x", "a" * 128])
def test_a_sane_request_id_is_kept(tmp_path, given_id):
    answer = mannered(tmp_path).get("/v1/a", headers={"X-Request-Id": given_id})
    assert answer.headers["x-request-id"] == given_id


@pytest.mark.parametrize("given_id", ["", "a" * 129, "a b", "a\tb", "<script>", b"\xe9"])
def test_any_other_request_id_is_replaced(tmp_path, given_id):
    client = mannered(tmp_path)
    ids = {client.get("/v1/a", headers={"X-Request-Id": given_id}).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", request_id) for request_id in ids)


def test_what_breaks_is_a_problem_with_the_id_of_its_log_line(tmp_path, lines):
    answer = mannered(tmp_path).get("/broken", headers={"X-Request-Id": "the-one"})
    detail = problem(answer, 500, "internal")["detail"]
    assert "screw" not in detail
    logging.getLogger("vlclip.api").warning("between requests")
    broken, between = lines()
    assert broken["request_id"] == "the-one"
    assert "a screw is loose" in broken["exception"]
    assert between["request_id"] == "-"


def test_pages_of_other_sites_may_ask_only_where_a_setting_names_them(tmp_path):
    add_key(tmp_path / "records" / "keys.json", ["read"])
    shop, other = {"Origin": "https://shop.example"}, {"Origin": "https://other.example"}
    closed = mannered(tmp_path)
    assert "access-control-allow-origin" not in closed.get("/healthz", headers=shop).headers
    client = mannered(tmp_path, cors_origins=["https://shop.example"])
    # an answer that refuses is readable, too, or the page could not tell why
    refused = client.get("/v1/a", headers=shop)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in client.get("/v1/a", headers=other).headers
    preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    answer = client.options("/v1/items/1", headers=shop | preflight)
    assert answer.status_code == 200
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert client.options("/v1/items/1", headers=other | preflight).status_code == 400
