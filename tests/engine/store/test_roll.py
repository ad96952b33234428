"""Laws of `engine/store/edge/roll.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.item import point_id
from vlclip.engine.store.edge.roll import FILE, Roll

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "shorten"]), st.lists(IDS, max_size=4)), max_size=9
)


@given(steps=STEPS)
def test_it_holds_what_was_added_and_not_removed_since(steps: list[tuple[str, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        roll, expected = Roll(Path(folder)), set[str]()
        roll.write(())
        for step, ids in steps:
            if step == "add":
                roll.add(ids)
                expected |= set(ids)
            elif step == "remove":
                roll.remove([point_id(item_id) for item_id in ids])
                expected -= set(ids)
            else:
                roll.shorten()
        ids_by_uuid, wrong = roll.read()
        assert set(ids_by_uuid.values()) == expected
        assert ids_by_uuid == {point_id(item_id): item_id for item_id in expected}
        assert wrong == 0


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_a_changed_line_is_noticed_and_stays(place: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        roll, file = Roll(Path(folder)), Path(folder) / FILE
        roll.write(())
        for n in range(5):
            roll.add([f"sku-{n}"])
        raw = bytearray(file.read_bytes())
        raw[place % (len(raw) - 1)] ^= 1 << bit
        file.write_bytes(raw)
        _, wrong = roll.read()
        assert wrong
        roll.shorten()
        assert file.read_bytes() == raw


@given(cut=st.integers(1, 20))
def test_a_last_line_without_an_end_is_no_error(cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        roll, file = Roll(Path(folder)), Path(folder) / FILE
        roll.write(["sku-1"])
        roll.add(["sku-2"])
        file.write_bytes(file.read_bytes()[:-cut])
        ids_by_uuid, wrong = roll.read()
        assert "sku-1" in ids_by_uuid.values()
        assert wrong == 0


def test_a_collection_without_a_roll_gets_none_by_a_write(tmp_path: Path) -> None:
    Roll(tmp_path).add(["sku-1"])
    assert not Roll(tmp_path).exists
