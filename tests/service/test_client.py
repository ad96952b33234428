"""The clients, against a served shop and against answers made up."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import socket
import threading
import time
from io import BytesIO
from pathlib import Path

import httpx2
import pytest
import stamina
import uvicorn
from PIL import Image

from vlclip.service import client as package
from vlclip.service.api.app import create_app
from vlclip.service.client import (
    ApiError,
    AsyncClient,
    Client,
    EventCounts,
    ItemList,
    PatchOutcome,
    Result,
    StoredItem,
    WriteOutcome,
    clients,
)

A_LIST = {
    "results": [{"id": "a", "score": 1.5, "parts": {"text": 1.5}, "item": {}, "duplicates": [], "new": 1}],
    "took_ms": 1.0,
    "request_id": "r",
    "strategy": "history",
    "arm": "b",
    "new": 2,
}
QUESTIONS = [
    (("similar", "a/b c?"), {"limit": 3, "weights": {"image": 1}, "exclude": ["x", "y"]}, A_LIST),
    (("search", "red"), {"filter": {"price": {"lt": 5}}, "collapse": True}, A_LIST),
    (("search",), {"photo": b"jpeg", "filter": {"brand": ["A"]}, "limit": 2, "exclude": ["x"]}, A_LIST),
    (("recommendations",), {"user": "a/b", "limit": 3, "diversity": 0.5}, A_LIST),
    (("recommendations",), {"session": "s"}, A_LIST),
    (("tell", {"id": "1", "kind": "view", "item": "a", "user": "u"}), {}, {"accepted": 1}),
    (
        ("tell_many", [{"id": str(n), "kind": "view", "item": "a", "user": "u"} for n in range(5)]),
        {"batch": 2},
        {"accepted": 2},
    ),
    (("forget", "a/b"), {}, {"events": 3}),
    (("item", "a"), {}, {"id": "a", "item": {"title": "t"}, "provenance": {}}),
    (("put", "a", {"title": "t"}), {"photo": b"jpeg"}, {"id": "a", "status": "embedded", "reason": ""}),
    (
        ("put_many", [{"id": "a"}, {"id": "b"}, {"id": "c"}]),
        {"batch": 2},
        {"results": [{"id": "a", "status": "unchanged", "reason": ""}]},
    ),
    (("patch", "a", {"price": 1}), {}, {"id": "a", "status": "patched", "reason": "", "stale": []}),
    (
        ("patch_many", [{"id": "a"}, {"id": "b"}, {"id": "c"}]),
        {"batch": 2},
        {"results": [{"id": "a", "status": "unknown", "reason": "no", "stale": []}]},
    ),
    (("put", "b", {"title": "t"}), {"replace": True}, {"id": "b", "status": "embedded", "reason": ""}),
    (("delete", "a"), {}, None),
    (("delete_many", ["a", "b", "c"]), {"batch": 2}, {"deleted": 1}),
    (("unchanged", {"a": "hash"}), {}, {"unchanged": ["a"]}),
    (("ids", "0-1"), {}, {"ids": ["a"], "next": None}),
    (("ready",), {}, {"status": "ready"}),
]


def transport(answer, requests=None):
    def answered(request: httpx2.Request) -> httpx2.Response:
        if requests is not None:
            body = request.content
            kind = request.headers.get("content-type", "")
            if "boundary=" in kind:  # drawn anew each time
                body = body.replace(kind.partition("boundary=")[2].encode(), b"--")
            requests.append((request.method, str(request.url), request.headers.get("authorization"), body))
        return answer(request)

    return httpx2.MockTransport(answered)


def ask(kind, words, options, transport):
    """The answer of either client to one question."""
    name, *args = words
    if kind is Client:
        with Client("http://shop", "vlclip_k", transport=transport) as client:
            return getattr(client, name)(*args, **options)

    async def run():
        async with AsyncClient("http://shop", "vlclip_k", transport=transport) as client:
            return await getattr(client, name)(*args, **options)

    return asyncio.run(run())


@pytest.fixture
def impatient():
    """Retries without waits."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.mark.parametrize(("words", "options", "answer"), QUESTIONS)
def test_both_clients_send_the_same_and_read_the_same(words, options, answer):
    def response(_):
        return httpx2.Response(204) if answer is None else httpx2.Response(200, json=answer)

    blocking, waiting = [], []
    first = ask(Client, words, options, transport(response, blocking))
    second = ask(AsyncClient, words, options, transport(response, waiting))
    assert first == second
    assert blocking == waiting
    assert all(key == "Bearer vlclip_k" for _, _, key, _ in blocking)


