"""Items of which only fields changed: written without the encoder, and as a fresh ingest would store them."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingestion.fakes import PhotoServer, Shop, photo_bytes
from vlclip.engine.item import Item, ReferredPhoto
from vlclip.ingestion.pipeline.patches import ItemPatch, patch_items
from vlclip.ingestion.stages.update import APART
from vlclip.service.settings import Settings

PHOTOS = {f"{colour}.jpg": photo_bytes(colour) for colour in ("red", "blue", "white")}
APART_CELLS = {
    "price": st.one_of(st.none(), st.floats(1, 500).map(lambda price: round(price, 2)), st.integers(1, 500)),
    "currency": st.sampled_from(["EUR", "USD"]),
    "popularity": st.one_of(st.none(), st.integers(0, 9)),
    "available": st.booleans(),
    "updated_at": st.sampled_from(["", "2026-01-01", "2026-02-01T10:00:00"]),
    "group": st.sampled_from(["", "a", "b"]),
}
ENCODED_CELLS = {
    "title": st.sampled_from(["Oak chair", "Blue lamp with shade", "Table"]),
    "description": st.sampled_from(["", "It stands on four legs."]),
    "brand": st.sampled_from(["", "Acme"]),
    "colour": st.sampled_from(["red", "blue", ""]),
    "image": st.sampled_from([f"pics/{name}" for name in PHOTOS] + [""]),
}
ROWS = st.fixed_dictionaries({**APART_CELLS, **ENCODED_CELLS})
CATALOGUES = st.dictionaries(st.sampled_from([f"sku-{n}" for n in range(20)]), ROWS, min_size=12)


def written(folder: Path, rows: dict[str, dict[str, object]]) -> Path:
    for name, photo in PHOTOS.items():
        (folder / "pics").mkdir(exist_ok=True)
        (folder / "pics" / name).write_bytes(photo)
    path = folder / "items.jsonl"
    columns = {
        "available": True,
        "price": 1.5,
        "popularity": 1,
        **dict.fromkeys(["updated_at", "group", "image"], ""),
    }
    first = {
        "id": "first",
        "title": "First",
        **columns,
        "currency": "EUR",
        "available": True,
        "colour": "red",
    }
    lines = [first, *({"id": name, **row} for name, row in rows.items())]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


PATCHES = st.dictionaries(
    st.sampled_from([f"sku-{n}" for n in range(20)]),
    st.fixed_dictionaries(
        {},
        optional={
            "price": st.sampled_from([None, 7.5]),
            "available": st.booleans(),
            "title": st.just("Oak table"),
        },
    ),
)


@settings(max_examples=3, deadline=None)  # each fills two stores with many items
@given(CATALOGUES, PATCHES, CATALOGUES)
def test_after_any_changes_the_store_holds_the_points_of_a_fresh_ingest(before, patches, after):
    with TemporaryDirectory() as name:
        folder = Path(name)
        shop, fresh = Shop(folder / "store"), Shop(folder / "fresh")
        try:
            shop.ingest(written(folder, before))
            with shop.open() as (store, _):
                patch_items([ItemPatch(item, fields) for item, fields in patches.items()], store)
            encodings = shop.embedder.embedded
            report = shop.ingest(written(folder, after), force_prune=True)
            fresh.ingest(written(folder, after))
            assert shop.points() == fresh.points()
            assert report.read == report.embedded + report.updated + report.unchanged
            is_new = {item: _encoded(before.get(item)) != _encoded(row) for item, row in after.items()}
            anew = sum(is_new[item] or "title" in patches.get(item, {}) for item in after)
            assert report.embedded == shop.embedder.embedded - encodings == anew
            assert shop.ingest(written(folder, after)).unchanged == report.read
        finally:
            shop.close()
            fresh.close()


def _encoded(row):
    return row and {name: row[name] for name in ENCODED_CELLS}


@pytest.mark.parametrize(
    "change", [{"price": 3.5}, {"available": False}, {"price": None, "currency": "USD"}, {"group": "g"}]
)
def test_an_item_that_is_put_with_other_fields_is_not_encoded(shop, change):
    item = Item(id="a", title="Oak chair", price=2.0, image=photo_bytes())
    shop.put([item])
    changed = Item(**{"id": "a", "title": "Oak chair", "price": 2.0, "image": photo_bytes(), **change})
    assert change.keys() <= set(APART)
    assert [result.status for result in shop.put([changed])] == ["updated"]
    assert [result.status for result in shop.put([changed])] == ["unchanged"]
    assert shop.embedder.embedded == 1


@pytest.mark.parametrize("photo", [photo_bytes(), ReferredPhoto(photo_bytes(), "pics/a.jpg"), None])
@pytest.mark.parametrize(
    "patches", [[{"title": "Oak table"}], [{"price": 9.0}, {"title": "A"}, {"price": 5.0}]]
)
def test_what_was_patched_in_its_words_is_encoded_again(shop, patches, photo):
    item = Item(id="a", title="Oak chair", price=2.0, image=photo)
    shop.put([item])
    clean = shop.points()
    with shop.open() as (store, _):
        for fields in patches:
            patch_items([ItemPatch("a", fields)], store)
    assert [result.status for result in shop.put([item])] == ["embedded"]
    assert shop.points() == clean


@pytest.mark.parametrize("photo", [photo_bytes(), ReferredPhoto(photo_bytes(), "pics/a.jpg"), None])
@pytest.mark.parametrize("price", [2.0, 3.0])
def test_what_was_patched_in_its_price_alone_is_written_and_not_encoded(shop, photo, price):
    shop.put([Item(id="a", title="Oak chair", price=2.0, image=photo)])
    with shop.open() as (store, _):
        for fields in ({"price": 9.0}, {"available": False}, {"price": 5.0, "currency": "EUR"}):
            patch_items([ItemPatch("a", fields)], store)
    item = Item(id="a", title="Oak chair", price=price, image=photo)
    assert [result.status for result in shop.put([item])] == ["updated"]
    assert shop.embedder.embedded == 1
    updated = shop.points()
    with shop.open() as (store, _):
        store.delete(["a"])
    shop.put([item])
    assert updated == shop.points()


def test_a_photo_at_an_address_is_fetched_again_when_its_address_changes_and_not_for_a_price(shop):
    server = PhotoServer()
    shop.settings = Settings.load(fetch={"allow_private": True})
    first, second = (server.serve(path, photo_bytes()) for path in ("/a.jpg", "/b.jpg"))
    try:
        for price, url in [(1.0, first), (2.0, first), (2.0, second)]:
            shop.put([Item(id="a", title="Oak chair", price=price, image=url)])
    finally:
        server.close()
    assert server.requested == ["/a.jpg", "/b.jpg"]


def test_an_item_that_is_deleted_while_it_is_ingested_is_a_failure_and_not_lost_silently(shop, monkeypatch):
    shop.put([Item(id="a", title="Oak chair", price=2.0)])
    with shop.open() as (store, _):
        retrieve = store.retrieve

        def deleting(ids, **choices):
            records = retrieve(ids, **choices)
            if "price" in (choices.get("fields") or ()):
                store.delete(ids)
            return records

        monkeypatch.setattr(store, "retrieve", deleting)
        (result,) = shop.put([Item(id="a", title="Oak chair", price=3.0)])
    assert result.status == "failed"
    assert "deleted" in result.reason
