"""Every list and every object that a request may hold has a limit, whatever shape it is a part of."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from vlclip.engine.filters import MAX_CONDITIONS
from vlclip.service.api.openapi import BODIES
from vlclip.service.http import requests
from vlclip.service.http.requests import ListQuery, SimilarQuery
from vlclip.service.http.weights import read_weights

SHAPES = {
    shape
    for shape in vars(requests).values()
    if isinstance(shape, type) and issubclass(shape, BaseModel) and shape.model_fields
}
FREE = {"filter": MAX_CONDITIONS}
"""Fields whose values are read by a reader of their own, which has limits: engine/filters.py."""


def unlimited(schema, place):
    """The places of a JSON schema that take lists or objects of any size."""
    if schema.get("type") == "array" and "maxItems" not in schema:
        yield place
    inner = schema.get("additionalProperties")
    if inner not in (None, False) and "maxProperties" not in schema:
        yield place
    if not {"type", "anyOf", "$ref", "enum", "const"} & set(schema):
        yield f"{place}: anything"
    children = {"": inner} if isinstance(inner, dict) else {}
    children |= {"items": schema["items"]} if "items" in schema else {}
    children |= schema.get("properties", {}) | schema.get("$defs", {})
    children |= {str(number): part for number, part in enumerate(schema.get("anyOf", ()))}
    for name, child in children.items():
        yield from unlimited(child, f"{place}.{name}")


@pytest.mark.parametrize("shape", sorted(SHAPES, key=lambda shape: shape.__name__))
def test_every_list_and_object_has_a_limit(shape):
    schema = shape.model_json_schema()
    for name, most in FREE.items():
        if (field := schema["properties"].get(name)) is not None and field.get("type") == "object":
            assert field["maxProperties"] == most
            field["additionalProperties"] = {"type": "string"}
    assert list(unlimited(schema, shape.__name__)) == []


def test_the_walk_sees_what_has_no_limit():
    class Loose(BaseModel):
        names: list[str]
        by_name: dict[str, list[int]]
        any: object

    assert list(unlimited(Loose.model_json_schema(), "Loose")) == [
        "Loose.names", "Loose.by_name", "Loose.by_name.", "Loose.any: anything",
    ]  # fmt: skip


def test_every_shape_is_described_or_a_query():
    assert set(BODIES) | {ListQuery, SimilarQuery} | {requests.EventBody} == SHAPES


MANY = "{" + ",".join(f'"{number}":1' for number in range(99)) + "}"


@pytest.mark.parametrize("text", ["a=1," * 100_000, '{"a":' * 5000, MANY])
def test_weights_are_refused_shortly(text):
    with pytest.raises(Exception, match="weights") as refused:
        read_weights(text)
    assert len(str(refused.value)) < 300
