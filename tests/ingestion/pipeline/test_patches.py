"""Patches: the item with these fields, nothing else changed, and an ingest after it is right."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingestion.fakes import Shop, photo_bytes
from vlclip.engine.item import Item
from vlclip.engine.refinement.fields import FieldRefiner
from vlclip.engine.store.store import Query
from vlclip.ingestion.pipeline.patches import ItemPatch, patch_items
from vlclip.ingestion.pipeline.refresh import refresh
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.service.settings import Settings

NUMBERS = st.integers(0, 4000).map(lambda cents: cents / 4)
TEXTS = st.sampled_from(["", "Kettle", "Red kettle", "Größe 1"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "price": NUMBERS | st.none(),
        "popularity": NUMBERS | st.none(),
        "available": st.booleans(),
        "currency": st.sampled_from(["", "EUR"]),
        "updated_at": st.sampled_from(["", "2026-11-30T10:00:00Z"]),
        "title": TEXTS,
        "description": TEXTS,
        "product_type": TEXTS,
        "brand": TEXTS,
        "image": st.none() | st.just("https://shop.example/1.jpg"),
    },
)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "colour": st.sampled_from([None, "red", ("red", "blue")]),
        "sizes": st.sampled_from([None, "s", ("s", "m")]),
        "age": st.sampled_from([None, 7, 2.5]),
        "on sale": st.sampled_from([None, True, False]),
    },
)
IDS = st.sampled_from(["1", "2", "none"])
PATCHES = st.builds(ItemPatch, id=IDS, fields=FIELDS, attributes=ATTRIBUTES, clears=st.booleans())
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
BEFORE = [
    Item("1", title="Lamp", brand="Acme", price=3.0, attributes={"colour": "blue"}, image=photo_bytes()),
    Item("2", title="Chair", available=False, popularity=0.5, attributes={"age": 3, "sizes": ("s",)}),
]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Texts are embedded as they are."""
    return Shop(tmp_path / "store", Settings.load(ingest={"batch": 4}, refinement={"mode": "off"}))


@pytest.fixture
def refined_shop(tmp_path: Path) -> Shop:
    """Texts are made from the fields of the items."""
    return Shop(tmp_path / "refined", Settings.load(refinement={"mode": "fields"}))


def patch(shop: Shop, *patches: ItemPatch):
    with shop.open() as (store, _):
        return patch_items(patches, store)


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(patches=st.lists(PATCHES, max_size=5))
def test_a_patched_item_is_the_item_with_these_fields(shop: Shop, patches: list[ItemPatch]):
    with shop.open() as (store, _):
        store.delete(["1", "2"])
    shop.put(BEFORE)
    before = shop.points()
    results = patch(shop, *patches)
    assert [result.id for result in results] == [each.id for each in patches]
    assert [result.status == "unknown" for result in results] == [each.id == "none" for each in patches]
    expected = {item.id: replace(item, image=None) for item in BEFORE}
    for each in patches:
        if each.id in expected:
            expected[each.id] = each.applied(expected[each.id])
    after = shop.points()
    for item_id, item in expected.items():
        payload, vector = after[item_id]
        provenance = payload.pop("provenance")
        assert payload == item.payload()
        assert vector == before[item_id][1]
        first = before[item_id][0]["provenance"]
        stayed = {name: value for name, value in provenance.items() if name not in ("content_hash", "stale")}
        assert stayed == {name: value for name, value in first.items() if name != "content_hash"}
        if any(result.status == "patched" for result in results if result.id == item_id):
            changed = payload != {k: v for k, v in before[item_id][0].items() if k != "provenance"}
            assert ("content_hash" in provenance) != changed
        with shop.open() as (store, _):
            for word in ("lamp", "kettle", "chair", "red", "blue"):
                ids = {hit.id for hit in store.search([Query(text=word)])[0]}
                assert (item_id in ids) == (word in " ".join(item.lexical_texts.values()).lower().split())


@settings(max_examples=6, deadline=None, suppress_health_check=SLOW)
@given(fields=st.lists(FIELDS, min_size=1, max_size=3), attributes=ATTRIBUTES, clears=st.booleans())
def test_after_an_ingest_the_store_holds_what_the_catalogue_says(
    shop: Shop, catalogue: Path, fields: list[dict], attributes: dict, clears: bool
):
    shop.ingest(catalogue)
    clean = shop.points()
    patches = [ItemPatch(f"sku-{n}", each, attributes, clears) for n, each in enumerate(fields)]
    patch(shop, *patches)
    shop.ingest(catalogue)
    assert shop.points() == clean
    assert shop.ingest(catalogue).unchanged == 12


