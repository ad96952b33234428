"""Items over HTTP: patches that lose nothing, writes that say what they would drop."""

from __future__ import annotations

import base64
import json
from copy import copy

import pytest
from fastapi.testclient import TestClient

from tests.service.api.test_app import photo, problem
from vlclip.service.access.keys import add_key
from vlclip.service.api.app import create_app

LAMP = {
    "title": "Lamp", "brand": "Acme", "price": 12.5, "currency": "EUR", "available": False, "popularity": 0.5,
    "attributes": {"colour": "red", "sizes": ["s", "m"], "watts": 40},
    "image_base64": base64.b64encode(photo()).decode(),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(shop):
    shop.warm()
    return TestClient(create_app(shop), raise_server_exceptions=False)


@pytest.fixture
def lamp(client):
    client.put("/v1/items/lamp", json=LAMP, params={"replace": True})
    yield "/v1/items/lamp"
    client.delete("/v1/items/lamp")


@pytest.fixture
def named(client):
    """Two ids that no item has, nor will have afterwards."""
    yield "named", "nameless"
    client.post("/v1/items:delete", json={"ids": ["named", "nameless"]})


def stored(client, path):
    return client.get(path).json()


def vector(shop, item_id):
    return shop.store.retrieve([item_id], with_vector=True)[item_id].vector.tolist()


def test_a_patch_changes_what_it_names_and_nothing_else(client, shop, lamp):
    before, pixels = stored(client, lamp), vector(shop, "lamp")
    headers = {"content-type": "application/merge-patch+json"}
    form = {
        "price": 9,
        "available": True,
        "popularity": None,
        "colour": "blue",
        "attributes": {"sizes": None},
    }
    answer = client.patch(lamp, content=json.dumps(form), headers=headers)
    # a refiner makes the embedded text from attributes too
    assert answer.json() == {"id": "lamp", "status": "patched", "reason": "", "stale": ["text"]}
    after = stored(client, lamp)
    expected = before["item"] | {"price": 9.0, "available": True, "colour": "blue"}
    assert after["item"] == {k: v for k, v in expected.items() if k not in ("popularity", "sizes")}
    assert vector(shop, "lamp") == pixels
    assert client.patch(lamp, json={"price": 9.0}).json()["status"] == "unchanged"
    client.put(lamp, json=LAMP, params={"replace": True})
    assert client.patch(lamp, json={"price": 9.0, "available": True}).json()["stale"] == []
    client.patch(lamp, json={"colour": "blue"})
    listed = client.post("/v1/search", json={"text": "lamp", "filter": {"price": 9, "colour": "blue"}}).json()
    assert [result["item"]["price"] for result in listed["results"] if result["id"] == "lamp"] == [9.0]


def test_words_follow_at_once_and_the_answer_says_what_does_not(client, lamp):
    assert client.patch(lamp, json={"title": "Zeppelin torch"}).json()["stale"] == ["text"]
    search = {"text": "zeppelin", "weights": {"lexical": 10}, "limit": 1}
    assert client.post("/v1/search", json=search).json()["results"][0]["id"] == "lamp"
    assert stored(client, lamp)["provenance"]["stale"] == ["text"]
    assert client.put(lamp, json=LAMP | {"title": "Zeppelin torch"}).json()["status"] == "embedded"
    assert "stale" not in stored(client, lamp)["provenance"]


def test_attributes_can_be_cleared_and_removed(client, lamp):
    client.patch(lamp, json={"attributes": None, "watts": 60})
    item = stored(client, lamp)["item"]
    assert item["watts"] == 60
    assert not {"colour", "sizes"} & item.keys()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"price": "cheap"}, "price"),
        ({"price": [1]}, "price"),
        ({"available": "perhaps"}, "available"),
        ({"title": 5}, "title"),
        ({"title": "x" * 30_000}, "title"),
        ({"popularity": {}}, "popularity"),
        ({"colour": {"name": "red"}}, "colour"),
        ({"colour": ["red", None]}, "colour"),
        ({"attributes": {"colour": {"name": "red"}}}, "colour"),
        ({"attributes": ["red"]}, "attributes"),
        ({"colour": "red", "attributes": {"colour": "blue"}}, "colour"),
        ({"id": "other"}, "id"),
        ({"provenance": {}}, "provenance"),
        ({"attributes": {"provenance": 1}}, "provenance"),
        ({"image": "/etc/passwd"}, "image"),
        ({"image_base64": "AAAA"}, "image_base64"),
        ([], "object"),
        (None, "object"),
    ],
)
def test_a_wrong_patch_is_refused_by_the_field_and_changes_nothing(client, lamp, form, says):
    before = stored(client, lamp)
    answer = client.patch(lamp, content=json.dumps(form), headers={"content-type": "application/json"})
    assert says in problem(answer, 422, "bad-item")
    assert stored(client, lamp) == before


def test_an_item_that_is_not_there_cannot_be_patched(client):
    assert "nobody" in problem(client.patch("/v1/items/nobody", json={"price": 1}), 404, "unknown-item")
    problem(client.patch("/v1/items/nobody", content=b"{"), 400, "bad-request")


