"""The HTTP API as a shop's site would use it."""

from __future__ import annotations

import base64
import gc
import json
import shutil
import threading
from contextlib import closing
from copy import copy
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from vlclip.engine.errors import StoreUnavailable
from vlclip.engine.opening.stores import open_store
from vlclip.service.access.keys import add_key
from vlclip.service.access.limits import Timeout
from vlclip.service.api.app import create_app
from vlclip.service.observing.middleware import Watch
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import OLD_COLLECTIONS, Shop


def photo(colour: str = "red") -> bytes:
    out = BytesIO()
    Image.new("RGB", (60, 80), colour).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def client(shop):
    shop.warm()
    # no context manager: leaving it would close the shop that other tests share
    return TestClient(create_app(shop), raise_server_exceptions=False)


def problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["request_id"] == response.headers.get("x-request-id", body["request_id"])
    return body["detail"]


def test_similar_gives_a_list_with_parts_and_without_the_anchor(client):
    body = client.get("/v1/items/drawn-00001/similar", params={"limit": 5}).json()
    assert len(body["results"]) == 5
    assert "drawn-00001" not in [r["id"] for r in body["results"]]
    for result in body["results"]:
        assert set(result["parts"]) == {"image", "text"}
        assert sum(result["parts"].values()) == pytest.approx(result["score"], abs=1e-5)
        assert result["item"]["title"]
    assert body["request_id"]


def test_similar_takes_weights_filters_and_exclusions(client):
    everything = client.get("/v1/items/drawn-00001/similar", params={"limit": 100}).json()["results"]
    cheap = [r["id"] for r in everything if r["item"].get("price", 60) < 60]
    filtered = client.get(
        "/v1/items/drawn-00001/similar",
        params={"limit": 100, "filter": "price<60", "exclude": [cheap[0]]},
    ).json()["results"]
    assert [r["id"] for r in filtered] == cheap[1:]
    by_json = client.get(
        "/v1/items/drawn-00001/similar",
        params={"limit": 100, "filter": '{"price": {"lt": 60}}', "weights": "image=0,text=1"},
    ).json()["results"]
    assert {r["id"] for r in by_json} == set(cheap)
    assert all(r["parts"]["image"] == 0 for r in by_json)


def test_search_by_words(client):
    body = {"text": "red dress", "limit": 3, "filter": {"available": True}, "weights": {"lexical": 2}}
    results = client.post("/v1/search", json=body).json()["results"]
    assert len(results) == 3
    assert all(r["item"]["available"] for r in results)
    assert results[0]["parts"]["lexical"] > 0


def test_search_by_photo_and_by_both(client):
    files = {"photo": ("a.jpg", photo(), "image/jpeg")}
    alone = client.post("/v1/search", files=files, data={"limit": "4"}).json()["results"]
    assert len(alone) == 4
    assert "lexical" not in alone[0]["parts"]
    both = client.post(
        "/v1/search",
        files=files,
        data={"text": "red dress", "filter": "price<60", "weights": "image=1,lexical=1"},
    ).json()["results"]
    assert all(r["item"]["price"] < 60 for r in both)
    assert "lexical" in both[0]["parts"]


def test_an_item_can_be_put_found_read_and_deleted(client):
    body = {
        "title": "Zanzibar ceremonial teapot", "product_type": "teapot", "price": 12.5,
        "attributes": {"colour": "red"}, "image_base64": base64.b64encode(photo()).decode(),
    }  # fmt: skip
    first = client.put("/v1/items/new%2F1", json=body)
    assert first.json() == {"id": "new/1", "status": "embedded", "reason": "", "drops": [], "passing": False}
    assert client.put("/v1/items/new%2F1", json=body).json()["status"] == "unchanged"
    matches = client.post("/v1/search", json={"text": "zanzibar", "weights": {"lexical": 10}}).json()
    assert matches["results"][0]["id"] == "new/1"
    stored = client.get("/v1/items/new/1").json()
    assert stored["item"]["price"] == 12.5
    assert stored["provenance"]["fingerprint"]
    assert stored["provenance"]["content_hash"]
    assert client.delete("/v1/items/new%2F1").status_code == 204
    problem(client.get("/v1/items/new/1"), 404, "unknown-item")
    problem(client.delete("/v1/items/new%2F1"), 404, "unknown-item")