def test_both_clients_have_the_same_methods():
    def methods(kind):
        return {
            name: list(inspect.signature(method).parameters.values())
            for name, method in vars(kind).items()
            if inspect.isfunction(method) and not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)
    assert {words[0] for words, _, _ in QUESTIONS} | {"close"} == set(methods(Client))


def test_questions_are_written_as_the_api_reads_them():
    requests = []
    ask(Client, *QUESTIONS[0][:2], transport(good_list, requests))
    ((method, url, _, _),) = requests
    assert method == "GET"
    assert url.startswith("http://shop/v1/items/a%2Fb%20c%3F/similar?limit=3&weights=%7B%22image%22")
    assert url.endswith("&exclude=x&exclude=y")


def test_answers_are_read_and_what_a_newer_server_adds_is_left_out():
    listed = ask(Client, ("search", "red"), {}, transport(good_list))
    assert listed == ItemList((Result("a", 1.5, {"text": 1.5}, {}, []),), 1.0, "r", "history", "b")


def good_list(_):
    return httpx2.Response(200, json=A_LIST)


def refusal(status, **headers):
    body = {"code": "a-code", "detail": "what to do", "status": status, "title": "", "request_id": "r1"}
    return lambda _: httpx2.Response(status, json=body, headers={"x-request-id": "r1", **headers})


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_problem_becomes_an_error_with_its_code(kind):
    requests = []
    with pytest.raises(ApiError, match=r"what to do \(a-code\)") as caught:
        ask(kind, ("item", "a"), {}, transport(refusal(404), requests))
    error = caught.value
    assert (error.code, error.detail, error.status, error.request_id) == ("a-code", "what to do", 404, "r1")
    assert len(requests) == 1
    with pytest.raises(ApiError, match="502") as caught:
        ask(kind, ("item", "a"), {}, transport(lambda _: httpx2.Response(502, text="<h1>Bad Gateway</h1>")))
    assert caught.value.code == "http-error"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("status", [429, 503])
def test_who_is_asked_to_wait_asks_again(kind, status, impatient):
    answers = [refusal(status, **{"retry-after": "7"}), refusal(status), good_list]

    def one_by_one(request):
        return answers.pop(0)(request)

    assert ask(kind, ("search", "red"), {}, transport(one_by_one)).took_ms == 1.0
    requests = []
    with pytest.raises(ApiError):
        ask(kind, ("search", "red"), {}, transport(refusal(status), requests))
    assert len(requests) == clients.ATTEMPTS


def test_the_wait_is_what_the_server_names_unless_it_is_too_long():
    def waits(error):
        return clients._retry(error)

    assert waits(ApiError("c", "d", 429, "r", retry_after_s=7)) == 7
    assert waits(ApiError("c", "d", 503, "r")) is True
    assert waits(ApiError("c", "d", 429, "r", retry_after_s=3600)) is False
    assert waits(ApiError("c", "d", 500, "r")) is False
    assert waits(ValueError()) is False


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_service_that_cannot_be_reached_is_an_api_error_and_not_ready(kind):
    def nobody(request):
        raise httpx2.ConnectError("refused")

    def silence(request):
        raise httpx2.ReadTimeout("")

    with pytest.raises(ApiError, match="refused") as caught:
        ask(kind, ("item", "a"), {}, transport(nobody))
    assert (caught.value.code, caught.value.status) == ("no-connection", 0)
    with pytest.raises(ApiError, match="ReadTimeout") as caught:
        ask(kind, ("item", "a"), {}, transport(silence))
    assert caught.value.code == "no-answer"
    assert ask(kind, ("ready",), {}, transport(nobody)) is False
    requests = []
    assert ask(kind, ("ready",), {}, transport(refusal(503), requests)) is False
    assert len(requests) == 1
    with pytest.raises(ApiError):
        ask(kind, ("ready",), {}, transport(refusal(404)))


def test_the_client_needs_nothing_of_the_other_rooms():
    sources = list(Path(package.__file__).parent.glob("*.py"))
    nodes = [node for source in sources for node in ast.walk(ast.parse(source.read_text("utf-8")))]
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    own = {name for name in imported if name.split(".")[0] == "vlclip"}
    assert own
    assert all(name.startswith("vlclip.service.client") for name in own)


def test_the_public_names_are_the_ones_there_are():
    own = {
        name
        for name, kind in inspect.getmembers(package, inspect.isclass)
        if kind.__module__.startswith(package.__name__)
    }
    assert own == set(package.__all__)


@pytest.fixture(scope="module")
def address(shop):
    """The shop on a socket; it stays open when the server ends, for others share it."""
    shop.warm()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(shop), log_level="warning", lifespan="off"))
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    running.start()
    while not server.started:
        time.sleep(0.01)
    host, port = listening.getsockname()
    yield f"http://{host}:{port}"
    server.should_exit = True
    running.join()


