"""JSON of requests: however deep it is nested and however much it holds, a sentence says what is wrong."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from vlclip.service.api.app import create_app
from vlclip.service.http import json_text
from vlclip.service.http.errors import BadRequest, TooLarge
from vlclip.service.http.json_body import read_lines
from vlclip.service.http.json_text import MAX_DEPTH, MAX_VALUES, read_json

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def client(shop):
    app = create_app(shop)
    shop.warm()
    return TestClient(app, raise_server_exceptions=False)  # not as a context: the shop outlives it


def nested(depth, opened, inner="1"):
    return opened * depth + inner + {"[": "]", '{"a":': "}"}[opened] * depth


def depth_of(value):
    if isinstance(value, dict | list):
        return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)
    return 0


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8"), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=60,
)


@given(values, st.integers(0, 30))
def test_json_is_read_as_it_is_unless_it_is_too_deep(value, depth):
    for _ in range(depth):
        value = [value]
    if depth_of(value) <= MAX_DEPTH:
        assert read_json(json.dumps(value)) == value
    else:
        with pytest.raises(BadRequest, match="deep"):
            read_json(json.dumps(value))


@given(st.integers(1, 40))
def test_lines_are_read_as_values_of_their_own(count):
    lines = b"\n".join(b'{"a": [1, 2]}' for _ in range(count))
    if count <= 20:
        assert read_lines(lines, 3 * 20, 20) == [{"a": [1, 2]}] * count
    else:
        with pytest.raises(TooLarge):
            read_lines(lines, 3 * 20, 20)


def test_too_many_values_are_refused_before_they_are_read(monkeypatch):
    monkeypatch.setattr(json_text, "orjson", None)
    for body in ("[" + "1," * MAX_VALUES + "1]", "[" * MAX_VALUES + "[", "{" * MAX_VALUES + "{"):
        with pytest.raises(TooLarge, match="50,00"):
            read_json(body)


def in_form(name):
    template = '{"brand": DEEP}'
    return lambda client, deep: client.post(
        "/v1/search", files={name: (None, template.replace("DEEP", deep))}
    )


def in_query(path, name):
    return lambda client, deep: client.get(path, params={name: '{"brand": DEEP}'.replace("DEEP", deep)})


def in_body(method, path, template, headers=JSON):
    return lambda client, deep: client.request(
        method, path, content=template.replace("DEEP", deep), headers=headers
    )


LINES = {"content-type": "application/x-ndjson"}
WAYS = {
    "search": in_body("POST", "/v1/search", "DEEP"),
    "its filter": in_body("POST", "/v1/search", '{"text": "lamp", "filter": {"brand": DEEP}}'),
    "a form's filter": in_form("filter"),
    "a form's weights": in_form("weights"),
    "a query's filter": in_query("/v1/items/a/similar", "filter"),
    "a query's weights": in_query("/v1/items/a/similar", "weights"),
    "the page's filter": in_query("/", "filter"),
    "item": in_body("PUT", "/v1/items/a", "DEEP"),
    "its attributes": in_body("PUT", "/v1/items/a", '{"title": "a", "attributes": {"b": DEEP}}'),
    "batch": in_body("POST", "/v1/items:batch", "[DEEP]"),
    "patch": in_body("PATCH", "/v1/items/a", '{"colour": DEEP}'),
    "patches": in_body("PATCH", "/v1/items", '[{"id": "a", "colour": DEEP}]'),
    "lines": in_body("PATCH", "/v1/items", '{"id": "a", "colour": DEEP}', LINES),
    "events": in_body("POST", "/v1/events", '{"events": [DEEP]}'),
    "hashes": in_body("POST", "/v1/items:compare", '{"hashes": DEEP}'),
    "ids": in_body("POST", "/v1/items:delete", '{"ids": [DEEP]}'),
}


@pytest.mark.parametrize("opened", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [40, 1500])
@pytest.mark.parametrize("way", WAYS)
def test_nested_json_is_a_short_400_everywhere(client, way, depth, opened):
    answer = WAYS[way](client, nested(depth, opened))
    assert answer.status_code == 400, answer.text
    assert "page" in way or len(answer.content) < 600  # the page shows what was typed again


def test_a_filter_with_many_values_is_refused_by_its_field(client):
    many = list(range(300_000))
    answer = client.post("/v1/search", json={"text": "lamp", "filter": {"price": many}})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    answer = client.post("/v1/search", json={"text": "lamp", "filter": {"price": many[:1001]}})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-filter")
    assert "'price'" in answer.json()["detail"]
    assert "1,000" in answer.json()["detail"]


def test_json_is_taken_as_json_only(client):
    # a page of another site can make a browser send these without being asked
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = client.post("/v1/events", content=b"{}", headers={"content-type": media_type})
        assert answer.status_code == 400
        assert "application/json" in answer.json()["detail"]
