"""Laws of `service/backup/parcel.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.store.edge.seal import BLOCK, file_sum
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.parcel import Entry, pack, unpack

PARTS = st.lists(
    st.one_of(st.binary(max_size=50), st.integers(0, 3 * BLOCK).map(bytes), st.just(b"x" * (BLOCK + 7))),
    max_size=6,
)


@given(parts=PARTS, hole=st.integers(0, 5 * BLOCK))
def test_an_unpacked_parcel_is_the_file(parts: list[bytes], hole: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, parcel, copy = folder / "file", folder / "parcel", folder / "copy"
        with file.open("wb") as handle:
            for part in parts:
                handle.write(part)
            handle.truncate(handle.tell() + hole)
        size, digest, packed = pack(file, parcel)
        assert packed == parcel.stat().st_size
        with parcel.open("rb") as handle:
            unpack(handle, Entry("file", "file", size, digest, packed), copy)
        assert copy.read_bytes() == file.read_bytes()
        assert file_sum(copy) == file_sum(file)


@given(place=st.integers(0), bit=st.integers(0, 7), cut=st.booleans())
def test_a_parcel_that_was_changed_is_refused(place: int, bit: int, cut: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, parcel = folder / "file", folder / "parcel"
        file.write_bytes(b"abc" * 50_000)
        size, digest, packed = pack(file, parcel)
        raw = bytearray(parcel.read_bytes())
        if cut:
            del raw[place % len(raw) :]
        else:
            raw[place % len(raw)] ^= 1 << bit
        parcel.write_bytes(raw)
        with parcel.open("rb") as handle, pytest.raises(BackupError, match="damaged"):
            unpack(handle, Entry("file", "file", size, digest, packed), folder / "copy")