def test_html_and_overlong_texts_of_an_item_are_taken_as_a_catalogue_takes_them(client):
    body = {
        "title": "<b>Zanzibar</b> &amp; Sons",
        "description": "<p>" + "word " * 10_000,
        "attributes": {"a": ["x"]},
    }
    written = client.put("/v1/items/marked", json=body).json()
    assert written["status"] == "embedded"
    assert written["reason"] == "description: only the first 20,000 characters are kept"
    stored = client.get("/v1/items/marked").json()["item"]
    assert stored["title"] == "Zanzibar & Sons"
    assert stored["description"] == ("word " * 4_000).strip()
    assert client.delete("/v1/items/marked").status_code == 204


def test_asked_for_exactly_a_small_shop_answers_the_same(client):
    def results(**params):
        similar = client.get("/v1/items/drawn-00001/similar", params=params)
        words = client.post("/v1/search", json={"text": "red dress", **params})
        form = {name: str(value).lower() for name, value in params.items()}
        by_photo = client.post("/v1/search", files={"photo": ("a.jpg", photo(), "image/jpeg")}, data=form)
        for_you = client.get("/v1/users/anna/recommendations", params=params)
        return [answer.json()["results"] for answer in (similar, words, by_photo, for_you)]

    assert results(exact=True) == results()
    document = client.get("/openapi.json").json()
    described = document["paths"]
    for path in ("/v1/items/{item_id}/similar", "/v1/users/{user}/recommendations"):
        assert "exact" in [parameter["name"] for parameter in described[path]["get"]["parameters"]]
    content = described["/v1/search"]["post"]["requestBody"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/SearchBody"}
    forms = (document["components"]["schemas"]["SearchBody"], content["multipart/form-data"]["schema"])
    assert all("exact" in form["properties"] for form in forms)


@pytest.fixture
def sizes(client):
    """One photo in three sizes, with the words of each."""
    out = BytesIO()
    drawn = Image.new("RGB", (60, 80), "white")
    drawn.paste("navy", (20, 15, 45, 70))
    drawn.paste("orange", (24, 20, 33, 40))
    drawn.save(out, "PNG")
    image = base64.b64encode(out.getvalue()).decode()
    ids = [f"poncho-{size}" for size in "sml"]
    items = [{"id": i, "title": f"Poncho {i[-1]}", "image_base64": image} for i in ids]
    assert client.post("/v1/items:batch", json=items).json()["embedded"] == 3
    yield ids
    for item_id in ids:
        client.delete(f"/v1/items/{item_id}")


def test_of_one_photo_in_three_sizes_a_collapsed_list_shows_the_best(client, sizes):
    query = {"text": "poncho l", "limit": 5}
    plain = client.post("/v1/search", json=query).json()["results"]
    assert {r["id"] for r in plain[:3]} == set(sizes)
    assert all(r["duplicates"] == [] for r in plain)
    first, *others = client.post("/v1/search", json=query | {"collapse": True}).json()["results"]
    assert first["id"] == plain[0]["id"]
    assert [first["id"], *first["duplicates"]] == [r["id"] for r in plain[:3]]
    assert len(others) == 4
    assert not set(sizes) & {r["id"] for r in others}
    files = {"photo": ("a.jpg", photo(), "image/jpeg")}
    as_form = client.post("/v1/search", files=files, data={"text": "poncho l", "collapse": "true"}).json()
    assert len(set(sizes) & {r["id"] for r in as_form["results"]}) == 1


def test_what_shows_the_anchors_own_photo_is_left_out_of_a_collapsed_list(client, sizes):
    def similar(**params):
        results = client.get("/v1/items/poncho-m/similar", params={"limit": 8} | params).json()["results"]
        return [r["id"] for r in results]

    assert set(similar()[:2]) == {"poncho-s", "poncho-l"}
    collapsed = similar(collapse=True)
    assert len(collapsed) == 8
    assert not set(sizes) & set(collapsed)
    assert similar(collapse=True, limit=4) + similar(collapse=True, limit=4, offset=4) == collapsed


def test_a_batch_keeps_the_good_and_says_what_was_wrong_with_the_rest(client):
    items = [
        {"id": "b1", "title": "fine"},
        {"id": "b2", "title": "x" * 30_000},
        {"id": "b3", "title": "not a photo", "image_base64": base64.b64encode(b"hello").decode()},
        {"id": "b4", "title": "a path", "image": "/etc/passwd"},
    ]
    body = client.post("/v1/items:batch", json=items).json()
    assert [r["status"] for r in body["results"]] == ["embedded", "failed", "failed", "failed"]
    assert "30,000 characters" in body["results"][1]["reason"]
    assert "not an image" in body["results"][2]["reason"]
    assert "paths are not accepted" in body["results"][3]["reason"]
    assert (body["embedded"], body["failed"]) == (1, 3)
    assert client.delete("/v1/items/b1").status_code == 204
    detail = problem(
        client.put("/v1/items/b4", json={"title": "x", "image": "/etc/passwd"}), 422, "refused-item"
    )
    assert "paths are not accepted" in detail


@pytest.mark.parametrize(
    ("path", "params", "status", "code", "says"),
    [
        ("/v1/items/nobody/similar", {}, 404, "unknown-item", "nobody"),
        ("/v1/items/drawn-00001/similar", {"limit": 0}, 400, "bad-page", "limit is 0"),
        ("/v1/items/drawn-00001/similar", {"limit": "x"}, 400, "bad-request", "limit"),
        ("/v1/items/drawn-00001/similar", {"filter": "siez<3"}, 400, "bad-filter", "siez"),
        ("/v1/items/drawn-00001/similar", {"filter": '{"price": {"below": 3}}'}, 400, "bad-filter", "below"),
        ("/v1/items/drawn-00001/similar", {"collapse": "maybe"}, 400, "bad-request", "collapse"),
        ("/v1/items/drawn-00001/similar", {"weights": "image=x"}, 400, "bad-query", "image=x"),
        ("/v1/items/drawn-00001/similar", {"weights": "sound=1"}, 400, "bad-query", "sound"),
        ("/v2/nothing", {}, 404, "not-found", ""),
    ],
)
def test_a_wrong_question_gets_a_problem_that_names_it(client, path, params, status, code, says):
    assert says in problem(client.get(path, params=params), status, code)


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ({}, 400, "empty-query", "words"),
        ({"text": "a", "limti": 3}, 400, "bad-request", "limti"),
        ({"text": "a" * 3000}, 400, "bad-request", "text"),
        ({"text": "a", "filter": {"colour": []}}, 400, "bad-filter", "empty"),
    ],
)
def test_a_wrong_search_gets_a_problem_that_names_it(client, body, status, code, says):
    assert says in problem(client.post("/v1/search", json=body), status, code)


