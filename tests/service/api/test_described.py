"""The page of the API: whole, and without anything from elsewhere."""

from __future__ import annotations

import json
import re

import pytest
from fastapi.testclient import TestClient

from vlclip.service.api.app import create_app
from vlclip.service.api.described import Description
from vlclip.service.http.html import POLICY


@pytest.fixture(scope="module")
def client(shop):
    return TestClient(create_app(shop))


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


def test_every_operation_parameter_and_shape_is_on_the_page(client, document):
    answer = client.get("/docs")
    assert (answer.status_code, answer.headers["content-security-policy"]) == (200, POLICY)
    ids = re.findall(r'id="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))
    for name, schema in document["components"]["schemas"].items():
        assert name in ids
        assert all(f"<code>{field}</code>" in answer.text for field in schema.get("properties", {}))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f"<code>{method.upper()} {path}</code>" in answer.text
            names = [each["name"] for each in operation.get("parameters", ())]
            assert all(f"<code>{name}</code>" in answer.text for name in names)
    targets = {link[1:] for link in re.findall(r'href="(#[^"]+)"', answer.text)}
    assert targets <= set(ids)


def test_the_page_asks_no_other_host_and_has_no_script_in_it(client):
    text = client.get("/docs").text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert not re.search(r"<script(?![^>]*src=)|<style| style=|\son\w+=", text)
    assert client.get("/redoc").status_code == 404


def test_every_json_body_has_an_example_that_is_json(document):
    bodies = [
        body
        for operations in Description(document).groups.values()
        for operation in operations
        for body in operation.bodies
        if body.media_type == "application/json"
    ]
    assert len(bodies) >= 8
    for body in bodies:
        assert json.loads(body.example)


def test_a_type_is_said_in_words_and_leads_to_its_shape():
    inner = {"type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}}
    content = {
        "content": {"application/json": {"schema": {"anyOf": [{"$ref": "#/a/Inner"}, {"type": "null"}]}}}
    }
    operation = {"requestBody": content, "responses": {}, "security": [{}]}
    (described,) = Description(
        {"paths": {"/x": {"post": operation}}, "components": {"schemas": {"Inner": inner}}}
    ).groups["others"]
    (body,) = described.bodies
    assert (body.type, body.shape, json.loads(body.example)) == ("Inner or null", "Inner", {"names": [""]})
    assert described.call == (
        "curl -X POST localhost:8000/x -H \"X-API-Key: $VLCLIP_API_KEY\" -H 'content-type: application/json' "
        "-d @body.json"
    )
