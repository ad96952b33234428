"""Photos in portions: all of them, in order, and few large ones at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.encoding.portions import LEAST, PIXELS, portions


@given(st.integers(0, 300), st.sampled_from([(80, 60), (224, 224), (384, 384)]))
def test_portions_are_the_photos_in_their_order(count, sides):
    photos = [np.broadcast_to(np.float32(n), (3, *sides)) for n in range(count)]
    parts = list(portions(photos))
    assert [int(photo[0, 0, 0]) for part in parts for photo in part] == list(range(count))
    most = max(LEAST, PIXELS // (sides[0] * sides[1]))
    assert all(len(part) == most for part in parts[:-1])


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_a_photo_has_the_same_vector_in_any_portion(runtime):
    from vlclip.engine.encoding.loading import load_encoder

    clip = load_encoder("vlclip-small", "cpu", runtime)
    rng = np.random.default_rng(0)
    photos = list(rng.normal(size=(70, 3, 80, 60)).astype(np.float32))
    together = clip.encode_prepared(photos)
    assert len(together) == 70
    for place in (0, 63, 64, 69):
        np.testing.assert_allclose(clip.encode_prepared([photos[place]])[0], together[place], atol=1e-6)
