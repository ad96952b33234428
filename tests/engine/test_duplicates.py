"""The laws of photo hashes, and what is and is not the same photo."""

from __future__ import annotations

import random
from io import BytesIO

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.engine.hashes import distance
from vlclip.engine import duplicates
from vlclip.engine.duplicates import MAX_DISTANCE, clusters, pairs, photo_hash
from vlclip.ranking.settings import Search

NEAR = Search().collapse_distance
distances = st.integers(0, MAX_DISTANCE)


@st.composite
def families(draw, most=40) -> list[str]:
    """Distinct hashes, many of them a few steps from another one."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    hashes: dict[str, None] = {}
    rows = []
    for _ in range(draw(st.integers(1, most))):
        if rows and rng.random() < 0.7:
            row = rows[rng.integers(len(rows))].copy()
            for bit in rng.integers(0, 144, rng.integers(0, 12)):
                row[bit // 8] ^= 1 << (bit % 8)
            row[18:] = np.clip(row[18:].astype(int) + rng.integers(-3, 4, 27), 0, 255)
        else:
            row = rng.integers(0, 256, 45).astype(np.uint8)
        rows.append(row)
        hashes[row.tobytes().hex()] = None
    return list(hashes)


def compared(hashes, most):
    """Every photo with every other."""
    count = len(hashes)
    return {
        (a, b) for a in range(count) for b in range(a + 1, count) if distance(hashes[a], hashes[b]) <= most
    }


def listed(places):
    return list(zip(*map(np.ndarray.tolist, places), strict=True))


def product(colour=(200, 30, 40), ground=(255, 255, 255), size=(300, 400), sleeves=True) -> Image.Image:
    """A T-shirt on a plain ground, with a print so that it is not symmetric."""
    photo = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(photo)
    w, h = size
    draw.rectangle((0.3 * w, 0.2 * h, 0.7 * w, 0.8 * h), colour)
    if sleeves:
        draw.polygon(
            [(0.3 * w, 0.2 * h), (0.1 * w, 0.4 * h), (0.18 * w, 0.48 * h), (0.3 * w, 0.38 * h)], colour
        )
        draw.polygon(
            [(0.7 * w, 0.2 * h), (0.9 * w, 0.36 * h), (0.82 * w, 0.45 * h), (0.7 * w, 0.38 * h)], colour
        )
    draw.ellipse((0.36 * w, 0.3 * h, 0.54 * w, 0.42 * h), (250, 220, 60))
    draw.line((0.4 * w, 0.7 * h, 0.66 * w, 0.55 * h), (20, 20, 20), round(0.02 * w))
    return photo


def reencoded(photo, quality=50):
    out = BytesIO()
    photo.save(out, "JPEG", quality=quality)
    return Image.open(BytesIO(out.getvalue())).convert("RGB")


def resized(photo, factor):
    return photo.resize((round(photo.width * factor), round(photo.height * factor)))


def cropped(photo, share=0.02):
    w, h = photo.size
    return photo.crop((round(w * share), 0, w, round(h * (1 - share))))


@given(families(most=3), st.integers(0, 2**32))
def test_the_distance_is_a_metric(hashes, seed):
    a, b, c = random.Random(seed).choices(hashes, k=3)
    assert distance(a, a) == 0
    assert distance(a, b) == distance(b, a)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert (distance(a, b) == 0) == (a == b)


@settings(max_examples=50)  # up to 150 masks, whatever the machine is doing
@given(families(), distances)
def test_pairs_are_those_of_comparing_every_photo_with_every_other(hashes, most):
    expected = sorted(compared(hashes, most))
    codes = duplicates._read(hashes)
    assert listed(duplicates._banded(codes, most)) == expected
    assert listed(pairs(hashes, most)) == expected


def test_bands_lose_no_pair_among_thousands(monkeypatch):
    monkeypatch.setattr(duplicates, "_CHUNK", 1000)  # several parts a band
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (3000, 45)).astype(np.uint8)
    rows[:, :6] = 7  # words that say nothing, as backgrounds give
    for n in range(1, 3000, 3):
        rows[n] = rows[n - 1]
        for bit in rng.choice(144, rng.integers(1, MAX_DISTANCE + 2), replace=False):
            rows[n, bit // 8] ^= 1 << (bit % 8)
    codes = duplicates._read([row.tobytes().hex() for row in rows])
    for most in (0, 8, MAX_DISTANCE):
        everything = duplicates._close(codes, *np.triu_indices(3000, 1), most)
        assert listed(duplicates._banded(codes, most)) == listed(everything)


@given(families(), distances, st.randoms())
def test_clusters_do_not_depend_on_the_order_and_every_member_is_near_the_first(hashes, most, rng):
    photos = {f"i{n}": photo for n, photo in enumerate([*hashes, *hashes[::3], ""])}
    groups = clusters(photos, most)
    shuffled = list(photos.items())
    rng.shuffle(shuffled)
    assert clusters(dict(shuffled), most) == groups
    members = [item_id for ids in groups for item_id in ids]
    assert len(set(members)) == len(members)
    assert all(len(ids) > 1 for ids in groups)
    assert all(distance(photos[ids[0]], photos[other]) <= most for ids in groups for other in ids)
    lonely = [photos[item_id] for item_id in photos if item_id not in members and photos[item_id]]
    assert not compared(lonely, most)
    assert [len(ids) for ids in groups] == sorted((len(ids) for ids in groups), reverse=True)


def test_a_chain_is_cut_so_that_the_ends_are_not_called_duplicates():
    steps = {item_id: ("ff" * n).ljust(90, "0") for n, item_id in enumerate("abcd")}  # 8 bits each
    assert clusters(steps, 8) == [["b", "a", "c"]]
    assert clusters({**steps, "e": steps["d"]}, 8) == [["c", "b", "d", "e"]]


def test_many_copies_of_one_photo_are_one_cluster_and_quick():
    photo = photo_hash(product())
    ids = [f"i{n:05}" for n in range(20_000)]
    assert clusters(dict.fromkeys(ids, photo), NEAR) == [ids]


@pytest.mark.parametrize(
    "change",
    [
        reencoded,
        lambda photo: reencoded(resized(photo, 0.8)),
        lambda photo: reencoded(resized(photo, 1.2)),
        lambda photo: reencoded(resized(photo, 0.2), 85),
        lambda photo: reencoded(cropped(photo), 85),
    ],
    ids=["quality 50", "smaller", "larger", "a thumbnail", "cropped"],
)
@pytest.mark.parametrize("ground", [(255, 255, 255), (120, 130, 140)])
def test_a_copy_of_a_photo_is_near_it(change, ground):
    photo = product(ground=ground)
    assert distance(photo_hash(photo), photo_hash(change(photo))) <= NEAR


def test_margins_do_not_count():
    photo = product()
    wide = Image.new("RGB", (500, 500), "white")
    wide.paste(photo, (150, 60))
    assert distance(photo_hash(photo), photo_hash(wide)) <= NEAR


def test_another_colour_or_another_cut_is_another_photo():
    black, navy = product(colour=(15, 15, 15)), product(colour=(15, 15, 70))
    assert distance(photo_hash(black), photo_hash(navy)) > NEAR
    assert distance(photo_hash(product()), photo_hash(product(sleeves=False))) > NEAR


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (3000, 100)])
def test_a_photo_of_one_colour_has_no_hash_and_no_duplicates(size):
    assert photo_hash(reencoded(Image.new("RGB", size, "red"))) == ""
    assert clusters({"a": "", "b": ""}, NEAR) == []


@pytest.mark.parametrize("size", [(2, 2), (9, 400), (1200, 30)])
def test_any_size_has_a_hash(size):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    code = photo_hash(Image.fromarray(noise))
    assert len(code) == 90
    assert code == photo_hash(Image.fromarray(noise))


@pytest.mark.parametrize("seed", range(20))
def test_the_structure_is_the_phash_of_the_frame(seed):
    noise = np.random.default_rng(seed).integers(0, 256, (12, 9, 3)).astype(np.uint8)
    photo = Image.fromarray(noise).resize((90, 120), Image.Resampling.BICUBIC)
    expected = imagehash.phash(duplicates._frame(photo), 12)
    assert photo_hash(photo)[:36] == str(expected)


def test_what_is_no_hash_is_near_nothing():
    assert listed(pairs(["", "", "zz", "ab", "0" * 90, "0" * 89 + "1"], 8)) == [(4, 5)]


def test_the_setting_allows_what_the_search_for_pairs_is_made_for():
    assert Search().collapse_distance == duplicates.NEAR
    assert Search(collapse_distance=MAX_DISTANCE).collapse_distance == MAX_DISTANCE
    with pytest.raises(ValueError, match="less than or equal"):
        Search(collapse_distance=MAX_DISTANCE + 1)
