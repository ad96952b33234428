"""Photos that are alike, from their pixels to the report of a run."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from PIL import Image, ImageDraw

from tests.ingestion.fakes import Shop, photo_bytes
from vlclip.engine.duplicates import pairs, photo_hash
from vlclip.engine.item import Item
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits
from vlclip.ingestion.pipeline.duplicates import find_duplicates
from vlclip.ingestion.pipeline.items import delete_items

NEAR = 8


def drawn(kind: int) -> Image.Image:
    """A thing unlike those of other kinds, on white."""
    photo = Image.new("RGB", (120, 160), "white")
    draw = ImageDraw.Draw(photo)
    draw.rectangle((30, 20 + 9 * kind, 90, 140), (30 * kind % 256, 90, 200 - 30 * kind))
    draw.polygon([(30, 60), (12, 90 + 5 * kind), (30, 110)], (200, 20 * kind, 40))
    draw.line((35, 130, 85, 50 + 15 * (kind % 5)), "black", 3 + kind)
    return photo


def jpeg(photo: Image.Image, quality: int = 90) -> bytes:
    out = BytesIO()
    photo.save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.fixture
def catalogue(tmp_path):
    """Four kinds: one in three sizes with copies of its photo, one twice, two once; one item is bare."""
    photos = {
        "tee-s": jpeg(drawn(0)),
        "tee-m": jpeg(drawn(0).resize((96, 128)), 70),
        "tee-l": jpeg(drawn(0).crop((3, 0, 120, 157))),
        "bag": jpeg(drawn(3)),
        "bag-again": jpeg(drawn(3)),
        "hat": jpeg(drawn(5)),
        "shoe": jpeg(drawn(6)),
        "swatch-a": photo_bytes("red"),
        "swatch-b": photo_bytes("red"),
    }
    rows = [{"id": "bare", "title": "No photo"}]
    for item_id, photo in photos.items():
        (tmp_path / f"{item_id}.jpg").write_bytes(photo)
        rows.append({"id": item_id, "title": item_id, "image": f"{item_id}.jpg"})
    return written(tmp_path / "items.jsonl", rows)


def written(file, rows):
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def rows_of(catalogue):
    return [json.loads(line) for line in catalogue.read_text().splitlines()]


def in_store(shop):
    with shop.open() as (store, _):
        return find_duplicates(store, NEAR)


TEES, BAGS = {"tee-s", "tee-m", "tee-l"}, {"bag", "bag-again"}


def test_a_point_keeps_the_hash_of_its_whole_photo(shop, catalogue):
    shop.ingest(catalogue)
    stored = {
        item_id: payload["provenance"].get("photo_hash") for item_id, (payload, _) in shop.points().items()
    }
    assert stored["bag"] == photo_hash(decode((catalogue.parent / "bag.jpg").read_bytes(), Limits()))
    assert stored["bag"] == stored["bag-again"]
    near = [stored["tee-s"], stored["tee-m"]]
    assert near[0] != near[1]
    assert [list(rows) for rows in pairs(near, NEAR)] == [[0], [1]]
    assert stored["bare"] is stored["swatch-a"] is None


def test_a_run_says_which_photos_are_alike_in_the_whole_store(shop, catalogue):
    duplicates = shop.ingest(catalogue).photo_duplicates
    assert [set(ids) for ids in duplicates.clusters] == [TEES, BAGS]
    assert (duplicates.photos, duplicates.items, duplicates.distance) == (7, 5, NEAR)
    extra = written(catalogue.parent / "more.jsonl", [{"id": "hat-copy", "title": "x", "image": "hat.jpg"}])
    duplicates = shop.ingest(extra).photo_duplicates
    assert [set(ids) for ids in duplicates.clusters] == [TEES, BAGS, {"hat", "hat-copy"}]


def test_a_run_that_changes_nothing_does_not_look(shop, catalogue):
    shop.ingest(catalogue)
    assert shop.ingest(catalogue).photo_duplicates is None


def test_runs_in_any_order_and_items_one_by_one_give_the_same_clusters(shop, catalogue, tmp_path):
    shop.ingest(catalogue)
    rows = rows_of(catalogue)
    halves = Shop(tmp_path / "halves", shop.settings)
    for part in (rows[5:], rows[:5]):
        halves.ingest(written(catalogue.parent / "part.jsonl", part))
    singly = Shop(tmp_path / "singly", shop.settings)
    for row in reversed(rows):
        photo = (catalogue.parent / row["image"]).read_bytes() if "image" in row else None
        singly.put([Item(row["id"], title=row["title"], image=photo)])
    assert in_store(shop) == in_store(halves) == in_store(singly)


def test_a_new_photo_leaves_its_cluster_and_a_deleted_item_too(shop, catalogue):
    shop.ingest(catalogue)
    (catalogue.parent / "tee-l.jpg").write_bytes(jpeg(drawn(1)))
    duplicates = shop.ingest(catalogue).photo_duplicates
    assert {frozenset(ids) for ids in duplicates.clusters} == {frozenset(TEES - {"tee-l"}), frozenset(BAGS)}
    with shop.open() as (store, ledger):
        delete_items(["bag"], store, ledger)
    assert [set(ids) for ids in in_store(shop).clusters] == [TEES - {"tee-l"}]


def test_pruning_alone_is_a_change_worth_looking_at(shop, catalogue):
    shop.ingest(catalogue)
    written(catalogue, [row for row in rows_of(catalogue) if row["id"] != "bag"])
    report = shop.ingest(catalogue, prune=True)
    assert (report.embedded, report.deleted) == (0, 1)
    assert [set(ids) for ids in report.photo_duplicates.clusters] == [TEES]


def test_how_near_is_a_setting(shop, catalogue):
    exact = shop.settings.model_copy(
        update={"search": shop.settings.search.model_copy(update={"collapse_distance": 0})}
    )
    duplicates = Shop(shop.folder, exact).ingest(catalogue).photo_duplicates
    assert [set(ids) for ids in duplicates.clusters] == [BAGS]


def test_variants_of_one_product_are_no_duplicates_of_each_other(shop, catalogue):
    groups = dict.fromkeys(TEES, "tee") | {"bag": "bag", "bag-again": "another bag"}
    rows = [row | {"group": groups.get(row["id"], "")} for row in rows_of(catalogue)]
    shop.ingest(written(catalogue, rows))
    assert [set(ids) for ids in in_store(shop).clusters] == [BAGS]


def test_a_product_with_the_photo_of_anothers_variants_is_a_duplicate(shop, catalogue):
    rows = [row | {"group": "tee" if row["id"] in TEES - {"tee-l"} else ""} for row in rows_of(catalogue)]
    shop.ingest(written(catalogue, rows))
    assert TEES in [set(ids) for ids in in_store(shop).clusters]
