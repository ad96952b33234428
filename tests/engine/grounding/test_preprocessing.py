"""Photos as transformers prepares them for Grounding DINO, without transformers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers import GroundingDinoImageProcessor
from transformers.models.grounding_dino.image_processing_grounding_dino import get_size_with_aspect_ratio

from vlclip.engine.encoding.model_files import SHIPPED
from vlclip.engine.grounding.preprocessing import Preprocessing

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.sampled_from([(128, 160), (64, 80), (800, 1333), (64, 107)]))
def test_sizes_are_rounded_as_transformers_does(width, height, edges):
    height = min(max(height, -(-width // 50)), 50 * width)  # thinner photos are not looked at
    short, long = edges
    ours = Preprocessing({"shortest_edge": short, "longest_edge": long}).fitted(width, height)
    assert ours == get_size_with_aspect_ratio((height, width), short, long)[::-1]


def both(folder, photo):
    """A photo as transformers and as we prepare it."""
    theirs = GroundingDinoImageProcessor.from_pretrained(folder)
    return theirs(images=photo, do_pad=False, return_tensors="np")["pixel_values"][0], Preprocessing.of(
        folder
    )(photo)


@given(st.integers(0, 2**32 - 1), st.sampled_from([(128, 160), (160, 128), (128, 128)]))
def test_photos_that_need_no_resize_are_the_same_to_the_bit(seed, size):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs, ours = both(SHIPPED / "vlclip-grounder", Image.fromarray(pixels))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("size", [(60, 80), (160, 200), (700, 1000), (31, 90), (11, 500)])
def test_a_resize_differs_by_rounding_alone(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs, ours = both(SHIPPED / "vlclip-grounder", Image.fromarray(pixels))
    steps = np.abs(ours - theirs) * 127.5
    assert steps.max() < 2.01
    assert (steps > 0.5).mean() < 0.1  # the frame, too: no row or column of it is another


def test_means_of_imagenet_are_the_same_to_the_bit(tmp_path):
    GroundingDinoImageProcessor(size={"shortest_edge": 20, "longest_edge": 30}).save_pretrained(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    theirs, ours = both(tmp_path, Image.fromarray(pixels))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "change",
    [{"do_resize": False}, {"image_processor_type": "OtherImageProcessor"}, {"size": {"max_height": 9}}],
)
def test_what_is_prepared_in_another_way_is_refused(tmp_path, change):
    GroundingDinoImageProcessor().save_pretrained(tmp_path)
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=r"another way|not known here"):
        Preprocessing.of(tmp_path)


def test_a_folder_that_says_nothing_about_photos_is_refused(tmp_path):
    with pytest.raises(ValueError, match="it holds none of"):
        Preprocessing.of(tmp_path)