@pytest.mark.parametrize("lines", [False, True])
def test_a_batch_of_patches_has_an_outcome_for_each(client, lamp, lines):
    forms = [
        {"id": "lamp", "price": 3, "available": True},
        {"id": "nobody", "price": 3},
        {"id": "lamp", "price": "cheap"},
        {"price": 3},
        {"id": "lamp", "stock": 7},
        {"id": "drawn-00002"},
        7,
    ]
    if lines:
        body = b"\n\n".join(json.dumps(form).encode() for form in forms)
        answer = client.patch("/v1/items", content=body, headers={"content-type": "application/x-ndjson"})
    else:
        answer = client.patch("/v1/items", json=forms)
    body = answer.json()
    statuses = ["patched", "unknown", "failed", "failed", "patched", "unchanged", "failed"]
    assert [result["status"] for result in body["results"]] == statuses
    assert [result["id"] for result in body["results"]] == [
        "lamp", "nobody", "lamp", "", "lamp", "drawn-00002", "",
    ]  # fmt: skip
    assert (body["patched"], body["unchanged"], body["unknown"], body["failed"]) == (2, 1, 1, 3)
    assert "price" in body["results"][2]["reason"]
    item = stored(client, lamp)["item"]
    assert (item["price"], item["stock"], item["available"]) == (3.0, 7, True)


def test_a_batch_of_patches_is_read_or_refused_as_a_whole(client):
    problem(client.patch("/v1/items", json={"id": "lamp"}), 400, "bad-request")
    problem(client.patch("/v1/items", content=b"[{"), 400, "bad-request")
    problem(client.patch("/v1/items", json=[{"id": "x"}] * 1001), 413, "too-large")
    assert client.patch("/v1/items", json=[]).json()["results"] == []


@pytest.mark.parametrize("lacking", ["image_base64", "brand", "price", "available", "attributes"])
def test_a_put_says_what_it_would_drop_unless_it_replaces(client, lamp, lacking):
    before = stored(client, lamp)
    body = {name: value for name, value in LAMP.items() if name != lacking} | {"title": "Other lamp"}
    attributes = ["attributes.colour", "attributes.sizes", "attributes.watts"]
    names = {"image_base64": ["image"], "attributes": attributes}
    answer = client.put(lamp, json=body)
    assert "replace=true" in problem(answer, 409, "would-drop")
    assert answer.json()["fields"] == names.get(lacking, [lacking])
    (outcome,) = client.post("/v1/items:batch", json=[body | {"id": "lamp"}]).json()["results"]
    assert (outcome["status"], outcome["drops"]) == ("failed", answer.json()["fields"])
    assert stored(client, lamp) == before
    assert client.put(lamp, json=body, params={"replace": "true"}).json()["status"] == "embedded"
    assert stored(client, lamp)["item"]["title"] == "Other lamp"


def test_a_put_may_empty_what_it_names_and_need_not_name_what_is_empty(client, lamp):
    assert client.put(lamp, json=LAMP | {"brand": "", "price": None}).json()["status"] == "embedded"
    assert not {"brand", "price"} & stored(client, lamp)["item"].keys()
    assert client.put(lamp, json={k: v for k, v in LAMP.items() if k != "brand"}).status_code == 200
    dropped = client.put(lamp, json=LAMP | {"attributes": {"colour": "red"}})
    assert dropped.json()["fields"] == ["attributes.sizes", "attributes.watts"]


def test_a_number_stays_the_number_it_is(client, lamp):
    client.put(lamp, json=LAMP | {"attributes": LAMP["attributes"] | {"code": 9_007_199_254_740_993}})
    assert stored(client, lamp)["item"]["code"] == 9_007_199_254_740_993


def test_patches_need_the_scope_of_writes(shop, tmp_path):
    path = tmp_path / "keys.json"
    reader = add_key(path, ["read"])[0]
    closed = copy(shop)
    api = shop.settings.api.model_copy(update={"keys": str(path)})
    closed.settings = shop.settings.model_copy(update={"api": api})
    client = TestClient(create_app(closed), raise_server_exceptions=False)
    for target in ("/v1/items/lamp", "/v1/items"):
        problem(client.patch(target, json={}), 401, "no-key")
        problem(client.patch(target, json={}, headers={"X-API-Key": reader}), 403, "forbidden")


@pytest.mark.parametrize("name", ["pics/a.jpg", "w/b/ä b.jpg", "https://shop.example/a.jpg"])
def test_a_photo_that_comes_as_bytes_keeps_the_name_that_comes_with_it(client, named, name):
    with_name, nameless = (f"/v1/items/{item_id}" for item_id in named)
    first = client.put(nameless, json=LAMP).json()
    again = client.put(nameless, json=LAMP | {"image": name}, params={"replace": True}).json()
    assert (first["status"], again["status"]) == ("embedded", "unchanged")
    client.put(with_name, json=LAMP | {"image": name})
    assert "image" not in stored(client, nameless)["item"]
    assert stored(client, with_name)["item"]["image"] == name


@pytest.mark.parametrize("name", ["/etc/a.jpg", "../a.jpg", "a/%2e%2e/b.jpg", "..\\a.jpg", "file:///a.jpg"])
def test_a_photos_name_leads_to_no_other_folder(client, name):
    answer = client.put("/v1/items/named-2", json=LAMP | {"image": name})
    assert "image" in problem(answer, 422, "refused-item")