def test_bodies_that_cannot_be_read_are_refused(client):
    problem(
        client.post("/v1/search", content=b"{", headers={"content-type": "application/json"}),
        400,
        "bad-request",
    )
    problem(
        client.post("/v1/search", content=b"x", headers={"content-type": "text/plain"}), 400, "bad-request"
    )
    detail = problem(client.post("/v1/search", files={"photo": ("a.jpg", b"no photo")}), 422, "bad-photo")
    assert "not an image" in detail
    problem(client.post("/v1/search", files={"picture": ("a.jpg", photo())}), 400, "bad-request")
    huge = client.post("/v1/search", content=b"", headers={"content-length": "99000000"})
    problem(huge, 413, "too-large")


def test_health_readiness_and_a_described_api(client, shop):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["status"] == "ready"
    spec = client.get("/openapi.json").json()
    assert {"/v1/search", "/v1/items/{item_id}/similar", "/v1/items:batch", "/readyz"} <= set(spec["paths"])
    media = spec["paths"]["/v1/search"]["post"]["requestBody"]["content"]
    assert set(media) == {"application/json", "multipart/form-data"}
    assert "examples" in json.dumps(spec["components"]["schemas"]["ItemBody"])


def test_comparing_every_item_is_not_for_keys_that_pages_carry(shop, tmp_path):
    shop.warm()
    path = tmp_path / "keys.json"
    reader, prober = (add_key(path, scopes)[0] for scopes in (["read"], ["read", "metrics"]))
    guarded = copy(shop)
    api = shop.settings.api.model_copy(update={"keys": str(path)})
    guarded.settings = shop.settings.model_copy(update={"api": api})
    asking = TestClient(create_app(guarded), raise_server_exceptions=False)

    def similar(key, **params):
        return asking.get("/v1/items/drawn-00001/similar", params=params, headers={"X-API-Key": key})

    def search(key, **params):
        return asking.post("/v1/search", json={"text": "shoe"} | params, headers={"X-API-Key": key})

    for ask in (similar, search):
        assert "'metrics'" in problem(ask(reader, exact=True), 403, "forbidden")
        assert ask(reader).status_code == ask(prober, exact=True).status_code == 200


