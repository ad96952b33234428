"""Likeness: by field, by photo, by what is said in a batch."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vlclip.engine.duplicates import photo_hash
from vlclip.engine.errors import TrainingError
from vlclip.engine.training.likeness import Likeness
from vlclip.engine.training.pairs import Pairs


def product(seed: int) -> Image.Image:
    """A patterned cloth on white."""
    colours = np.random.default_rng(seed).integers(0, 200, (5, 4, 3), dtype=np.uint8)
    photo = Image.new("RGB", (60, 80), "white")
    photo.paste(Image.fromarray(colours).resize((36, 48), Image.Resampling.BICUBIC), (12, 16))
    return photo


def encoded(photo: Image.Image) -> Image.Image:
    """The same photo as another shop's JPEG."""
    file = BytesIO()
    photo.save(file, "JPEG", quality=80)
    return Image.open(file).convert("RGB")


def pairs_of(words: list[dict[str, str]], hashes: list[str] | tuple[str, ...] = ()) -> Pairs:
    return Pairs(
        [str(n) for n in range(len(words))], np.zeros((len(words), 1, 1, 3), np.uint8), words, hashes
    )


def alike(likeness: Likeness, rows: list[int], texts: str = "abcdefgh") -> set[tuple[int, int]]:
    """The pairs of rows that are alike, each once."""
    matrix = likeness.among(np.array(rows), list(texts[: len(rows)]))
    assert torch.equal(matrix, matrix.T)
    assert matrix.diagonal().all()
    return {(rows[i], rows[j]) for i, j in matrix.triu(1).nonzero().tolist()}


def test_items_are_alike_that_agree_in_a_field_and_nothing_agrees_with_nothing():
    words = [{"sku": "7"}, {"sku": "7"}, {"sku": ""}, {}, {"sku": "8"}]
    assert alike(Likeness(pairs_of(words), ["sku"]), [0, 1, 2, 3, 4]) == {(0, 1)}
    assert alike(Likeness(pairs_of(words), []), [0, 1, 2, 3, 4]) == set()


def test_items_are_alike_that_get_the_same_text():
    likeness = Likeness(pairs_of([{"title": "x"}] * 3), [])
    assert alike(likeness, [0, 1, 2], "aba") == {(0, 2)}


def test_items_are_alike_whose_photos_are_near_duplicates():
    photos = [
        product(0),
        encoded(product(0)),
        Image.fromarray(np.asarray(product(0))[..., ::-1]),  # another colour is another product
        product(1),
    ]
    hashes = [photo_hash(photo) for photo in photos]
    assert alike(Likeness(pairs_of([{}] * 4, hashes), ["image"]), [0, 1, 2, 3]) == {(0, 1)}
    assert alike(Likeness(pairs_of([{}] * 4, hashes), []), [0, 1, 2, 3]) == set()


def test_the_friend_of_a_friend_is_no_friend():
    words = [{"title": "shoe", "sku": "1"}, {"title": "shoe", "sku": "2"}, {"title": "boot", "sku": "2"}]
    assert alike(Likeness(pairs_of(words), ["title", "sku"]), [0, 1, 2]) == {(0, 1), (1, 2)}


@given(st.permutations(range(6)), st.integers(2, 6))
def test_what_is_alike_does_not_depend_on_the_batch(order, count):
    hashes = [photo_hash(product(seed)) for seed in (0, 1, 0)] + [""] * 3
    words = [{"sku": value} for value in ("1", "2", "3", "2", "", "1")]
    likeness = Likeness(pairs_of(words, hashes), ["sku", "image"])
    rows = list(order[:count])
    couples = {tuple(sorted(pair)) for pair in alike(likeness, rows)}
    assert couples == {pair for pair in {(0, 5), (1, 3), (0, 2)} if set(pair) <= set(rows)}


def test_a_field_that_no_item_has_is_refused():
    with pytest.raises(TrainingError, match="'parent_sku', which no item has; there are sku, title, image"):
        Likeness(pairs_of([{"title": "a"}, {"sku": "b"}]), ["parent_sku"])
