"""The laws of `service/http/routing.py`, over every route of the service that changes something."""

from __future__ import annotations

import re
import shutil
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vlclip.service.api.app import create_app
from vlclip.service.http.routing import SAFE, PastRouter, StrictRoute
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop


@pytest.fixture(scope="module")
def app(filled, tmp_path_factory):
    store = tmp_path_factory.mktemp("routing") / "store"
    shutil.copytree(filled, store)
    shop = Shop(Settings.load(store=str(store), device="cpu"))
    shop.is_ready = True
    yield create_app(shop)
    shop.close()


def changing(app):
    """Method and template of every route that changes something and takes names with slashes."""
    return [
        (method, route.path)
        for route in app.routes
        for method in sorted(getattr(route, "methods", None) or ())
        if method not in SAFE and ":path}" in route.path
    ]


@pytest.mark.parametrize("rest", ["/events", "/similar", "/x/y", "/", "//"])
def test_a_guessed_path_below_a_route_that_changes_something_is_no_route(app, rest):
    client = TestClient(app, raise_server_exceptions=False)
    routes = changing(app)
    assert {method for method, _ in routes} >= {"PUT", "PATCH", "DELETE"}
    for method, template in routes:
        path = re.sub(r"\{[^}]*\}", "drawn-00001", template)
        answer = client.request(method, path + rest, json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), (method, path + rest)
        assert f"{method} {path} does this: " in answer.json()["detail"]
        assert "nothing was changed" in answer.json()["detail"]
    assert client.get("/v1/items/drawn-00001").status_code == 200


def test_an_empty_name_is_no_name(app):
    client = TestClient(app, raise_server_exceptions=False)
    for method, template in changing(app):
        answer = client.request(method, re.sub(r"\{[^}]*\}", "", template), json={})
        assert answer.status_code in (404, 405), (method, template)


@pytest.mark.parametrize("root", ["", "/shop"])
@pytest.mark.parametrize("name", ["anna", "a/events", "/", "ä b/c?#%"])
def test_a_name_comes_as_it_was_encoded(name, root):
    app = FastAPI()
    app.router.route_class = StrictRoute
    names = []

    @app.delete("/v1/users/{user:path}")
    async def forget(user: str) -> None:
        """Forget a user."""
        names.append(user)

    client = TestClient(app, root_path=root)
    assert client.delete(f"{root}/v1/users/{quote(name, safe='')}").status_code == 200
    assert names == [name]
    assert client.delete(f"{root}/v1/users/{quote(name, safe='')}/events").status_code == 404
    assert names == [name]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/items/drawn-00001/similar?limit=3"),
        ("GET", "/v1/items/nobody/similar"),
        ("GET", "/v1/items/drawn-00001/similar?limit=many"),
        ("GET", "/v1/items//similar"),
        ("GET", "/v1/items/a%2Fb/similar"),
        ("HEAD", "/v1/items/drawn-00001/similar"),
        ("DELETE", "/v1/items/drawn-00001/similar"),
        ("POST", "/v1/search"),
        ("GET", "/v1/search"),
        ("GET", "/v1/users/anna/recommendations?limit=2"),
        ("GET", "/v1/sessions/s-1/recommendations?offset=-1"),
    ],
)
@pytest.mark.parametrize("root", ["", "/shop"])
def test_a_plain_route_answers_the_same_by_its_router_and_past_it(app, monkeypatch, root, method, path):
    client = TestClient(app, root_path=root, raise_server_exceptions=False)

    def comparable():
        answer = client.request(method, root + path)
        form = answer.json() if answer.content else None
        if isinstance(form, dict):
            for own in ("took_ms", "request_id"):
                form.pop(own, None)
        return answer.status_code, answer.headers["content-type"], answer.headers.get("allow"), form

    routed, router = [], app.router.__class__.__call__
    monkeypatch.setattr(
        app.router.__class__, "__call__", lambda self, *args: routed.append(args) or router(self, *args)
    )
    past = comparable()
    assert past[0] != 200 or not routed, "a router was asked"
    monkeypatch.setattr(PastRouter, "_begin", lambda self: self.app)
    app.middleware_stack = None  # built anew, without
    by_router = comparable()
    assert routed
    monkeypatch.undo()
    app.middleware_stack = None
    assert past == by_router