def test_a_price_that_the_catalogue_follows_is_kept(shop: Shop, catalogue: Path):
    shop.ingest(catalogue)
    patch(shop, ItemPatch("sku-3", {"price": 99.0}))
    rows = [json.loads(line) for line in catalogue.read_text().splitlines()]
    rows[3]["price"] = 99
    catalogue.write_text("\n".join(map(json.dumps, rows)))
    shop.ingest(catalogue)
    payload, _ = shop.points()["sku-3"]
    assert payload["price"] == 99.0
    assert payload["provenance"]["content_hash"]


def test_what_waits_for_an_encoding_is_named_until_it_is_encoded(shop: Shop):
    shop.put(BEFORE)
    (price,) = patch(shop, ItemPatch("1", {"price": 4.0}, {"colour": "green"}))
    assert price.stale == ()
    (title,) = patch(shop, ItemPatch("1", {"title": "Torch"}))
    assert title.stale == ("text",)
    (later,) = patch(shop, ItemPatch("1", {"price": 5.0}))
    assert later.stale == ("text",)
    (back,) = patch(shop, ItemPatch("1", {"title": "Lamp"}))
    assert back.stale == ()
    (photo,) = patch(shop, ItemPatch("2", {"image": "https://shop.example/2.jpg", "title": "Bench"}))
    assert photo.stale == ("image", "text")
    assert shop.points()["2"][0]["provenance"]["stale"] == ["image", "text"]


@settings(max_examples=10, deadline=None, suppress_health_check=SLOW)
@given(fields=FIELDS, attributes=ATTRIBUTES, clears=st.booleans())
def test_a_text_that_a_refiner_would_write_again_is_not_stale(
    refined_shop: Shop, fields: dict, attributes: dict, clears: bool
):
    with refined_shop.open() as (store, _):
        store.delete(["1", "2"])
    refined_shop.put(BEFORE)
    change = ItemPatch("1", fields, attributes, clears)
    (result,) = patch(refined_shop, change)
    texts = FieldRefiner()
    before, after = (texts.text_of(item).text for item in (BEFORE[0], change.applied(BEFORE[0])))
    assert ("text" in result.stale) == (before != after)


def test_a_refresh_encodes_what_is_stale(shop: Shop, catalogue: Path):
    shop.ingest(catalogue)
    patch(shop, ItemPatch("sku-3", {"title": "Torch", "price": 1.0}), ItemPatch("sku-4", {"price": 1.0}))
    with shop.open() as (store, ledger):
        destination = shop.destination(store, ledger)
        report = refresh(destination, shop.settings, root=catalogue.parent, preparation=Preparation())
    assert (report.refreshed, report.failed) == (1, ())
    payload, vector = shop.points()["sku-3"]
    assert "stale" not in payload["provenance"]
    assert (payload["price"], payload["provenance"]["text"]) == (1.0, "Torch")
    other = Shop(shop.folder.parent / "other", shop.settings)
    image = str(catalogue.parent / "pics/3.jpg")
    other.put([Item("sku-3", title="Torch", image=image)], root=Path())
    np.testing.assert_array_equal(vector, other.points()["sku-3"][1])
    shop.ingest(catalogue)  # the catalogue still says Thing 3
    assert shop.points()["sku-3"][0]["title"] == "Thing 3"


def test_patches_of_one_item_at_one_time_all_land(shop: Shop):
    shop.put(BEFORE)
    names = ("price", "popularity", "left", "right")

    def work(name: str) -> None:
        for number in range(20):
            fields = {name: float(number)} if name in ("price", "popularity") else {}
            attributes = {} if fields else {name: number}
            patch(shop, ItemPatch("1", fields, attributes), ItemPatch("1", {}, {f"{name}s": number}))

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    payload, _ = shop.points()["1"]
    assert [payload[name] for name in names] == [19] * 4
    assert [payload[f"{name}s"] for name in names] == [19] * 4
    assert payload["title"] == "Lamp"


def test_a_patch_that_breaks_a_rule_of_items_changes_nothing(shop: Shop):
    shop.put(BEFORE)
    before = shop.points()
    results = patch(
        shop,
        ItemPatch("1", {"price": float("inf")}),
        ItemPatch("2", {"title": "x" * 30_000, "price": 1.0}),
        ItemPatch("2", {"title": "Chair"}),
    )
    assert [result.status for result in results] == ["failed", "failed", "unchanged"]
    assert "price" in results[0].reason
    assert "title" in results[1].reason
    assert shop.points() == before


@pytest.mark.parametrize(("stored", "name"), [("a.b", "a.b"), ("colour", "colour")])
def test_an_attribute_keeps_its_name_and_its_kind(shop: Shop, stored: str, name: str):
    shop.put([Item("1", title="Lamp", attributes={stored: "x", "width": 3.5})])
    patch(shop, ItemPatch("1", {}, {name: "y", "width": "4", "new.name": 1}))
    payload, _ = shop.points()["1"]
    assert (payload[stored], payload["width"], payload["new_name"]) == ("y", 4.0, 1)
