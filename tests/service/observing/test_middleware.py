"""Every request is observed once; a list is logged when its answer begins."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse, StreamingResponse

from vlclip.ranking.experiments.exposure import Exposure
from vlclip.service.access.passage import Passage
from vlclip.service.http.routing import UNMATCHED
from vlclip.service.observing.middleware import CALLER_LEFT, Watch
from vlclip.service.shop.served_list import ServedList, hand_over


@pytest.fixture
def observed():
    return []


@pytest.fixture
def client(observed):
    app = FastAPI()
    app.add_middleware(Passage, rules=())
    app.add_middleware(Watch, observers=[observed.append], record=pytest.fail)

    @app.get("/v1/items/{item_id:path}/similar")
    async def similar(item_id: str):
        return item_id

    @app.get("/broken")
    async def broken():
        raise RuntimeError("a screw is loose")

    @app.get("/torn")
    async def torn():
        async def half():
            yield "half"
            raise RuntimeError("in the middle")

        return StreamingResponse(half())

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/v1/items/a/b/similar", "/v1/items/{item_id}/similar", 200),
        ("/broken", "/broken", 500),
        ("/torn", "/torn", 200),
        ("/v1/items/secret", UNMATCHED, 404),
    ],
)
def test_a_request_is_told_once_by_its_route_and_never_its_path(client, observed, path, route, status):
    client.get(path, headers={"X-Request-Id": "the-one"})
    (served,) = observed
    assert (served.method, served.route, served.status) == ("GET", route, status)
    assert (served.request_id, served.caller) == ("the-one", "")
    assert served.seconds > 0


def test_a_method_nobody_knows_is_one_of_the_others(client, observed):
    client.request("BREW", "/broken")
    assert observed[0].method == "other"


def test_an_observer_that_breaks_breaks_nothing(observed, caplog):
    app = FastAPI()

    def breaks(_):
        raise ValueError("full")

    app.add_middleware(Watch, observers=[breaks, observed.append], record=pytest.fail)
    assert TestClient(app).get("/docs").status_code == 200
    assert len(observed) == 1
    assert "could not be counted" in caplog.text


def serve(app, observed, receive, record=pytest.fail):
    async def send(_):
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(Watch(app, [observed.append], record)(scope, receive, send))


@pytest.mark.parametrize(
    ("comes", "status", "observed_status", "times"),
    [
        ("http.request", 200, 200, 1),
        ("http.request", 504, 504, 0),
        ("http.disconnect", 200, CALLER_LEFT, 0),
    ],
)
def test_a_list_is_logged_when_its_answer_begins_and_its_caller_is_there(
    observed, comes, status, observed_status, times
):
    exposure = Exposure(request_id="l1", time=0, kind="similar", unit="", arm="a@0", items=())
    logged = []

    async def receive():
        return {"type": comes}

    async def answers(scope, receive, send):
        hand_over(scope, ServedList("l1", "similar", "default", "content", exposure))
        await PlainTextResponse("a list", status)(scope, receive, send)

    serve(answers, observed, receive, lambda recorded: logged.append((recorded, len(observed))))
    assert logged == [(exposure, 0)] * times
    assert observed[0].status == observed_status


def test_a_caller_who_left_before_the_answer_is_told_apart(observed):
    async def leave():
        return {"type": "http.disconnect"}

    async def reads(scope, receive, send):
        await receive()
        await PlainTextResponse("nobody is there", 500)(scope, receive, send)

    serve(reads, observed, leave)
    assert observed[0].status == CALLER_LEFT


def test_a_caller_who_left_after_the_answer_got_it(observed):
    async def leave():
        return {"type": "http.disconnect"}

    async def answers(scope, receive, send):
        await PlainTextResponse("here")(scope, receive, send)
        await receive()

    serve(answers, observed, leave)
    assert observed[0].status == 200


def test_work_that_goes_on_after_the_answer_is_not_counted(observed):
    late = []

    async def answers(scope, receive, send):
        await PlainTextResponse("here")(scope, receive, send)
        assert not observed
        late.append(perf_counter())

    serve(answers, observed, None)
    (served,) = observed
    assert served.began < served.ended <= late[0]
