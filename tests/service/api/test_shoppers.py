"""Events in, other lists out, over HTTP: as a shop's site would do it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from tests.contract.redis_server import redis_server
from tests.service.records import count_events, events, exposures
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.history.redis import RedisHistory
from vlclip.service.api.app import create_app
from vlclip.service.http.problems import problem
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

EXPERIMENT = """
id = "looks"
[[arms]]
id = "plain"
share = 1
[[arms]]
id = "varied"
share = 1
diversity = {amount = 0.5}
exploration = {temperature = 0.1, depth = 20}
"""


def open_shop(folder, **settings):
    shop = Shop(Settings.load(store=str(folder), device="cpu", **settings))
    shop.is_ready = True
    return shop


@pytest.fixture(scope="module")
def shop(filled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shoppers")
    shutil.copytree(filled, folder / "store")
    (folder / "looks.toml").write_text(EXPERIMENT)
    opened = open_shop(folder / "store", experiment=str(folder / "looks.toml"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(shop):
    return TestClient(create_app(shop), raise_server_exceptions=False)


@pytest.fixture
def user():
    return f"anna {uuid.uuid4().hex[:6]}"


def tell(client, shop, *events):
    answer = client.post("/v1/events", json={"events": list(events)})
    assert answer.status_code == 202, answer.text
    return answer.json()["accepted"]


def ids(response):
    assert response.status_code == 200, response.text
    return [result["id"] for result in response.json()["results"]]


def test_a_view_changes_what_is_recommended_and_what_is_similar(client, shop, user):
    def similar(**more):
        return client.get("/v1/items/drawn-00001/similar", params={"limit": 20, "diversity": 0, **more})

    before = client.get(f"/v1/users/{user}/recommendations")
    assert before.json()["strategy"] in ("popular", "content")
    plain = similar(user=user)
    assert tell(client, shop, {"kind": "view", "item": "drawn-00020", "user": user}) == 1
    after = client.get(f"/v1/users/{user}/recommendations", params={"explain": True})
    assert after.json()["strategy"] == "history"
    assert after.json()["explanation"]["tastes"] == [{"weight": 1.0, "items": ["drawn-00020"]}]
    assert ids(after) != ids(before)
    assert "drawn-00020" not in ids(after)
    blended = similar(user=user)
    assert {result["id"]: result["parts"] for result in blended.json()["results"]} != {
        result["id"]: result["parts"] for result in plain.json()["results"]
    }
    assert all("history" in result["parts"] for result in blended.json()["results"])


@pytest.mark.parametrize("ask", ["similar", "search", "recommendations"])
def test_parts_add_up_whatever_the_arm(client, shop, user, ask):
    tell(client, shop, *({"kind": "view", "item": f"drawn-0000{n}", "user": user} for n in (3, 4)))
    if ask == "similar":
        answer = client.get("/v1/items/drawn-00001/similar", params={"user": user})
    elif ask == "search":
        answer = client.post("/v1/search", json={"text": "red shoe", "user": user})
    else:
        answer = client.get(f"/v1/users/{user}/recommendations")
    assert len(ids(answer)) == 10
    for result in answer.json()["results"]:
        assert sum(result["parts"].values()) == pytest.approx(result["score"], abs=1e-5)


def test_a_session_has_a_history_of_its_own(client, shop):
    session = uuid.uuid4().hex
    tell(client, shop, {"kind": "cart", "item": "drawn-00007", "session": session})
    answer = client.get(f"/v1/sessions/{session}/recommendations")
    assert answer.json()["strategy"] == "history"
    assert client.get(f"/v1/users/{session}/recommendations").json()["strategy"] != "history"


def test_events_are_kept_once_newest_first_and_for_unknown_items_too(client, shop, user):
    view = {"kind": "view", "item": "not there yet", "user": user, "id": f"{user} 1", "time": 1_700_000_000}
    later = {**view, "id": f"{user} 2", "kind": "purchase", "value": 9.5, "time": "2023-11-15T00:00:00Z"}
    retention = shop.settings.history.retention_days
    assert retention == 365
    now = {**view, "id": f"{user} 3", "time": None}
    tell(client, shop, view, view, now)
    tell(client, shop, now, {**later, "time": None})
    events = client.get(f"/v1/users/{user}/events").json()["events"]
    assert [(event["kind"], event["id"][-1]) for event in events] == [("purchase", "2"), ("view", "3")]


def test_lists_are_logged_with_what_they_were_and_joined_by_their_id(client, shop, user):
    listing = client.get(
        "/v1/items/drawn-00002/similar", params={"user": user, "limit": 4, "offset": 2}
    ).json()
    clicked = listing["results"][1]["id"]
    tell(client, shop, {"kind": "click", "item": clicked, "user": user, "request_id": listing["request_id"]})
    (logged,) = [exposure for exposure in exposures(shop) if exposure.request_id == listing["request_id"]]
    assert (logged.kind, logged.unit, logged.offset, logged.experiment) == (
        "similar",
        f"user:{user}",
        2,
        "looks",
    )
    assert logged.arm.split("@")[0] == listing["arm"] == shop.shoppers.arm(f"user:{user}").id
    assert [entry.item for entry in logged.items] == [result["id"] for result in listing["results"]]
    assert logged.context["anchor"] == "drawn-00002"
    (event,) = shop.shoppers.history.clicked([listing["request_id"]])[listing["request_id"]]
    assert event.item == clicked
    explored = logged.arm.startswith("varied")
    assert (len(logged.candidates) == 20) == explored
    assert all(entry.propensity < 1 for entry in logged.items) == explored


def similar_page(user):
    return "/page/item?id=drawn-00001", {"cookies": {"vlclip_user": quote(user)}}


def similar_api(user):
    return "/v1/items/drawn-00001/similar", {"params": {"user": user}}


@pytest.mark.parametrize("ask", [similar_api, similar_page])
def test_a_list_that_came_too_late_was_shown_to_nobody(shop, user, ask, monkeypatch):
    late, similar = threading.Event(), shop.recommender.similar

    def slow(*args, **options):
        assert late.wait(60)
        return similar(*args, **options)

    def late_problem(scope, status, *_):
        late.set()
        return problem(scope, status, *_)

    monkeypatch.setattr(shop.recommender, "similar", slow)
    monkeypatch.setattr("vlclip.service.access.limits.problem", late_problem)
    api = shop.settings.api.model_copy(update={"timeout_s": 0.2})
    monkeypatch.setattr(shop, "settings", shop.settings.model_copy(update={"api": api}))
    client = TestClient(create_app(shop))
    path, sent = ask(user)
    client.cookies.update(sent.pop("cookies", {}))
    assert client.get(path, **sent).status_code == 504
    assert "vlclip_lists_total{" not in client.get("/metrics").text
    assert not exposures(shop, unit_of(user))
    monkeypatch.undo()
    assert TestClient(create_app(shop), cookies=client.cookies).get(path, **sent).status_code == 200
    assert exposures(shop, unit_of(user))


def test_the_same_request_id_header_does_not_lose_a_list(client, shop):
    before = len(exposures(shop))
    answers = [
        client.get("/v1/items/drawn-00002/similar", headers={"X-Request-Id": "mine"}) for _ in range(3)
    ]
    assert len(exposures(shop)) == before + 3
    assert len({answer.json()["request_id"] for answer in answers}) == 3
    assert {answer.headers["x-request-id"] for answer in answers} == {"mine"}


def test_a_forgotten_user_has_no_history_and_no_lists(client, shop, user):
    tell(client, shop, {"kind": "view", "item": "drawn-00005", "user": user})
    client.get(f"/v1/users/{user}/recommendations")
    assert client.delete(f"/v1/users/{user}").json() == {"events": 1, "lists": 1, "sessions": 0}
    assert client.get(f"/v1/users/{user}/events").json() == {"events": []}
    assert not exposures(shop, unit_of(user))
    assert client.delete(f"/v1/users/{user}").json() == {"events": 0, "lists": 0, "sessions": 0}


def test_with_a_user_go_the_sessions_before_they_logged_in(client, shop, user):
    session, other = f"{user} phone", f"{user} other"
    view = {"kind": "view", "item": "drawn-00005"}
    tell(client, shop, {**view, "session": session}, {**view, "session": other})
    client.get(f"/v1/sessions/{session}/recommendations")
    tell(client, shop, {**view, "user": user, "session": session})
    assert client.delete(f"/v1/users/{user}").json() == {"events": 2, "lists": 1, "sessions": 1}
    assert not events(shop, unit_of(session=session))
    assert not exposures(shop, unit_of(session=session))
    assert len(events(shop, unit_of(session=other))) == 1


@pytest.mark.parametrize("rest", ["/events", "/recommendations", "/", "/a/b", "//", "/%2F"])
def test_a_guessed_path_below_a_user_forgets_nobody_and_names_the_right_one(client, shop, user, rest):
    tell(client, shop, {"kind": "view", "item": "drawn-00005", "user": user})
    answer = client.delete(f"/v1/users/{quote(user)}{rest}")
    assert answer.status_code == 404
    assert f"DELETE /v1/users/{quote(user)} does this" in answer.json()["detail"]
    assert len(events(shop, unit_of(user))) == 1


def test_a_user_with_a_slash_is_forgotten_by_its_encoded_name(client, shop, user):
    name = f"{user}/events"
    tell(client, shop, {"kind": "view", "item": "drawn-00005", "user": name})
    assert client.delete(f"/v1/users/{quote(name, safe='')}").json()["events"] == 1
    assert not events(shop, unit_of(name))


@pytest.mark.parametrize("file", ["history.sqlite", "exposures.sqlite"])
def test_a_user_whose_last_deeds_are_not_written_yet_is_told_to_ask_again(
    client, shop, user, file, monkeypatch
):
    other = sqlite3.connect(Path(shop.settings.store) / "records" / file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # another process writes
    event = {"kind": "view", "item": "drawn-00005", "user": user}
    with ThreadPoolExecutor(1) as sender:
        answered = sender.submit(client.post, "/v1/events", json={"events": [event]})
        while not shop.shoppers.counts["events_waiting"] and not answered.done():
            time.sleep(0.001)
        assert client.get(f"/v1/users/{user}/recommendations").status_code == 200
        with monkeypatch.context() as hurry:
            hurry.setattr(shop.shoppers, "flush", partial(shop.shoppers.flush, 0.3))
            answer = client.delete(f"/v1/users/{user}")
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert answer.headers["retry-after"]
        other.execute("COMMIT")
        other.close()
        assert answered.result().status_code == 202
    assert client.delete(f"/v1/users/{user}").json()["events"] == 1
    assert client.get(f"/v1/users/{user}/events").json() == {"events": []}
    assert not exposures(shop, unit_of(user))


@pytest.mark.parametrize(
    ("event", "status", "words"),
    [
        ({"kind": "view", "item": "a"}, 422, "user or a session"),
        ({"kind": "stare", "item": "a", "user": "u"}, 400, "kind"),
        ({"kind": "view", "item": "", "user": "u"}, 400, "item"),
        ({"kind": "view", "item": "a", "user": "u", "time": "soon"}, 400, "time"),
        ({"kind": "view", "item": "a", "user": "u", "colour": "red"}, 400, "colour"),
        ({"kind": "view", "item": "a", "user": "u\x00"}, 422, "control characters"),
    ],
)
def test_of_a_batch_with_a_wrong_event_none_is_taken_and_the_answer_says_why(
    client, shop, event, status, words
):
    before = count_events(shop)
    right = {"kind": "view", "item": "a", "user": "u"}
    answer = client.post("/v1/events", json={"events": [right, event]})
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert count_events(shop) == before


def test_the_answer_counts_new_repeated_and_old_events(client, user):
    view = {"kind": "view", "item": "a", "user": user, "id": f"{user} 1"}
    old = {**view, "id": f"{user} old", "time": 1_000_000_000}

    def send(*events):
        answer = client.post("/v1/events", json={"events": list(events)})
        assert answer.status_code == 202
        return answer.json()

    assert send(view, {**view, "item": "b"}) == {"accepted": 1, "repeated": 1, "old": 0}
    assert send(view, old, {**view, "kind": "cart"}) == {"accepted": 1, "repeated": 1, "old": 1}
    # somebody else's event of that id is another one
    assert send({**view, "user": f"{user} 2"}) == {"accepted": 1, "repeated": 0, "old": 0}


@pytest.mark.parametrize("ahead_s", [86_400 + 60, 400 * 86_400, 70 * 365 * 86_400])
def test_a_time_over_a_day_ahead_is_refused_by_name_and_a_day_is_not(client, shop, user, ahead_s):
    before = count_events(shop)
    right = {"kind": "view", "item": "a", "user": user, "time": time.time() + 86_400 - 60}
    answer = client.post("/v1/events", json={"events": [right, {**right, "time": time.time() + ahead_s}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert answer.json()["detail"].startswith("events.1.time is 20")
    assert "over a day ahead of this service's clock" in answer.json()["detail"]
    assert count_events(shop) == before
    assert tell(client, shop, right) == 1


def test_events_that_cannot_be_written_are_not_accepted(client, shop, user, monkeypatch):
    def refuse(_):
        raise HistoryError("the disk has no room; free some")

    event = {"kind": "view", "item": "a", "user": user}
    with monkeypatch.context() as full:
        full.setattr(shop.shoppers.history, "add_groups", refuse)
        answer = client.post("/v1/events", json={"events": [event]})
    assert (answer.status_code, answer.json()["code"]) == (503, "history-error")
    assert answer.headers["retry-after"]
    assert not events(shop, unit_of(user))
    assert tell(client, shop, event) == 1


def test_events_for_a_server_that_is_down_are_not_accepted_and_those_answered_are_there(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    event = {"kind": "view", "item": "a", "user": "u"}
    durable = ("--appendonly", "yes", "--appendfsync", "always")
    with redis_server(tmp_path, *durable) as url:
        shop = open_shop(tmp_path / "store", history={"url": url})
        with TestClient(create_app(shop), raise_server_exceptions=False) as client:
            assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
            with Redis.from_url(url) as server:
                pid = server.info("server")["process_id"]
            os.kill(pid, signal.SIGKILL)
            answer = client.post("/v1/events", json={"events": [event]})
            assert (answer.status_code, answer.json()["code"]) == (503, "history-error")
            assert answer.headers["retry-after"]
    with redis_server(tmp_path, *durable) as url, closing(RedisHistory(url)) as history:
        assert history.count() == 1


def test_a_clock_that_leaps_is_said_by_readyz_and_removes_no_list(filled, tmp_path, monkeypatch):
    shutil.copytree(filled, tmp_path / "store")
    now = [time.time()]
    monkeypatch.setattr("time.time", lambda: now[0])
    shop = open_shop(tmp_path / "store", history={"retention_days": 30})
    shop.shoppers.history._history._retention._clock = lambda: now[0]
    with TestClient(create_app(shop)) as client:
        assert "warnings" not in client.get("/readyz").json()
        assert client.get("/v1/items/drawn-00002/similar").status_code == 200
        assert len(exposures(shop)) == 1
        now[0] += 400 * 86_400
        shop.shoppers._expire_at = 0.0
        tell(client, shop, {"kind": "view", "item": "a", "user": "u"})
        (warning,) = client.get("/readyz").json()["warnings"]
        assert "400.0 days after" in warning
        assert client.get("/v1/items/drawn-00002/similar").status_code == 200
        assert len(exposures(shop)) == 2


def test_too_many_waiting_events_are_refused_and_can_be_sent_again(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    shop = open_shop(tmp_path / "store")
    shop.shoppers._events.close()  # a writer that takes nothing more, as one whose queue is full
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        answer = client.post("/v1/events", json={"events": [{"kind": "view", "item": "a", "user": "u"}]})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"]


def test_what_was_accepted_is_there_after_the_service_ended_and_started_again(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    with TestClient(create_app(open_shop(tmp_path / "store"))) as client:
        for n in range(50):
            event = {"kind": "view", "item": f"drawn-{n:05}", "user": "u"}
            assert client.post("/v1/events", json={"events": [event]}).status_code == 202
        listed = client.get("/v1/users/u/recommendations").json()
    again = open_shop(tmp_path / "store")
    assert len(events(again, "user:u")) == 50
    assert [exposure.request_id for exposure in exposures(again)] == [listed["request_id"]]
    again.close()


def test_logging_can_be_turned_off(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    with TestClient(create_app(open_shop(tmp_path / "store", exposures={"log": False}))) as client:
        assert client.get("/v1/items/drawn-00002/similar").status_code == 200
        assert client.delete("/v1/users/u").json() == {"events": 0, "lists": 0, "sessions": 0}
    assert not (tmp_path / "store" / "records" / "exposures.sqlite").exists()


def test_lists_older_than_what_is_kept_of_people_leave_the_log(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    shop = open_shop(tmp_path / "store", history={"retention_days": 30})
    old = Exposure(
        request_id="old", time=time.time() - 31 * 86_400, kind="similar", unit="user:u", arm="a@0", items=()
    )
    shop.shoppers.log.add([old])
    with TestClient(create_app(shop)) as client:
        client.get("/v1/items/drawn-00002/similar")
        assert "old" not in [exposure.request_id for exposure in exposures(shop)]
        assert shop.shoppers.counts["lists_written"] == shop.shoppers.log.count() == 1
