"""Items of which only fields changed: written without the encoder, and as a fresh ingest would store them."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingestion.fakes import Shop, photo_bytes
from vlclip.engine.item import Item
from vlclip.ingestion.pipeline.patches import ItemPatch, patch_items
from vlclip.ingestion.stages.update import APART

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


@settings(max_examples=3)  # each fills two stores with many items
@given(CATALOGUES, CATALOGUES)
def test_after_any_changes_the_store_holds_the_points_of_a_fresh_ingest(before, after):
    with TemporaryDirectory() as name:
        folder = Path(name)
        shop, fresh = Shop(folder / "store"), Shop(folder / "fresh")
        try:
            shop.ingest(written(folder, before))
            encodings = shop.embedder.embedded
            report = shop.ingest(written(folder, after), force_prune=True)
            fresh.ingest(written(folder, after))
            assert shop.points() == fresh.points()
            assert report.read == report.embedded + report.updated + report.unchanged
            anew = sum(_encoded(before.get(item)) != _encoded(row) for item, row in after.items())
            assert report.embedded == shop.embedder.embedded - encodings == anew
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


def test_what_was_patched_is_encoded_again(shop):
    item = Item(id="a", title="Oak chair", price=2.0)
    shop.put([item])
    with shop.open() as (store, _):
        patch_items([ItemPatch("a", {"title": "Oak table"})], store)
    changed = Item(id="a", title="Oak chair", price=3.0)
    assert [result.status for result in shop.put([changed])] == ["embedded"]
    assert shop.points()["a"][0]["title"] == "Oak chair"


def test_an_item_that_is_deleted_while_it_is_ingested_is_a_failure_and_not_lost_silently(shop, monkeypatch):
    shop.put([Item(id="a", title="Oak chair", price=2.0)])
    with shop.open() as (store, _):
        retrieve = store.retrieve

        def deleting(ids, **choices):
            records = retrieve(ids, **choices)
            if choices.get("fields") == APART:
                store.delete(ids)
            return records

        monkeypatch.setattr(store, "retrieve", deleting)
        (result,) = shop.put([Item(id="a", title="Oak chair", price=3.0)])
    assert result.status == "failed"
    assert "deleted" in result.reason
