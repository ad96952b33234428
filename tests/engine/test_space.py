"""The laws of the fused space."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vlclip.engine.errors import SpaceError
from vlclip.engine.space import FusedSpace, Segment, unit

SPACE = FusedSpace((Segment("image", 3), Segment("text", 2)))
numbers = st.floats(-5, 5, width=32)
weight = st.floats(0, 3, width=32)


def rows(n: int, d: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float32, (n, d), elements=numbers)


@given(rows(4, 3), rows(4, 2), rows(1, 3), rows(1, 2), weight, weight)
def test_a_score_is_the_sum_of_its_parts_and_of_weighted_cosines(images, texts, a, b, w_image, w_text):
    items = SPACE.item_vectors({"image": images, "text": texts}, 4)
    query = SPACE.query_vector({"image": a[0], "text": b[0]}, {"image": w_image, "text": w_text})
    parts = SPACE.parts(query, items)
    cosines = w_image * unit(images) @ unit(a)[0] + w_text * unit(texts) @ unit(b)[0]
    np.testing.assert_allclose(items @ query, parts["image"] + parts["text"], atol=1e-5)
    np.testing.assert_allclose(items @ query, cosines, atol=1e-5)


@given(rows(1, 3), rows(1, 2), weight, weight)
def test_an_items_vector_times_the_scales_is_its_query_vector(image, text, w_image, w_text):
    vector = SPACE.item_vectors({"image": image, "text": text}, 1)[0]
    weights = {"image": w_image, "text": w_text}
    expected = SPACE.query_vector(SPACE.split(vector), weights)
    np.testing.assert_allclose(vector * SPACE.scales(weights), expected, atol=1e-5)
    with pytest.raises(SpaceError, match="from 0 to"):
        SPACE.scales({"image": -1.0})


@given(rows(5, 3), rows(5, 2), rows(1, 3), rows(1, 2))
def test_weight_one_on_a_segment_and_zero_elsewhere_scores_as_that_segment_alone(images, texts, a, b):
    items = SPACE.item_vectors({"image": images, "text": texts}, 5)
    both = SPACE.query_vector({"image": a[0], "text": b[0]}, {"image": 1.0, "text": 0.0})
    alone = SPACE.query_vector({"image": a[0]}, {"image": 1.0})
    np.testing.assert_array_equal(items @ both, items @ alone)


def test_a_missing_segment_is_zeros_and_costs_nothing():
    items = SPACE.item_vectors({"text": np.array([[3, 4]], dtype=np.float32)}, 1)
    np.testing.assert_allclose(items[0], [0, 0, 0, 0.6, 0.8], rtol=1e-6)
    assert set(SPACE.split(items[0])) == {"text"}


def test_splitting_a_fused_vector_gives_its_segments_back():
    image, text = np.array([[1, 0, 0]], np.float32), np.array([[0, 1]], np.float32)
    parts = SPACE.split(SPACE.item_vectors({"image": image, "text": text}, 1)[0])
    np.testing.assert_array_equal(parts["image"], image[0])
    np.testing.assert_array_equal(parts["text"], text[0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"image": -1.0}, "from 0 to"),
        ({"image": float("nan")}, "from 0 to"),
        ({"image": 1e7}, "from 0 to"),
        ({"sound": 1.0}, "'sound'"),
    ],
)
def test_bad_weights_are_refused_by_name(weights, message):
    with pytest.raises(SpaceError, match=message):
        SPACE.query_vector({"image": np.ones(3, np.float32)}, weights)


def test_wrong_sizes_and_names_are_refused():
    with pytest.raises(SpaceError, match="shape"):
        SPACE.item_vectors({"image": np.ones((2, 4), np.float32)}, 2)
    with pytest.raises(SpaceError, match="shape"):
        SPACE.query_vector({"text": np.ones(3, np.float32)}, {})
    with pytest.raises(SpaceError, match="distinct"):
        FusedSpace((Segment("image", 2), Segment("image", 2)))
    with pytest.raises(SpaceError, match="at least 1"):
        FusedSpace((Segment("image", 0),))
