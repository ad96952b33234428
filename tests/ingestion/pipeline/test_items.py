"""Items put one by one: the points of a catalogue, a result each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ingestion.fakes import Shop, photo_bytes
from vlclip.engine.item import Item
from vlclip.ingestion.pipeline.items import delete_items

RED = photo_bytes()


def test_items_put_one_by_one_give_the_points_of_a_catalogue(shop, catalogue, tmp_path):
    shop.ingest(catalogue)
    rows = [json.loads(line) for line in catalogue.read_text().splitlines()]
    items = [
        Item(
            row["id"],
            title=row["title"],
            price=row["price"],
            attributes={"colour": row["colour"]},
            image=str(catalogue.parent / row["image"]) if "image" in row else None,
        )
        for row in rows
    ]
    other = Shop(tmp_path / "other", shop.settings)
    results = other.put(items, root=Path())
    assert {result.status for result in results} == {"embedded"}
    vectors = {item_id: vector for item_id, (_, vector) in shop.points().items()}
    assert {item_id: vector for item_id, (_, vector) in other.points().items()} == vectors


def test_each_item_gets_its_own_result_in_order(shop):
    items = [
        Item("1", title="A", image=RED),
        Item("2", title="B", image=b"no photo"),
        Item("3", title="C", image="/etc/hostname"),
        Item("1", title="A", image=RED),
        Item("1", title="other"),
        Item("4"),
    ]
    with shop.open() as (_, ledger):
        results = shop.put(items)
        again = shop.put(items[:1])
        assert ledger.dead_letters.count() == 4
    assert [result.id for result in results] == ["1", "2", "3", "1", "1", "4"]
    assert [result.status for result in results] == [
        "embedded",
        "failed",
        "failed",
        "duplicate",
        "failed",
        "failed",
    ]
    assert "not accepted here" in results[2].reason
    assert "duplicate id" in results[4].reason
    assert [result.status for result in again] == ["unchanged"]


@pytest.mark.parametrize("item", [Item("1", title="half \ud800"), Item("half \ud800", title="A")])
def test_half_a_character_fails_its_item_alone(shop, item):
    with shop.open() as (_, ledger):
        results = shop.put([item, Item("2", title="B")])
        assert ledger.dead_letters.count() == 1
    assert [result.status for result in results] == ["failed", "embedded"]
    assert "half a character" in results[0].reason


def test_deleting_items_counts_those_that_were_there(shop, catalogue):
    shop.ingest(catalogue)
    with shop.open() as (store, ledger):
        assert delete_items(["sku-1", "sku-2", "unknown"], store, ledger) == 2
    assert len(shop.points()) == 10
