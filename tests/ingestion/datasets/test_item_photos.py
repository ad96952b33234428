"""A catalogue's items with their photos, once over."""

from __future__ import annotations

import json

from tests.ingestion.fakes import photo_bytes
from vlclip.ingestion.datasets.item_photos import BATCH, item_photo_batches
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings


def read(path, **options):
    catalogue = open_catalogue(path)
    return list(item_photo_batches(catalogue, map_columns(catalogue), Settings.load(), **options))


def test_every_row_is_an_item_with_its_photo_or_none(catalogue):
    (batch,) = read(catalogue)
    assert [pair.item.id if pair else None for pair in batch] == [f"sku-{n}" for n in range(10)] + [None] * 2
    assert [pair.photo.size for pair in batch[:10]] == [(40, 30)] * 10
    assert batch[3].data == (catalogue.parent / "pics" / "3.jpg").read_bytes()


def test_what_is_not_wanted_is_passed_over_and_what_is_not_usable_is_none(catalogue):
    (batch,) = read(catalogue, select=lambda item: item.id != "sku-1", usable=lambda item: item.id != "sku-2")
    assert [pair.item.id if pair else None for pair in batch[:3]] == ["sku-0", None, "sku-3"]


def test_a_damaged_photo_an_empty_title_and_an_unreadable_row_are_none(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"not a photo")
    (tmp_path / "b.jpg").write_bytes(photo_bytes())
    rows = [
        {"id": "damaged", "title": "Thing", "image": "a.jpg"},
        {"id": "untitled", "title": " ", "image": "b.jpg"},
        {"id": "gone", "title": "Thing", "image": "c.jpg"},
        {"id": "", "title": "No id", "image": "b.jpg"},
        {"id": "good", "title": "Thing", "image": "b.jpg"},
    ]
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    (batch,) = read(file, select=lambda item: item.id)
    assert [pair.item.id if pair else None for pair in batch] == [None] * 4 + ["good"]


def test_few_photos_are_held_at_a_time_and_the_order_is_kept(tmp_path):
    (tmp_path / "a.jpg").write_bytes(photo_bytes())
    rows = [{"id": f"p{n}", "title": "Thing", "image": "a.jpg"} for n in range(2 * BATCH + 5)]
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    batches = read(file)
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 5]
    assert [pair.item.id for batch in batches for pair in batch] == [row["id"] for row in rows]
