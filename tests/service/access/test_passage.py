"""The way in and out of every request."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.service.mannered import mannered, problem
from vlclip.service.access.passage import Passage, Rules
from vlclip.service.access.visit import Visit


class Sign:
    """A rule that writes its name into the answer, and may refuse."""

    def __init__(self, name, met, *, refuses):
        self.name, self._met, self._refuses = name, met, refuses

    def check(self, visit):
        self._met.append(self.name)
        visit.added.append((b"x-sign", self.name.encode()))
        return PlainTextResponse(self.name, 403) if self._refuses else None


shared = PlainTextResponse("in")
"""One answer for many requests, as a page that is made once."""


async def enter(_):
    return shared


async def break_down(_):
    raise RuntimeError("a screw is loose")


def client_of(passage):
    app = Starlette(routes=[Route("/", enter), Route("/broken", break_down)])
    passage(app)
    return TestClient(app, raise_server_exceptions=False)


@given(st.lists(st.booleans(), max_size=6), st.integers(0, 6), st.sampled_from(["/", "/broken", "/nowhere"]))
def test_rules_are_asked_in_their_order_up_to_the_first_refusal(refusals, split, path):
    """Whether they are asked in one pass, or the last of them behind another middleware."""
    met = []
    signs = [Sign(str(place), met, refuses=refuses) for place, refuses in enumerate(refusals)]

    def whole(app):
        app.add_middleware(Passage, rules=signs)

    def parted(app):
        app.add_middleware(Rules, rules=signs[split:])
        app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
        app.add_middleware(Passage, rules=signs[:split])

    expected = [str(place) for place in range(len(refusals))]
    if True in refusals:
        expected = expected[: refusals.index(True) + 1]
    for passage in (whole, parted):
        met.clear()
        answer = client_of(passage).get(path)
        assert met == expected == answer.headers.get_list("x-sign", split_commas=False)
        if True in refusals:
            assert (answer.status_code, answer.text) == (403, expected[-1])
        else:
            assert answer.status_code == {"/": 200, "/broken": 500, "/nowhere": 404}[path]


def test_an_answer_that_is_made_once_is_completed_anew_each_time():
    client = client_of(lambda app: app.add_middleware(Passage, rules=[Sign("a", [], refuses=False)]))
    ids = set()
    for _ in range(3):
        answer = client.get("/")
        assert answer.headers.get_list("x-sign", split_commas=False) == ["a"]
        (own,) = answer.headers.get_list("x-request-id", split_commas=False)
        ids.add(own)
    assert len(ids) == 3


def test_every_answer_says_what_is_left_of_a_quota_once(tmp_path):
    client = mannered(tmp_path, requests_per_minute=3, max_json_bytes=1000)
    answers = [
        client.get("/broken"),
        client.post("/v1/events", content=b"x" * 1001),
        client.get("/nowhere"),
        client.get("/v1/items"),
    ]
    assert [answer.status_code for answer in answers] == [500, 413, 404, 429]
    for place, answer in enumerate(answers):
        (left,) = answer.headers.get_list("ratelimit", split_commas=False)
        assert left.startswith(f'"minute";r={max(0, 2 - place)};t=')
    problem(answers[-1], 429, "too-many-requests")


@pytest.mark.parametrize("sent", [[], [(b"a", b"1")], [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]])
def test_of_a_header_that_is_repeated_the_first_counts(sent):
    visit = Visit({"type": "http", "headers": sent})
    first = next((value.decode() for name, value in sent if name == b"a"), "")
    assert (visit.header(b"a"), visit.header(b"c")) == (first, "")
    visit.replace_host("shop.example")
    assert visit.header(b"host") == "shop.example"
    assert [pair for pair in visit.scope["headers"] if pair[0] == b"host"] == [(b"host", b"shop.example")]


class WatchedScope(dict):
    """A scope that can be watched."""


@pytest.mark.parametrize("refuses", [False, True])
def test_a_request_is_gone_when_it_has_ended_without_the_garbage_collector(refuses):
    passage = Passage(shared, [Sign("a", [], refuses=refuses)])

    async def send(_):
        pass

    gc.disable()
    try:
        scope = WatchedScope(type="http", method="GET", path="/", headers=[(b"host", b"a")])
        asyncio.run(passage(scope, None, send))
        kept_by = weakref.ref(scope)
        del scope
        assert kept_by() is None
    finally:
        gc.enable()
