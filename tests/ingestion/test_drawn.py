"""The drawn catalogue: its laws, and that what is said of a product can be seen in its photo."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from vlclip.ingestion.drawn import (
    COLOURS,
    KINDS,
    PATTERN_NAMES,
    draw_catalogue,
    draw_product,
    write_catalogue,
)
from vlclip.ingestion.drawn.canvas import draw
from vlclip.ingestion.drawn.catalogue import messy_title
from vlclip.ingestion.drawn.dice import Dice
from vlclip.ingestion.drawn.kinds import CLOTHES_BRANDS, HOME_BRANDS, WIDE_BRANDS
from vlclip.ingestion.drawn.light import MATERIALS
from vlclip.ingestion.drawn.sketch import Sketch, rectangle
from vlclip.ingestion.drawn.surface import Surface

SEED = 7


@pytest.fixture(scope="module")
def catalogue():
    return list(draw_catalogue(150, seed=SEED))


def pixels(product):
    return np.asarray(Image.open(io.BytesIO(product.item.image)), np.float32)


def test_the_same_number_gives_the_same_product_to_the_byte(catalogue):
    assert [draw_product(SEED, index) for index in range(20)] == catalogue[:20]


def test_another_seed_or_another_number_gives_another_product(catalogue):
    assert len({product.item.image for product in catalogue}) == len(catalogue)
    assert draw_product(SEED + 1, 0).item.image != catalogue[0].item.image


def test_the_facts_do_not_depend_on_the_size_of_the_photo(catalogue):
    small = draw_product(SEED, 3, size=(80, 100))
    assert Image.open(io.BytesIO(small.item.image)).size == (80, 100)
    assert (small.item.title, small.item.price, small.scene) == (
        catalogue[3].item.title,
        catalogue[3].item.price,
        catalogue[3].scene,
    )


def test_ids_are_unique_and_sort_in_order(catalogue):
    ids = [product.item.id for product in catalogue]
    assert ids == sorted(set(ids))
    assert ids[42] == "drawn-00042"


def test_the_box_lies_in_the_photo(catalogue):
    for product in catalogue:
        x0, y0, x1, y1 = product.box
        assert 0 <= x0 < x1 <= 160
        assert 0 <= y0 < y1 <= 200


def test_a_packshot_is_white_outside_its_box_and_full_inside(catalogue):
    for product in catalogue:
        if product.scene == "packshot":
            photo, (x0, y0, x1, y1) = pixels(product), product.box
            assert max(x1 - x0, (y1 - y0) * 0.8) > 0.7 * 160
            outside = np.ones(photo.shape[:2], bool)
            outside[y0:y1, x0:x1] = False
            assert photo[outside].min() > 200, product.item.id  # JPEG rings a little at the edges
            assert photo[outside].mean() > 248, product.item.id


def test_the_box_of_a_packshot_is_tight(catalogue):
    for product in catalogue:
        if product.scene == "packshot":
            x0, y0, x1, y1 = product.box
            inside = pixels(product)[y0:y1, x0:x1].min(2) < 249
            for edge in (inside[:3], inside[-3:], inside[:, :3], inside[:, -3:]):
                assert edge.any(), product.item.id


def test_a_plain_product_has_the_colour_it_says(catalogue):
    compared = 0
    for product in catalogue:
        attributes = product.item.attributes
        if attributes["pattern"] == "plain" and product.item.product_type in (
            "t-shirt",
            "trousers",
            "cushion",
            "backpack",
        ):
            x0, y0, x1, y1 = product.box
            height, width = y1 - y0, x1 - x0
            middle = pixels(product)[y0 + height // 3 : y1 - height // 4, x0 + width // 3 : x1 - width // 3]
            mean = middle.reshape(-1, 3).mean(0)
            distances = {name: float(np.abs(mean - colour).sum()) for name, colour in COLOURS.items()}
            assert distances[attributes["colour"]] < 110, (product.item.id, attributes, mean)
            compared += 1
    assert compared >= 5


def test_the_catalogue_is_as_varied_as_promised(catalogue):
    scenes = [product.scene for product in catalogue]
    messy = [product.item.title != product.clean_title for product in catalogue]
    assert 0.6 < scenes.count("packshot") / len(scenes) < 0.8
    assert 0.15 < sum(messy) / len(messy) < 0.35
    assert {product.item.product_type for product in catalogue} == set(KINDS)
    assert {product.item.attributes["colour"] for product in catalogue} == set(COLOURS)
    assert {product.item.attributes["pattern"] for product in catalogue} == set(PATTERN_NAMES)
    assert {product.item.brand for product in catalogue} == {*CLOTHES_BRANDS, *HOME_BRANDS, *WIDE_BRANDS}
    assert not all(product.item.available for product in catalogue)
    assert all(product.item.price > 3 for product in catalogue)


def test_the_clean_title_says_what_the_product_is(catalogue):
    for product in catalogue:
        item = product.item
        for word in (
            item.brand,
            item.attributes["colour"],
            item.attributes["material"],
            KINDS[item.product_type].title,
        ):
            assert word.lower() in product.clean_title.lower()


def test_a_messy_title_is_never_the_clean_one():
    clean = "Northwind Women's Striped Red Cotton T-Shirt"
    assert all(messy_title(clean, "T-Shirt", Dice(seed)) != clean for seed in range(200))


def test_types_use_only_materials_and_patterns_that_exist():
    for kind in KINDS.values():
        assert set(kind.materials) <= set(MATERIALS)
        assert set(kind.patterns) <= set(PATTERN_NAMES)


@pytest.mark.parametrize("angle", [0, 8, -30])
@pytest.mark.parametrize("name", KINDS)
def test_a_shape_stays_inside_its_frame_at_any_angle(name, angle):
    sketch, photo = Sketch(), Image.new("RGB", (200, 200), "white")
    KINDS[name].shape(sketch, Dice(angle + 100))
    mask = draw(sketch, Surface((200, 30, 30)), photo, (50, 40, 150, 160), angle=angle)
    x0, y0, x1, y1 = mask.getbbox()
    assert x0 >= 46
    assert y0 >= 36
    assert x1 <= 155
    assert y1 <= 165


def test_a_plain_rectangle_fills_its_frame_exactly():
    sketch, photo = Sketch(), Image.new("RGB", (100, 100), "white")
    sketch.fill(rectangle(0, 0, 1, 1), (10, 20, 30))
    mask = draw(sketch, Surface((0, 0, 0)), photo, (20, 30, 80, 90))
    assert mask.getbbox() == (20, 30, 81, 91)
    assert photo.getpixel((50, 50)) == (10, 20, 30)


def test_dice_are_pinned_to_the_stream_of_pcg64():
    assert [Dice(7, 0).unit(), Dice(7, 1).between(10, 20)] == [0.625095466604667, 17.701409510034743]


def test_the_written_catalogue_reads_back(tmp_path, catalogue):
    path = write_catalogue(tmp_path / "shop", 12, SEED)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    truths = [
        json.loads(line) for line in path.with_name("truth.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for row, truth, product in zip(rows, truths, catalogue[:12], strict=True):
        item = product.item
        assert (path.parent / row.pop("image")).read_bytes() == item.image
        assert row.pop("attributes") == item.attributes
        assert row == {name: getattr(item, name) for name in row}
        assert truth == {
            "id": item.id,
            "box": list(product.box),
            "scene": product.scene,
            "clean_title": product.clean_title,
        }
