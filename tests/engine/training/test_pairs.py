"""Pairs: what is held back, what a batch says, how photos change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.engine.training.colours import STILL, pairs, recipe
from vlclip.engine.training.held_out import is_validation
from vlclip.engine.training.pairs import augment_photos, batch_texts, split, write_text
from vlclip.engine.training.recipe import Augment, TextTemplate

WILD = Augment(flip=0.5, zoom=0.3, shift=0.2, rotate=30, light=0.5, erase=1)


def test_the_held_out_items_depend_on_their_ids_alone():
    data = pairs(200)
    training, validation = split(data, 0.2)
    assert not set(training.ids) & set(validation.ids)
    assert len(training) + len(validation) == 200
    assert set(validation.ids) == {f"p{n}" for n in range(200) if is_validation(f"p{n}", 0.2)}
    assert 20 <= len(validation) <= 60
    assert len(split(data, 0)[1]) == 0


def test_templates_leave_out_what_an_item_does_not_have():
    assert write_text("{colour} {size} {title}", {"title": "hat", "colour": "red"}) == "red hat"


def test_a_batch_is_written_by_one_template_and_knows_what_is_equal():
    plan = recipe(texts=(TextTemplate(template="{colour}", share=1),), augment=Augment(word_dropout=0.5))
    texts, labels = batch_texts(pairs(8).fields, plan, np.random.default_rng(0))
    assert labels == ["red", "green", "blue", "white"] * 2
    assert texts == labels  # two words or fewer are never thinned out


def test_dropping_words_leaves_the_label_whole():
    plan = recipe(augment=Augment(word_dropout=0.5))
    texts, labels = batch_texts([{"title": "a b c d e f g h"}] * 20, plan, np.random.default_rng(0))
    assert set(labels) == {"a b c d e f g h"}
    assert all(set(text.split()) <= set("abcdefgh") and text for text in texts)
    assert len(set(texts)) > 5


def test_augmentation_off_changes_nothing_and_on_stays_in_range():
    torch.manual_seed(0)
    photos = torch.rand(4, 3, 16, 12)
    still = augment_photos(photos, STILL, torch.Generator().manual_seed(0))
    torch.testing.assert_close(still, photos, atol=1e-4, rtol=0)
    moved = augment_photos(photos, WILD, torch.Generator().manual_seed(0))
    assert moved.shape == photos.shape
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert not torch.allclose(moved, photos)


def test_mirroring_mirrors():
    photos = torch.rand(2, 3, 16, 12)
    flipped = augment_photos(photos, STILL.model_copy(update={"flip": 1.0}), torch.Generator())
    torch.testing.assert_close(flipped, photos.flip(-1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("share", [slice(0, 3), slice(3, 6), slice(0, 6)])
def test_a_share_of_a_batch_changes_as_in_the_whole(share):
    photos = torch.rand(6, 3, 16, 12)
    whole = augment_photos(photos, WILD, torch.Generator().manual_seed(0))
    part = augment_photos(photos[share], WILD, torch.Generator().manual_seed(0), share, 6)
    torch.testing.assert_close(part, whole[share])
