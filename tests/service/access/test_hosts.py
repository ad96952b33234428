"""By which names a service may be called, and from whose pages it may be changed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from tests.service.mannered import problem
from vlclip.service.access.hosts import Hosts
from vlclip.service.access.keys import add_key
from vlclip.service.api.app import _add_middleware
from vlclip.service.http.addresses import name_of
from vlclip.service.settings import Settings

HERE = ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "shop.localhost", "localhost."]
names = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z][a-z0-9-]{0,10}){0,3}", fullmatch=True)


async def nothing() -> dict:
    return {}


def service(folder, host: str | None = "127.0.0.1", **settings) -> TestClient:
    app = FastAPI()
    _add_middleware(app, SimpleNamespace(settings=Settings(store=str(folder), **settings)), host)
    for path in ("/", "/v1/items", "/healthz", "/readyz", "/metrics"):
        app.api_route(path, methods=["GET", "POST"])(nothing)
    return TestClient(app, base_url="http://127.0.0.1:8000")


@given(name=names.filter(lambda name: name != "localhost" and not name.endswith(".localhost")))
def test_a_foreign_name_is_not_accepted_whatever_port_it_comes_with(name):
    for listens_on in ("127.0.0.1", "0.0.0.0", "::1", "10.1.2.3", "", "shop.example.org."):
        hosts = Hosts((), listens_on)
        for host in (name, f"{name}:8000", f"{name}.", f"127.0.0.1.{name}", name.upper()):
            assert not hosts.accept(host) or name_of(host) == "shop.example.org"


@pytest.mark.parametrize("host", HERE)
def test_names_of_this_machine_are_accepted(host):
    assert Hosts((), "127.0.0.1").accept(host)


def test_the_address_listened_on_is_accepted_and_on_every_address_any_address():
    assert Hosts((), "10.1.2.3").accept("10.1.2.3:80")
    assert not Hosts((), "10.1.2.3").accept("10.1.2.4:80")
    for everywhere in ("0.0.0.0", "::", ""):
        assert Hosts((), everywhere).accept("10.1.2.4:80")
        assert Hosts((), everywhere).accept("[fd00::1]:80")
        assert not Hosts((), everywhere).accept("10.1.2.4.evil.example:80")
    assert Hosts((), "shop.local").accept("shop.local:8000")


def test_names_of_the_setting_are_accepted_with_those_below_where_it_says_so():
    hosts = Hosts(("shop.example", "*.shops.example"), None)
    assert [hosts.accept(host) for host in ("shop.example:1", "a.shops.example", "b.a.shops.example")] == [
        True
    ] * 3
    assert not any(
        hosts.accept(host) for host in ("a.shop.example", "shops.example", "evil.example", "10.0.0.1")
    )
    assert Hosts(("*",), "127.0.0.1").accept("evil.example")


def test_without_keys_a_foreign_name_gets_421_and_the_setting(tmp_path):
    client = service(tmp_path)
    for path in ("/v1/items", "/readyz", "/metrics", "/openapi.json", "/docs", "/nowhere"):
        refusal = client.get(path, headers={"Host": "evil.example:8000"})
        assert "api.hosts" in problem(refusal, 421, "unknown-host")["detail"]
    page = client.get("/", headers={"Host": "<b>evil</b>"})
    assert page.status_code == 421
    assert "api.hosts" in page.text
    assert "<b>evil" not in page.text
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 200
    assert client.get("/v1/items", headers={"Host": "localhost:8000"}).status_code == 200
    named = service(tmp_path, api={"hosts": ("evil.example",)})
    assert named.get("/v1/items", headers={"Host": "evil.example"}).status_code == 200


def test_with_keys_a_name_is_checked_only_where_the_setting_has_some_or_no_key_is_needed(tmp_path):
    key = add_key(tmp_path / "records" / "keys.json", ["read"])[0]
    sent = {"Host": "shop.example", "X-API-Key": key}
    assert service(tmp_path).get("/v1/items", headers=sent).status_code == 200
    named = service(tmp_path, api={"hosts": ("other.example",)})
    problem(named.get("/v1/items", headers=sent), 421, "unknown-host")
    open_metrics = service(tmp_path, metrics={"open": True})
    problem(open_metrics.get("/metrics", headers={"Host": "shop.example"}), 421, "unknown-host")
    assert open_metrics.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("sent", "is_foreign"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": "http://127.0.0.1:8000"}, False),
        ({"Origin": "https://127.0.0.1:8000"}, False),
        ({"Origin": "http://127.0.0.1:8001"}, True),
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "http://own.example", "Sec-Fetch-Site": "same-origin"}, False),
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/items"])
def test_a_page_of_another_site_changes_nothing_where_no_key_is_needed(tmp_path, path, sent, is_foreign):
    client = service(tmp_path)
    assert (client.post(path, headers=sent).status_code == 403) == is_foreign
    assert client.get(path, headers=sent).status_code == 200


def test_with_keys_the_page_is_guarded_and_the_api_needs_no_guard(tmp_path):
    key = add_key(tmp_path / "records" / "keys.json", ["write"])[0]
    sent = {"Origin": "http://evil.example", "X-API-Key": key}
    assert service(tmp_path).post("/v1/items", headers=sent).status_code == 200
    assert service(tmp_path).post("/", headers=sent).status_code == 403


def test_a_site_that_may_call_the_api_may_change_it_and_not_the_page(tmp_path):
    client = service(tmp_path, api={"cors_origins": ("https://shop.example",)})
    sent = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/v1/items", headers=sent).status_code == 200
    assert client.post("/", headers=sent).status_code == 403
