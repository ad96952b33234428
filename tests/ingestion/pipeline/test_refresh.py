"""Points brought up to date without their catalogue."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.ingestion.fakes import INFO, Shop, photo_bytes
from tests.ingestion.stages.test_preparation import FakeGrounder, FakeRefiner, preparation, provenance
from vlclip.engine.item import Item
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.refresh import refresh

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@given(
    title=words,
    brand=words,
    price=st.none() | st.floats(0, 1e6),
    available=st.booleans(),
    attributes=st.dictionaries(
        st.sampled_from(["colour", "size", "weight"]),
        words | st.booleans() | st.floats(0, 10) | st.lists(words, min_size=1, max_size=3).map(tuple),
    ),
    image=st.none() | st.just("photos/a.jpg"),
)
def test_an_item_is_its_payloads(title, brand, price, available, attributes, image):
    item = Item("a", title, brand=brand, price=price, available=available, attributes=attributes, image=image)
    payload = json.loads(json.dumps(item.payload() | {"provenance": {"text": "x"}}))
    again = Item.from_payload(payload)
    assert again == item
    assert again.content_hash() == item.content_hash()


@pytest.fixture
def catalogue(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    rows = []
    for number in range(6):
        (folder / f"{number}.png").write_bytes(photo_bytes((number * 20, 90, 200), format="PNG"))
        rows.append({
            "id": f"p{number}", "title": f"thing {number}", "product_type": "lamp", "price": number,
            "colour": "red", "image": f"{number}.png",
        })  # fmt: skip
    path = folder / "catalogue.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "store")


def refreshed(shop, root, prepared):
    with shop.open() as (store, ledger):
        return refresh(
            Destination(store, ledger, INFO, shop.load), shop.settings, root=root, preparation=prepared
        )


def test_refreshing_equals_ingesting_again(shop, tmp_path, catalogue):
    shop.ingest(catalogue)
    outcome = refreshed(shop, catalogue.parent, preparation(FakeGrounder(), FakeRefiner())[0])
    assert (outcome.items, outcome.refreshed, outcome.without_photo, outcome.failed) == (6, 6, 0, ())
    other = Shop(tmp_path / "other")
    other.ingest(catalogue, preparation=preparation(FakeGrounder(), FakeRefiner())[0])
    assert shop.points() == other.points()
    again = shop.ingest(catalogue, preparation=preparation(FakeGrounder(), FakeRefiner())[0])
    assert again.unchanged == 6


def test_values_the_store_keeps_in_another_kind_are_still_their_rows(shop, catalogue):
    sizes = ["S", 42, 43.0, "44", 45, True]  # a keyword field, by its first batch: "42", "43", "true"
    rows = [json.loads(line) for line in catalogue.read_text().splitlines()]
    catalogue.write_text(
        "\n".join(json.dumps(row | {"size": size}) for row, size in zip(rows, sizes, strict=True))
    )
    shop.ingest(catalogue)
    prepared = preparation(FakeGrounder(), FakeRefiner())[0]
    assert refreshed(shop, catalogue.parent, prepared).refreshed == 6
    again = shop.ingest(catalogue, preparation=preparation(FakeGrounder(), FakeRefiner())[0])
    assert (again.unchanged, again.embedded) == (6, 0)


def test_a_photo_replaced_before_a_refresh_and_put_back_is_embedded_again(shop, catalogue):
    photo, shaded = catalogue.parent / "2.png", Image.linear_gradient("L")
    shaded.save(photo)
    shop.ingest(catalogue, preparation=preparation()[0])
    shaded.rotate(90).save(photo)
    refreshed(shop, catalogue.parent, preparation(FakeGrounder())[0])
    shaded.save(photo)
    again = shop.ingest(catalogue, preparation=preparation(FakeGrounder())[0])
    assert (again.unchanged, again.embedded) == (5, 1)


def test_a_second_time_nothing_is_done_or_loaded(shop, catalogue):
    shop.ingest(catalogue, preparation=preparation(FakeGrounder())[0])
    prepared, loads = preparation(FakeGrounder())
    assert refreshed(shop, catalogue.parent, prepared).refreshed == 0
    assert loads == []


def test_a_photo_that_is_gone_is_said_and_its_item_keeps_its_vector(shop, catalogue):
    shop.ingest(catalogue)
    before = shop.points()["p2"]
    (catalogue.parent / "2.png").unlink()
    outcome = refreshed(shop, catalogue.parent, preparation(FakeGrounder())[0])
    assert outcome.refreshed == 5
    assert [(failure.id, "no file" in failure.reason) for failure in outcome.failed] == [("p2", True)]
    assert shop.points()["p2"] == before
    assert "no file" in shop.failures()["p2"]


def test_photos_that_came_as_bytes_are_counted_and_left_alone(shop):
    items = [
        Item("bytes", "a", product_type="lamp", image=photo_bytes()),
        Item("words", "b", product_type="lamp"),
    ]
    shop.put(items)
    before = shop.points()["bytes"]
    outcome = refreshed(shop, shop.folder, preparation(FakeGrounder())[0])
    assert (outcome.refreshed, outcome.without_photo) == (1, 1)
    assert shop.points()["bytes"] == before
    assert provenance(shop)["words"]["grounder"] == "fake:left@1"
