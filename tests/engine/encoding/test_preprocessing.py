"""Photos for a model without torch: open_clip's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from vlclip.engine.encoding.preprocessing import Preprocessing

SIDES = st.integers(3, 140)
CONFIGS = st.fixed_dictionaries(
    {
        "size": st.sampled_from([48, (48, 48), (80, 60), (40, 64)]),
        "resize_mode": st.sampled_from(["shortest", "longest", "squash"]),
        "interpolation": st.sampled_from(["bicubic", "bilinear"]),
        "fill_color": st.sampled_from([0, 255, 128]),
    },
    optional={
        "mean": st.just((0.5, 0.5, 0.5)),
        "std": st.sampled_from([(0.5, 0.5, 0.5), (0.229, 0.224, 0.225)]),
    },
)


@given(CONFIGS, SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_it_is_open_clips_own_to_the_bit(config, width, height, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    photo = Image.fromarray(pixels)
    expected = image_transform_v2(PreprocessCfg(**config), is_train=False)(photo).numpy()
    np.testing.assert_array_equal(Preprocessing.of(config)(photo), expected)


@pytest.mark.parametrize("way", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (1, 1)])
def test_a_thin_photo_keeps_a_pixel(way, size):
    preprocessing = Preprocessing.of({"size": (80, 60), "resize_mode": way})
    assert preprocessing(Image.new("RGB", size)).shape == (3, 80, 60)


def test_what_is_not_known_is_refused():
    with pytest.raises(ValueError, match="stretch"):
        Preprocessing.of({"size": 20, "resize_mode": "stretch"})
    with pytest.raises(ValueError, match="RGBA"):
        Preprocessing.of({"size": 20, "mode": "RGBA"})
