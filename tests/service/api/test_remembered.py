"""Lists of what the store remembers: made at once, without a worker, and the same."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from vlclip.service.api.app import create_app
from vlclip.service.shop.list_memory import SHORT


@pytest.fixture
def api(shop):
    shop.warm()
    return TestClient(create_app(shop), raise_server_exceptions=False)


def results(response):
    assert response.status_code == 200, response.text
    return response.json()["results"]


def refuse(*_, **__):
    raise AssertionError("a worker was asked")


@pytest.mark.parametrize(
    "params",
    [{}, {"limit": 7}, {"weights": "image=1,text=0"}, {"filter": "available=true"}, {"limit": SHORT}],
)
def test_a_list_asked_for_again_needs_no_worker_and_is_the_same(api, shop, monkeypatch, params):
    path = "/v1/items/drawn-00002/similar"
    first = results(api.get(path, params=params))
    logged = shop.shoppers.log.count() if shop.shoppers.flush() else None
    monkeypatch.setattr(api.app.state.workers, "run", refuse)
    assert results(api.get(path, params=params)) == first
    assert shop.shoppers.flush()
    assert shop.shoppers.log.count() == logged + 1


@pytest.mark.parametrize(
    "params", [{"user": "anna"}, {"session": "s-1"}, {"limit": SHORT + 1}, {"exact": True}, {"offset": 5}]
)
def test_lists_for_somebody_and_long_ones_are_made_by_a_worker(api, monkeypatch, params):
    path = "/v1/items/drawn-00003/similar"
    for _ in range(2):
        results(api.get(path, params={"limit": 5} | params))
    monkeypatch.setattr(api.app.state.workers, "run", refuse)
    assert api.get(path, params={"limit": 5} | params).status_code == 500


def test_what_was_written_since_is_in_the_list(api, shop):
    path = "/v1/items/drawn-00004/similar"
    first = results(api.get(path))[0]
    results(api.get(path))
    assert api.patch(f"/v1/items/{first['id']}", json={"price": 4321.5}).status_code == 200
    assert results(api.get(path))[0]["item"]["price"] == 4321.5
    assert results(api.get(path))[0]["item"]["price"] == 4321.5
