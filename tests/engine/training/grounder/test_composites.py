"""Scenes made of packshots: what is cut out, where it stands, and that the boxes tell the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from vlclip.engine.training.grounder.composites import MAX_OVERLAP, backdrop, compose, cut_out
from vlclip.engine.training.grounder.scenes import (
    SQUARE,
    Labelled,
    Product,
    composite,
    distinct,
    held_out,
    names_of,
    prompt_for,
)


def packshot(colour="red", box=(15, 20, 45, 60), ground="white"):
    photo = Image.new("RGB", (60, 80), ground)
    ImageDraw.Draw(photo).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=colour)
    return np.asarray(photo)


def product(colour, name):
    return Product(cut_out(packshot(colour)), names_of(name))


def test_a_product_is_cut_out_to_its_own_bounds():
    assert cut_out(packshot()).shape == (40, 30, 4)


def test_what_is_cut_out_is_opaque_inside_and_nothing_of_the_background_is_left():
    ring = Image.fromarray(packshot())
    cut = cut_out(np.asarray(ring))
    assert (cut[4:-4, 4:-4, 3] == 255).all()
    assert (cut[4:-4, 4:-4, :3] == (255, 0, 0)).all()


def test_white_inside_a_product_stays_with_it():
    photo = Image.fromarray(packshot())
    ImageDraw.Draw(photo).rectangle((25, 35, 34, 44), fill="white")
    assert cut_out(np.asarray(photo))[20, 15, 3] == 255


@pytest.mark.parametrize(
    "photo",
    [
        np.full((80, 60, 3), 255, dtype=np.uint8),
        np.random.default_rng(0).integers(0, 255, (80, 60, 3), dtype=np.uint8),
        packshot(box=(30, 40, 33, 43)),
        packshot(box=(0, 0, 60, 80)),
    ],
    ids=["empty", "no plain border", "a speck", "fills the photo"],
)
def test_a_photo_without_a_product_on_a_plain_ground_is_refused(photo):
    assert cut_out(photo) is None


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 4))
def test_boxes_hold_their_products_and_hardly_overlap(seed, count):
    rng = np.random.default_rng(seed)
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)][:count]
    cuts = [
        np.dstack([np.full((40, 30, 3), c, np.uint8), np.full((40, 30, 1), 255, np.uint8)]) for c in colours
    ]
    scene = compose(cuts, Image.new("RGB", (160, 120), (90, 90, 90)), rng.uniform(30, 70, count), rng)
    assert scene.photo.shape == (120, 160, 3)
    for colour, (x0, y0, x1, y1) in zip(colours, scene.boxes, strict=True):
        ys, xs = np.nonzero(np.abs(scene.photo.astype(int) - colour).max(axis=2) < 40)
        assert x0 <= xs.min() <= xs.max() < x1
        assert y0 <= ys.min() <= ys.max() < y1
    first = scene.boxes[0]  # the first lies on top, so nothing covers its edges
    ys, xs = np.nonzero(np.abs(scene.photo.astype(int) - colours[0]).max(axis=2) < 40)
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == tuple(first)
    for row in range(count):
        for other in range(row):
            a, b = scene.boxes[row], scene.boxes[other]
            shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
            smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
            assert shared <= MAX_OVERLAP * smaller + 1e-6


def test_the_same_dice_make_the_same_scene():
    products = [product("red", "Shirts"), product("blue", "Shoes")]
    first, second = (composite(products, [], SQUARE, np.random.default_rng(3)) for _ in range(2))
    assert (first.photo == second.photo).all()
    assert (first.boxes == second.boxes).all()


@pytest.mark.parametrize("seed", range(8))
def test_a_background_is_busy_and_of_the_size_asked_for(seed):
    picture = np.asarray(backdrop(64, np.random.default_rng(seed), [packshot()]))
    assert picture.shape == (64, 64, 3)
    assert picture.std() > 1


def test_products_of_one_scene_are_of_different_types():
    products = [product("red", "Shirts"), product("green", "Shirts"), product("blue", "Shoes")]
    chosen = distinct(products, 3, np.random.default_rng(0))
    assert sorted(item.names[0] for item in chosen) == ["shirts", "shoes"]


@pytest.mark.parametrize(
    ("product_type", "family", "names"),
    [
        ("Casual Shoes", "Shoes", ("casual shoes", "casual shoe", "shoes")),
        ("Dress", "", ("dress",)),
        ("T.V.  Stands", "", ("t v stands", "t v stand")),
        ("Sarees", "Sarees", ("sarees", "saree")),
    ],
)
def test_a_product_answers_to_its_type_the_singular_and_the_family(product_type, family, names):
    assert names_of(product_type, family) == names


@pytest.mark.parametrize("seed", range(12))
def test_what_is_asked_for_names_the_products_it_should(seed):
    names = (names_of("Shirts", "Topwear"), names_of("Watches", "Watches"))
    scene = Labelled(np.zeros((128, 128, 3), np.uint8), np.zeros((2, 4), np.float32), names)
    prompted = prompt_for(scene, ["sofa", "lamp"], np.random.default_rng(seed))
    assert prompted.named.shape == (2, len(prompted.phrases))
    assert prompted.named.any()
    for row, own in enumerate(names):
        assert [phrase in own for phrase in prompted.phrases] == prompted.named[row].tolist()


def test_scenes_kept_back_ask_for_their_first_product():
    products = [product(c, n) for c, n in (("red", "Shirts"), ("blue", "Shoes"), ("green", "Bags"))]
    scenes = held_out(products, [], 3)
    for prompted in scenes:
        assert prompted.scene.photo.shape == (128, 128, 3)
        assert prompted.phrases == (prompted.scene.names[0][0],)
        assert prompted.named[:, 0].tolist() == [True] + [False] * (len(prompted.named) - 1)
