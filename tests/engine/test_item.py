"""What an item refuses, and what its hash and payload carry."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import ItemError
from vlclip.engine.item import POINT_NAMESPACE, Item, point_id

SHOE = Item(
    "a1", title="Red shoe", brand="Nordwind", product_type="Shoe", price=10.0,
    attributes={"sizes": ("41", "42")}, image="a1.jpg",
)  # fmt: skip


def test_equal_content_has_an_equal_hash_whatever_the_order_of_attributes():
    first = replace(SHOE, attributes={"a": 1, "b": 2})
    other = replace(SHOE, attributes={"b": 2, "a": 1})
    assert first.content_hash() == other.content_hash()


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Blue shoe"},
        {"price": 11.0},
        {"available": False},
        {"attributes": {}},
        {"image": "a2.jpg"},
        {"group": "G"},
    ],
)
def test_any_change_gives_another_hash(change):
    assert replace(SHOE, **change).content_hash() != SHOE.content_hash()


def test_fields_that_came_later_change_no_hash_of_items_without_them():
    assert SHOE.content_hash() == "d099de214e01004515afda69266902c2"


def test_a_group_goes_to_the_payload_and_back():
    payload = replace(SHOE, group="G").payload()
    assert payload["group"] == "G"
    assert Item.from_payload(payload).group == "G"
    assert "group" not in SHOE.payload()
    older = Item.from_payload({"id": "a", "group": ["Men", "Women"]})
    assert (older.group, older.attributes) == ("", {"group_": ("Men", "Women")})


def test_the_upper_bound_of_a_price_is_in_hash_and_payload_only_where_there_is_one():
    assert "price_to" not in SHOE.payload()
    ranged = replace(SHOE, price_to=20.0)
    assert ranged.content_hash() != SHOE.content_hash()
    assert Item.from_payload(ranged.payload()) == ranged
    older = Item.from_payload({"id": "a", "price_to": "on request"})
    assert (older.price_to, older.attributes) == (None, {"price_to_": "on request"})


def test_the_photo_counts_by_its_bytes_where_they_are_known():
    assert SHOE.content_hash(b"one") == replace(SHOE, image="moved.jpg").content_hash(b"one")
    assert SHOE.content_hash(b"one") != SHOE.content_hash(b"two")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_the_point_id_is_the_uuid5_of_the_id(item_id):
    assert point_id(item_id) == str(uuid.uuid5(POINT_NAMESPACE, item_id))


def test_the_point_id_depends_on_the_id_alone():
    assert SHOE.point_id == replace(SHOE, title="x").point_id == point_id("a1") != point_id("a2")


def test_the_payload_shows_fields_and_attributes_and_no_bytes():
    payload = replace(SHOE, image=b"\xff\xd8").payload()
    assert payload["sizes"] == ["41", "42"]
    assert payload["brand"] == "Nordwind"
    assert "image" not in payload
    assert "description" not in payload


def test_words_to_match_come_from_title_brand_type_and_attributes():
    assert replace(SHOE, description="Of leather").lexical_texts == {
        "title": "Red shoe", "description": "Of leather", "product_type": "Shoe", "brand": "Nordwind",
        "attributes": "41 42",
    }  # fmt: skip
    assert Item("a", title="Red").lexical_texts == {"title": "Red"}


def test_a_number_is_one_word_however_it_is_written():
    words = {
        replace(SHOE, attributes={"model": model}).lexical_texts["attributes"]
        for model in (574, 574.0, "574")
    }
    assert words == {"574"}
    assert replace(SHOE, attributes={"width": (1.5, True)}).lexical_texts["attributes"] == "1.5 true"


def test_without_a_title_the_next_best_words_are_embedded():
    assert replace(SHOE, title="").text == "Nordwind Shoe"
    assert Item("x", description="only this").text == "only this"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": ""}, "no id"),
        ({"id": " a"}, "no id"),
        ({"id": "x" * 257}, "at most 256"),
        ({"id": "a", "title": "x" * 10_000_000}, "10,000,000 characters"),
        ({"id": "a", "price": float("nan")}, "finite"),
        ({"id": "a", "popularity": float("inf")}, "finite"),
        ({"id": "a", "attributes": {"title": "x"}}, "built-in"),
        ({"id": "a", "attributes": {str(n): 1 for n in range(1001)}}, "at most 1000"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_a_reason(fields, message):
    with pytest.raises(ItemError, match=message):
        Item(**fields)
