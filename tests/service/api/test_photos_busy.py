"""Photos that come while others take all memory for decoding: 503 over HTTP, no item without its photo."""

from __future__ import annotations

import base64

import pytest
from fastapi.testclient import TestClient

from tests.ingestion.fakes import photo_bytes
from tests.service.mannered import problem
from vlclip.engine.photos.room import ROOM, Limits
from vlclip.service.api.app import create_app

SHORT = Limits(wait_s=0.01)
PHOTO = photo_bytes("red", size=(60, 80))
BODY = {"title": "A red dress", "image_base64": base64.b64encode(PHOTO).decode()}


@pytest.fixture
def client(shop, monkeypatch):
    shop.warm()
    monkeypatch.setattr("vlclip.ingestion.settings.Fetch.limits", SHORT)
    with ROOM.hold(1, SHORT, "another photo"):
        monkeypatch.setattr("vlclip.engine.photos.decoding.decoding_bytes", lambda *_: SHORT.memory_bytes)
        # no context manager: leaving it would close the shop that other tests share
        yield TestClient(create_app(shop), raise_server_exceptions=False)


def test_a_search_is_asked_to_come_again(client):
    answer = client.post("/v1/search", files={"photo": ("a.jpg", PHOTO, "image/jpeg")})
    assert "other photos took all the memory" in problem(answer, 503, "photos-busy")["detail"]
    assert int(answer.headers["retry-after"]) > 0


def test_the_page_says_it(client):
    answer = client.post("/page/photo", files={"photo": ("a.jpg", PHOTO, "image/jpeg")})
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert "other photos took all the memory" in answer.text


def test_an_item_is_not_written_without_its_photo_and_its_sender_is_asked_to_come_again(client, shop):
    answer = client.put("/v1/items/busy-1", json=BODY)
    problem(answer, 503, "photos-busy")
    assert int(answer.headers["retry-after"]) > 0
    batch = [{"id": "busy-1", **BODY}, {"id": "busy-2", "title": "x", "image_base64": "aGVsbG8="}]
    busy, bad = client.post("/v1/items:batch", json=batch).json()["results"]
    assert [(r["status"], r["passing"]) for r in (busy, bad)] == [("failed", True), ("failed", False)]
    assert shop.store.retrieve(["busy-1", "busy-2"]) == {}