def test_collecting_garbage_passes_over_what_a_warm_shop_has_loaded(filled, tmp_path):
    folder = shutil.copytree(filled, tmp_path / "store")
    with closing(Shop(Settings.load(store=str(folder), device="cpu"))) as shop:
        shop.warm()
        assert gc.get_freeze_count() > 100_000
        assert gc.get_threshold()[2] == OLD_COLLECTIONS
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold()[2] == 10


def test_not_ready_until_the_models_are_warm(shop):
    app = create_app(shop)
    cold = TestClient(app, raise_server_exceptions=False)
    shop.is_ready = False
    try:
        assert cold.get("/healthz").status_code == 200
        response = cold.get("/readyz")
        problem(response, 503, "not-ready")
        assert response.headers["retry-after"]
        problem(cold.post("/v1/search", json={"text": "a"}), 503, "not-ready")
    finally:
        shop.is_ready = True


def shop_of(filled, tmp_path, **settings):
    folder = shutil.copytree(filled, tmp_path / "store")
    return Shop(Settings.load(store=str(folder), device="cpu", **settings))


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), StoreUnavailable("it is away")])
def test_a_shop_that_cannot_warm_up_says_why_and_is_tried_until_it_can(
    filled, tmp_path, monkeypatch, caplog, error
):
    shop, reasons = shop_of(filled, tmp_path), []
    search = shop.recommender.search

    def twice_not(*args, **options):
        reasons.append(shop.why_not_ready)
        if len(reasons) < 3:
            raise error
        return search(*args, **options)

    monkeypatch.setattr(shop.recommender, "search", twice_not)
    monkeypatch.setattr("vlclip.service.api.app.WARM_AGAIN_S", 0.0)
    with TestClient(create_app(shop)) as client:
        while client.get("/readyz").status_code != 200:
            pass
    assert "being loaded" in reasons[0]
    assert all(str(error) in why for why in reasons[1:])
    assert caplog.text.count("not ready, tried again") == 2
    assert str(error) in caplog.text


def test_a_service_that_never_warmed_up_ends_at_once(filled, tmp_path, monkeypatch):
    shop, tried = shop_of(filled, tmp_path), threading.Event()

    def never(*_, **__):
        tried.set()
        raise StoreUnavailable("it is away")

    monkeypatch.setattr(shop.recommender, "search", never)
    monkeypatch.setattr("vlclip.service.api.app.WARM_AGAIN_S", 3600.0)
    with TestClient(create_app(shop)) as client:
        assert tried.wait(60)
        while shop.why_not_ready != "it is away":
            pass
        assert problem(client.get("/readyz"), 503, "not-ready") == "it is away"


def test_whatever_ends_a_service_its_shop_is_closed(filled, tmp_path, monkeypatch):
    broke = threading.Event()

    async def breaks(*_):
        broke.set()
        raise RuntimeError("a mistake of the probe")

    monkeypatch.setattr("vlclip.service.observing.observers.probe", breaks)
    shop = shop_of(filled, tmp_path, metrics={"probe_interval_s": 1.0})
    with pytest.raises(RuntimeError, match="a mistake"), TestClient(create_app(shop)):
        assert broke.wait(60)
    open_store(shop.settings.store, shop.settings).close()  # its lock is free


def test_an_app_without_the_middleware_that_logs_lists_refuses_to_start(filled, tmp_path):
    shop = shop_of(filled, tmp_path)
    app = create_app(shop)
    app.user_middleware = [middleware for middleware in app.user_middleware if middleware.cls is not Watch]
    with pytest.raises(RuntimeError, match="lists would not be logged"), TestClient(app):
        pytest.fail("it started")
    open_store(shop.settings.store, shop.settings).close()  # the shop is closed, its lock is free


def test_an_app_whose_middleware_that_logs_lists_is_not_outermost_refuses_to_start(filled, tmp_path):
    app = create_app(shop_of(filled, tmp_path))
    app.add_middleware(Timeout, seconds=1.0, write_seconds=1.0)  # its 504 would not be seen
    with pytest.raises(RuntimeError, match="lists would not be logged"), TestClient(app):
        pytest.fail("it started")