def photo():
    out = BytesIO()
    Image.new("RGB", (60, 80), "teal").save(out, "PNG")
    return out.getvalue()


def test_a_shop_is_asked_and_written_over_a_socket(address):
    with Client(address) as client:
        assert client.ready()
        listed = client.similar("drawn-00001", limit=4, weights={"image": 1, "text": 0})
        assert len(listed.results) == 4
        assert all(entry.parts["text"] == 0 for entry in listed.results)
        new = "clients/own #1"
        assert client.put(new, {"title": "Zeppelin lamp"}, photo=photo()) == WriteOutcome(new, "embedded", "")
        stored = client.item(new)
        assert isinstance(stored, StoredItem)
        assert stored.item["title"] == "Zeppelin lamp"
        assert client.search("zeppelin", weights={"lexical": 10}, limit=1).results[0].id == new
        by_photo = client.search(photo=photo(), limit=1, filter={"title": "Zeppelin lamp"})
        assert [entry.id for entry in by_photo.results] == [new]
        assert by_photo.request_id
        items = ({"id": f"c{i}", "title": "x" * (30_000 if i == 1 else 5)} for i in range(3))
        written = client.put_many(items, batch=2)
        assert [entry.id for entry in written] == ["c0", "c1", "c2"]
        assert [entry.status == "failed" for entry in written] == [False, True, False]
        with pytest.raises(ApiError, match="image") as refused:
            client.put(new, {"title": "Zeppelin lamp"})
        assert (refused.value.status, refused.value.code) == (409, "would-drop")
        assert client.patch(new, {"price": 3, "shelf": "A7"}) == PatchOutcome(new, "patched", "", [])
        patches = ({"id": name, "price": 4} for name in (new, "nobody", "c0"))
        assert [entry.status for entry in client.patch_many(patches, batch=2)] == [
            "patched",
            "unknown",
            "patched",
        ]
        assert client.item(new).item["price"] == 4.0
        assert client.put(new, {"title": "Zeppelin lamp"}, replace=True).status == "embedded"
        for item_id in (new, "c0", "c2"):
            client.delete(item_id)
        with pytest.raises(ApiError) as caught:
            client.item(new)
        assert (caught.value.status, caught.value.code) == (404, "unknown-item")


def test_an_event_loop_asks_many_at_once(address):
    async def run():
        async with AsyncClient(address) as client:
            ids = [f"drawn-{n:05}" for n in range(1, 9)]
            lists = await asyncio.gather(*(client.similar(item_id, limit=2) for item_id in ids))
            return ids, lists

    ids, lists = asyncio.run(run())
    assert [len(item_list.results) for item_list in lists] == [2] * len(ids)
    assert len({item_list.request_id for item_list in lists}) == len(ids)


def test_an_event_without_an_id_is_sent_again_under_the_same_one(impatient):
    sent = []

    def once_busy(request):
        sent.append(json.loads(request.content)["events"])
        return httpx2.Response(*((503,) if len(sent) == 1 else (202,)), json={"accepted": 2, "code": "busy"})

    events = [{"kind": "view", "item": item, "user": "u"} for item in "ab"]
    assert ask(Client, ("tell", *events), {}, httpx2.MockTransport(once_busy)).accepted == 2
    assert sent[0] == sent[1]
    assert len({event["id"] for event in sent[0]}) == 2


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("count", [0, 1, 1000, 1001, 2500])
def test_any_number_of_events_goes_in_requests_of_as_many_as_the_service_takes(kind, count):
    batches = []

    def accept(request):
        batches.append(json.loads(request.content)["events"])
        return httpx2.Response(202, json={"accepted": len(batches[-1])})

    events = [{"id": str(n), "kind": "view", "item": "a", "user": "u"} for n in range(count)]
    for words in (("tell", *events), ("tell_many", iter(events))):
        batches.clear()
        assert ask(kind, words, {}, httpx2.MockTransport(accept)).accepted == count
        assert [event for batch in batches for event in batch] == events
        assert all(len(batch) == 1000 for batch in batches[:-1])
    with pytest.raises(ValueError, match="batch is 0"):
        ask(kind, ("tell_many", events), {"batch": 0}, httpx2.MockTransport(accept))


def test_a_thousand_events_fit_a_request(address):
    with Client(address) as client:
        events = [{"kind": "view", "item": f"drawn-{n % 9:05}", "user": "batches"} for n in range(1500)]
        assert client.tell_many(events).accepted == 1500
        named = [{**event, "id": f"batch {n}"} for n, event in enumerate(events)]
        assert client.tell_many(named) == EventCounts(accepted=1500)
        assert client.tell_many([*named, {**named[0], "id": "new"}]) == EventCounts(accepted=1, repeated=1500)
