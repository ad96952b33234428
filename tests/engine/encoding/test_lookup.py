"""Segments that are looked up by item id."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.encoding.lookup import (
    NOTES,
    load_lookup,
    load_lookups,
    make_lookup,
    save_lookup,
    with_lookup,
)
from vlclip.engine.errors import EncoderError
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.store import StoreInfo

INFO = StoreInfo("f00d", FusedSpace((Segment("image", 4), Segment("text", 4))), {"image": "a", "text": "b"})


RAW = np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32)


def lookup(ids=("a", "b", "ü"), seed=0, size=3):
    vectors = np.random.default_rng(seed).standard_normal((len(ids), size)).astype(np.float32)
    return make_lookup(ids, vectors, {"made_by": "a test"})


@given(ids=st.lists(st.sampled_from(["a", "b", "ü", "unknown", ""]), max_size=8))
def test_known_ids_have_their_unit_row_and_others_zeros(ids):
    learned = lookup()
    rows = learned.rows(ids)
    assert rows.shape == (len(ids), 3)
    for item_id, row in zip(ids, rows, strict=True):
        expected = learned.vectors[learned.ids.index(item_id)] if item_id in learned.ids else np.zeros(3)
        np.testing.assert_array_equal(row, expected)
    np.testing.assert_allclose(np.linalg.norm(learned.vectors, axis=1), 1, atol=1e-6)


def test_what_is_saved_is_loaded_equal(tmp_path):
    original = lookup()
    save_lookup(original, tmp_path / "one")
    again = load_lookup(tmp_path / "one")
    assert (again.ids, again.fingerprint) == (original.ids, original.fingerprint)
    assert again.notes["made_by"] == "a test"
    np.testing.assert_array_equal(again.vectors, original.vectors)


def test_the_fingerprint_is_of_ids_and_vectors_alone():
    first = lookup()
    assert make_lookup(first.ids, RAW, {"other": "notes"}).fingerprint == first.fingerprint
    assert lookup(seed=1).fingerprint != first.fingerprint
    assert lookup(ids=("a", "b", "c")).fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("ids", "vectors"),
    [
        (["a", "a"], np.ones((2, 3), dtype=np.float32)),
        (["a"], np.ones((2, 3), dtype=np.float32)),
        (["a"], np.full((1, 3), np.nan, dtype=np.float32)),
    ],
)
def test_what_cannot_be_a_lookup_is_refused(ids, vectors):
    with pytest.raises(EncoderError, match="distinct ids need as many finite vectors"):
        make_lookup(ids, vectors, {})


def test_a_folder_whose_files_do_not_belong_together_is_refused(tmp_path):
    save_lookup(lookup(), tmp_path)
    notes = json.loads((tmp_path / NOTES).read_text())
    (tmp_path / NOTES).write_text(json.dumps(notes | {"fingerprint": "0" * 16}))
    with pytest.raises(EncoderError, match="not those it was saved with"):
        load_lookup(tmp_path)
    with pytest.raises(EncoderError, match="vlclip fit-behaviour"):
        load_lookup(tmp_path / "nothing")


def test_a_lookup_is_a_further_segment_with_a_fingerprint_of_its_own(tmp_path):
    first, other = lookup(), lookup(seed=1)
    info = with_lookup(INFO, "behaviour", first)
    assert info.space.names == ("image", "text", "behaviour")
    assert info.space.size == 11
    assert info.encoders == {"image": "a", "text": "b", "behaviour": first.fingerprint}
    assert len({INFO.fingerprint, info.fingerprint, with_lookup(INFO, "behaviour", other).fingerprint}) == 3
    save_lookup(first, tmp_path / first.fingerprint)
    assert load_lookups(info, tmp_path)["behaviour"].fingerprint == first.fingerprint
    assert load_lookups(INFO, tmp_path) == {}
