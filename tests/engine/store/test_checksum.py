"""Laws of `engine/store/checksum.py`, on the embedded engine, whose reader of numbers is not exact."""

from __future__ import annotations

import math
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.shop import INFO, SPACE
from vlclip.engine.opening.stores import open_on
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.checksum import SUMS, payload_matches, payload_sum, vector_sum, with_sums
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.store import Point, Record, Revision

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    NUMBERS,
    st.lists(NUMBERS, max_size=2),
)
# six long fractions at most: with more, a payload that does not match may be undecided
PAYLOADS = st.dictionaries(st.sampled_from(["colour", "size", "price", "width"]), VALUES, max_size=3)


def vector(seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=SPACE.size).astype(np.float32)


@settings(max_examples=5)
@given(payloads=st.lists(PAYLOADS, min_size=1, max_size=8), changes=st.lists(PAYLOADS, max_size=3))
def test_what_was_written_and_patched_matches(
    payloads: list[dict[str, Any]], changes: list[dict[str, Any]]
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_on(FolderShelf(Path(folder), Hnsw()), "here", INFO)) as store,
    ):
        store.upsert([Point(f"sku-{n}", vector(n), "a shoe", payload) for n, payload in enumerate(payloads)])
        for change in changes:
            store.revise(["sku-0"], lambda _, fields=change: Revision(fields))  # type: ignore[misc]
        verdicts = [verdict for page in store.examine() for verdict in page]
        assert {verdict.id for verdict in verdicts} == {f"sku-{n}" for n in range(len(payloads))}
        assert not [verdict for verdict in verdicts if verdict.is_damaged]
        assert all(verdict.vector for verdict in verdicts)
        assert all(SUMS not in record.payload for page in store.scan() for record in page)


@given(seed=st.integers(0, 1000), bit=st.integers(0, SPACE.size * 32 - 1))
def test_a_flipped_bit_of_a_vector_does_not_match(seed: int, bit: int) -> None:
    raw = bytearray(vector(seed).tobytes())
    raw[bit // 8] ^= 1 << bit % 8
    assert vector_sum(np.frombuffer(bytes(raw), np.float32)) != vector_sum(vector(seed))


@given(payload=PAYLOADS, place=st.sampled_from(["title", "stock"]))
def test_a_changed_value_does_not_match(payload: dict[str, Any], place: str) -> None:
    whole = {**payload, "title": "Red shoe", "stock": 12}
    changed = {**whole, "title": "Rad shoe"} if place == "title" else {**whole, "stock": 13}
    assert payload_matches(whole, payload_sum(whole))
    assert payload_matches(changed, payload_sum(whole)) is False


@given(numbers=st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=3))
def test_a_fraction_read_one_step_off_matches(numbers: list[float]) -> None:
    whole = {"title": "Red shoe", "sizes": numbers}
    moved = {**whole, "sizes": [math.nextafter(numbers[0], math.inf), *numbers[1:]]}
    assert payload_matches(moved, payload_sum(whole))


def test_a_patch_of_a_damaged_payload_does_not_make_it_whole(tmp_path: Path) -> None:
    with closing(open_on(FolderShelf(tmp_path, Hnsw()), "here", INFO)) as store:
        store.upsert([Point("sku-1", vector(1), "a shoe", {"title": "Red shoe"})])
        backend = store._backend
        damaged = {**with_sums({"title": "Red shoe", "id": "sku-1"}, vector(1)), "title": "Rad shoe"}
        (row,) = [store._revised_row(_point(damaged), Revision({"price": 2.0}), backend.kinds())]
        backend.revise([row._replace(fields=row.payload)])
        ((verdict,),) = store.examine()
        assert verdict.payload is False
        assert verdict.vector is True

        def again(record: Record) -> Revision:
            return Revision({"price": 3.0})

        store.revise(["sku-1"], again)
        ((verdict,),) = store.examine()
        assert verdict.payload is False


def _point(payload: dict[str, Any]) -> Any:
    from vlclip.engine.store.backend import StoredPoint

    return StoredPoint(None, 0.0, payload, None)
